"""What people do in Close, as a whole sync stores it."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.stages.crm.syncing import sync
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import crm_changes, crm_outcomes
from sales_agent_dagster_tests.close_server.running import RunningClose
from sales_agent_dagster_tests.crm.close.conftest import MakeConnector
from sales_agent_dagster_tests.crm.close.world import CloseWorld
from sales_agent_dagster_tests.stages.crm.wanting import company, context_of, want

JO = {"contact_name": "Jo Doe", "email": "Jo@acme.example"}


@pytest.fixture
def world(close: RunningClose, connector_to: MakeConnector) -> CloseWorld:
    return CloseWorld(close, connector_to)


def changes(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    row = crm_changes.c
    with warehouse.reading() as connection:
        return list(connection.execute(sa.select(row.field, row.before, row.after)).tuples())


def test_one_opt_out_in_close_is_one_outcome(sqlite_warehouse: Warehouse, world: CloseWorld) -> None:
    def run() -> None:
        sync(context_of(sqlite_warehouse, world.connector, lambda: world.now))

    want(sqlite_warehouse, "batch-1", [company("E1", contacts=[JO])])
    run()
    world.tick(600)
    world.unsubscribe("jo@acme.example")
    [contact] = world.living(Kind.CONTACT)
    # A contact's date moves with the next edit: then its record tells the opt-out, too.
    world.edit(Kind.CONTACT, contact.remote_id, contact_title="Owner")
    for _ in range(2):
        world.tick(600)
        run()
    with sqlite_warehouse.reading() as connection:
        [row] = connection.execute(sa.select(crm_outcomes)).mappings()
    assert (row["outcome"], row["entity_id"], row["company_id"]) == ("unsubscribed", "E1", contact.company_id)


def test_a_first_status_in_close_is_nobody_s_change(sqlite_warehouse: Warehouse, world: CloseWorld) -> None:
    want(sqlite_warehouse, "batch-1", [company("E1")])
    for _ in range(2):
        card = sync(context_of(sqlite_warehouse, world.connector, lambda: world.now))
        world.tick(600)
    assert (card["human_changes"], changes(sqlite_warehouse)) == (0, [])


def test_a_status_in_close_changed_before_the_first_pull_is_a_person_s(
    sqlite_warehouse: Warehouse, world: CloseWorld
) -> None:
    want(sqlite_warehouse, "batch-1", [company("E1")])
    sync(context_of(sqlite_warehouse, world.connector, lambda: world.now))
    world.tick(5)
    world.edit(Kind.COMPANY, world.living()[0].remote_id, status="Qualified")
    world.tick(600)
    card = sync(context_of(sqlite_warehouse, world.connector, lambda: world.now))
    assert card["human_changes"] == 1
    assert changes(sqlite_warehouse) == [("status", "Potential", "Qualified")]


def test_a_quiet_month_is_not_read_anew_each_time(
    sqlite_warehouse: Warehouse, world: CloseWorld, close: RunningClose
) -> None:
    """The log keeps thirty days: after that it is empty, and has forgotten nothing that was not read."""
    want(sqlite_warehouse, "batch-1", [company(f"E{n}") for n in range(3)])
    sync(context_of(sqlite_warehouse, world.connector, lambda: world.now))
    for _ in range(5):
        world.tick(10 * 86_400)
        close.log.clear()
        sync(context_of(sqlite_warehouse, world.connector, lambda: world.now))
    assert not any(each.path.startswith("/lead/") for each in close.log), "no record is asked for"
    assert [each.path for each in close.log if each.path == "/opportunity/"] == []
