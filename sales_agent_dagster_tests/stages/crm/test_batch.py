from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa
from pydantic import SecretStr

from sales_agent_dagster.crm.contract import SuppressionScope
from sales_agent_dagster.crm.errors import ConflictFound
from sales_agent_dagster.domain.errors import UnknownRecord
from sales_agent_dagster.settings import CloseSettings, CrmSettings, Settings
from sales_agent_dagster.stages.base import StageContext
from sales_agent_dagster.stages.crm.auditing import breaches
from sales_agent_dagster.stages.crm.batch import configured, still_due
from sales_agent_dagster.stages.crm.batch_modes import held_back, is_applied, sent_batches_go_to, set_mode
from sales_agent_dagster.stages.crm.context import open_sync
from sales_agent_dagster.stages.crm.recording import card_of
from sales_agent_dagster.stages.crm.suppressing import Entry, suppress
from sales_agent_dagster.stages.crm_synced import CrmSyncedLeads
from sales_agent_dagster.stages.quality import RULES, CheckOutcome, Subject
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import crm_outbox, crm_synced_leads, crm_wanted
from sales_agent_dagster_tests.close_server.calls import API_KEY
from sales_agent_dagster_tests.close_server.running import RunningClose
from sales_agent_dagster_tests.conftest import MakeContext
from sales_agent_dagster_tests.rows import seed_batch
from sales_agent_dagster_tests.stages.crm.wanting import want

LEADS: list[dict[str, Any]] = [
    {"company_name": "Acme Power", "email": "jo@acme.example", "phone": "+12125550100"},
    {"company_name": "Borealis Heating", "website": "https://borealis.example/", "phone": "+13125550101"},
]


@pytest.fixture
def work(
    sqlite_warehouse: Warehouse, context: MakeContext, close: RunningClose, settings: Settings
) -> StageContext:
    """A batch of two leads up to its campaigns, and Close's stand-in to write to."""
    seed_batch(sqlite_warehouse, "batch-1", LEADS, through="campaigns")
    made = context(sqlite_warehouse, "batch-1")
    given = settings.model_copy(
        update={
            "crm": CrmSettings(system="close", mode="live", batches="apply", overlap_s=0),
            "close": CloseSettings(api_key=SecretStr(API_KEY), base_url=close.url),
        }
    )
    work = replace(made, settings=given)
    context_of_setup = open_sync(sqlite_warehouse, given, work.profile, "setup")
    context_of_setup.connector.ensure_fields(dry_run=False)
    context_of_setup.connector.close()
    return work


def with_crm(work: StageContext, **changes: Any) -> StageContext:
    crm = work.settings.crm.model_copy(update=changes)
    return replace(work, settings=work.settings.model_copy(update={"crm": crm}))


def run(work: StageContext) -> list[dict[str, Any]]:
    asyncio.run(CrmSyncedLeads().run(work))
    with work.warehouse.reading() as connection:
        query = sa.select(crm_synced_leads).order_by(crm_synced_leads.c.lead_id)
        return [dict(row) for row in connection.execute(query).mappings()]


def judged(work: StageContext) -> dict[str, CheckOutcome]:
    with work.warehouse.reading() as connection:
        subject = Subject(work, connection, crm_synced_leads)
        return {name: rule(subject) for name, rule in RULES["crm_synced_leads"].items()}


def test_a_dry_run_plans_against_the_crm_and_writes_nothing(work: StageContext, close: RunningClose) -> None:
    before = len(close.writes())
    dry = with_crm(work, mode="dry_run")
    rows = run(dry)
    assert [(row["crm"], row["operation"]) for row in rows] == [("close", "create")] * 2
    assert len(close.writes()) == before
    assert len(still_due(dry)) == 3
    outcomes = judged(dry)
    assert all(outcome.passed for outcome in outcomes.values())
    assert outcomes["crm_second_plan"].description == "Nothing was written to a CRM."


def test_live_it_applies_and_a_second_time_nothing_is_left(work: StageContext, close: RunningClose) -> None:
    rows = run(work)
    ids = {one["name"]: one["id"] for one in close.objects("lead")}
    assert set(ids) == {"Acme Power", "Borealis Heating"}
    assert {row["reason"] for row in rows} == {f"Created as {each}." for each in ids.values()}
    assert {row["crm_record_id"] for row in rows} == set(ids.values())
    assert {row["status"] for row in rows} == {"ok"}
    assert all(outcome.passed for outcome in judged(work).values())
    with work.warehouse.reading() as connection:
        card = card_of(connection, work.run_id)
    assert card is not None
    assert (card["mode"], card["created"], card["suppression_breaches"]) == ("live", 3, 0)
    before = len(close.writes())
    rows = run(replace(work, run_id="run-2"))
    assert [row["operation"] for row in rows] == ["unchanged"] * 2
    assert len(close.writes()) == before


@pytest.mark.parametrize("refused", [False, True])
def test_what_people_edit_all_the_time_is_due_and_not_refused(
    work: StageContext, monkeypatch: pytest.MonkeyPatch, refused: bool
) -> None:
    run(work)
    row = crm_wanted.c
    with work.warehouse.transaction() as connection:
        company = connection.scalars(sa.select(row.company).order_by(row.lead_id)).first()
        moved = sa.update(crm_wanted).values(company=company | {"city": "Akron"})
        first = sa.select(sa.func.min(row.lead_id)).scalar_subquery()
        connection.execute(moved.where(row.lead_id == first))

    def always(*_: Any) -> bool:
        if refused:
            raise ConflictFound("It has another one's address.")
        return True

    monkeypatch.setattr("sales_agent_dagster.crm.close.pushing._moved", always)
    told = run(replace(work, run_id="run-2"))[0]
    assert told["operation"] == "update"
    assert (told["status"], "Refused" in told["reason"]) == (("failed", True) if refused else ("ok", False))
    assert len(still_due(work)) == 1


