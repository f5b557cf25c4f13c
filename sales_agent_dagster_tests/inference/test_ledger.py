from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Collection, Sequence
from datetime import date, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from sales_agent_dagster.domain.calls import CallOutcome, CallRecord, CallScope, Spend
from sales_agent_dagster.domain.errors import TransientError
from sales_agent_dagster.inference import ledger as ledger_module
from sales_agent_dagster.inference.ledger import Ledger, call_key, cost_to
from sales_agent_dagster.warehouse.calls import WarehouseCalls
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import agent_calls, agent_replays
from sales_agent_dagster_tests.calls import CALLED, SCOPE, call

OTHER = CallScope("run-2", "batch-2")


class UnsteadyCalls(WarehouseCalls):
    """The real store, whose next writes fail with the errors given, one a write; counts its transactions."""

    def __init__(self, warehouse: Warehouse, *errors: Exception) -> None:
        super().__init__(warehouse)
        self.errors = list(errors)
        self.groups: list[int] = []

    def add(self, records: Sequence[CallRecord]) -> None:
        if records and self.errors:
            raise self.errors.pop(0)
        self.groups += [len(records)] if records else []
        super().add(records)


def gone() -> TransientError:
    return TransientError("the database is restarting")


def replayed(warehouse: Warehouse) -> list[tuple[Any, ...]]:
    columns = agent_replays.c
    query = sa.select(columns.run_id, columns.agent, columns.day, columns.replays, columns.saved_usd)
    with warehouse.reading() as connection:
        return [tuple(row) for row in connection.execute(query.order_by(columns.run_id, columns.agent))]


def test_keys_differ_in_every_part() -> None:
    parts = {
        "agent": "a",
        "prompt_version": "b",
        "model": "c",
        "parameters_hash": "d",
        "schema_hash": "e",
        "input_hash": "f",
    }
    keys = {call_key(**parts)} | {call_key(**(parts | {name: "x"})) for name in parts}
    assert len(keys) == len(parts) + 1
    assert call_key(**parts) == call_key(**dict(reversed(parts.items())))


def test_a_replay_costs_only_where_it_was_bought() -> None:
    bought = call("a", cost_usd=0.5)
    assert cost_to(bought, "batch-1", "lead-1") == 0.5
    assert cost_to(bought, "batch-1", "lead-2") == 0.0
    assert cost_to(bought, "batch-2", "lead-1") == 0.0


def test_what_is_recorded_is_recalled_by_the_next_process(warehouse: Warehouse) -> None:
    async def buy() -> None:
        with Ledger(WarehouseCalls(warehouse)) as ledger:
            await asyncio.gather(*(ledger.record(call(f"key-{number}")) for number in range(100)))

    async def again() -> dict[str, CallRecord]:
        with Ledger(WarehouseCalls(warehouse)) as ledger:
            return await ledger.recall([f"key-{number}" for number in range(101)], OTHER)

    asyncio.run(buy())
    assert asyncio.run(again()) == {f"key-{number}": call(f"key-{number}") for number in range(100)}


def test_replays_are_counted_for_whom_they_are_made(sqlite_warehouse: Warehouse) -> None:
    store = WarehouseCalls(sqlite_warehouse)
    store.add([call("a"), call("b", cost_usd=0.5), call("c", agent="growth", cost_usd=1.0)])

    async def ask() -> None:
        with Ledger(store, now=lambda: CALLED + timedelta(days=1)) as ledger:
            await ledger.recall(["a", "a", "b", "unknown"], OTHER)
            await ledger.recall(["c"], OTHER)
            await ledger.recall(["unknown"], OTHER)

    asyncio.run(ask())
    assert replayed(sqlite_warehouse) == [
        ("run-2", "growth", "2026-03-03", 1, 1.0),
        ("run-2", "qualification", "2026-03-03", 3, 1.0),
    ]


def test_record_returns_when_the_call_is_stored(sqlite_warehouse: Warehouse) -> None:
    async def buy() -> dict[str, CallRecord]:
        with Ledger(WarehouseCalls(sqlite_warehouse)) as ledger:
            await ledger.record(call("a"))
            return WarehouseCalls(sqlite_warehouse).find(["a"])

    assert asyncio.run(buy()) == {"a": call("a")}


