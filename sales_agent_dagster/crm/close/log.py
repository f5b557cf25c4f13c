"""The event log, read side by side: a page has 50 events and names the next one, so one reader takes long.

The log is cut into windows of time, which need no cursor of each other. How much a window holds shows only
when it is read: their width follows what the last ones held.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sales_agent_dagster.crm.close.api import EVENT_PAGE, CloseApi, Object
from sales_agent_dagster.crm.close.mapping import moment_of

RETENTION = timedelta(days=30)
PAGES_AT_A_TIME = 4
"""Pages that one reader takes before what is read is given on: what bounds the memory."""

_WIDEN = 8.0
"""A next window is at most so much wider or narrower."""

_CUT = timedelta(milliseconds=1)
"""By so much a time that is shown may be less exact than the one that is compared."""

_NARROWEST = timedelta(milliseconds=100)


@dataclass(frozen=True, slots=True)
class _Part:
    """A window, from its next page on. Both ends are in it: an event on the border comes twice."""

    start: datetime
    end: datetime
    cursor: str | None = None


def log_pages(api: CloseApi, since: datetime | None) -> Iterator[list[Object]]:
    """Pages of all events from ``since`` on: the newest one first, the rest in any order.

    None is all that the log keeps. What happens meanwhile is left to the next reading.
    """
    page, cursor = api.event_page({} if since is None else {"date_updated__gte": log_time(since)})
    if page:
        yield page
    if not cursor:
        return
    newest, oldest = moment_of(page[0]["date_updated"]), moment_of(page[-1]["date_updated"])
    windows = _Windows(oldest, since or newest - RETENTION, newest - oldest)
    parts: deque[_Part] = deque()
    while True:
        parts.extend(windows.take(api.transport.options.concurrency - len(parts)))
        if not parts:
            return
        now, got = list(parts), 0
        parts.clear()
        for pages, left in api.transport.each(lambda part: _read(api, part), now):
            got += sum(map(len, pages))
            yield from filter(None, pages)
            if left is not None:
                parts.append(left)
        windows.learn(got / len(now))


def log_time(moment: datetime) -> str:
    """A moment as the log's filters take it."""
    return moment.astimezone(UTC).isoformat()


def _read(api: CloseApi, part: _Part) -> tuple[list[list[Object]], _Part | None]:
    """Some pages of a window, and what is left of it."""
    filters = {"date_updated__gte": log_time(part.start), "date_updated__lte": log_time(part.end + _CUT)}
    pages, cursor = [], part.cursor
    for _ in range(PAGES_AT_A_TIME):
        page, cursor = api.event_page(filters, cursor)
        pages.append(page)
        if not cursor:
            return pages, None
    return pages, _Part(part.start, part.end, cursor)


class _Windows:
    """Windows from ``end`` back to ``start``, the first ones as wide as ``width`` for each of their pages."""

    def __init__(self, end: datetime, start: datetime, width: timedelta) -> None:
        self._end = end
        self._start = start
        self._width = max(width * PAGES_AT_A_TIME, _NARROWEST)

    def take(self, number: int) -> Iterator[_Part]:
        """The next ones, at most so many."""
        while number > 0 and self._end > self._start:
            begin = max(self._start, self._end - self._width)
            yield _Part(begin, self._end)
            self._end = begin
            number -= 1

    def learn(self, events: float) -> None:
        """So many events one reader found on average: make the next windows hold what it takes at a time."""
        wanted = 0.8 * PAGES_AT_A_TIME * EVENT_PAGE
        factor = min(max(wanted / events, 1 / _WIDEN), _WIDEN) if events else _WIDEN**2
        self._width = max(self._width * factor, _NARROWEST)
