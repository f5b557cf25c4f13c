from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import crm_dead_letters
from sales_agent_dagster_tests.cli.conftest import Cli
from sales_agent_dagster_tests.close_server import values
from sales_agent_dagster_tests.close_server.calls import API_KEY
from sales_agent_dagster_tests.close_server.running import RunningClose
from sales_agent_dagster_tests.stages.crm.wanting import company, want

COMPANIES = [
    company("E1", phone="+12125550100", score=71.0, contacts=[{"email": "jo@acme.example"}]),
    company("E2", website="=cmd()", industry="\t=cmd()", score=50.0),
]


@pytest.fixture
def _account(home: Path, close: RunningClose, monkeypatch: pytest.MonkeyPatch) -> None:
    """Close's stand-in is the CRM, writing is allowed and two companies want to get there."""
    monkeypatch.setenv("SALES_AGENT_CRM__SYSTEM", "close")
    monkeypatch.setenv("SALES_AGENT_CRM__MODE", "live")
    monkeypatch.setenv("SALES_AGENT_CRM__OVERLAP_S", "0")
    monkeypatch.setenv("SALES_AGENT_CLOSE__API_KEY", API_KEY)
    monkeypatch.setenv("SALES_AGENT_CLOSE__BASE_URL", close.url)
    home.mkdir()
    warehouse = Warehouse(f"sqlite:///{home / 'warehouse.db'}")
    warehouse.migrate()
    want(warehouse, "batch-1", COMPANIES)
    warehouse.dispose()


@pytest.mark.parametrize("command", [["plan"], ["apply"], ["pull"], ["setup"], ["review"]])
def test_without_a_crm_each_command_says_what_to_set(
    cli: Cli, monkeypatch: pytest.MonkeyPatch, command: list[str]
) -> None:
    monkeypatch.setenv("SALES_AGENT_CRM__MODE", "live")
    done = cli("crm", *command)
    assert done.code == 2
    assert "SALES_AGENT_CRM__SYSTEM" in done.err


