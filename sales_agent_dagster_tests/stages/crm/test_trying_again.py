"""What the CRM refused too often is sent again once a person says so."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from sales_agent_dagster.stages.crm.outbox import try_again
from sales_agent_dagster.stages.crm.syncing import pending
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import crm_dead_letters, crm_outbox
from sales_agent_dagster_tests.crm.fake import POISON, FakeCrm
from sales_agent_dagster_tests.stages.crm.wanting import company, context_of, rewant, run_sync, want


@pytest.fixture
def crm(sqlite_warehouse: Warehouse) -> FakeCrm:
    """It has refused two companies as often as they are tried."""
    crm = FakeCrm()
    crm.fault = lambda operation: POISON
    want(sqlite_warehouse, "batch-1", [company("E1"), company("E2")])
    for _ in range(5):
        run_sync(sqlite_warehouse, crm)
    assert pending(context_of(sqlite_warehouse, crm, lambda: crm.now)) == []
    return crm


def again(warehouse: Warehouse, crm: FakeCrm, ids: list[str] | None) -> list[str]:
    """Keys of what is due after it."""
    context = context_of(warehouse, crm, lambda: crm.now)
    with warehouse.transaction() as connection:
        try_again(context, connection, ids)
    return [one.external_key for one in pending(context)]


def test_once_its_remedy_is_done_it_goes_as_it_is(sqlite_warehouse: Warehouse, crm: FakeCrm) -> None:
    assert again(sqlite_warehouse, crm, ["E2"]) == ["E2"]
    assert again(sqlite_warehouse, crm, None) == ["E1", "E2"]
    crm.fault = lambda operation: None
    assert run_sync(sqlite_warehouse, crm)["created"] == 2
    with sqlite_warehouse.reading() as connection:
        assert connection.execute(sa.select(crm_dead_letters)).all() == []


def test_refused_again_it_is_tried_as_often_as_before(sqlite_warehouse: Warehouse, crm: FakeCrm) -> None:
    again(sqlite_warehouse, crm, None)
    assert [run_sync(sqlite_warehouse, crm)["rejected"] for _ in range(6)] == [2, 2, 2, 2, 2, 0]
    row, letter = crm_outbox.c, crm_dead_letters.c
    with sqlite_warehouse.reading() as connection:
        states = connection.scalars(sa.select(row.state).order_by(row.created_at)).all()
        seen = connection.execute(sa.select(letter.first_seen, letter.attempts)).all()
    assert [states.count(one) for one in ("failed", "dead")] == [16, 4]
    assert {attempts for _, attempts in seen} == {5}


def test_another_crms_refusals_are_left(sqlite_warehouse: Warehouse, crm: FakeCrm) -> None:
    other = FakeCrm()
    other.name = "another"
    assert again(sqlite_warehouse, other, None) == ["E1", "E2"], "it has refused nothing"
    assert pending(context_of(sqlite_warehouse, crm, lambda: crm.now)) == []


def test_another_payload_is_counted_anew(sqlite_warehouse: Warehouse) -> None:
    crm = FakeCrm()
    crm.fault = lambda operation: POISON
    [lead] = want(sqlite_warehouse, "batch-1", [company("E1", score=1.0)])
    letter = crm_dead_letters.c
    counted = []
    for score in (1.0, 1.0, 2.0):
        rewant(sqlite_warehouse, "batch-1", [lead], [company("E1", score=score)], at=crm.tick(60))
        run_sync(sqlite_warehouse, crm)
        with sqlite_warehouse.reading() as connection:
            [row] = connection.execute(sa.select(letter.attempts, letter.first_seen, letter.last_seen)).all()
        counted.append((row.attempts, row.first_seen == row.last_seen))
    assert counted == [(1, True), (2, False), (1, True)]
