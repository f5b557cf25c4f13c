from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sales_agent_dagster.inference.flow.concurrency import START, AdaptiveConcurrency


def test_it_starts_small_and_doubles_per_round_until_the_most() -> None:
    gate = AdaptiveConcurrency(128)
    assert gate.limit == START == 64
    for _ in range(20):
        gate.succeeded()
    assert gate.limit == 84
    for _ in range(500):
        gate.succeeded()
    assert gate.limit == 128
    assert AdaptiveConcurrency(3).limit == 3


def test_a_round_of_refusals_halves_once_and_growth_is_slow_after() -> None:
    gate = AdaptiveConcurrency(32)
    first = gate.round
    gate.refused(first)
    gate.refused(first)
    assert gate.limit == 16
    gate.refused(gate.round)
    gate.refused(first)
    assert gate.limit == 8
    for _ in range(8):
        gate.succeeded()
    assert gate.limit == 8
    gate.succeeded()
    assert gate.limit == 9


def test_it_never_falls_below_one() -> None:
    gate = AdaptiveConcurrency(2)
    for round_number in range(5):
        gate.refused(round_number)
    assert gate.limit == 1


@given(st.lists(st.sampled_from(["answer", "refusal"]), min_size=1, max_size=80), st.integers(1, 20))
def test_never_more_in_flight_than_the_limit_and_everybody_gets_a_turn(
    outcomes: list[str], most: int
) -> None:
    gate = AdaptiveConcurrency(most)
    order: list[int] = []

    async def call(number: int, outcome: str) -> None:
        async with gate.slot():
            sent_in = gate.round
            order.append(number)
            assert gate.in_flight <= most
            await asyncio.sleep(0)
            if outcome == "answer":
                gate.succeeded()
            else:
                gate.refused(sent_in)

    async def scene() -> None:
        await asyncio.gather(*(call(number, outcome) for number, outcome in enumerate(outcomes)))

    asyncio.run(scene())
    assert order == list(range(len(outcomes)))
    assert gate.in_flight == 0


def test_after_a_refusal_nobody_enters_until_enough_have_left() -> None:
    gate = AdaptiveConcurrency(4)

    async def scene() -> list[int]:
        release = asyncio.Event()
        inside: list[int] = []

        async def call(number: int) -> None:
            async with gate.slot():
                inside.append(number)
                await release.wait()

        calls = [asyncio.create_task(call(number)) for number in range(6)]
        await asyncio.sleep(0.001)
        gate.refused(0)
        assert (inside, gate.limit) == ([0, 1, 2, 3], 2)
        calls[0].cancel()
        await asyncio.sleep(0.001)
        assert len(inside) == 4
        for call_ in calls[1:3]:
            call_.cancel()
        await asyncio.sleep(0.001)
        seen = list(inside)
        release.set()
        await asyncio.gather(*calls, return_exceptions=True)
        return seen

    assert asyncio.run(scene()) == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("turn_given", [False, True])
def test_a_cancelled_waiter_takes_no_place(turn_given: bool) -> None:
    gate = AdaptiveConcurrency(1)

    async def scene() -> None:
        async def enter() -> None:
            async with gate.slot():
                pass

        holding = gate.slot()
        await holding.__aenter__()
        waiter = asyncio.create_task(enter())
        other = asyncio.create_task(enter())
        await asyncio.sleep(0)
        if turn_given:
            await holding.__aexit__(None, None, None)
            waiter.cancel()
        else:
            waiter.cancel()
            await asyncio.sleep(0)
            await holding.__aexit__(None, None, None)
        await asyncio.wait_for(other, 5)
        assert waiter.cancelled() or waiter.done()

    asyncio.run(scene())
    assert gate.in_flight == 0
