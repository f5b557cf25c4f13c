"""``sales-agent crm mode``, ``--batch``, and how a plan is shown."""

from __future__ import annotations

from dataclasses import replace

import pytest

from sales_agent_dagster.cli.crm_plan import print_plan
from sales_agent_dagster.stages.crm.listing import PlanRow
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster_tests.cli.conftest import Cli
from sales_agent_dagster_tests.cli.test_crm import _account  # noqa: F401 - a fixture
from sales_agent_dagster_tests.close_server.running import RunningClose
from sales_agent_dagster_tests.stages.crm.wanting import company, want


@pytest.fixture
def _two_batches(_account: None, home: object) -> None:  # noqa: F811
    warehouse = Warehouse(f"sqlite:///{home}/warehouse.db")
    want(warehouse, "batch-2", [company("E9")])
    warehouse.dispose()


@pytest.mark.usefixtures("_two_batches")
def test_a_batch_that_only_plans_is_held_back(cli: Cli, close: RunningClose) -> None:
    cli("crm", "setup")
    listed = cli("crm", "mode")
    assert listed.out.count("SALES_AGENT_CRM__BATCHES=plan") == 2
    said = cli("crm", "mode", "batch-2", "plan")
    assert (said.code, "set for the batch: plan" in said.out) == (0, True)
    assert "batch-1" not in said.out
    assert cli("crm", "apply").code == 0
    assert sorted(one["name"] for one in close.objects("lead")) == ["Acme E1", "Acme E2"]
    assert "set for" not in cli("crm", "mode", "batch-2", "unset").out
    assert cli("crm", "mode", "no-batch", "apply").code != 0
    assert cli("crm", "apply").code == 0
    assert len(close.objects("lead")) == 3


@pytest.mark.usefixtures("_two_batches")
def test_one_batch_is_planned_and_applied(cli: Cli, close: RunningClose) -> None:
    cli("crm", "setup")
    planned = cli("crm", "plan", "--batch", "batch-2")
    assert "Acme E9" in planned.out
    assert "Acme E1" not in planned.out
    assert cli("crm", "apply", "--batch", "batch-2").code == 0
    assert [one["name"] for one in close.objects("lead")] == ["Acme E9"]
    assert cli("crm", "mode", "batch-2", "apply").out.count("sent") >= 1


def row(
    step: str, field: str | None, before: object = None, after: object = None, key: str = "E1"
) -> PlanRow:
    rule = None if field is None else "pipeline: ours; an edit in the CRM is overwritten"
    return PlanRow("company", key, key, f"Firm {key}", step, "lead_1", field, before, after, rule, "Why so.")  # type: ignore[arg-type]


def test_a_plan_is_shown_record_by_record(capsys: pytest.CaptureFixture[str]) -> None:
    skips = [row("skip", None, key=f"S{n}") for n in range(7)]
    rows = [
        row("update", "tier", "PLATINUM", "GOLD"),
        row("update", "city", None, "Akron"),
        row("review", None, key="E2"),
        row("create", "next_step", None, "x" * 500, key="E3"),
        row("unchanged", None, key="E4"),
        *skips,
    ]
    print_plan(rows, 10)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "update company  Firm E1  lead_1"
    told = "tier PLATINUM -> GOLD pipeline: ours; an edit in the CRM is overwritten"
    assert " ".join(lines[1].split()) == told
    assert "(nothing) -> Akron" in lines[2]
    assert lines[3:5] == ["review company  Firm E2  lead_1", "    Why so."]
    assert lines[6].endswith("…")
    assert max(map(len, lines)) <= 160
    assert sum(line.startswith("skip company") for line in lines) == 5
    assert lines[-1] == "2 more are left alone: --csv or --json says why."
    contact = replace(row("review", None, key="E2"), kind="contact")
    other = replace(row("review", None, key="E5"), reason="Another one.")
    print_plan([row("review", None, key="E2"), contact, other], 10)
    told = [line.strip() for line in capsys.readouterr().out.splitlines()[1::2]]
    assert told == ["Why so.", "The same.", "Another one."]
    print_plan(rows, 1)
    assert "3 more lines" in capsys.readouterr().out
