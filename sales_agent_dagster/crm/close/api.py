"""Close's HTTP API: how it answers, and its ways to read more than a page."""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

import requests
from pydantic import SecretStr
from requests.auth import AuthBase

from sales_agent_dagster.crm.close.queries import (
    Node,
    all_of,
    by_date,
    condition,
    moments,
    regular,
    sequence_body,
)
from sales_agent_dagster.crm.errors import (
    InvalidRequest,
    PermissionRefused,
    RecordGone,
    Unavailable,
)
from sales_agent_dagster.crm.http import Reply
from sales_agent_dagster.crm.transport import Transport

Object = dict[str, Any]
PAGE = 200
EVENT_PAGE = 50
"""Largest pages that searches and the event log give."""
LEAST_PAGE = 50
"""A server that refuses a search's page is asked for half of it, not for less than that."""
SEARCH_CAP = 10_000
"""Most objects that a search gives."""
LIST_PAGE = 100
BARREN_EXPIRIES = 5
"""A search whose cursor dies so often in a row without giving anything new is given up."""


class KeyAuth(AuthBase):
    """An API key, as HTTP Basic's user without a password."""

    def __init__(self, key: SecretStr) -> None:
        self._key = key

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        """Add the header."""
        encoded = base64.b64encode(f"{self._key.get_secret_value()}:".encode()).decode()
        request.headers["Authorization"] = f"Basic {encoded}"
        return request


