"""``sales-agent doctor``: tells what is broken, what is optional, and no secret."""

import socket
from pathlib import Path
from unittest.mock import AsyncMock

import pytest
import sqlalchemy as sa
import yaml

from sales_agent_dagster.cli import doctor
from sales_agent_dagster.inference.cerebras.client import CerebrasClient
from sales_agent_dagster.inference.cerebras.errors import Rejected
from sales_agent_dagster.matching.model import load_model
from sales_agent_dagster.settings import PROJECT_ROOT
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster_tests.cerebras_server.running import RunningServer
from sales_agent_dagster_tests.cli.conftest import Cli

SECRET = "s3cr3t-Kq9"


def found(out: str, what: str) -> str:
    return next(line for line in out.splitlines() if line.startswith(what))


def test_a_fresh_home_is_fine_and_nothing_is_created(cli: Cli, home: Path) -> None:
    outcome = cli("doctor")
    assert (outcome.code, outcome.err) == (0, "")
    assert "Everything that runs need is in place." in outcome.out
    assert "Created by the first run" in found(outcome.out, "Warehouse")
    for name in ("Cerebras", "Redis", "Failure webhook"):
        assert "not set" in found(outcome.out, name)
    assert not home.exists()


def test_a_migrated_warehouse(cli: Cli, home_warehouse: Warehouse) -> None:
    assert "schema version" in found(cli("doctor").out, "Warehouse")


def test_a_warehouse_of_a_newer_version(cli: Cli, home_warehouse: Warehouse) -> None:
    with home_warehouse.transaction() as connection:
        connection.execute(sa.text("UPDATE alembic_version SET version_num = '9999'"))
    outcome = cli("doctor")
    assert outcome.code == 1
    assert "Update this program" in found(outcome.out, "Warehouse")


def test_an_empty_database_is_migrated_later(cli: Cli, home: Path) -> None:
    home.mkdir()
    (home / "warehouse.db").touch()
    outcome = cli("doctor")
    assert outcome.code == 0
    assert "next command" in found(outcome.out, "Warehouse")


def test_what_is_no_database(cli: Cli, home: Path) -> None:
    home.mkdir()
    (home / "warehouse.db").write_bytes(b"no database at all" * 100)
    outcome = cli("doctor")
    assert outcome.code == 1
    assert "BROKEN" in found(outcome.out, "Warehouse")
    status = cli("status")
    assert (status.code, status.out) == (2, "")
    assert "SALES_AGENT_HOME" in status.err
    assert "cannot be opened" in status.err


