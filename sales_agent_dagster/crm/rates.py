"""How fast a CRM may be asked: what its headers say, else found out (AIMD).

Slow start, then additive increase and multiplicative decrease (RFC 5681, section 3.1; Chiu and Jain 1989):
until the first refusal the rate doubles each second, afterwards it grows a little; a refusal halves it, at
most once per second of waiting. Calls are spaced evenly; a short burst makes up for idle time.
"""

from __future__ import annotations

import math
import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class RateHint:
    """What a response tells about the quota; None is not told.

    Attributes:
        limit, remaining: calls per window and left in it.
        reset_s: seconds until the window is full again.
        quota_left: share of the longest quota (mostly the day's) that is left, 0-1.
    """

    limit: int | None = None
    remaining: int | None = None
    reset_s: float | None = None
    quota_left: float | None = None


@dataclass(frozen=True, slots=True)
class Pace:
    """Bounds of the rate, calls per second.

    Attributes:
        start: before anything is known.
        burst: calls that may go at once after a pause.
        step: added to the rate per second of undisturbed calls, once there was a refusal.
        window_s: of a limit that rolls: in no window so long go more calls than the rate allows in it, so
            that a burst may be longer than the limit leaves above the rate; 0 is none.
        also: group of calls towards whose rate these count, too.
    """

    start: float = 10.0
    least: float = 0.2
    most: float = 100.0
    burst: int = 5
    step: float = 2.0
    window_s: float = 0.0
    also: str | None = None


_DOUBLING = math.log(2)
"""Added per answer: as many answers as the rate come in a second, and so it doubles in one."""


class RateGate:
    """Lets calls of one group through, from several threads.

    Args:
        now: monotonic seconds.
        sleep: waits; called without the lock.
        also: lets each of these calls through, too.
    """

    def __init__(
        self,
        pace: Pace,
        now: Callable[[], float],
        sleep: Callable[[float], None],
        also: RateGate | None = None,
    ) -> None:
        self._pace = pace
        self._also = also
        self._now = now
        self._sleep = sleep
        self._lock = threading.Lock()
        self._rate = pace.start
        self._next = 0.0
        self._paused_until = 0.0
        self._slowed_at = float("-inf")
        self._unrefused = True
        self._sent: deque[float] = deque()

    @property
    def rate(self) -> float:
        """Calls per second at present."""
        return self._rate

    def enter(self) -> None:
        """Return when a call may go out."""
        self._wait()
        if self._also is not None:
            self._also.enter()

    def _wait(self) -> None:
        while True:
            with self._lock:
                now = self._now()
                if now >= self._paused_until:
                    # Idle time is worth at most a burst.
                    slot = max(self._next, now - self._pace.burst / self._rate)
                    self._next = slot + 1 / self._rate
                    wait = self._in_window(max(slot, now)) - now
                    break
                pause = self._paused_until - now
            self._sleep(pause)
        if wait > 0:
            self._sleep(wait)

    def _in_window(self, at: float) -> float:
        """When a call that may go at a time goes, so that no window holds too many; it is counted."""
        window_s = self._pace.window_s
        if not window_s:
            return at
        most = max(1, int(self._rate * window_s))
        if len(self._sent) >= most:
            at = max(at, self._sent[-most] + window_s)
        while self._sent and self._sent[0] <= at - window_s:
            self._sent.popleft()
        self._sent.append(at)
        return at

    def answered(self, hint: RateHint | None) -> None:
        """A call was answered: follow the hint, or go a little faster."""
        with self._lock:
            pace = self._pace
            if hint is not None and hint.remaining is not None and hint.reset_s:
                if hint.remaining <= 0:
                    self._paused_until = max(self._paused_until, self._now() + hint.reset_s)
                else:
                    self._rate = min(max(hint.remaining / hint.reset_s, pace.least), pace.most)
                return
            grows = _DOUBLING if self._unrefused else pace.step / self._rate
            self._rate = min(self._rate + grows, pace.most)

    def refused(self, retry_after: float | None) -> float:
        """A call was refused for its rate: halve it and pause everybody; returns the pause in seconds."""
        with self._lock:
            now = self._now()
            self._unrefused = False
            if now - self._slowed_at >= 1.0:
                self._rate = max(self._rate / 2, self._pace.least)
                self._slowed_at = now
            pause = retry_after if retry_after is not None else 1 / self._rate
            self._paused_until = max(self._paused_until, now + pause)
            self._next = max(self._next, self._paused_until)
            return pause
