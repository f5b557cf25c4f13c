import asyncio
from collections.abc import Awaitable, Callable

import pytest

from sales_agent_dagster.enrichment import places
from sales_agent_dagster.enrichment.places import AT_ONCE, BEHIND_S, LOOK_S, Places


@pytest.fixture(autouse=True)
def _few(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "LEAST", 2)


class Leads:
    """Leads that stay until they are told to leave."""

    def __init__(self, most: int, late: bool = False) -> None:
        self.now = 0.0
        self.places = Places(most, self._clock if late else lambda: self.now)
        self.inside: list[int] = []
        self.tasks: dict[int, asyncio.Task[None]] = {}
        self.leave: dict[int, asyncio.Event] = {}

    def _clock(self) -> float:
        """Every look comes later than it should by more than is allowed."""
        self.now += LOOK_S + 2 * BEHIND_S
        return self.now

    async def _visit(self, number: int) -> None:
        async with self.places.one():
            self.inside.append(number)
            await self.leave[number].wait()
        self.inside.remove(number)

    def come(self, *numbers: int) -> None:
        for number in numbers:
            self.leave[number] = asyncio.Event()
            self.tasks[number] = asyncio.create_task(self._visit(number))

    async def soon(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(5):
            while not condition():
                await asyncio.sleep(0.001)

    async def end(self) -> None:
        for task in self.tasks.values():
            task.cancel()
        await asyncio.gather(*self.tasks.values(), return_exceptions=True)


def running(leads: Callable[[], Leads], work: Callable[[Leads], Awaitable[None]]) -> None:
    async def run() -> None:
        made = leads()
        try:
            await work(made)
        finally:
            await made.end()

    asyncio.run(run())


def test_more_are_let_in_while_the_loop_is_on_time_and_never_more_than_the_most() -> None:
    async def work(leads: Leads) -> None:
        count = 2 + AT_ONCE + 3
        leads.come(*range(count + 4))
        await leads.soon(lambda: len(leads.inside) == count)
        await asyncio.sleep(2 * LOOK_S)
        assert leads.inside == list(range(count))  # first come, first served
        leads.leave[0].set()
        await leads.soon(lambda: count in leads.inside)
        assert len(leads.inside) == count

    running(lambda: Leads(2 + AT_ONCE + 3), work)


def test_nobody_more_is_let_in_while_the_loop_is_late() -> None:
    async def work(leads: Leads) -> None:
        leads.come(0, 1, 2, 3)
        await asyncio.sleep(3 * LOOK_S)
        assert leads.inside == [0, 1]
        leads.leave[1].set()
        await leads.soon(lambda: leads.inside == [0, 2])

    running(lambda: Leads(10, late=True), work)


def test_who_gives_up_waiting_takes_no_place() -> None:
    async def work(leads: Leads) -> None:
        leads.come(0, 1, 2, 3)
        await leads.soon(lambda: len(leads.inside) == 2)
        await asyncio.sleep(0)
        leads.tasks[2].cancel()
        leads.leave[0].set()
        await leads.soon(lambda: leads.inside == [1, 3])
        # One that is cancelled in the moment it is let in gives its place to the next.
        leads.come(4, 5)
        await asyncio.sleep(0.001)
        leads.leave[1].set()
        while len(leads.places._waiting) == 2:
            await asyncio.sleep(0)
        leads.tasks[4].cancel()
        await leads.soon(lambda: leads.inside == [3, 5])

    running(lambda: Leads(10, late=True), work)


def test_fewer_than_the_least_may_be_allowed() -> None:
    async def work(leads: Leads) -> None:
        leads.come(0, 1)
        await asyncio.sleep(2 * LOOK_S)
        assert leads.inside == [0]

    running(lambda: Leads(1), work)