def test_all_faults_of_the_profile_are_listed(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = yaml.safe_load((PROJECT_ROOT / "data" / "profile.yaml").read_text())
    profile["icp"]["tiers"]["GOLD"] = 120
    profile["outreach"]["tone"] = "rude"
    path = tmp_path / "profile.yaml"
    path.write_text(yaml.safe_dump(profile))
    monkeypatch.setenv("SALES_AGENT_PROFILE_PATH", str(path))
    outcome = cli("doctor")
    assert outcome.code == 1
    assert "icp.tiers.GOLD" in outcome.out
    assert "outreach.tone" in outcome.out


def test_wrong_settings_are_all_named(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALES_AGENT_BATCH_SIZE", "0")
    monkeypatch.setenv("SALES_AGENT_ENGINE", "oracle")
    outcome = cli("doctor")
    assert outcome.code == 1
    assert "SALES_AGENT_BATCH_SIZE" in outcome.out
    assert "SALES_AGENT_ENGINE" in outcome.out
    assert cli("status").code == 2


def test_a_home_that_cannot_be(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SALES_AGENT_HOME", str(tmp_path / "file" / "home"))
    outcome = cli("doctor")
    assert outcome.code == 1
    assert "is not a folder" in found(outcome.out, "Home")
    status = cli("status")
    assert (status.code, status.out) == (2, "")
    assert status.err.startswith("Error: SALES_AGENT_HOME")


def test_secrets_are_never_shown(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    port = closed_port()
    monkeypatch.setenv("SALES_AGENT_DATABASE_URL", f"postgresql://user:{SECRET}@127.0.0.1:{port}/leads")
    monkeypatch.setenv("SALES_AGENT_FAILURE_WEBHOOK_URL", f"https://hooks.example.com/{SECRET}")
    monkeypatch.setenv("CEREBRAS_API_KEY", SECRET)
    monkeypatch.setenv("CEREBRAS_BASE_URL", f"http://127.0.0.1:{port}")
    monkeypatch.setenv("SALES_AGENT_REDIS_URL", f"redis://:{SECRET}@127.0.0.1:{port}/0")
    outcome = cli("doctor")
    assert outcome.code == 1
    assert SECRET not in outcome.out + outcome.err
    assert "BROKEN" in found(outcome.out, "Warehouse")
    assert "warning" in found(outcome.out, "Redis")
    assert "warning" in found(outcome.out, "Cerebras")
    assert found(outcome.out, "Failure webhook").split()[2:] == ["ok", "set"]


def test_what_is_wrong_but_not_needed_is_a_warning(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("SALES_AGENT_INCOMING_DIR", str(tmp_path / "file" / "incoming"))
    monkeypatch.setenv("SALES_AGENT_FAILURE_WEBHOOK_URL", "hooks.example.com")
    monkeypatch.setenv("SALES_AGENT_REDIS_URL", "not a url")
    monkeypatch.setattr(doctor, "LOW_DISK_BYTES", 2**80)
    outcome = cli("doctor")
    assert outcome.code == 0
    for what in ("Incoming folder", "Failure webhook", "Redis", "Disk"):
        assert "warning" in found(outcome.out, what)


@pytest.mark.parametrize(
    ("store", "told"),
    [
        ("auto", "checkpoints.db"),
        ("none", "start over after a kill"),
        ("valkey", "needs SALES_AGENT_REDIS_URL"),
        ("postgres", "needs SALES_AGENT_DATABASE_URL"),
    ],
)
def test_where_checkpoints_are(cli: Cli, monkeypatch: pytest.MonkeyPatch, store: str, told: str) -> None:
    monkeypatch.setenv("SALES_AGENT_CHECKPOINTS", store)
    outcome = cli("doctor")
    assert told in found(outcome.out, "Checkpoints")
    assert outcome.code == ("needs" in told)


@pytest.mark.parametrize("installed", [True, False])
def test_checkpoints_in_redis(
    cli: Cli, redis_url: str, monkeypatch: pytest.MonkeyPatch, installed: bool
) -> None:
    monkeypatch.setenv("SALES_AGENT_CHECKPOINTS", "valkey")
    monkeypatch.setenv("SALES_AGENT_REDIS_URL", redis_url)
    monkeypatch.setattr(doctor, "find_spec", lambda _: installed or None)
    outcome = cli("doctor")
    assert ("in Redis" if installed else "needs the extra") in found(outcome.out, "Checkpoints")
    assert outcome.code == (not installed)


def test_redis_that_answers(cli: Cli, redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALES_AGENT_REDIS_URL", redis_url)
    assert "answers; processes share limits" in found(cli("doctor").out, "Redis")


def test_a_model_that_is_offered_and_one_that_is_not(
    cli: Cli, cerebras: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CEREBRAS_BASE_URL", f"{cerebras.url}/v1")
    assert "answers and offers gpt-oss-120b" in found(cli("doctor").out, "Cerebras")
    assert "CEREBRAS_BASE_URL" in found(cli("doctor").out, "Settings")
    monkeypatch.setenv("SALES_AGENT_CEREBRAS__MODEL", "llama-3.3-70b")
    outcome = cli("doctor")
    assert outcome.code == 1
    assert "BROKEN" in found(outcome.out, "Cerebras")
    monkeypatch.setenv("SALES_AGENT_ENGINE", "scorecard")
    assert "set; unused" in found(cli("doctor").out, "Cerebras")


@pytest.mark.parametrize("status", [404, 405])
def test_a_server_without_a_list_of_models_may_have_ours_all_the_same(
    cli: Cli, cerebras: RunningServer, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    if status == 405:
        monkeypatch.setattr(CerebrasClient, "models", AsyncMock(side_effect=Rejected(405)))
    monkeypatch.setenv("CEREBRAS_BASE_URL", f"{cerebras.url}/wrong")
    outcome = cli("doctor")
    line = found(outcome.out, "Cerebras")
    assert (outcome.code, line.split()[1]) == (0, "warning")
    assert f"no list of models: HTTP {status}  Check CEREBRAS_BASE_URL" in line


def test_a_key_that_is_not_let_in(cli: Cli, cerebras: RunningServer, monkeypatch: pytest.MonkeyPatch) -> None:
    cerebras.reset(api_key="right")
    monkeypatch.setenv("CEREBRAS_BASE_URL", cerebras.url)
    outcome = cli("doctor")
    assert (outcome.code, found(outcome.out, "Cerebras").split()[1]) == (1, "BROKEN")


def test_an_engine_without_its_key(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALES_AGENT_ENGINE", "cerebras")
    outcome = cli("doctor")
    assert outcome.code == 1
    assert "Set CEREBRAS_API_KEY or CEREBRAS_BASE_URL." in outcome.out


def test_dagster_home_of_ones_own(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "own"))
    assert "from DAGSTER_HOME" in found(cli("doctor").out, "Dagster home")


def test_a_missing_dagster_yaml(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "INSTANCE_FILE", tmp_path / "dagster.yaml")
    outcome = cli("doctor")
    assert outcome.code == 1
    assert "is missing" in found(outcome.out, "Dagster home")


@pytest.mark.parametrize(
    ("supported", "code"), [(((3, 0), (3, 10)), 1), (((4, 0), (4, 1)), 1), (((3, 0), (3, 99)), 0)]
)
def test_python_versions(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, supported: tuple[tuple[int, int], ...], code: int
) -> None:
    monkeypatch.setattr(doctor, "PYTHONS", supported)
    assert cli("doctor").code == code


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def test_providers_of_facts_and_what_is_wrong_with_them(
    cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    waterfall = tmp_path / "waterfall.yaml"
    monkeypatch.setenv("SALES_AGENT_WATERFALL_PATH", str(waterfall))
    waterfall.write_text("steps: [{provider: clearbit}]")
    broken = cli("doctor")
    assert "unknown: clearbit" in broken.out
    assert broken.code == 1
    waterfall.write_text("steps: [{provider: offline}, {provider: website}]")
    assert "websites cannot tell who visits them" in cli("doctor").out
    monkeypatch.setenv("SALES_AGENT_WEBSITE__CONTACT", "https://example.com/bot")
    assert "offline, website (" in found(cli("doctor").out, "Providers of facts")
    monkeypatch.setenv("SALES_AGENT_HUNTER_API_KEY", "key")
    steps = "[{provider: offline}, {provider: website, enabled: false}, {provider: hunter_finder}]"
    waterfall.write_text(f"steps: {steps}")
    told = cli("doctor").out
    assert "hunter_finder will be paid for what websites may say for nothing" in told
    assert "Set `enabled: true` at website in the waterfall." in told
    waterfall.write_text(f"steps: {steps.replace('false', 'true')}")
    assert "will be paid" not in cli("doctor").out


def test_each_variable_that_is_set_is_named_and_misspelt_ones_are_told(
    cli: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SALES_AGENT_CRM__SYSTEM", "preview")
    monkeypatch.setenv("SALES_AGENT_SLA__GROWTH__P95_MS", "12")
    monkeypatch.setenv("SALES_AGENT_UI_PORT", "1")
    line = found(cli("doctor").out, "Settings")
    assert "SALES_AGENT_CRM__SYSTEM, SALES_AGENT_HOME" in line
    assert "SALES_AGENT_SLA__GROWTH__P95_MS" in line
    assert line.split()[1] == "ok"
    monkeypatch.setenv("SALES_AGENT_ENGIN", "cerebras")
    outcome = cli("doctor")
    assert (outcome.code, found(outcome.out, "Settings").split()[1]) == (0, "warning")
    assert "without effect: SALES_AGENT_ENGIN." in found(outcome.out, "Settings")


def test_the_linkage_model(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "not set" in found(cli("doctor").out, "Linkage model")
    path, shipped = tmp_path / "model.json", load_model()
    monkeypatch.setenv("SALES_AGENT_LINKAGE_MODEL_PATH", str(path))
    for content, told in (
        (None, "No such file"),
        ("{}", "is not a linkage model"),
        (shipped.model_copy(update={"norm_version": "1"}).model_dump_json(), "weights do not fit"),
    ):
        if content is not None:
            path.write_text(content)
        outcome = cli("doctor")
        assert (outcome.code, found(outcome.out, "Linkage model").split()[2]) == (1, "BROKEN")
        assert told in found(outcome.out, "Linkage model")
        assert "SALES_AGENT_LINKAGE_MODEL_PATH" in found(outcome.out, "Linkage model")
    path.write_text(shipped.model_dump_json())
    outcome = cli("doctor")
    assert (outcome.code, found(outcome.out, "Linkage model").split()[2]) == (0, "ok")


def test_the_crm(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "SALES_AGENT_CRM__SYSTEM" in found(cli("doctor").out, "CRM")
    monkeypatch.setenv("SALES_AGENT_CRM__SYSTEM", "close")
    outcome = cli("doctor")
    assert (outcome.code, found(outcome.out, "CRM").split()[1]) == (1, "BROKEN")
    assert "SALES_AGENT_CLOSE__API_KEY" in found(outcome.out, "CRM")
    monkeypatch.setenv("SALES_AGENT_CLOSE__API_KEY", SECRET)
    outcome = cli("doctor")
    assert "close is only read" in found(outcome.out, "CRM")
    assert SECRET not in outcome.out
    monkeypatch.setenv("SALES_AGENT_CRM__MODE", "live")
    assert "close may be written to" in found(cli("doctor").out, "CRM")
    monkeypatch.setenv("SALES_AGENT_CRM__MODE", "off")
    assert "switched off" in found(cli("doctor").out, "CRM")
