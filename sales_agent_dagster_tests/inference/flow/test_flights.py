from __future__ import annotations

import asyncio

import pytest

from sales_agent_dagster.inference.flow.flights import Flights, Leases
from sales_agent_dagster_tests.inference.flow.virtual import VirtualClock


class Shop:
    """Sells numbers; ``fault`` is what the next purchases raise."""

    def __init__(self) -> None:
        self.sold = 0
        self.fault: Exception | None = None

    async def buy(self) -> int:
        self.sold += 1
        await asyncio.sleep(0.001)
        if self.fault:
            raise self.fault
        return self.sold


def test_identical_calls_in_flight_are_bought_once() -> None:
    shop, flights = Shop(), Flights[int]()

    async def scene() -> tuple[list[tuple[int, bool]], tuple[int, bool], tuple[int, bool]]:
        together = await asyncio.gather(*(flights.once("a", shop.buy) for _ in range(5)))
        return together, await flights.once("b", shop.buy), await flights.once("a", shop.buy)

    together, other, later = asyncio.run(scene())
    assert together == [(1, False), *[(1, True)] * 4]
    assert (other, later) == ((2, False), (3, False))


def test_a_failure_is_shared_and_not_kept() -> None:
    shop, flights = Shop(), Flights[int]()
    shop.fault = ConnectionError("away")

    async def scene() -> list[object]:
        failed = await asyncio.gather(
            *(flights.once("a", shop.buy) for _ in range(3)), return_exceptions=True
        )
        shop.fault = None
        return [*failed, await flights.once("a", shop.buy)]

    *failed, later = asyncio.run(scene())
    assert [type(one) for one in failed] == [ConnectionError] * 3
    assert later == (2, False)
    assert shop.sold == 2


def test_when_the_leader_is_cancelled_the_next_takes_over() -> None:
    shop, flights = Shop(), Flights[int]()

    async def scene() -> list[tuple[int, bool]]:
        leader = asyncio.create_task(flights.once("a", shop.buy))
        followers = [asyncio.create_task(flights.once("a", shop.buy)) for _ in range(2)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        leader.cancel()
        return list(await asyncio.gather(*followers))

    assert asyncio.run(scene()) == [(2, False), (2, True)]


def test_a_follower_that_is_cancelled_does_not_disturb_the_leader() -> None:
    shop, flights = Shop(), Flights[int]()

    async def scene() -> tuple[int, bool]:
        leader = asyncio.create_task(flights.once("a", shop.buy))
        follower = asyncio.create_task(flights.once("a", shop.buy))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        follower.cancel()
        return await leader

    assert asyncio.run(scene()) == (1, False)


def test_without_redis_everybody_gets_the_lease() -> None:
    clock = VirtualClock()

    async def never() -> bool:
        raise AssertionError("nobody was waited for")

    async def scene() -> list[bool]:
        leases = Leases(clock, None)
        async with leases.hold("a", never) as first, leases.hold("a", never) as second:
            return [first.ours, second.ours]

    assert clock.run(scene()) == [True, True]


@pytest.mark.parametrize("error", [ConnectionError, asyncio.CancelledError])
def test_nothing_is_left_behind(error: type[BaseException]) -> None:
    flights = Flights[int]()

    async def fail() -> int:
        raise error

    async def scene() -> int:
        with pytest.raises(error):
            await flights.once("a", fail)
        return len(flights._leaders)

    assert asyncio.run(scene()) == 0
