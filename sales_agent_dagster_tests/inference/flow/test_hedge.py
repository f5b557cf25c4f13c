from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from sales_agent_dagster.inference.flow.hedge import ENOUGH, Hedging, first_answer
from sales_agent_dagster_tests.inference.flow.virtual import VirtualClock


class Requests:
    """Requests that take the given times, in order; a negative time fails after its absolute value."""

    def __init__(self, clock: VirtualClock, *seconds: float) -> None:
        self.clock = clock
        self.seconds = list(seconds)
        self.sent = 0
        self.cancelled: list[int] = []

    async def __call__(self) -> int:
        number = self.sent
        self.sent += 1
        try:
            await self.clock.sleep(abs(self.seconds[number]))
        except asyncio.CancelledError:
            self.cancelled.append(number)
            raise
        if self.seconds[number] < 0:
            raise ConnectionError(str(number))
        return number


async def yes() -> bool:
    return True


async def no() -> bool:
    return False


def outcome(
    *seconds: float, after: float | None = 2.0, take: Callable[[], Awaitable[bool]] = yes
) -> tuple[int, int, float, Requests]:
    clock = VirtualClock()
    requests = Requests(clock, *seconds)
    winner, sent = clock.run(first_answer(requests, requests, after, take, clock))
    return winner, sent, clock.now() - 1000, requests


def test_a_fast_request_is_not_hedged() -> None:
    winner, sent, took, requests = outcome(1.0, 9.0)
    assert (winner, sent, took, requests.cancelled) == (0, 1, 1.0, [])


def test_a_slow_one_is_and_the_loser_is_cancelled() -> None:
    winner, sent, took, requests = outcome(30.0, 1.0)
    assert (winner, sent, took, requests.cancelled) == (1, 2, 3.0, [0])


def test_the_first_request_may_still_win() -> None:
    winner, sent, took, requests = outcome(2.5, 5.0)
    assert (winner, sent, took, requests.cancelled) == (0, 2, 2.5, [1])


def test_an_error_waits_for_the_other_request() -> None:
    assert outcome(-2.5, 1.0)[:3] == (1, 2, 3.0)
    assert outcome(4.0, -1.0)[:3] == (0, 2, 4.0)


def test_two_errors_are_an_error() -> None:
    with pytest.raises(ConnectionError, match="0"):
        outcome(-5.0, -1.0)


def test_an_early_error_is_not_hedged() -> None:
    clock = VirtualClock()
    requests = Requests(clock, -1.0, 1.0)
    with pytest.raises(ConnectionError):
        clock.run(first_answer(requests, requests, 2.0, yes, clock))
    assert requests.sent == 1


def test_no_hedge_without_a_time_or_permission() -> None:
    assert outcome(30.0, 1.0, after=None)[:3] == (0, 1, 30.0)
    assert outcome(30.0, 1.0, take=no)[:3] == (0, 1, 30.0)


def test_cancelling_the_caller_cancels_both() -> None:
    clock = VirtualClock()
    requests = Requests(clock, 30.0, 30.0)

    async def scene() -> None:
        call = asyncio.create_task(first_answer(requests, requests, 2.0, yes, clock))
        await clock.sleep(5)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    clock.run(scene())
    assert sorted(requests.cancelled) == [0, 1]


@pytest.mark.parametrize(("share", "most"), [(0.1, 10), (0.0, 0), (1.0, 100)])
def test_hedges_are_a_share_of_all_calls(share: float, most: int) -> None:
    hedging = Hedging(500, share)
    taken = 0
    for calls in range(1, 101):
        assert hedging.begin() == 0.5
        while hedging.take():
            taken += 1
        assert taken == int(share * calls + 1e-9)
    assert taken == most


def test_never_means_never() -> None:
    assert Hedging(None, 1.0).begin() is None


def test_the_95th_percentile_of_the_last_calls() -> None:
    hedging = Hedging("p95", 1.0)
    for number in range(ENOUGH - 1):
        hedging.observe(number)
        assert hedging.begin() is None
    for number in range(200):
        hedging.observe(number / 100)
    for _ in range(100):
        hedging.observe(1.0)
    delay = hedging.begin()
    assert delay is not None
    assert 1.5 < delay < 2.0
