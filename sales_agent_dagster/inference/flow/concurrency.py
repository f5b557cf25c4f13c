"""How many calls are in flight: more while all goes well, half as many when the provider says too many."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

START = 64
"""Calls in flight before the provider has said anything."""


class AdaptiveConcurrency:
    """Additive increase, multiplicative decrease, as in TCP.

    Until the first refusal every success adds one, which doubles the limit per round trip (slow start);
    then a whole round of successes adds one. A refusal halves the limit, once per round: the refusals of
    calls that were in flight together are one piece of news. First come, first served.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._limit = float(min(START, most))
        self._slow_start = True
        self._in_flight = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._round = 0
        self._answered = 0

    @property
    def limit(self) -> int:
        """Most calls in flight now."""
        return int(self._limit)

    @property
    def in_flight(self) -> int:
        """Calls in flight now."""
        return self._in_flight

    @property
    def round(self) -> int:
        """Number of the round that requests sent now belong to; ``refused`` wants it back."""
        return self._round

    @property
    def answered(self) -> int:
        """Calls that got their answer, ever: more of them mean that the provider lets calls through."""
        return self._answered

    @asynccontextmanager
    async def slot(self) -> AsyncIterator[None]:
        """One call's place."""
        await self._enter()
        try:
            yield
        finally:
            self._in_flight -= 1
            self._wake()

    def succeeded(self) -> None:
        """A call got its answer."""
        self._answered += 1
        self._limit = min(float(self._most), self._limit + (1.0 if self._slow_start else 1.0 / self._limit))
        self._wake()

    def refused(self, sent_in: int) -> None:
        """The provider said too many requests to one that was sent in that round."""
        if sent_in == self._round:
            self._round += 1
            self._slow_start = False
            self._limit = max(1.0, self._limit / 2)

    async def _enter(self) -> None:
        if self._in_flight < self.limit and not self._waiting:
            self._in_flight += 1
            return
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                # Its place was given to it while it was being cancelled: on to the next.
                self._in_flight -= 1
                self._wake()
            raise

    def _wake(self) -> None:
        while self._waiting and self._in_flight < self.limit:
            turn = self._waiting.popleft()
            if not turn.done():
                self._in_flight += 1
                turn.set_result(None)
