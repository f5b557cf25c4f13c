"""``sales-agent ui``: what it prepares, what it starts, what it says about a taken port."""

import os
import socket
import sys
from pathlib import Path

import pytest

from sales_agent_dagster.cli.dagster_home import INSTANCE_FILE, prepare_dagster_home
from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.settings import PROJECT_ROOT, Settings
from sales_agent_dagster_tests.cli.conftest import Cli


@pytest.fixture
def replaced(monkeypatch: pytest.MonkeyPatch) -> dict[str, object]:
    """What the process would have become."""
    seen: dict[str, object] = {}

    def execve(program: str, arguments: list[str], environment: dict[str, str]) -> None:
        seen.update(program=program, arguments=arguments, environment=environment)
        raise SystemExit(0)

    monkeypatch.setattr(os, "execve", execve)
    return seen


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_it_becomes_dagster_dev_on_our_state(cli: Cli, home: Path, replaced: dict[str, object]) -> None:
    port = free_port()
    outcome = cli("ui", "--port", str(port))
    assert outcome.code == 0
    assert f"http://127.0.0.1:{port}" in outcome.out
    assert str(home / "incoming") in outcome.out
    assert replaced["program"] == sys.executable
    arguments = replaced["arguments"]
    assert isinstance(arguments, list)
    assert arguments[1:6] == ["-m", "dagster", "dev", "-w", str(PROJECT_ROOT / "workspace.yaml")]
    assert arguments[arguments.index("-p") + 1] == str(port)
    environment = replaced["environment"]
    assert isinstance(environment, dict)
    assert environment["DAGSTER_HOME"] == str(home / "dagster")
    assert environment["SALES_AGENT_HOME"] == str(home)
    assert environment["SALES_AGENT_INCOMING_DIR"] == str(home / "incoming")
    assert (home / "incoming").is_dir()
    assert (home / "warehouse.db").exists()
    assert (home / "dagster" / "dagster.yaml").read_bytes() == INSTANCE_FILE.read_bytes()


def test_relative_folders_become_absolute(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, replaced: dict[str, object]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SALES_AGENT_HOME", "state")
    monkeypatch.setenv("SALES_AGENT_INCOMING_DIR", "in")
    assert cli("ui", "--port", str(free_port())).code == 0
    environment = replaced["environment"]
    assert isinstance(environment, dict)
    assert environment["SALES_AGENT_HOME"] == str(tmp_path / "state")
    assert environment["DAGSTER_HOME"] == str(tmp_path / "state" / "dagster")
    assert environment["SALES_AGENT_INCOMING_DIR"] == str(tmp_path / "in")


def test_a_taken_port_is_told_with_a_free_one(cli: Cli, home: Path, replaced: dict[str, object]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        outcome = cli("ui", "--port", str(port))
    assert (outcome.code, outcome.out, replaced) == (2, "", {})
    assert f"Port {port} cannot be opened: Address already in use" in outcome.err
    assert "sales-agent ui --port " in outcome.err
    assert not home.exists()


def test_an_incoming_folder_that_cannot_be(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, replaced: dict[str, object]
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SALES_AGENT_INCOMING_DIR", str(tmp_path / "file" / "in"))
    outcome = cli("ui", "--port", str(free_port()))
    assert (outcome.code, replaced) == (2, {})
    assert "SALES_AGENT_INCOMING_DIR" in outcome.err


def test_dagster_yaml_is_copied_again_only_when_changed(home_settings: Settings) -> None:
    folder = prepare_dagster_home(home_settings)
    copy = folder / "dagster.yaml"
    os.utime(copy, ns=(1, 1))
    prepare_dagster_home(home_settings)
    assert copy.stat().st_mtime_ns == 1
    copy.write_text("old")
    prepare_dagster_home(home_settings)
    assert copy.read_bytes() == INSTANCE_FILE.read_bytes()


def test_a_dagster_home_of_ones_own_is_left_alone(
    home_settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "own"))
    assert prepare_dagster_home(home_settings) == tmp_path / "own"
    assert not (tmp_path / "own").exists()


def test_a_dagster_home_that_cannot_be(home_settings: Settings) -> None:
    home_settings.home.mkdir()
    home_settings.dagster_home.touch()
    with pytest.raises(ConfigurationError, match="cannot be written"):
        prepare_dagster_home(home_settings)
