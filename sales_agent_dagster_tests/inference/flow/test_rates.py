"""Limits per window: never exceeded, never waited for longer than needed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sales_agent_dagster.inference.flow.rates import (
    Limits,
    RateExceeded,
    RateLimiter,
    SlidingWindow,
    Window,
)
from sales_agent_dagster_tests.inference.flow.virtual import VirtualClock

MINUTE = Window(60.0, margin_s=0.0)


def admitted(
    limiter: RateLimiter, clock: VirtualClock, tokens: Sequence[int], gaps: Sequence[float] = ()
) -> list[tuple[float, int]]:
    """Time and tokens of each call, in the order in which they were let through."""
    sent: list[tuple[float, int]] = []

    async def call(number: int) -> None:
        await limiter.admit("model", tokens[number])
        sent.append((clock.now(), tokens[number]))

    async def all_calls() -> None:
        calls = []
        for number in range(len(tokens)):
            calls.append(asyncio.create_task(call(number)))
            if gaps:
                await clock.sleep(gaps[number])
        await asyncio.gather(*calls)

    clock.run(all_calls())
    return sent


def most_in_any_window(sent: Sequence[tuple[float, int]], seconds: float) -> tuple[int, int]:
    """Most calls and most tokens in any half-open window of that length."""
    windows = [[one for one in sent if start <= one[0] < start + seconds - 1e-6] for start, _ in sent]
    return max(map(len, windows)), max(sum(tokens for _, tokens in window) for window in windows)


@given(
    tokens=st.lists(st.integers(1, 40), min_size=1, max_size=25),
    gaps=st.lists(st.floats(0, 30), min_size=25, max_size=25),
    requests=st.one_of(st.none(), st.integers(1, 8)),
    limit=st.one_of(st.none(), st.integers(40, 100)),
)
def test_no_window_holds_more_than_the_limits(
    tokens: list[int], gaps: list[float], requests: int | None, limit: int | None
) -> None:
    clock = VirtualClock()
    limiter = RateLimiter(Limits(requests, limit), 1.0, clock, window=MINUTE)
    sent = admitted(limiter, clock, tokens, gaps)
    assert [used for _, used in sent] == tokens, "first come, first served"
    calls, used = most_in_any_window(sent, 60)
    assert calls <= (requests or calls)
    assert used <= (limit or used)


def test_nobody_waits_longer_than_the_limits_ask() -> None:
    clock = VirtualClock()
    sent = admitted(RateLimiter(Limits(2, 100), 1.0, clock, window=MINUTE), clock, [10, 80, 20, 10, 80])
    assert [at - 1000 for at, _ in sent] == pytest.approx([0, 0, 60, 60, 120])


def test_the_margin_keeps_a_late_arrival_inside_its_window() -> None:
    clock = VirtualClock()
    sent = admitted(RateLimiter(Limits(1), 1.0, clock, window=Window(60, 2.5)), clock, [1, 1, 1])
    assert [at - 1000 for at, _ in sent] == pytest.approx([0, 62.5, 125])


def test_the_default_window_is_a_minute_and_a_second() -> None:
    assert Window().total_s == 61.0


def test_a_process_takes_its_share() -> None:
    assert Limits(60, 1000).part(0.25) == Limits(15, 250)
    assert Limits(1, None).part(0.1) == Limits(1, None)
    clock = VirtualClock()
    sent = admitted(RateLimiter(Limits(4), 0.5, clock, window=MINUTE), clock, [1] * 5)
    assert [at - 1000 for at, _ in sent] == pytest.approx([0, 0, 60, 60, 120])


def test_a_call_larger_than_the_limit_waits_for_an_empty_window() -> None:
    clock = VirtualClock()
    sent = admitted(RateLimiter(Limits(None, 100), 1.0, clock, window=MINUTE), clock, [1, 500, 1])
    assert [at - 1000 for at, _ in sent] == pytest.approx([0, 60, 120])


def test_limits_are_learned_unless_they_are_configured() -> None:
    limiter = RateLimiter(Limits(requests=5), 1.0, VirtualClock())
    assert limiter.limits_of("model") == Limits(5, None)
    limiter.learn("model", Limits(requests=99, tokens=1000))
    assert limiter.limits_of("model") == Limits(5, 1000)
    limiter.learn("model", Limits())
    assert limiter.limits_of("model") == Limits(5, 1000)
    assert limiter.limits_of("other") == Limits(5, None)


def test_calls_sent_before_a_limit_was_known_count() -> None:
    clock = VirtualClock()
    limiter = RateLimiter(Limits(), 1.0, clock, window=MINUTE)
    assert len(admitted(limiter, clock, [50, 50])) == 2
    limiter.learn("model", Limits(tokens=100))
    assert admitted(limiter, clock, [1]) == [(pytest.approx(1060), 1)]


def test_a_pause_holds_back_everybody_of_that_model() -> None:
    clock = VirtualClock()
    limiter = RateLimiter(Limits(), 1.0, clock)
    clock.run(limiter.pause("model", 7))
    clock.run(limiter.pause("model", 3))
    clock.run(limiter.pause("other", 50))
    assert [at - 1000 for at, _ in admitted(limiter, clock, [1, 1])] == pytest.approx([7, 7])


def test_nobody_waits_for_tomorrow() -> None:
    clock = VirtualClock()
    limiter = RateLimiter(Limits(), 1.0, clock)
    clock.run(limiter.pause("model", 33011))
    with pytest.raises(RateExceeded) as caught:
        clock.run(limiter.admit("model", 1))
    assert caught.value.seconds == pytest.approx(33011)
    assert clock.now() == 1000


def test_who_gives_up_waiting_takes_nothing() -> None:
    clock = VirtualClock()
    limiter = RateLimiter(Limits(requests=1), 1.0, clock, window=MINUTE)

    async def scene() -> float:
        await limiter.admit("model", 1)
        impatient = asyncio.create_task(limiter.admit("model", 1))
        patient = asyncio.create_task(limiter.admit("model", 1))
        await clock.sleep(10)
        impatient.cancel()
        await patient
        return clock.now() - 1000

    assert clock.run(scene()) == pytest.approx(60)


def test_forgetting_is_exact() -> None:
    window = SlidingWindow(60)
    window.reserve(0, 30)
    window.reserve(20, 30)
    assert window.wait_for(59, 50, Limits(None, 100)) == pytest.approx(1)
    assert window.wait_for(60, 50, Limits(None, 100)) == 0
    assert window.wait_for(60, 80, Limits(None, 100)) == pytest.approx(20)
