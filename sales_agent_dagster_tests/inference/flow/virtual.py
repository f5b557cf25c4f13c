"""Time that passes only when nobody has anything else to do."""

from __future__ import annotations

import asyncio
import heapq
import itertools
from collections.abc import Coroutine
from typing import Any, TypeVar

ResultT = TypeVar("ResultT")

SETTLE = 50
"""Turns of the loop after which everything that can go on without time has gone on."""


class VirtualClock:
    """Starts at 1000 s."""

    def __init__(self) -> None:
        self._now = 1000.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._numbers = itertools.count()

    def now(self) -> float:
        return self._now

    async def sleep(self, seconds: float) -> None:
        wakened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        heapq.heappush(self._sleepers, (self._now + seconds, next(self._numbers), wakened))
        await wakened

    def pass_by(self, seconds: float) -> None:
        """Let time pass without waking anybody."""
        self._now += seconds

    def run(self, work: Coroutine[Any, Any, ResultT]) -> ResultT:
        """The result of ``work``; time jumps to the next sleeper whenever all wait."""

        async def drive() -> ResultT:
            task = asyncio.ensure_future(work)
            while True:
                for _ in range(SETTLE):
                    await asyncio.sleep(0)
                if task.done():
                    return task.result()
                self._wake_next()

        return asyncio.run(drive())

    def _wake_next(self) -> None:
        while self._sleepers:
            at, _, wakened = heapq.heappop(self._sleepers)
            if not wakened.done():
                self._now = max(self._now, at)
                wakened.set_result(None)
                return
        raise AssertionError("everybody waits for something that never comes")
