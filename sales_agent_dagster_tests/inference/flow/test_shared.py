"""The same rules when processes share them through a real Redis-protocol server."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace

import pytest

from sales_agent_dagster.inference.flow.breaker import BreakerRules, Breakers, Permit
from sales_agent_dagster.inference.flow.clock import SystemClock
from sales_agent_dagster.inference.flow.flights import Leases
from sales_agent_dagster.inference.flow.rates import Limits, RateExceeded, RateLimiter, Window
from sales_agent_dagster.inference.flow.shared import SharedState, SharedStateLost
from sales_agent_dagster.settings import PROJECT_ROOT

CLOCK = SystemClock()
RULES = BreakerRules(ratio=0.5, calls=10, least=4, window_s=30, open_s=0.1, probe_s=0.2)


@asynccontextmanager
async def two(url: str) -> AsyncIterator[tuple[SharedState, SharedState]]:
    """What two processes would have."""
    pair = SharedState(url, CLOCK), SharedState(url, CLOCK)
    try:
        yield pair
    finally:
        for one in pair:
            await one.close()


def test_failures_that_come_back_before_the_answers_do_not_open_it(redis_url: str) -> None:
    async def scene() -> list[Permit]:
        async with two(redis_url) as (first, second):
            a, b = (Breakers(RULES, CLOCK, shared=one, owner="many") for one in (first, second))
            seen = []
            for _ in range(6):
                await a.record("m", Permit.PASSES, ok=False, in_flight=6)
                seen.append(await b.admit("m"))
            return seen

    assert asyncio.run(scene()) == [Permit.PASSES] * 5 + [Permit.REFUSED]


def test_a_breaker_opened_by_one_is_open_for_the_other_and_one_probes_for_both(redis_url: str) -> None:
    async def scene() -> list[Permit]:
        async with two(redis_url) as (first, second):
            a, b = (Breakers(RULES, CLOCK, shared=one, owner="us") for one in (first, second))
            seen = [await b.admit("m")]
            for _ in range(2):
                await a.record("m", await a.admit("m"), ok=False)
                await b.record("m", await b.admit("m"), ok=False)
            seen += [await a.admit("m"), await b.admit("m"), await b.admit("other")]
            stranger = Breakers(RULES, CLOCK, shared=second, owner="them")
            seen.append(await stranger.admit("m"))
            await asyncio.sleep(0.11)
            seen += [await b.admit("m"), await a.admit("m")]
            await b.release("m", Permit.PROBE)
            probe = await a.admit("m")
            await a.record("m", probe, ok=False)
            seen += [probe, await b.admit("m")]
            await asyncio.sleep(0.11)
            await b.record("m", await b.admit("m"), ok=True)
            return [*seen, await a.admit("m")]

    passes, refused, probe = Permit.PASSES, Permit.REFUSED, Permit.PROBE
    expected = [passes, refused, refused, passes, passes, probe, refused, probe, refused, passes]
    assert asyncio.run(scene()) == expected


@pytest.mark.parametrize(
    ("outcomes", "permit"),
    [
        ("xxx", Permit.PASSES),
        ("xxxx", Permit.REFUSED),
        ("ooox", Permit.PASSES),
        ("oxox", Permit.REFUSED),
        ("ooooooooooxxxx", Permit.PASSES),
        ("ooooooooooxxxxx", Permit.REFUSED),
    ],
)
def test_the_shared_breaker_opens_where_the_local_one_does(
    redis_url: str, outcomes: str, permit: Permit
) -> None:
    async def scene() -> Permit:
        async with two(redis_url) as (one, _):
            breakers = Breakers(RULES, CLOCK, shared=one)
            for outcome in outcomes:
                await breakers.record("m", Permit.PASSES, ok=outcome == "o")
            return await breakers.admit("m")

    assert asyncio.run(scene()) is permit


def test_the_shared_breaker_forgets_what_is_older_than_its_window(redis_url: str) -> None:
    rules = replace(RULES, window_s=0.2)

    async def scene() -> list[Permit]:
        async with two(redis_url) as (one, _):
            breakers = Breakers(rules, CLOCK, shared=one)
            for _ in range(2):
                await breakers.record("m", Permit.PASSES, ok=False)
            await asyncio.sleep(0.12)
            await breakers.record("m", Permit.PASSES, ok=True)  # the list lives on; what is in it does not
            await asyncio.sleep(0.12)
            await breakers.record("m", Permit.PASSES, ok=False)
            seen = [await breakers.admit("m")]
            for _ in range(3):
                await breakers.record("m", Permit.PASSES, ok=False)
            return [*seen, await breakers.admit("m")]

    assert asyncio.run(scene()) == [Permit.PASSES, Permit.REFUSED]


def test_a_probe_whose_process_died_is_given_up(redis_url: str) -> None:
    async def scene() -> list[Permit]:
        async with two(redis_url) as (first, second):
            a, b = (Breakers(RULES, CLOCK, shared=one) for one in (first, second))
            for _ in range(4):
                await a.record("m", Permit.PASSES, ok=False)
            await asyncio.sleep(0.11)
            seen = [await a.admit("m"), await b.admit("m")]
            await asyncio.sleep(0.21)
            return [*seen, await b.admit("m")]

    assert asyncio.run(scene()) == [Permit.PROBE, Permit.REFUSED, Permit.PROBE]


def test_when_redis_goes_the_process_s_own_breaker_knows(redis_url: str) -> None:
    async def scene() -> Permit:
        async with two(redis_url) as (one, _):
            breakers = Breakers(RULES, CLOCK, shared=one)
            for _ in range(4):
                await breakers.record("m", Permit.PASSES, ok=False)
            one._away_until = CLOCK.now() + 60
            return await breakers.admit("m")

    assert asyncio.run(scene()) is Permit.REFUSED


def test_tokens_and_pauses_are_shared(redis_url: str) -> None:
    async def scene() -> tuple[float, float]:
        async with two(redis_url) as (first, second):
            a, b = (
                RateLimiter(Limits(tokens=100), 0.5, CLOCK, shared=one, window=Window(0.3, 0))
                for one in (first, second)
            )
            began = time.monotonic()
            await a.admit("m", 60)
            await b.admit("other", 100)
            await b.admit("m", 60)
            waited = time.monotonic() - began
            began = time.monotonic()
            await a.pause("m", 0.4)
            await b.admit("m", 10)
            return waited, time.monotonic() - began

    waited, paused = asyncio.run(scene())
    assert waited >= 0.29
    assert paused >= 0.39


def test_when_redis_goes_a_process_knows_what_it_has_sent(redis_url: str) -> None:
    async def scene() -> float:
        async with two(redis_url) as (one, _):
            limiter = RateLimiter(Limits(requests=4), 0.5, CLOCK, shared=one, window=Window(0.3, 0))
            began = time.monotonic()
            for _ in range(2):
                await limiter.admit("m", 1)
            one._away_until = CLOCK.now() + 60
            await limiter.admit("m", 1)
            return time.monotonic() - began

    assert asyncio.run(scene()) >= 0.3


def test_what_one_process_has_learned_holds_for_all_and_calls_before_it_count(redis_url: str) -> None:
    async def scene() -> float:
        async with two(redis_url) as (first, second):
            a, b = (
                RateLimiter(Limits(), 1.0, CLOCK, shared=one, window=Window(0.3, 0))
                for one in (first, second)
            )
            began = time.monotonic()
            await b.admit("m", 60)
            a.learn("m", Limits(tokens=100))
            await a.admit("m", 40)
            await b.admit("m", 1)
            return time.monotonic() - began

    assert asyncio.run(scene()) >= 0.3


def test_tomorrow_is_too_far_for_everybody(redis_url: str) -> None:
    async def scene() -> None:
        async with two(redis_url) as (first, second):
            a, b = (RateLimiter(Limits(requests=9), 1, CLOCK, shared=one) for one in (first, second))
            await a.pause("m", 20_000)
            await a.pause("m", 1)
            await b.admit("m", 1)

    with pytest.raises(RateExceeded):
        asyncio.run(scene())


def test_a_call_larger_than_the_limit_waits_for_an_empty_shared_window(redis_url: str) -> None:
    async def scene() -> float:
        async with two(redis_url) as (one, _):
            limiter = RateLimiter(Limits(tokens=10), 1, CLOCK, shared=one, window=Window(0.2, 0))
            await limiter.admit("m", 1)
            began = time.monotonic()
            await limiter.admit("m", 500)
            return time.monotonic() - began

    assert asyncio.run(scene()) >= 0.19


_SENDER = """
import asyncio, json, sys, time
from sales_agent_dagster.inference.flow.clock import SystemClock
from sales_agent_dagster.inference.flow.rates import Limits, RateLimiter, Window
from sales_agent_dagster.inference.flow.shared import SharedState
url, share, count = sys.argv[1:]
clock = SystemClock()
async def main():
    shared = SharedState(url, clock) if url else None
    limiter = RateLimiter(Limits(requests=60), float(share), clock, shared=shared, window=Window(1.0, 0.05))
    sent = []
    while len(sent) < int(count):
        await limiter.admit("m", 1)
        sent.append(time.time())
    if shared:
        await shared.close()
    print(json.dumps(sent))
