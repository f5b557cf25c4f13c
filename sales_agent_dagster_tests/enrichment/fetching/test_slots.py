"""Concurrency is bounded, in all and per host."""

from __future__ import annotations

import asyncio
from collections import Counter

from sales_agent_dagster.enrichment.fetching.slots import Slots


def most_at_once(slots: Slots, hosts: list[str]) -> Counter[str]:
    now: Counter[str] = Counter()
    most: Counter[str] = Counter()

    async def use(host: str) -> None:
        async with slots.of(host):
            for name in (host, "all"):
                now[name] += 1
                most[name] = max(most[name], now[name])
            await asyncio.sleep(0.001)
            for name in (host, "all"):
                now[name] -= 1

    async def run() -> None:
        await asyncio.gather(*map(use, hosts))

    asyncio.run(run())
    return most


def test_limits_hold_and_are_used():
    most = most_at_once(Slots(5, 2), ["a"] * 6 + ["b"] * 6 + ["c"] * 6)
    assert most == Counter({"a": 2, "b": 2, "c": 2, "all": 5})


def test_waiting_for_a_host_holds_nothing_that_others_need():
    most = most_at_once(Slots(2, 1), ["busy"] * 10 + ["idle"])
    assert most["idle"] == 1
    assert most["all"] == 2


def test_hosts_are_forgotten_also_when_waiting_is_given_up():
    async def run() -> dict[str, object]:
        slots = Slots(1, 1)
        async with slots.of("a"):
            waiting = asyncio.create_task(slots.of("a").__aenter__())
            await asyncio.sleep(0)
            waiting.cancel()
            await asyncio.gather(waiting, return_exceptions=True)
        async with slots.of("a"):
            pass
        return dict(slots._hosts)

    assert asyncio.run(run()) == {}
