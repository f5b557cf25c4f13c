"""The deployment files are valid, pinned, and hold no secret."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from sales_agent_dagster.settings import PROJECT_ROOT, Settings

COMPOSE = PROJECT_ROOT / "docker-compose.yml"


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    return yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))


def test_services_and_health(compose: dict[str, Any]) -> None:
    assert set(compose["services"]) == {"postgres", "code", "webserver", "daemon", "webhooks"}
    for name, service in compose["services"].items():
        assert service["healthcheck"]["test"][0] == "CMD", name
        for needed in service.get("depends_on", {}):
            assert "healthcheck" in compose["services"][needed]


def test_images_are_pinned(compose: dict[str, Any]) -> None:
    base = re.search(r"^FROM (\S+)", (PROJECT_ROOT / "deploy" / "Dockerfile").read_text(), re.MULTILINE)
    assert base is not None
    images = [service["image"] for service in compose["services"].values()]
    for image in [*images, base[1]]:
        assert re.search(r":\d+\.\d+", image), image


def test_passwords_come_from_the_environment_or_nothing_starts(compose: dict[str, Any]) -> None:
    text = COMPOSE.read_text(encoding="utf-8")
    assert text.count("${POSTGRES_PASSWORD:?") == 3
    assert not re.search(r"://\w+:(?!\$\{)", text)
    assert not re.search(r"PASSWORD: (?!\$\{)", text)


def test_variables_are_settings_or_known_ones(compose: dict[str, Any]) -> None:
    known = {f"SALES_AGENT_{name.upper()}" for name in Settings.model_fields} | {
        "DAGSTER_PG_URL",
        "DAGSTER_HOME",
    }
    for name in ("code", "webserver", "daemon", "webhooks"):
        assert compose["services"][name]["env_file"] == [{"path": ".env", "required": False}]
        assert set(compose["services"][name]["environment"]) <= known


def test_mounted_and_copied_files_exist(compose: dict[str, Any]) -> None:
    volumes = [volume for service in compose["services"].values() for volume in service.get("volumes", ())]
    for volume in volumes:
        source = volume.split(":")[0]
        if source.startswith("./"):
            assert (PROJECT_ROOT / source).exists() or source == "./data/incoming", source
        else:
            assert source in compose["volumes"]
    dockerfile = (PROJECT_ROOT / "deploy" / "Dockerfile").read_text()
    for copied in re.findall(r"^COPY (.*) \S+$", dockerfile, re.MULTILINE):
        for source in copied.split():
            assert (PROJECT_ROOT / source).exists(), source


def test_nothing_of_the_host_but_the_named_files_enters_the_image() -> None:
    lines = (PROJECT_ROOT / ".dockerignore").read_text().splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    assert patterns[0] == "*"
    assert not {"!.env", "!.sales_agent"} & set(patterns)


def test_the_image_holds_every_file_that_a_setting_names() -> None:
    ignored = (PROJECT_ROOT / ".dockerignore").read_text().splitlines()
    dockerfile = (PROJECT_ROOT / "deploy" / "Dockerfile").read_text()
    files = [field.default for field in Settings.model_fields.values() if isinstance(field.default, Path)]
    named = [path.relative_to(PROJECT_ROOT).as_posix() for path in files if path.is_file()]
    assert {"data/profile.yaml", "data/waterfall.yaml", "data/crm.yaml"} <= set(named)
    for name in named:
        assert f"!{name}" in ignored
        assert re.search(rf"^COPY .*{re.escape(name)}\b", dockerfile, re.MULTILINE), name


@pytest.mark.parametrize("service", ["code", "webserver", "daemon", "webhooks"])
def test_the_commands_and_their_options_exist(compose: dict[str, Any], service: str) -> None:
    for command in (
        compose["services"][service]["command"],
        compose["services"][service]["healthcheck"]["test"][1:],
    ):
        if command[0] == "python":
            continue
        options = [part for part in command if part.startswith("--")]
        words = [part for part in command[1:] if re.fullmatch(r"[a-z][a-z-]+", part)]
        program = Path(sys.executable).with_name(command[0])
        shown = subprocess.run([program, *words, "--help"], capture_output=True, text=True, check=True).stdout
        assert all(option in shown for option in options), command
