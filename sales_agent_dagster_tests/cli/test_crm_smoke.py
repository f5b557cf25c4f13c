"""``sales-agent crm live-smoke``."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from sales_agent_dagster_tests.cli.conftest import Cli
from sales_agent_dagster_tests.crm.salesforce.organisation import set_up
from sales_agent_dagster_tests.salesforce_server import RunningServer
from sales_agent_dagster_tests.salesforce_server.oauth import CLIENT_ID, CLIENT_SECRET


@pytest.fixture
def organisation(home: Path, salesforce: RunningServer, monkeypatch: pytest.MonkeyPatch) -> RunningServer:
    """Salesforce's stand-in is the CRM, and writing is allowed."""
    given = {
        "CRM__SYSTEM": "salesforce",
        "CRM__MODE": "live",
        "SALESFORCE__INSTANCE_URL": salesforce.url,
        "SALESFORCE__CLIENT_ID": CLIENT_ID,
        "SALESFORCE__CLIENT_SECRET": CLIENT_SECRET,
    }
    for name, value in given.items():
        monkeypatch.setenv(f"SALES_AGENT_{name}", value)
    return salesforce


def test_all_works(cli: Cli, home: Path, organisation: RunningServer) -> None:
    set_up(organisation)
    done = cli("crm", "live-smoke")
    assert done.code == 0, done.err
    assert "FAILED" not in done.out
    [lead] = organisation.records("Lead", deleted=True)
    assert lead["IsDeleted"]
    [file] = (home / "crm").glob("live-smoke-salesforce-*.jsonl")
    lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    assert {line["status"] for line in lines} == {200}
    assert lead["Id"] not in file.read_text(encoding="utf-8")
    assert CLIENT_SECRET not in file.read_text(encoding="utf-8")


def test_a_step_that_failed_is_told(cli: Cli, organisation: RunningServer, tmp_path: Path) -> None:
    file = tmp_path / "deep" / "traffic.jsonl"
    done = cli("crm", "live-smoke", "--file", str(file))
    assert done.code == 1
    assert "FAILED" in done.out
    assert file.exists()
    assert not organisation.writes
    refused = cli("crm", "live-smoke", "--file", str(tmp_path))
    assert "cannot be written" in refused.err


@pytest.mark.parametrize(("name", "value"), [("SYSTEM", "preview"), ("MODE", "dry_run")])
def test_it_must_be_asked_for(
    cli: Cli, organisation: RunningServer, monkeypatch: pytest.MonkeyPatch, name: str, value: str
) -> None:
    monkeypatch.setenv(f"SALES_AGENT_CRM__{name}", value)
    done = cli("crm", "live-smoke")
    assert done.code == 2
    assert f"SALES_AGENT_CRM__{name}" in done.err
    assert organisation.log == []
