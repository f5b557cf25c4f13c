"""Deliveries of webhooks: each is taken whole and once, and tells which records to read."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from typing import Any

import pytest
import sqlalchemy as sa

from sales_agent_dagster.crm.contract import Event, EventAction
from sales_agent_dagster.crm.delivery import DeliveryRefused
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.stages.crm import delivering
from sales_agent_dagster.stages.crm.context import SyncContext
from sales_agent_dagster.stages.crm.delivering import take_delivery
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import crm_deliveries, crm_events
from sales_agent_dagster_tests.crm.fake import FakeCrm
from sales_agent_dagster_tests.stages.crm.wanting import context_of

AT = datetime.fromisoformat("2026-03-02T09:30:00+00:00")


def event(number: int, action: EventAction, kind: Kind = Kind.COMPANY, **more: Any) -> Event:
    return Event(f"ev_{number}", action, kind, f"r{number}", AT, **more)


@pytest.fixture
def context(sqlite_warehouse: Warehouse) -> SyncContext:
    crm = FakeCrm()
    return context_of(sqlite_warehouse, crm, lambda: crm.now)


def number_of(context: SyncContext, table: sa.Table) -> int:
    with context.warehouse.reading() as connection:
        return int(connection.scalar(sa.select(sa.func.count()).select_from(table)) or 0)


def test_what_is_to_be_read(context: SyncContext) -> None:
    events = [
        event(1, EventAction.UPDATED),
        event(2, EventAction.DELETED),
        event(3, EventAction.MERGED, merged_into="survivor"),
        event(4, EventAction.CREATED, Kind.CONTACT),
        event(5, EventAction.CREATED, Kind.NOTE),
    ]
    assert take_delivery(context, "s", events) == {
        (Kind.COMPANY, "r1"),
        (Kind.COMPANY, "r3"),
        (Kind.COMPANY, "survivor"),
        (Kind.CONTACT, "r4"),
    }


def test_a_replay_stores_nothing(context: SyncContext) -> None:
    take_delivery(context, "s", [event(1, EventAction.CREATED)])
    with pytest.raises(DeliveryRefused) as refused:
        take_delivery(context, "s", [event(2, EventAction.CREATED)])
    assert refused.value.code == "replayed"
    assert number_of(context, crm_events) == 1


def test_one_that_could_not_be_stored_is_taken_when_it_comes_again(
    context: SyncContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> Any:
        raise OSError("no space left")

    with monkeypatch.context() as patch:
        patch.setattr(delivering, "store_events", fails)
        with pytest.raises(OSError, match="no space"):
            take_delivery(context, "s", [event(1, EventAction.CREATED)])
    assert number_of(context, crm_deliveries) == 0
    assert take_delivery(context, "s", [event(1, EventAction.CREATED)])


def test_signatures_of_two_crms_are_two(context: SyncContext) -> None:
    other = FakeCrm()
    other.name = "another"
    for one in (context, replace(context, connector=other)):
        take_delivery(one, "s", [event(1, EventAction.CREATED)])
    assert number_of(context, crm_deliveries) == 2