def test_calls_that_come_together_share_a_transaction(sqlite_warehouse: Warehouse) -> None:
    store = UnsteadyCalls(sqlite_warehouse)

    async def buy(ledger: Ledger) -> None:
        for _ in range(3):
            await asyncio.gather(
                *(ledger.record(call(f"{len(store.groups)}-{number}")) for number in range(200))
            )

    with Ledger(store) as ledger:
        asyncio.run(buy(ledger))
    assert sum(store.groups) == 600
    assert len(store.groups) <= 12


def test_groups_are_bounded(sqlite_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledger_module, "MAX_GROUP", 7)
    store = UnsteadyCalls(sqlite_warehouse)

    async def buy(ledger: Ledger) -> None:
        await asyncio.gather(*(ledger.record(call(f"{number}")) for number in range(50)))

    with Ledger(store) as ledger:
        asyncio.run(buy(ledger))
    assert sum(store.groups) == 50
    assert max(store.groups) == 7


def test_several_event_loops_share_a_ledger(sqlite_warehouse: Warehouse) -> None:
    ledger = Ledger(WarehouseCalls(sqlite_warehouse))

    async def buy(name: str) -> None:
        await asyncio.gather(*(ledger.record(call(f"{name}-{number}")) for number in range(30)))

    threads = [threading.Thread(target=asyncio.run, args=(buy(f"loop-{name}"),)) for name in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    asyncio.run(buy("later"))
    ledger.close()
    with sqlite_warehouse.reading() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(agent_calls)) == 120


def test_a_call_whose_waiter_is_gone_is_stored_all_the_same(sqlite_warehouse: Warehouse) -> None:
    store = WarehouseCalls(sqlite_warehouse)
    ledger = Ledger(store)

    async def leave() -> None:
        waits = [asyncio.ensure_future(ledger.record(call(f"{number}"))) for number in range(3)]
        await asyncio.sleep(0)
        waits[0].cancel()
        await asyncio.gather(*waits, return_exceptions=True)

    async def leave_the_loop() -> None:
        asyncio.ensure_future(ledger.record(call("3")))  # noqa: RUF006 - it is to be cut off
        await asyncio.sleep(0)

    with store._warehouse.transaction():  # nothing is written before both have gone
        threads = [threading.Thread(target=asyncio.run, args=(leave_the_loop(),))]
        threads[0].start()
        threads[0].join()
    asyncio.run(leave())
    ledger.close()
    assert sorted(store.find(["0", "1", "2", "3"])) == ["0", "1", "2", "3"]


def test_a_closed_ledger_takes_nothing(sqlite_warehouse: Warehouse) -> None:
    ledger = Ledger(WarehouseCalls(sqlite_warehouse))
    ledger.close()
    ledger.close()
    with pytest.raises(RuntimeError, match="closed"):
        asyncio.run(ledger.record(call("a")))


def test_what_could_not_be_stored_is_stored_before_the_next_read(sqlite_warehouse: Warehouse) -> None:
    store = UnsteadyCalls(sqlite_warehouse, gone())

    async def buy() -> tuple[dict[str, CallRecord], Spend]:
        with Ledger(store) as ledger:
            with pytest.raises(TransientError, match="restarting"):
                await ledger.record(call("a"))
            spent = ledger.spend(SCOPE, CALLED.date())
            return await ledger.recall(["a"], SCOPE), spent

    assert asyncio.run(buy()) == ({"a": call("a")}, Spend(0.25, 0.25, 0.25))


def test_what_could_not_be_stored_counts_for_its_lead(sqlite_warehouse: Warehouse) -> None:
    store = UnsteadyCalls(sqlite_warehouse, gone())

    async def buy() -> dict[str, float]:
        with Ledger(store) as ledger:
            with pytest.raises(TransientError):
                await ledger.record(call("a"))
            return ledger.lead_spend("batch-1", ["lead-1"])

    assert asyncio.run(buy()) == {"lead-1": 0.25}