class CloseApi:
    """Calls by path, and readers of lists, searches and the event log. Paths end in a slash."""

    def __init__(self, transport: Transport) -> None:
        self.transport = transport
        self._page = PAGE

    def get(self, path: str, params: Mapping[str, Any] | None = None) -> Object:
        """The answer's JSON."""
        return _parsed(self._call("GET", path, params=params))

    def first(self, path: str) -> Object:
        """The answer's JSON of what every organisation has: without it, this is not Close's API."""
        try:
            return self.get(path)
        except RecordGone as error:
            raise InvalidRequest(
                f"There is no {path} at {self.transport.base_url}/: SALES_AGENT_CLOSE__BASE_URL is not that "
                f"of Close's API. ({error.message})",
                status=error.status,
            ) from None

    def send(self, method: str, path: str, body: Object | None = None) -> Reply:
        """One writing call."""
        return self._call(method, path, json=body)

    def _search(self, body: Object) -> Object:
        return _parsed(self._call("POST", "data/search/", json=body, reads=True))

    def _call(self, method: str, path: str, **given: Any) -> Reply:
        try:
            return self.transport.request(method, path, group=f"{method} {path.partition('/')[0]}", **given)
        except PermissionRefused as error:
            raise PermissionRefused(
                f"Close does not let this API key {method} {path}: {error.message}",
                status=error.status,
                request_id=error.request_id,
            ) from None

    def listed(self, path: str, params: Mapping[str, Any] | None = None) -> Iterator[Object]:
        """All objects of a list that is read by offset."""
        skip = 0
        while True:
            page = self.get(path, {**(params or {}), "_skip": skip, "_limit": LIST_PAGE})
            yield from page["data"]
            skip += len(page["data"])
            # Some lists do not say whether there is more.
            if not page["data"] or not page.get("has_more", len(page["data"]) >= LIST_PAGE):
                return

    def events(self, **filters: str) -> Iterator[list[Object]]:
        """Pages of the event log, newest first."""
        cursor: str | None = None
        while True:
            page, cursor = self.event_page(filters, cursor)
            yield page
            if not cursor:
                return

    def event_page(
        self, filters: Mapping[str, str], cursor: str | None = None
    ) -> tuple[list[Object], str | None]:
        """A page of the event log, and the cursor of the next older one; None after the last."""
        given = {**filters, "_limit": EVENT_PAGE, **({"_cursor": cursor} if cursor else {})}
        page = self.get("event/", given)
        return page["data"], page.get("cursor_next")

    def found(self, kind: str, query: Node, fields: Sequence[str]) -> list[Object]:
        """All objects that match, at most what one search gives; started anew when its cursor dies."""
        for _ in range(BARREN_EXPIRIES):
            try:
                return [each for page, _ in self._pages(kind, query, fields, None) for each in page]
            except CursorExpired:
                continue
        raise Unavailable("The cursor of a search expired again and again.")

    def newest(self, kind: str) -> str | None:
        """``date_updated`` of what was changed last; None when there is nothing."""
        body = sequence_body(kind, all_of(kind), ["date_updated"], "date_updated", 1, "desc")
        answer = self._search(body)
        return str(answer["data"][0]["date_updated"]) if answer["data"] else None

    def changed(
        self,
        kind: str,
        since: str | None,
        newest: str,
        fields: Sequence[str],
        *conditions: Node,
    ) -> Iterator[list[Object]]:
        """Objects last changed from ``since`` to ``newest``, oldest first, across the cap and dead cursors.

        What changes meanwhile may come with its new date, out of order, or not at all. ``fields`` has the
        dates among them.
        """
        upper = condition(regular(kind, "date_updated"), **moments(last=newest))
        orders = ("date_updated", "date_created")
        yield from self._walk(kind, [upper, *conditions], orders, _Edge(orders[0], since, newest), fields)

    def created(
        self, kind: str, since: str | None, fields: Sequence[str], *conditions: Node
    ) -> Iterator[list[Object]]:
        """Objects created from ``since`` on, oldest first, across the cap and dead cursors.

        ``fields`` has the dates among them.
        """
        orders = ("date_created", "date_updated")
        yield from self._walk(kind, list(conditions), orders, _Edge(orders[0], since), fields)

    def _walk(
        self, kind: str, base: list[Node], orders: Sequence[str], edge: _Edge, fields: Sequence[str]
    ) -> Iterator[list[Object]]:
        """Windows of a search sorted by ``orders[0]``: each starts where the last one ended."""
        barren = 0
        while True:
            query = by_date(kind, base, orders[0], edge.at, past=edge.past)
            total, got, before, expired = 0, 0, edge.passed, False
            try:
                for page, count in self._pages(kind, query, fields, orders[0]):
                    got += len(page)
                    # Without a count, as many as a search gives at most may not have been all.
                    total = max(total, count) if count is not None else got + (got >= SEARCH_CAP)
                    if news := edge.fresh(page):
                        yield news
            except CursorExpired:
                expired = True
            if not expired and got >= total:
                return
            barren = 0 if edge.passed > before else barren + 1
            if barren and not expired:
                yield from self._one_instant(kind, base, orders, edge, fields)
                barren = 0
            elif barren >= BARREN_EXPIRIES:
                raise Unavailable("The cursor of a search expired again and again.")

    def _one_instant(
        self, kind: str, base: list[Node], orders: Sequence[str], edge: _Edge, fields: Sequence[str]
    ) -> Iterator[list[Object]]:
        """More objects of one instant than a search gives: told apart by the next order."""
        if edge.at is None or len(orders) < 2:
            raise InvalidRequest(
                "More records than one search gives were created and changed at the same instant: "
                "change some of them in Close."
            )
        exactly = condition(regular(kind, orders[0]), **moments(edge.at, edge.at))
        for page in self._walk(kind, [*base, exactly], orders[1:], _Edge(orders[1]), fields):
            if news := edge.fresh(page):
                yield news
        edge.past = True

    def _pages(
        self, kind: str, query: Node, fields: Sequence[str], order: str | None
    ) -> Iterator[tuple[list[Object], int | None]]:
        """Pages of one search, each with the number of all matches where it is told.

        Raises:
            CursorExpired: more than 30 s passed between two pages.
        """
        cursor: str | None = None
        while True:
            body = sequence_body(kind, query, fields, order, self._page)
            given = {**body, **({"cursor": cursor} if cursor else {})}
            try:
                answer = self._search(given)
            except InvalidRequest as error:
                if cursor and "cursor" in error.fields:
                    raise CursorExpired from None
                if "_limit" in error.fields and body["_limit"] > LEAST_PAGE:
                    self._page = min(self._page, body["_limit"] // 2)
                    continue
                raise
            yield answer["data"], (answer.get("count") or {}).get("total")
            cursor = answer.get("cursor")
            if not cursor:
                return


class CursorExpired(Exception):
    """A search's cursor died; the search has to start anew."""


class _Edge:
    """How far a walk has come: the newest instant that was given out, and what of it. Windows overlap in it.

    Attributes:
        at: the instant; None before the first.
        past: all of the instant has been given out.
        passed: how many objects were given out in order.
    """

    def __init__(self, order: str, at: str | None = None, newest: str | None = None) -> None:
        self._order = order
        self._newest = newest
        self._given: set[str] = set()
        self.at = at
        self.past = False
        self.passed = 0

    def fresh(self, page: Sequence[Object]) -> list[Object]:
        """What of a page was not given out yet. Dates after ``newest`` are of later changes: no place."""
        news = []
        for value in page:
            date = str(value[self._order])
            if self._newest is None or date <= self._newest:
                if self.at is None or date > self.at:
                    self.at, self._given, self.past = date, set(), False
                if date == self.at and value["id"] in self._given:
                    continue
                self._given.add(value["id"])
                self.passed += 1
            news.append(value)
        return news


def _parsed(reply: Reply) -> Object:
    body = reply.json()
    if not isinstance(body, dict):
        raise Unavailable("Close's answer is no JSON object, as all of its API's are.", status=reply.status)
    return body


def segment(text: str) -> str:
    """A value as one part of a path."""
    return quote(text, safe="")
