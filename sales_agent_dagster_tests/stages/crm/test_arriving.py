"""What a person did and what the CRM did by itself, in a record that we made and have not seen since."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from sales_agent_dagster.crm.contract import Event, EventAction, Page
from sales_agent_dagster.crm.errors import Unavailable
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.stages.crm.pulling import store_page
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import crm_changes
from sales_agent_dagster_tests.crm.fake import US, FakeCrm
from sales_agent_dagster_tests.stages.crm.wanting import company, context_of, rewant, run_sync, want


@pytest.mark.parametrize("writer", [US, "a person"])
def test_where_the_answer_tells_nothing_the_last_writer_decides(
    sqlite_warehouse: Warehouse, writer: str
) -> None:
    crm = FakeCrm(tells_modified=False)
    want(sqlite_warehouse, "batch-1", [company("E1")])
    read = crm.read

    def away(*_: Any) -> Any:
        raise Unavailable("away")

    crm.read = away  # type: ignore[method-assign]
    assert run_sync(sqlite_warehouse, crm)["created"] == 1, "that it cannot be looked at stops nothing"
    crm.read = read  # type: ignore[method-assign]
    [record] = crm.living()
    crm.tick(5)
    crm._change(Kind.COMPANY, record.remote_id, {"status": "Open"}, writer)
    card = run_sync(sqlite_warehouse, crm)
    assert card["human_changes"] == (writer != US)


def test_what_the_crm_filled_in_by_itself_is_looked_at_once(sqlite_warehouse: Warehouse) -> None:
    crm = FakeCrm(tells_modified=False)
    want(sqlite_warehouse, "batch-1", [company("E1")])
    create = crm._create

    def filled(kind: Kind, fields: Any, *given: Any) -> str:
        return create(kind, {**fields, "status": "Open"}, *given)

    crm._create = filled  # type: ignore[method-assign]
    run_sync(sqlite_warehouse, crm)
    [record] = crm.living()
    crm.tick(5)
    crm.edit(Kind.COMPANY, record.remote_id, status="Qualified")
    assert run_sync(sqlite_warehouse, crm)["human_changes"] == 1
    assert run_sync(sqlite_warehouse, crm)["human_changes"] == 0


def test_a_field_that_is_hidden_from_us_for_a_while_was_not_cleared(sqlite_warehouse: Warehouse) -> None:
    crm = FakeCrm()
    leads = want(sqlite_warehouse, "batch-1", [company(city="Akron")])
    run_sync(sqlite_warehouse, crm)
    [record] = crm.living()
    all_of_them, shown = crm.capabilities, record.fields
    crm.capabilities = replace(
        all_of_them, fields={**all_of_them.fields, Kind.COMPANY: all_of_them.fields[Kind.COMPANY] - {"city"}}
    )
    crm.edit(Kind.COMPANY, record.remote_id, city=None, industry="Pumps")
    assert run_sync(sqlite_warehouse, crm)["human_changes"] == 1
    crm.capabilities = all_of_them
    crm.edit(Kind.COMPANY, record.remote_id, city=shown["city"])
    rewant(sqlite_warehouse, "batch-1", leads, [company(city="Kent")], at=crm.tick(60))
    assert run_sync(sqlite_warehouse, crm)["human_changes"] == 0
    assert crm.records[Kind.COMPANY, record.remote_id].fields["city"] == "Kent"


def changes(warehouse: Warehouse) -> list[tuple[str, Any, Any]]:
    row = crm_changes.c
    query = sa.select(row.field, row.before, row.after).order_by(row.changed_at, row.field)
    with warehouse.reading() as connection:
        return list(connection.execute(query).tuples())


def test_the_newest_is_told_by_the_edit_of_the_field_not_of_the_record(sqlite_warehouse: Warehouse) -> None:
    crm = FakeCrm()
    [lead] = want(sqlite_warehouse, "batch-1", [company("E1", next_step="Call.")])
    run_sync(sqlite_warehouse, crm)
    [record] = crm.living()
    crm.tick(60)
    crm.edit(Kind.COMPANY, record.remote_id, next_step="Visit.")
    run_sync(sqlite_warehouse, crm)
    rewant(sqlite_warehouse, "batch-1", [lead], [company("E1", next_step="Write.")], at=crm.tick(60))
    crm.tick(60)
    crm.edit(Kind.COMPANY, record.remote_id, status="Qualified")
    run_sync(sqlite_warehouse, crm)
    assert crm.living()[0].fields["next_step"] == "Write."


@pytest.mark.parametrize("tells_modified", [True, False])
def test_an_edit_that_brings_our_value_back_is_a_person_s_too(
    sqlite_warehouse: Warehouse, tells_modified: bool
) -> None:
    crm = FakeCrm(tells_modified=tells_modified)
    [lead] = want(sqlite_warehouse, "batch-1", [company("E1", city="Akron")])
    run_sync(sqlite_warehouse, crm)
    [record] = crm.living()
    for city in ("Kent", "Akron", "Kent", "Akron"):
        crm.tick(60)
        crm.edit(Kind.COMPANY, record.remote_id, city=city)
        assert run_sync(sqlite_warehouse, crm)["human_changes"] == 1
    assert changes(sqlite_warehouse) == [("city", "Akron", "Kent"), ("city", "Kent", "Akron")] * 2
    rewant(sqlite_warehouse, "batch-1", [lead], [company("E1", city="Stow")], at=crm.tick(60))
    run_sync(sqlite_warehouse, crm)
    assert crm.living()[0].fields["city"] == "Akron", "it is a person's now"


def test_the_crm_s_spelling_of_what_we_wrote_is_ours_and_a_person_s_value_is_not(
    sqlite_warehouse: Warehouse,
) -> None:
    """Both have the time of our write: a person may edit within the same moment."""
    crm = FakeCrm()
    want(sqlite_warehouse, "batch-1", [company("E1", city="Akron")])
    run_sync(sqlite_warehouse, crm)
    [record] = crm.living()
    told = []
    for fields in ({"city": "Akron, OH", "status": "Potential"}, {"status": "Qualified"}):
        there = crm.records[Kind.COMPANY, record.remote_id]
        crm.records[Kind.COMPANY, record.remote_id] = replace(there, fields={**there.fields, **fields})
        card = run_sync(sqlite_warehouse, crm)
        told.append((card["human_changes"], card["planned_updates"]))
    assert told == [(0, 0), (1, 0)]
    assert changes(sqlite_warehouse) == [("status", "Potential", "Qualified")]


def test_events_that_come_again_are_echoes(sqlite_warehouse: Warehouse) -> None:
    crm = FakeCrm()
    at = crm.tick(60)
    events = [Event(f"ev_{n}", EventAction.UPDATED, Kind.COMPANY, "r1", at) for n in range(2)]
    figures = []
    for some in (events, [*events, replace(events[0], updated_at=crm.tick())]):
        context = context_of(sqlite_warehouse, crm, lambda: crm.now)
        store_page(context, Page(events=some))
        figures.append((context.card.pulled, context.card.echoes))
    assert figures == [(2, 0), (3, 2)], "one that went on is another one"
