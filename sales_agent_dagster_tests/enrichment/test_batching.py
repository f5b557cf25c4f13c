import asyncio
from collections.abc import Sequence
from types import SimpleNamespace

import pytest

from sales_agent_dagster.enrichment.batching import Batcher
from sales_agent_dagster.enrichment.pacing import MINUTE_S, Pace


def test_what_comes_together_is_one_batch_and_a_full_one_runs_at_once() -> None:
    batches: list[list[int]] = []

    async def double(items: Sequence[int]) -> list[int]:
        batches.append(list(items))
        return [2 * item for item in items]

    async def many() -> list[int]:
        batcher = Batcher(double, limit=3, wait_s=0.01)
        return await asyncio.gather(*(batcher.ask(item) for item in range(7)))

    assert asyncio.run(many()) == [0, 2, 4, 6, 8, 10, 12]
    assert batches == [[0, 1, 2], [3, 4, 5], [6]]


def test_an_error_reaches_everybody_of_its_batch() -> None:
    async def fail(items: Sequence[int]) -> list[int]:
        if 1 in items:
            raise ValueError("no")
        return []

    async def many() -> list[object]:
        batcher = Batcher(fail, limit=2, wait_s=0.001)
        return await asyncio.gather(*(batcher.ask(item) for item in (1, 2, 3)), return_exceptions=True)

    first, second, third = asyncio.run(many())
    assert first is second
    assert isinstance(first, ValueError)
    assert str(third) == "0 results for 1 items"


def test_closing_cancels_what_runs_and_what_waits() -> None:
    async def hang(items: Sequence[int]) -> list[int]:
        await asyncio.sleep(60)
        return list(items)

    async def closed() -> None:
        batcher = Batcher(hang, limit=1, wait_s=60)
        waiting = Batcher(hang, limit=2, wait_s=60)
        asked = [asyncio.create_task(batcher.ask(1)), asyncio.create_task(waiting.ask(1))]
        await asyncio.sleep(0)
        await batcher.close()
        await waiting.close()
        for task in asked:
            with pytest.raises(asyncio.CancelledError):
                await task

    asyncio.run(closed())


def test_an_asker_that_gives_up_does_not_stop_the_others() -> None:
    async def slow(items: Sequence[int]) -> list[int]:
        await asyncio.sleep(0.01)
        return list(items)

    async def many() -> int:
        batcher = Batcher(slow, limit=2, wait_s=60)
        impatient, patient = (asyncio.create_task(batcher.ask(item)) for item in (1, 2))
        await asyncio.sleep(0)
        impatient.cancel()
        return await patient

    assert asyncio.run(many()) == 2


def test_turns_of_a_minute_are_used_up_and_come_back() -> None:
    now = 100.0

    async def turns() -> list[bool]:
        nonlocal now
        pace = Pace(2, lambda: now)
        taken = [await pace.turn(now + 5) for _ in range(3)]
        now += MINUTE_S
        taken += [await pace.turn(now + 5) for _ in range(3)]
        return taken

    assert asyncio.run(turns()) == [True, True, False] * 2


def test_a_turn_that_comes_before_the_deadline_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr("sales_agent_dagster.enrichment.pacing.asyncio", SimpleNamespace(sleep=sleep))

    async def turns() -> list[bool]:
        pace = Pace(1, lambda: 0.0)
        return [await pace.turn(150.0) for _ in range(4)]

    assert asyncio.run(turns()) == [True, True, True, False]
    assert waits == [60.0, 120.0]


def test_no_limit_is_no_wait() -> None:
    assert asyncio.run(Pace(None).turn(0.0))
