"""Answers: they take effect at once, hold ever after, and can be undone to the byte."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
import sqlalchemy as sa

from sales_agent_dagster.domain.errors import PermanentError, UnknownRecord
from sales_agent_dagster.stages.identity.answers import answer_review, unmerge
from sales_agent_dagster.stages.pipeline import STAGES
from sales_agent_dagster.stages.resolved import ResolvedLeads
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import (
    METADATA,
    identity_labels,
    identity_reviews,
    imported_leads,
    merge_events,
    merged_companies,
    qualified_leads,
    resolved_leads,
)
from sales_agent_dagster_tests.conftest import MakeContext
from sales_agent_dagster_tests.rows import seed_batch
from sales_agent_dagster_tests.stages.firms import (
    ACME,
    ACME_AGAIN,
    ACME_MAYBE,
    BRIDGE,
    ZENITH,
    Columns,
    firm,
)

HISTORY = {"merge_events", "superseded_rows"}
"""Tables that keep what happened, also what was undone."""


def table_rows(warehouse: Warehouse, table: sa.Table) -> list[dict[str, Any]]:
    with warehouse.reading() as connection:
        query = sa.select(table).order_by(*table.primary_key)
        return [dict(row) for row in connection.execute(query).mappings()]


def state(warehouse: Warehouse) -> dict[str, list[str]]:
    """All rows to the byte, but for the history."""
    return {
        table.name: list(map(repr, table_rows(warehouse, table)))
        for table in METADATA.sorted_tables
        if table.name not in HISTORY
    }


def resolve(warehouse: Warehouse, context: MakeContext, *batches: list[Columns]) -> list[list[str]]:
    """The batches, resolved; the ids of their leads."""
    ids = []
    for number, leads in enumerate(batches, 1):
        ids.append(seed_batch(warehouse, f"batch-{number}", leads))
        asyncio.run(ResolvedLeads().run(context(warehouse, f"batch-{number}")))
    return ids


def again(warehouse: Warehouse, context: MakeContext, count: int) -> int:
    """Leads that resolving all batches once more decides otherwise."""
    plans = [
        asyncio.run(ResolvedLeads().run(context(warehouse, f"batch-{number}", run_id="run-9")))
        for number in range(1, count + 1)
    ]
    return sum(len(plan.todo) for plan in plans)


def row(warehouse: Warehouse, lead_id: str) -> dict[str, Any]:
    return next(row for row in table_rows(warehouse, resolved_leads) if row["lead_id"] == lead_id)


def test_an_accepted_pair_is_one_company_from_then_on(warehouse: Warehouse, context: MakeContext) -> None:
    [[acme], [maybe, other]] = resolve(warehouse, context, [ACME], [ACME_MAYBE, firm(0)])
    [review] = table_rows(warehouse, identity_reviews)
    effect = answer_review(context(warehouse, "", run_id="run-2"), review["review_id"], same=True)
    assert (effect.batch_ids, effect.rows) == (("batch-2",), 1)
    joined = row(warehouse, maybe)
    assert effect.row == joined
    assert (joined["decision"], joined["duplicate_of"]) == ("merge", acme)
    assert joined["reason"].startswith(f"A person says: same as {acme} Acme")
    assert row(warehouse, other)["run_id"] == "run-1"
    assert again(warehouse, context, 2) == 0
    [label] = table_rows(warehouse, identity_labels)
    assert (label["same"], label["source"], label["explanation"]) == (True, "review", review["explanation"])
    [answered] = table_rows(warehouse, identity_reviews)
    assert (answered["state"], answered["answered_at"] is not None) == ("accepted", True)
    [event] = table_rows(warehouse, merge_events)
    assert (event["event"], event["decided_by"], event["joined_lead_id"]) == ("merge", "person", maybe)
    assert (event["before"]["leads"], event["after"]["leads"]) == (1, 2)
    [company] = table_rows(warehouse, merged_companies)
    assert (company["leads"], company["phone"]) == (2, ACME["phone"])


def test_a_rejected_pair_is_never_merged_nor_asked_again(warehouse: Warehouse, context: MakeContext) -> None:
    [[acme], [maybe]] = resolve(warehouse, context, [ACME], [ACME_MAYBE])
    [review] = table_rows(warehouse, identity_reviews)
    answer_review(context(warehouse, ""), review["review_id"], same=False)
    found = row(warehouse, maybe)
    assert (found["decision"], found["is_duplicate"]) == ("new", False)
    assert found["reason"].startswith(f"New; a person says that it is not {acme} Acme")
    assert again(warehouse, context, 2) == 0
    with warehouse.transaction() as connection:  # now everything else says that they are one
        own = imported_leads.c.lead_id == maybe
        connection.execute(sa.update(imported_leads).where(own).values(**ACME))
    assert again(warehouse, context, 2) == 1
    assert row(warehouse, maybe)["decision"] == "new"
    assert [item["state"] for item in table_rows(warehouse, identity_reviews)] == ["rejected"]


def test_undoing_an_accepted_merge_restores_every_row_to_the_byte(
    warehouse: Warehouse, context: MakeContext
) -> None:
    [_, [maybe, _], _] = resolve(
        warehouse,
        context,
        [ACME, ZENITH],
        [{**ACME_MAYBE, "do_not_contact": True}, ACME_AGAIN],
        [ACME, ACME_MAYBE],
    )
    before = state(warehouse)
    review = next(item for item in table_rows(warehouse, identity_reviews) if item["lead_id"] == maybe)
    answer_review(context(warehouse, "", run_id="run-2"), review["review_id"], same=True)
    joined = state(warehouse)
    assert joined != before
    assert all(item["suppressed"] for item in table_rows(warehouse, resolved_leads) if item["is_duplicate"])
    unmerge(context(warehouse, "", run_id="run-3"), maybe)
    assert state(warehouse) == before
    assert row(warehouse, maybe)["suppressed"] is True
    events = [item["event"] for item in table_rows(warehouse, merge_events)]
    assert (events.count("undo"), events[-1]) == (1, "undo")
    answer_review(context(warehouse, "", run_id="run-2"), review["review_id"], same=True)
    assert state(warehouse) == joined


def test_undoing_what_linkage_merged_restores_the_company_and_holds(
    warehouse: Warehouse, context: MakeContext
) -> None:
    [[acme], [twice], [again_id]] = resolve(
        warehouse, context, [ACME], [ACME], [{**ACME_AGAIN, "do_not_contact": True}]
    )
    two = table_rows(warehouse, merge_events)[0]["after"]
    effect = unmerge(context(warehouse, "", run_id="run-2"), again_id)
    assert (effect.row["decision"], effect.row["is_duplicate"]) == ("new", False)
    assert effect.row["suppressed"] is True
    assert [row(warehouse, lead_id)["suppressed"] for lead_id in (acme, twice)] == [False, False]
    [company] = table_rows(warehouse, merged_companies)
    assert {name: company[name] for name in two} == two
    assert again(warehouse, context, 3) == 0
    assert {(item["same"], item["source"]) for item in table_rows(warehouse, identity_labels)} == {
        (False, "unmerge")
    }


def test_an_answer_can_be_changed(warehouse: Warehouse, context: MakeContext) -> None:
    [[acme], [maybe]] = resolve(warehouse, context, [ACME], [ACME_MAYBE])
    [review] = table_rows(warehouse, identity_reviews)
    for same, decision in ((False, "new"), (True, "merge"), (False, "new")):
        answer_review(context(warehouse, ""), review["review_id"], same=same)
        assert row(warehouse, maybe)["decision"] == decision
    assert row(warehouse, acme)["is_duplicate"] is False


def test_both_answers_about_a_bridge_make_one_company_of_two(
    warehouse: Warehouse, context: MakeContext
) -> None:
    [[acme, zenith], [zenith_again], [bridge]] = resolve(
        warehouse, context, [ACME, ZENITH], [ZENITH], [BRIDGE]
    )
    before = state(warehouse)
    reviews = sorted(table_rows(warehouse, identity_reviews), key=lambda item: item["other_lead_id"] != acme)
    assert len(reviews) == 2
    for review in reviews:
        answer_review(context(warehouse, "", run_id="run-2"), review["review_id"], same=True)
    entities = {item["lead_id"]: item["entity_id"] for item in table_rows(warehouse, resolved_leads)}
    assert len({entities[lead_id] for lead_id in (acme, zenith, zenith_again, bridge)}) == 1
    assert again(warehouse, context, 3) == 0
    assert [item["leads"] for item in table_rows(warehouse, merged_companies)] == [4]
    unmerge(context(warehouse, "", run_id="run-3"), zenith)
    unmerge(context(warehouse, "", run_id="run-3"), bridge)
    assert state(warehouse)["merged_companies"] == before["merged_companies"]


def test_undoing_a_bridge_parts_the_companies_that_it_joined(
    warehouse: Warehouse, context: MakeContext
) -> None:
    [_, _, [bridge]] = resolve(warehouse, context, [ACME, ZENITH], [ZENITH], [BRIDGE])
    before = state(warehouse)
    for review in table_rows(warehouse, identity_reviews):
        answer_review(context(warehouse, "", run_id="run-2"), review["review_id"], same=True)
    assert len({item["entity_id"] for item in table_rows(warehouse, resolved_leads)}) == 1
    unmerge(context(warehouse, "", run_id="run-3"), bridge)
    assert state(warehouse) == before


@pytest.mark.parametrize("corrected", [0, 1])
def test_correcting_one_answer_about_a_bridge_leaves_the_other_alone(
    warehouse: Warehouse, context: MakeContext, corrected: int
) -> None:
    resolve(warehouse, context, [ACME, ZENITH], [ZENITH], [BRIDGE])
    reviews = [item["review_id"] for item in table_rows(warehouse, identity_reviews)]

    def answer(number: int, same: bool) -> None:
        answer_review(context(warehouse, "", run_id="run-2"), reviews[number], same=same)

    answer(1 - corrected, True)
    answer(corrected, False)
    before = state(warehouse)
    answer(corrected, True)
    if corrected:  # also when the answer that came first is the one taken back
        answer(0, False)
        answer(0, True)
    answer(corrected, False)
    assert state(warehouse) == before
    answer(corrected, True)
    assert len({item["entity_id"] for item in table_rows(warehouse, resolved_leads)}) == 1
    answer(1 - corrected, False)
    assert len({item["entity_id"] for item in table_rows(warehouse, resolved_leads)}) == 2


def test_only_what_an_answer_changed_is_computed_again(
    sqlite_warehouse: Warehouse, context: MakeContext
) -> None:
    warehouse = sqlite_warehouse
    [[acme], [maybe, _]] = resolve(
        warehouse, context, [{**ACME, "oems": "Generac"}], [{**ACME_MAYBE, "oems": "Kohler"}, firm(0)]
    )

    def run(batch_id: str) -> dict[str, tuple[str, ...]]:
        work = context(warehouse, batch_id)
        return {stage.name: asyncio.run(stage().run(work)).todo for stage in STAGES}

    for batch_id in ("batch-1", "batch-2"):
        run(batch_id)
    [review] = table_rows(warehouse, identity_reviews)
    answer_review(context(warehouse, ""), review["review_id"], same=True)
    assert set().union(*run("batch-1").values()) == set()
    todo = run("batch-2")
    assert todo["resolved_leads"] == ()
    assert todo["qualified_leads"] == (maybe,)
    skipped = next(item for item in table_rows(warehouse, qualified_leads) if item["lead_id"] == maybe)
    assert (skipped["status"], acme in skipped["reason"]) == ("skipped", True)


def test_what_is_not_there_is_said(warehouse: Warehouse, context: MakeContext) -> None:
    [[acme], [twin], [other]] = resolve(warehouse, context, [ACME], [ACME_AGAIN], [firm(0)])
    before = state(warehouse)
    work = context(warehouse, "")
    with pytest.raises(UnknownRecord, match="no review R0"):
        answer_review(work, "R0", same=True)
    with pytest.raises(UnknownRecord, match="no resolved lead nobody"):
        unmerge(work, "nobody")
    with pytest.raises(PermanentError, match=f"first of its company.*{twin}"):
        unmerge(work, acme)
    with pytest.raises(PermanentError, match=f"{other} is not merged"):
        unmerge(work, other)
    assert state(warehouse) == before