def test_the_report_card_tells_what_came_before_the_plan_too(work: StageContext, close: RunningClose) -> None:
    run(work)
    acme = next(one["id"] for one in close.objects("lead") if one["name"] == "Acme Power")
    close.clock.advance(60)
    close.ask("PUT", f"/lead/{acme}/", {"name": "Acme Power Systems"})
    run(replace(work, run_id="run-2"))
    with work.warehouse.reading() as connection:
        card = card_of(connection, "run-2")
    assert card is not None
    assert (card["human_changes"], card["planned_updates"], card["unchanged"]) == (1, 0, 3)
    assert card["pulled"] >= 2


@pytest.mark.parametrize(
    ("settings_say", "batch_says", "run_says", "sent"),
    [
        ("plan", None, None, False),
        ("plan", "apply", None, True),
        ("plan", "apply", False, False),
        ("plan", None, True, True),
        ("apply", None, None, True),
        ("apply", "plan", None, False),
        ("apply", "plan", True, True),
    ],
)
def test_the_run_goes_before_the_batch_and_the_batch_before_the_settings(
    work: StageContext, settings_say: str, batch_says: Any, run_says: bool | None, sent: bool
) -> None:
    work = replace(with_crm(work, batches=settings_say), apply=run_says)
    set_mode(work.warehouse, "batch-1", batch_says, work.now())
    assert is_applied(work) is sent
    assert not is_applied(with_crm(work, mode="dry_run"))
    with work.warehouse.reading() as connection:
        told = sent_batches_go_to(connection, work.settings.crm, ["batch-1"])
    assert told == ("close" if (batch_says or settings_say) == "apply" else None)


def test_a_live_crm_gets_nothing_of_a_batch_that_only_plans(work: StageContext, close: RunningClose) -> None:
    before = len(close.writes())
    planning = with_crm(work, batches="plan")
    assert {row["operation"] for row in run(planning)} == {"create"}
    assert len(close.writes()) == before
    set_mode(work.warehouse, "batch-1", "apply", work.now())
    run(replace(planning, run_id="run-2"))
    assert len(close.objects("lead")) == 2
    set_mode(work.warehouse, "batch-1", None, work.now())
    assert not is_applied(planning)
    with pytest.raises(UnknownRecord, match="no batch"):
        set_mode(work.warehouse, "batch-9", "apply", work.now())


def test_companies_of_held_batches_alone_are_held_back(work: StageContext) -> None:
    run(with_crm(work, mode="dry_run"))
    with work.warehouse.reading() as connection:
        both = set(connection.scalars(sa.select(crm_wanted.c.entity_id)))
        assert held_back(connection) == set()
    set_mode(work.warehouse, "batch-1", "plan", work.now())
    [shared, alone] = sorted(both)
    want(work.warehouse, "batch-2", [{"entity_id": shared, "company": {}, "contacts": []}])
    with work.warehouse.reading() as connection:
        assert held_back(connection) == {alone}


def test_the_checks_see_what_went_wrong(work: StageContext, close: RunningClose) -> None:
    limited = with_crm(work, max_creates=1)
    run(limited)
    outcomes = judged(limited)
    assert not outcomes["crm_second_plan"].passed
    assert "limit of a sync is reached" in outcomes["crm_second_plan"].description
    assert "2 companies and contacts to create (limit 1" in outcomes["crm_second_plan"].description
    assert outcomes["crm_unknown"].passed


def test_what_is_unknown_is_still_due(work: StageContext, close: RunningClose) -> None:
    close.fault("drop_before", method="POST", path="/lead/", times=2)
    run(work)
    with work.warehouse.reading() as connection:
        unknown = connection.scalars(
            sa.select(crm_outbox.c.external_key).where(crm_outbox.c.state == "unknown")
        ).all()
    assert len(unknown) == 2
    assert set(unknown) <= set(still_due(work))
    outcomes = judged(work)
    assert not outcomes["crm_unknown"].passed
    assert not outcomes["crm_second_plan"].passed


def test_a_breach_is_seen_by_the_audit(work: StageContext, close: RunningClose) -> None:
    started = work.now()
    run(work)
    context = open_sync(work.warehouse, work.settings, work.profile, work.run_id, now=work.now)
    try:
        assert breaches(context, started) == []
        with work.warehouse.transaction() as connection:
            suppress(
                context, connection, [Entry(SuppressionScope.EMAIL, "Jo@acme.example", "asked", "person")]
            )
            connection.execute(sa.update(crm_outbox).values(sending_at=work.now()))
        assert len(breaches(context, started)) >= 1
    finally:
        context.connector.close()


def test_without_a_crm_there_is_nothing_to_sync_with(work: StageContext) -> None:
    assert configured(work)
    assert not configured(with_crm(work, system="preview"))
    assert not configured(with_crm(work, mode="off"))


def test_a_refusal_is_told_on_the_row(work: StageContext, close: RunningClose) -> None:
    close.fault("402", method="POST", path="/lead/", times=9)
    rows = run(work)
    assert {row["status"] for row in rows} == {"failed"}
    assert all(row["reason"].startswith("Refused, due again: ") for row in rows)
    assert not judged(work)["crm_second_plan"].passed