asyncio.run(main())
"""


@pytest.mark.parametrize(("with_redis", "share", "each"), [(True, 0.5, 60), (False, 0.5, 30)])
def test_two_processes_keep_to_sixty_a_window(
    redis_url: str, with_redis: bool, share: float, each: int
) -> None:
    """A window of one second in place of a minute."""
    command = [sys.executable, "-c", _SENDER, redis_url if with_redis else "", str(share), "75"]
    pair = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT_ROOT) for _ in range(2)]
    try:
        sent = [json.loads(one.communicate(timeout=200)[0]) for one in pair]
    finally:
        for one in pair:
            one.kill()
    assert _most(sorted(sent[0] + sent[1])) <= 60
    assert all(_most(times) <= each for times in sent)
    assert [len(times) for times in sent] == [75, 75], "and none is starved"


def _most(times: list[float]) -> int:
    return max(sum(start <= at < start + 1.0 for at in times) for start in times)


async def never() -> bool:
    raise AssertionError("nobody bought it")


def stored(answer: bool) -> Callable[[], Awaitable[bool]]:
    async def say() -> bool:
        return answer

    return say


def test_one_process_buys_and_the_other_finds_it_stored(redis_url: str) -> None:
    async def scene() -> tuple[list[str], list[bool]]:
        async with two(redis_url) as (first, second):
            a, b = (Leases(CLOCK, one) for one in (first, second))
            order: list[str] = []

            async def buy(leases: Leases, name: str, check: Callable[[], Awaitable[bool]]) -> bool:
                async with leases.hold("key", check) as lease:
                    order.append(name)
                    await asyncio.sleep(0.05)
                    lease.bought = lease.ours
                    return lease.ours

            one = asyncio.create_task(buy(a, "first", never))
            await asyncio.sleep(0.02)
            two_ = asyncio.create_task(buy(b, "second", stored(True)))
            ours = [await one, await two_]
            ours.append(await buy(a, "again", stored(True)))
            ours.append(await buy(b, "other ledger", stored(False)))
            return order, ours

    order, ours = asyncio.run(scene())
    assert order == ["first", "second", "again", "other ledger"]
    assert ours == [True, False, False, True]


def test_what_was_not_bought_is_free_for_the_next(redis_url: str) -> None:
    async def scene() -> bool:
        async with two(redis_url) as (first, second):
            a, b = (Leases(CLOCK, one) for one in (first, second))
            with pytest.raises(ConnectionError):
                async with a.hold("key", never):
                    raise ConnectionError
            async with b.hold("key", never) as lease:
                return lease.ours

    assert asyncio.run(scene()) is True


def test_a_held_lease_lives_on_and_a_dead_one_does_not(
    redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("_MILLISECONDS", 150), ("RENEW_S", 0.04), ("POLL_S", 0.02)):
        monkeypatch.setattr(f"sales_agent_dagster.inference.flow.flights.{name}", value)

    async def scene() -> tuple[bool, bool]:
        async with two(redis_url) as (first, second):
            a, b = (Leases(CLOCK, one) for one in (first, second))

            async def take() -> bool:
                async with b.hold("key", never) as lease:
                    return lease.ours

            holding = a.hold("key", never)
            await holding.__aenter__()
            waiting = asyncio.create_task(take())
            await asyncio.sleep(0.4)
            still_waiting = not waiting.done()
            assert a._renewing is not None
            a._renewing.cancel()  # as if its process were dead: it neither renews nor gives back
            a._held.clear()
            return still_waiting, await asyncio.wait_for(waiting, 10)

    assert asyncio.run(scene()) == (True, True)


def test_a_server_that_is_not_there_is_asked_again_only_later(caplog: pytest.LogCaptureFixture) -> None:
    class Clock(SystemClock):
        offset = 0.0

        def now(self) -> float:
            return super().now() + self.offset

    clock = Clock()

    async def scene() -> list[float]:
        state = SharedState("redis://127.0.0.1:1/0", clock)
        times = []
        for offset in (0, 1, 4, 6):
            clock.offset = offset
            with pytest.raises(SharedStateLost):
                await state.run("return 1", [], [])
            times.append(state._away_until)
        await state.close()
        return times

    first, second, third, fourth = asyncio.run(scene())
    assert first == second == third < fourth
    assert caplog.text.count("Redis does not answer (ConnectionError)") == 1


def test_what_was_closed_is_not_opened_again(redis_url: str) -> None:
    async def scene() -> None:
        state = SharedState(redis_url, CLOCK)
        assert await state.run("return 1", [], []) == 1
        await state.close()
        with pytest.raises(SharedStateLost):
            await state.run("return 1", [], [])
        await state.close()

    asyncio.run(scene())
