"""How often a provider may be called: at most so many calls begin in any minute."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable

MINUTE_S = 60.0


class Pace:
    """Begins of calls in the last minute. Used in one event loop.

    Args:
        per_minute: most of them; None is no limit. At least as many as the most ``turns`` of one call.
    """

    def __init__(self, per_minute: int | None, now: Callable[[], float] = time.monotonic) -> None:
        self._per_minute = per_minute
        self._now = now
        self._begun: deque[float] = deque()

    async def turn(self, deadline: float, turns: int = 1) -> bool:
        """Wait for a turn and take it; False, at once, when none comes before ``deadline``.

        A call that a provider counts as several takes as many ``turns``.
        """
        if self._per_minute is None:
            return True
        now = self._now()
        while self._begun and self._begun[0] <= now - MINUTE_S:
            self._begun.popleft()
        if len(self._begun) + turns <= self._per_minute:
            self._begun.extend([now] * turns)
            return True
        # When the oldest of those that leave no room is a minute ago.
        begins = self._begun[len(self._begun) + turns - self._per_minute - 1] + MINUTE_S
        if begins >= deadline:
            return False
        self._begun.extend([begins] * turns)
        await asyncio.sleep(begins - now)
        return True