@pytest.mark.usefixtures("_account")
def test_switched_off_is_off(cli: Cli, close: RunningClose, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALES_AGENT_CRM__MODE", "off")
    done = cli("crm", "plan")
    assert (done.code, close.log) == (2, [])
    assert "SALES_AGENT_CRM__MODE=off" in done.err


@pytest.mark.usefixtures("_account")
def test_nothing_is_written_unless_it_is_said_so(
    cli: Cli, close: RunningClose, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SALES_AGENT_CRM__MODE")
    refused, planned, told = cli("crm", "apply"), cli("crm", "plan"), cli("crm", "setup")
    assert (refused.code, planned.code, told.code) == (2, 0, 1)
    assert "SALES_AGENT_CRM__MODE=live" in refused.err
    assert "SALES_AGENT_CRM__MODE=live creates the missing fields" in told.out
    assert close.writes() == []


@pytest.mark.usefixtures("_account")
def test_from_plan_to_an_empty_plan(cli: Cli, close: RunningClose, tmp_path: Path) -> None:
    made = cli("crm", "setup")
    assert made.code == 0, made.err
    assert "Tests Ltd" in made.out
    file = tmp_path / "plan.csv"
    planned = cli("crm", "plan", "--csv", str(file))
    assert planned.code == 0, planned.err
    assert "Acme E1" in planned.out
    assert "company      2 create" in planned.out
    lines = list(csv.DictReader(file.read_text(encoding="utf-8").splitlines()))
    assert {(line["company"], line["step"]) for line in lines} == {
        ("Acme E1", "create"),
        ("Acme E2", "create"),
    }
    assert [line["after"] for line in lines if line["field"] == "website"] == ["'=cmd()"]
    assert [line["after"] for line in lines if line["field"] == "industry"] == ["'\t=cmd()"]

    done = cli("crm", "apply")
    assert done.code == 0, done.err + done.out
    assert "3 created" in done.out
    again = cli("crm", "plan", "--json", "--no-pull")
    document = json.loads(again.out)
    assert document["crm"] == "close"
    assert document["totals"]["company"] == {"unchanged": 2}
    assert cli("crm", "plan").out.startswith("Nothing to send.")
    before = len(close.writes())
    card = json.loads(cli("crm", "apply", "--json").out)
    assert (card["created"], card["updated"], len(close.writes())) == (0, 0, before)


@pytest.mark.usefixtures("_account")
def test_a_persons_change_is_pulled_and_told(cli: Cli, close: RunningClose) -> None:
    cli("crm", "setup")
    cli("crm", "apply")
    cli("crm", "pull")
    lead = next(one for one in close.objects("lead") if one["name"] == "Acme E1")
    close.clock.advance(3600)
    close.ask("PUT", f"lead/{lead['id']}/", {"name": "Acme of New York"})
    pulled = cli("crm", "pull")
    assert pulled.code == 0, pulled.err
    assert "1 field changed by others" in pulled.out
    lines = json.loads(cli("crm", "plan", "--json").out)["lines"]
    assert "company" not in {line["field"] for line in lines}, "a name is a person's once a person wrote it"


@pytest.mark.usefixtures("_account")
def test_status_tells_syncs_and_refusals(cli: Cli, close: RunningClose) -> None:
    assert "No sync yet" in cli("crm", "status").out
    cli("crm", "setup")
    cli("crm", "apply")
    cli("crm", "pull")
    shown = cli("crm", "status")
    assert shown.code == 0
    assert "close, live" in shown.out
    assert "Pulled to" in shown.out
    state = json.loads(cli("crm", "status", "--json").out)
    assert state["syncs"][0]["created"] == 3
    assert {row["state"] for row in state["operations"]} == {"sent"}


@pytest.mark.usefixtures("_account")
def test_what_is_refused_is_told_with_its_remedy_and_sent_again_when_asked(
    cli: Cli, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cli("crm", "setup")
    warehouse = Warehouse(f"sqlite:///{home / 'warehouse.db'}")
    want(warehouse, "batch-2", [company("E3", next_step="x" * 70_000)])
    refused = cli("crm", "apply")
    assert (refused.code, "1 rejected" in refused.out) == (1, True)
    shown = cli("crm", "status")
    assert "then plan again" in " ".join(shown.out.split())
    assert "E3 Acme E3 company validation" in " ".join(shown.out.split())
    assert "--again" not in shown.out
    with warehouse.transaction() as connection:
        connection.execute(sa.update(crm_dead_letters).values(attempts=5))
    warehouse.dispose()
    assert "--again" in cli("crm", "status").out
    assert "Refused 5 times" in cli("crm", "plan").out
    assert cli("crm", "apply").code == 0
    assert cli("crm", "apply", "--again").code == 1, "it is refused once more"
    monkeypatch.setattr(values, "_LONGEST", 80_000)
    done = cli("crm", "apply", "--again")
    assert (done.code, "1 created" in done.out) == (0, True)
    assert "refused" not in cli("crm", "status").out


@pytest.mark.usefixtures("_account")
def test_questions_are_listed_and_unknown_keys_refused(cli: Cli) -> None:
    assert cli("crm", "review").out == "Nothing to review.\n"
    refused = cli("crm", "review", "--accept", "E1")
    assert refused.code == 1
    assert "no open question about company E1" in refused.err


@pytest.mark.usefixtures("_account")
def test_a_question_names_both_sides(cli: Cli, close: RunningClose) -> None:
    cli("crm", "setup")
    lead = close.ask("POST", "/lead/", {"name": "ACME E.1"})
    assert cli("crm", "plan").code == 0
    shown = cli("crm", "review")
    assert "E1  company  Acme E1" in shown.out
    assert f"Is it ACME E.1, {lead['html_url']}?" in shown.out
    assert "1 open question; --accept KEY or --reject KEY answers." in shown.out


@pytest.mark.usefixtures("_account")
def test_a_refused_key_ends_with_a_clear_error(cli: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SALES_AGENT_CLOSE__API_KEY", "wrong")
    for command in ("setup", "plan", "apply"):
        done = cli("crm", command)
        assert done.code == 1, command
        assert "wrong" not in done.err + done.out


@pytest.mark.usefixtures("_account")
def test_a_person_is_erased_and_stays_away(cli: Cli, close: RunningClose) -> None:
    cli("crm", "setup")
    cli("crm", "apply")
    assert len(close.objects("contact")) == 1
    done = cli("crm", "erase", "Jo@acme.example")
    assert done.code == 0, done.err + done.out
    assert "1 contact" in done.out
    assert close.objects("contact") == []
    receipt = json.loads(cli("crm", "erase", "jo@acme.example", "--json").out)
    assert (receipt["remote"], receipt["refused"]) == ({}, [])
    cli("crm", "apply")
    assert close.objects("contact") == []
    assert cli("crm", "erase", "nobody").code == 2


@pytest.mark.usefixtures("_account")
def test_a_plan_tells_whose_last_operation_is_undecided(
    cli: Cli, close: RunningClose, tmp_path: Path
) -> None:
    cli("crm", "setup")
    close.fault("drop_before", method="POST", path="/lead/", times=2)
    applied = cli("crm", "apply")
    assert (applied.code, "2 still unknown" in applied.out) == (1, True)
    assert "2: the next sync asks the CRM again" in applied.out
    planned = cli("crm", "plan", "--csv", str(tmp_path / "plan.csv"))
    assert planned.code == 0, planned.err
    assert "company      2 undecided" in planned.out
    assert "2 records undecided" in planned.out
    assert "undecided company  Acme E1" in planned.out
    assert json.loads(cli("crm", "plan", "--json").out)["totals"]["company"] == {"undecided": 2}
    lines = csv.DictReader((tmp_path / "plan.csv").read_text(encoding="utf-8").splitlines())
    assert {line["waits"] for line in lines if line["kind"] == "company"} == {"True"}
