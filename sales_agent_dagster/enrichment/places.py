"""How many leads use the network at once: as many as this process keeps up with."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

LEAST = 64
"""Leads that are let in however busy the process is: fewer would wait for websites with nothing to do."""

BEHIND_S = 0.01
"""An event loop that is later than this has more to do than it can: it reads pages of other leads."""

LOOK_S = 0.025
"""How often it is looked at."""

AT_ONCE = 8
"""Leads let in per look beyond `LEAST`, so that the next one shows what they cost."""


class Places:
    """Places for leads; first come, first served. Used in one event loop.

    A lead that waits for a silent website costs nothing and should keep nobody out. Hundreds whose pages come
    at once would make each other late. So more than ``LEAST`` are in only while the event loop is on time.

    Args:
        most: leads at once, however idle the process is.
        clock: seconds that only grow; by default the event loop's.
    """

    def __init__(self, most: int, clock: Callable[[], float] | None = None) -> None:
        self._most = most
        self._least = min(LEAST, most)
        self._clock = clock
        self._taken = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None

    @asynccontextmanager
    async def one(self) -> AsyncIterator[None]:
        """A place for one lead."""
        if self._waiting or self._taken >= self._least:
            await self._turn()
        else:
            self._taken += 1
        try:
            yield
        finally:
            self._taken -= 1
            self._let_in(self._least - self._taken)

    async def _turn(self) -> None:
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        self._look_later()
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._taken -= 1  # it was let in and is leaving
                self._let_in(self._least - self._taken)
            raise

    def _let_in(self, count: int) -> None:
        while count > 0 and self._waiting and self._taken < self._most:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                self._taken += 1
                count -= 1

    def _look_later(self) -> None:
        if self._timer is None and self._most > self._least:
            self._timer = asyncio.get_running_loop().call_later(LOOK_S, self._look, self._now() + LOOK_S)

    def _look(self, due: float) -> None:
        self._timer = None
        if self._now() - due <= BEHIND_S:
            self._let_in(AT_ONCE)
        if self._waiting:
            self._look_later()

    def _now(self) -> float:
        return self._clock() if self._clock else asyncio.get_running_loop().time()
