"""Our own network is asked after before a website is blamed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sales_agent_dagster.enrichment.fetching.uplink import Uplink


class Controls:
    """Two control hosts: which of them answer, and how often they were asked."""

    def __init__(self, *answers: bool) -> None:
        self.answers = answers
        self.asked = [0] * len(answers)
        self.now = 100.0

    def probes(self) -> tuple[Callable, ...]:
        async def probe(number: int) -> None:
            self.asked[number] += 1
            await asyncio.sleep(0)
            if not self.answers[number]:
                raise OSError("no route")

        return tuple(lambda number=number: probe(number) for number in range(len(self.answers)))

    def uplink(self) -> Uplink:
        return Uplink(self.probes(), lambda: self.now)


def test_the_first_control_host_that_answers_is_enough():
    controls = Controls(False, True, True)
    assert asyncio.run(controls.uplink().works(100.0))
    assert controls.asked == [1, 1, 0]


def test_it_does_not_work_when_nobody_answers():
    controls = Controls(False, False)
    assert not asyncio.run(controls.uplink().works(100.0))
    assert controls.asked == [1, 1]


def test_only_an_answer_later_than_the_request_vouches_for_it():
    controls = Controls(False)
    uplink = controls.uplink()
    uplink.answered()
    assert not asyncio.run(uplink.works(since=100.0))
    assert controls.asked == [1]
    assert asyncio.run(uplink.works(since=99.9))
    assert controls.asked == [1]


def test_many_doubts_ask_once():
    controls = Controls(True)
    uplink = controls.uplink()

    async def run() -> list[bool]:
        return await asyncio.gather(*(uplink.works(100.0) for _ in range(20)))

    assert asyncio.run(run()) == [True] * 20
    assert controls.asked == [1]


def test_one_who_gives_up_does_not_stop_the_others():
    controls = Controls(True)
    uplink = controls.uplink()

    async def run() -> bool:
        first, second = (asyncio.create_task(uplink.works(100.0)) for _ in range(2))
        await asyncio.sleep(0)
        first.cancel()
        return await second

    assert asyncio.run(run())


def test_closing_stops_the_question():
    async def never() -> None:
        await asyncio.Event().wait()

    async def run() -> bool:
        uplink = Uplink((never,), lambda: 0.0)
        waiting = asyncio.create_task(uplink.works(100.0))
        await asyncio.sleep(0)
        await uplink.close()
        await asyncio.gather(waiting, return_exceptions=True)
        await uplink.close()
        return waiting.cancelled()

    assert asyncio.run(run())
