"""The server's time: virtual, so that half a minute or thirty days pass at once, or real."""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime

START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
TICK_S = 0.001
"""How much a request takes in virtual time: no two requests share their microsecond."""


class Clock:
    """Seconds since 1970. ``advance`` moves it; ``sleep`` of a client under test may be ``advance``."""

    def __init__(self, real: bool = False) -> None:
        self._lock = threading.Lock()
        self.reset(real)

    def reset(self, real: bool) -> None:
        self.real = real
        self._offset = 0.0 if real else START.timestamp()

    def now(self) -> float:
        return self._offset + (time.time() if self.real else 0.0)

    def advance(self, seconds: float) -> None:
        with self._lock:
            self._offset += seconds

    def tick(self) -> None:
        if not self.real:
            self.advance(TICK_S)


def object_time(seconds: float) -> str:
    """As on objects."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f+00:00")


def event_time(seconds: float) -> str:
    """As on events: UTC without saying so."""
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")


def read_time(text: str) -> float:
    """Seconds of an ISO 8601 text; UTC when it names no zone.

    Raises:
        ValueError: it is no time.
    """
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