def test_while_the_database_is_gone_everything_says_so_and_nothing_is_lost(
    sqlite_warehouse: Warehouse,
) -> None:
    store = UnsteadyCalls(sqlite_warehouse, *(gone() for _ in range(4)))

    async def buy() -> None:
        with Ledger(store) as ledger:
            for key in ("a", "b"):
                with pytest.raises(TransientError):
                    await ledger.record(call(key))
            with pytest.raises(TransientError):
                await ledger.recall(["a"], SCOPE)
            with pytest.raises(TransientError):
                ledger.spend(SCOPE, CALLED.date())
            await ledger.record(call("c"))

    asyncio.run(buy())
    assert sorted(store.find(["a", "b", "c"])) == ["a", "b", "c"]


def test_closing_tells_what_is_lost(sqlite_warehouse: Warehouse, caplog: pytest.LogCaptureFixture) -> None:
    store = UnsteadyCalls(sqlite_warehouse, gone(), gone())

    async def buy() -> None:
        with Ledger(store) as ledger, pytest.raises(TransientError):
            await ledger.record(call("a"))

    with caplog.at_level(logging.WARNING):
        asyncio.run(buy())
    assert "1 finished calls for $0.2500 could not be stored" in caplog.text


def test_a_refused_call_takes_no_other_with_it(sqlite_warehouse: Warehouse) -> None:
    store = UnsteadyCalls(sqlite_warehouse)

    async def buy() -> list[Any]:
        with Ledger(store) as ledger:
            calls = [call(f"{number}", cost_usd=-1.0 if number == 1 else 0.25) for number in range(4)]
            return await asyncio.gather(*map(ledger.record, calls), return_exceptions=True)

    results = asyncio.run(buy())
    assert [type(result) for result in results] == [type(None), sa.exc.IntegrityError, type(None), type(None)]
    assert sorted(store.find(["0", "1", "2", "3"])) == ["0", "2", "3"]


def test_a_kept_call_that_is_refused_later_holds_nothing_up(
    sqlite_warehouse: Warehouse, caplog: pytest.LogCaptureFixture
) -> None:
    store = UnsteadyCalls(sqlite_warehouse, gone())

    async def buy() -> None:
        with Ledger(store) as ledger:
            with pytest.raises(TransientError):
                await ledger.record(call("bad", cost_usd=-1.0))
            await ledger.record(call("a"))

    asyncio.run(buy())
    assert sorted(store.find(["a", "bad"])) == ["a"]
    assert "A call of qualification for $-1.0000 cannot be stored" in caplog.text


@pytest.mark.parametrize(("days", "left"), [(None, ["new", "old"]), (30, ["new"]), (0, [])])
def test_old_responses_are_deleted_at_the_start(
    sqlite_warehouse: Warehouse, days: int | None, left: list[str]
) -> None:
    store = WarehouseCalls(sqlite_warehouse)
    store.add([call("old", called_at=CALLED - timedelta(days=31)), call("new")])

    async def ask() -> dict[str, CallRecord]:
        with Ledger(store, days, now=lambda: CALLED + timedelta(seconds=1)) as ledger:
            return await ledger.recall(["old", "new"], SCOPE)

    assert sorted(asyncio.run(ask())) == left


def test_deleting_happens_once(sqlite_warehouse: Warehouse) -> None:
    store = WarehouseCalls(sqlite_warehouse)

    async def ask() -> dict[str, CallRecord]:
        with Ledger(store, 30, now=lambda: CALLED) as ledger:
            await ledger.recall([], SCOPE)
            await ledger.record(call("old", called_at=CALLED - timedelta(days=31)))
            return await ledger.recall(["old"], SCOPE)

    assert sorted(asyncio.run(ask())) == ["old"]


def test_failed_calls_are_kept_but_not_recalled(sqlite_warehouse: Warehouse) -> None:
    async def buy() -> tuple[Collection[str], Spend]:
        with Ledger(WarehouseCalls(sqlite_warehouse)) as ledger:
            await ledger.record(call("a", outcome=CallOutcome.INVALID))
            return await ledger.recall(["a"], SCOPE), ledger.spend(SCOPE, date(2026, 3, 2))

    assert asyncio.run(buy()) == ({}, Spend(0.25, 0.25, 0.25))
