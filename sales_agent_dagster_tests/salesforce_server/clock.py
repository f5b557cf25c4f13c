"""The server's time: stands still until it is moved, or runs with the real one."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta

START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)


class VirtualClock:
    """Time of one server.

    Args:
        running: time passes by itself, from now on.
    """

    def __init__(self, start: datetime = START, running: bool = False) -> None:
        self._start = start
        self._began = time.monotonic() if running else None
        self._moved = timedelta()

    def now(self) -> datetime:
        passed = time.monotonic() - self._began if self._began is not None else 0.0
        return self._start + self._moved + timedelta(seconds=passed)

    def advance(self, seconds: float) -> None:
        self._moved += timedelta(seconds=seconds)


def text_of(moment: datetime) -> str:
    """As the REST API writes a datetime field: whole seconds, zeros as milliseconds."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.000+0000")


def moment_of(text: str) -> datetime:
    """A datetime as SOQL literals, URL parameters and fields write it; always with a zone.

    Raises:
        ValueError: it is none.
    """
    moment = datetime.fromisoformat(text.replace(" ", "+"))
    if moment.tzinfo is None:
        raise ValueError(f"no time zone: {text}")
    return moment
