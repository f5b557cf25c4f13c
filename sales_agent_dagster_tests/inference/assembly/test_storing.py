"""Answers come before they are stored; nothing is built on them before they are."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Collection, Iterator, Sequence

import pytest

from sales_agent_dagster.domain.calls import CallRecord
from sales_agent_dagster.domain.errors import TransientError
from sales_agent_dagster.warehouse.calls import WarehouseCalls
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster_tests.cerebras_server.running import RunningServer
from sales_agent_dagster_tests.inference.assembly.conftest import MakeEngine
from sales_agent_dagster_tests.inference.assembly.judging import SCOPE, LockedCalls, engines, given, tasks


class HeldCalls(WarehouseCalls):
    """A ledger that stores nothing until it is let go."""

    def __init__(self, warehouse: Warehouse) -> None:
        super().__init__(warehouse)
        self.has_begun, self.let_go = threading.Event(), threading.Event()

    def add(self, records: Sequence[CallRecord]) -> None:
        if records:
            self.has_begun.set()
            assert self.let_go.wait(30)
        super().add(records)


class RefusingCalls(WarehouseCalls):
    """A ledger that refuses every call for good."""

    def add(self, records: Sequence[CallRecord]) -> None:
        if records:
            raise ValueError("no such column")


@pytest.fixture
def held(sqlite_warehouse: Warehouse) -> Iterator[HeldCalls]:
    calls = HeldCalls(sqlite_warehouse)
    yield calls
    calls.let_go.set()


def test_an_answer_does_not_wait_for_its_place_in_the_ledger(
    make_engine: MakeEngine, cerebras: RunningServer, held: HeldCalls
) -> None:
    engine = make_engine(held)

    async def scene() -> None:
        assert engines(await engine.answer_all(tasks(3), SCOPE, stored=False)) == {"cerebras": 3}
        settling = asyncio.create_task(engine.settle())
        await asyncio.sleep(0.02)
        assert not settling.done()
        held.let_go.set()
        await settling

    asyncio.run(scene())
    assert engines(asyncio.run(make_engine().answer_all(tasks(3), SCOPE))) == {"cerebras": 3}
    assert cerebras.stats.billed == 3


def test_what_is_not_stored_keeps_its_place(
    make_engine: MakeEngine, cerebras: RunningServer, held: HeldCalls
) -> None:
    engine = make_engine(held, concurrency=2)

    async def scene() -> None:
        first = await engine.answer_all(tasks(2), SCOPE, stored=False)
        more = asyncio.create_task(engine.answer_all(tasks(2, 2), SCOPE))
        await asyncio.sleep(0.05)
        assert cerebras.stats.requests == 2, "a kill now loses two calls, as many as may be in flight"
        held.let_go.set()
        assert engines([*first, *await more]) == {"cerebras": 4}

    asyncio.run(scene())


def test_the_same_question_is_not_bought_again_while_its_answer_is_being_stored(
    make_engine: MakeEngine, cerebras: RunningServer, held: HeldCalls
) -> None:
    engine = make_engine(held)

    async def scene() -> None:
        await engine.answer_all(tasks(2), SCOPE, stored=False)
        again = asyncio.create_task(engine.answer_all(tasks(2), SCOPE))
        await asyncio.sleep(0.02)
        held.let_go.set()
        assert engines(await again) == {"cerebras": 2}

    asyncio.run(scene())
    assert cerebras.stats.requests == 2


def test_a_database_that_is_away_is_told_when_settling(
    make_engine: MakeEngine, cerebras: RunningServer, sqlite_warehouse: Warehouse
) -> None:
    calls = LockedCalls(sqlite_warehouse)
    engine = make_engine(calls)

    async def scene() -> None:
        calls.locked = True
        assert engines(await engine.answer_all(tasks(3), SCOPE, stored=False)) == {"cerebras": 3}
        for _ in range(2):
            with pytest.raises(TransientError, match="locked"):
                await engine.settle()
        calls.locked = False
        await engine.settle()

    asyncio.run(scene())
    assert engines(asyncio.run(make_engine().answer_all(tasks(3), SCOPE))) == {"cerebras": 3}
    assert cerebras.stats.billed == 3


def test_a_call_that_the_database_refuses_fails_who_asked(
    make_engine: MakeEngine, sqlite_warehouse: Warehouse
) -> None:
    engine = make_engine(RefusingCalls(sqlite_warehouse))

    async def scene() -> None:
        assert engines(await engine.answer_all(tasks(1), SCOPE, stored=False)) == {"cerebras": 1}
        with pytest.raises(ValueError, match="no such column"):
            await engine.settle()
        await engine.settle()
        with pytest.raises(ValueError, match="no such column"):
            await engine.answer_all(tasks(1, 1), SCOPE)

    asyncio.run(scene())


class SlowReader(WarehouseCalls):
    """A ledger whose first reading comes to its reader late."""

    is_near = False

    def __init__(self, warehouse: Warehouse) -> None:
        super().__init__(warehouse)
        self.has_read, self.let_go = threading.Event(), threading.Event()

    def find(self, call_keys: Collection[str]) -> dict[str, CallRecord]:
        found, first = super().find(call_keys), not self.has_read.is_set()
        self.has_read.set()
        if first:
            assert self.let_go.wait(30)
        return found


def test_what_was_bought_since_the_ledger_was_read_is_not_bought_again(
    make_engine: MakeEngine, cerebras: RunningServer, sqlite_warehouse: Warehouse
) -> None:
    calls = SlowReader(sqlite_warehouse)
    engine = make_engine(calls)

    async def scene() -> None:
        slow = asyncio.create_task(engine.answer_all(tasks(2), SCOPE))
        await asyncio.to_thread(calls.has_read.wait, 30)
        assert engines(await engine.answer_all(tasks(2), SCOPE)) == {"cerebras": 2}
        calls.let_go.set()
        assert [answer.replayed for answer in given(await slow)] == [True, True]

    asyncio.run(scene())
    assert cerebras.stats.requests == 2


@pytest.mark.parametrize("few", [0, 8])
def test_few_keys_are_read_in_the_caller_s_own_thread_unless_somebody_writes(
    make_engine: MakeEngine, sqlite_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr("sales_agent_dagster.inference.ledger.FEW_KEYS", few)
    readers = []

    class Watched(HeldCalls):
        def find(self, call_keys: Collection[str]) -> dict[str, CallRecord]:
            readers.append(threading.current_thread() is threading.main_thread())
            return super().find(call_keys)

    calls = Watched(sqlite_warehouse)
    engine = make_engine(calls)

    async def scene() -> None:
        assert engines(await engine.answer_all(tasks(1), SCOPE, stored=False)) == {"cerebras": 1}
        await asyncio.to_thread(calls.has_begun.wait, 30)
        meanwhile = asyncio.create_task(engine.answer_all(tasks(1, 1), SCOPE))
        await asyncio.sleep(0.02)
        assert not meanwhile.done(), "a call that is being written might be the one that is asked for"
        calls.let_go.set()
        assert engines(await meanwhile) == {"cerebras": 1}

    asyncio.run(scene())
    assert readers == [few > 0, False]
