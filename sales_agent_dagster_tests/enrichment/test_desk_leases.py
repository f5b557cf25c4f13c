"""Of several processes one makes a free lookup; the others wait for its answer, and for its death."""

import asyncio
import os
import signal
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from sales_agent_dagster.domain.errors import TransientError
from sales_agent_dagster.domain.lookups import LeaseRequest, LookupKey
from sales_agent_dagster.enrichment.providers import Failed, FailureKind
from sales_agent_dagster.inference.flow.breaker import BreakerRules
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.lookups import WarehouseLookups
from sales_agent_dagster.warehouse.schema import enrichment_cache, enrichment_leases
from sales_agent_dagster_tests.enrichment.scripted import (
    START,
    Scripted,
    Time,
    around,
    ask,
    desk,
    found,
    kind,
    rows,
)
from sales_agent_dagster_tests.stages.test_kill import PROCESSES, _fork_server  # noqa: F401 - for this module too

KEY = LookupKey("website", "a.example")


def wanted(seconds: float = 60.0, version: str = "1") -> LeaseRequest:
    return LeaseRequest(KEY, version, seconds)


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sales_agent_dagster.enrichment.desk.POLL_S", 0.01)


def test_the_second_process_waits_for_the_answer_of_the_first(warehouse: Warehouse) -> None:
    first, second = Scripted(waits={"a.example": 0}), Scripted()

    async def together() -> None:
        async with desk(first, around(warehouse)) as one, desk(second, around(warehouse)) as two:
            asking = asyncio.create_task(ask(one, "a.example"))
            while not first.keys:
                await asyncio.sleep(0.005)
            waiting = asyncio.create_task(ask(two, "a.example"))
            other = await ask(two, "b.example")  # nobody asks that
            first.gate.set()
            assert (await asking).outcome == (await waiting).outcome == other.outcome == found()

    asyncio.run(together())
    assert (first.keys, second.keys) == (["a.example"], ["b.example"])
    assert rows(warehouse, enrichment_leases) == []


def test_the_second_asks_when_the_first_has_failed(sqlite_warehouse: Warehouse) -> None:
    first = Scripted(waits={"a.example": 0}, answers={"a.example": Failed(FailureKind.TRANSIENT, "away")})
    second = Scripted()

    async def together() -> None:
        async with (
            desk(first, around(sqlite_warehouse)) as one,
            desk(second, around(sqlite_warehouse)) as two,
        ):
            asking = asyncio.create_task(ask(one, "a.example"))
            while not first.keys:
                await asyncio.sleep(0.005)
            waiting = asyncio.create_task(ask(two, "a.example"))
            first.gate.set()
            assert kind((await asking).outcome) is FailureKind.TRANSIENT
            assert (await waiting).outcome == found()

    asyncio.run(together())
    assert second.keys == ["a.example"]


def test_a_lead_waits_no_longer_than_its_time(sqlite_warehouse: Warehouse) -> None:
    WarehouseLookups(sqlite_warehouse).lease([wanted()], START)
    provider = Scripted()

    async def once() -> None:
        async with desk(provider, around(sqlite_warehouse)) as at:
            reply = await ask(at, "a.example", wait_s=0.05)
            assert reply.outcome == Failed(FailureKind.HELD, "another process is asking it")

    asyncio.run(once())
    assert provider.keys == []


def _die_asking(url: str, seconds: float) -> None:
    WarehouseLookups(Warehouse(url)).lease([wanted(seconds)], datetime.now(UTC))
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_killed_process_keeps_nobody_waiting_for_long(warehouse: Warehouse) -> None:
    url = warehouse.url.render_as_string(hide_password=False)
    process = PROCESSES.Process(target=_die_asking, args=(url, 0.5))
    process.start()
    process.join(60)
    assert process.exitcode == -signal.SIGKILL
    assert len(rows(warehouse, enrichment_leases)) == 1
    provider = Scripted()

    async def once() -> None:
        async with desk(provider, around(warehouse, lambda: datetime.now(UTC))) as at:
            assert (await ask(at, "a.example", wait_s=30)).outcome == found()

    asyncio.run(once())
    assert provider.keys == ["a.example"]
    assert rows(warehouse, enrichment_leases) == []


def test_a_lease_ends_by_the_clock_and_is_given_back_by_its_holder_only(warehouse: Warehouse) -> None:
    store = WarehouseLookups(warehouse)
    (first,) = store.lease([wanted(60)], START)
    assert store.lease([wanted()], START + timedelta(seconds=59)) == [None]
    (second,) = store.lease([wanted()], START + timedelta(seconds=60))
    assert isinstance(first, str)
    assert isinstance(second, str)
    store.give_back([first])
    assert [row["holder"] for row in rows(warehouse, enrichment_leases)] == [second]
    store.give_back([second])
    assert rows(warehouse, enrichment_leases) == []
    store.lease([wanted(60)], START)
    store.prune(START, START + timedelta(seconds=60))
    assert rows(warehouse, enrichment_leases) == []


def test_a_breaker_that_refuses_gives_the_lease_back(sqlite_warehouse: Warehouse) -> None:
    provider = Scripted(answers={"a.example": Failed(FailureKind.TRANSIENT, "away")})
    shared = around(sqlite_warehouse, rules=BreakerRules(least=1))

    async def twice() -> None:
        async with desk(provider, shared) as at:
            for expected in (FailureKind.TRANSIENT, FailureKind.HELD):
                assert kind((await ask(at, "a.example")).outcome) is expected

    asyncio.run(twice())
    assert rows(sqlite_warehouse, enrichment_leases) == []


class _Locked(WarehouseLookups):
    def lease(self, *_: object) -> list[str]:  # type: ignore[override]
        raise TransientError("locked")


def test_without_a_lease_the_lookup_is_made_all_the_same(sqlite_warehouse: Warehouse) -> None:
    provider = Scripted()

    async def once() -> None:
        async with desk(provider, replace(around(sqlite_warehouse), store=_Locked(sqlite_warehouse))) as at:
            assert (await ask(at, "a.example")).outcome == found()

    asyncio.run(once())


def test_answers_too_old_to_stand_in_are_deleted_but_no_opt_out(sqlite_warehouse: Warehouse) -> None:
    no = Failed(FailureKind.SUPPRESSED, "asked not to be")
    provider, utc = Scripted(answers={"b.example": no}), Time()

    async def ask_both() -> None:
        async with desk(provider, around(sqlite_warehouse, utc)) as at:
            for host in ("a.example", "b.example"):
                await ask(at, host)

    asyncio.run(ask_both())
    with sqlite_warehouse.transaction() as connection:
        connection.execute(sa.update(enrichment_cache).values(fresh_until=START))
    store = WarehouseLookups(sqlite_warehouse)
    assert store.prune(START, START) == 0
    assert store.prune(START + timedelta(seconds=1), START) == 1
    assert [row["lookup_key"] for row in rows(sqlite_warehouse, enrichment_cache)] == ["b.example"]
