"""Queries and their pages, the change feeds, and the parameterised search."""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sales_agent_dagster_tests.salesforce_server.clock import moment_of, text_of
from sales_agent_dagster_tests.salesforce_server.errors import bad
from sales_agent_dagster_tests.salesforce_server.org import Org, Record
from sales_agent_dagster_tests.salesforce_server.schema import SObject
from sales_agent_dagster_tests.salesforce_server.soql import Query, comparable, parse

SMALLEST_PAGE, LARGEST_PAGE = 200, 2000
CURSOR_LIFE = timedelta(days=2)
FEED_DAYS = 30


@dataclass(frozen=True)
class Cursor:
    """What is left of a query: its rows as they were when it was asked."""

    rows: list[Record]
    size: int
    until: datetime


class Queries:
    """Answers queries of one server.

    Args:
        path: of the version, ``/services/data/v67.0``.
        short_pages: pages are shorter than asked for, as they may be when rows are large.
    """

    def __init__(self, org: Org, path: str, short_pages: bool = False) -> None:
        self._org = org
        self._path = path
        self.short_pages = short_pages
        self.cursors: dict[str, Cursor] = {}
        self._numbers = itertools.count(1)

    def query(self, text: str, deleted: bool, size: int | None, as_of: datetime | None = None) -> Any:
        """The first page; ``as_of`` answers as of an earlier time."""
        query = parse(text, self._org.objects)
        rows = self._rows(query, deleted, as_of)
        if not query.select:
            return {"totalSize": len(rows), "done": True, "records": []}
        shown = [self._shown(query, row) for row in rows]
        wanted = min(max(size or LARGEST_PAGE, SMALLEST_PAGE), LARGEST_PAGE)
        cursor = Cursor(
            shown, wanted * 9 // 10 if self.short_pages else wanted, self._org.clock.now() + CURSOR_LIFE
        )
        key = f"0r8xx{next(self._numbers):010d}"
        self.cursors[key] = cursor
        return self._page(key, cursor, 0, "queryAll" if deleted else "query")

    def more(self, locator: str, resource: str) -> Any:
        """The page that a ``nextRecordsUrl`` names."""
        key, _, at = locator.rpartition("-")
        cursor = self.cursors.get(key)
        if cursor is None or not at.isdigit() or cursor.until <= self._org.clock.now():
            raise bad("INVALID_QUERY_LOCATOR", "invalid query locator")
        return self._page(key, cursor, int(at), resource)

    def updated(self, sobject: SObject, start: str, end: str) -> Any:
        first, last = self._span(start, end)
        rows = self._org.all(sobject, deleted=False)
        found = [one["Id"] for one in rows if first <= moment_of(one["SystemModstamp"]) < last]
        return {"ids": sorted(found), "latestDateCovered": text_of(last)}

    def deleted(self, sobject: SObject, start: str, end: str) -> Any:
        first, last = self._span(start, end)
        rows = self._org.all(sobject, deleted=True)
        gone = [one for one in rows if one["IsDeleted"] and first <= moment_of(one["SystemModstamp"]) < last]
        found = [{"id": one["Id"], "deletedDate": one["SystemModstamp"]} for one in gone]
        oldest = self._org.clock.now() - timedelta(days=15)
        return {
            "deletedRecords": found,
            "earliestDateAvailable": text_of(oldest),
            "latestDateCovered": text_of(last),
        }

    def search(self, text: str, names: list[str], fields: list[str]) -> Any:
        """Undeleted records with the text in a name, e-mail address or phone number."""
        wanted, found = text.casefold(), []
        for name in names:
            sobject = self._org.sobject(name)
            for row in self._org.all(sobject, deleted=False):
                texts = (str(row.get(one) or "") for one in ("Name", "Company", "Email", "Phone"))
                if any(wanted in one.casefold() for one in texts):
                    shown = {one: row.get(one) for one in fields or ["Id"]}
                    found.append({"attributes": self._attributes(sobject, row), **shown})
        return {"searchRecords": found}

    def record(self, sobject: SObject, row: Record, names: list[str] | None = None) -> Record:
        """A record as the row resource shows it."""
        known = [one.name for one in sobject.fields.values()]
        wanted = known if names is None else [sobject.fields[name.lower()].name for name in names]
        return {"attributes": self._attributes(sobject, row), **{name: row.get(name) for name in wanted}}

    def _span(self, start: str, end: str) -> tuple[datetime, datetime]:
        """Seconds are ignored."""
        try:
            first, last = (moment_of(text).replace(second=0, microsecond=0) for text in (start, end))
        except ValueError:
            raise bad("INVALID_REPLICATION_DATE", "start and end must be dates and times") from None
        if first < self._org.clock.now() - timedelta(days=FEED_DAYS) or last <= first:
            raise bad(
                "INVALID_REPLICATION_DATE", "startDate cannot be more than 30 days ago, or after endDate"
            )
        return first, last

    def _rows(self, query: Query, deleted: bool, as_of: datetime | None) -> list[Record]:
        org, sobject = self._org, query.sobject
        rows = org.all(sobject, deleted)
        if query.where.keys is not None and as_of is None:
            narrowed = org.candidates(sobject, query.where.keys)
            if narrowed is not None:
                rows = [one for one in narrowed if deleted or not one["IsDeleted"]]
        if as_of is not None:
            rows = [past for one in org.all(sobject, deleted=True) if (past := self._past(one, as_of))
                    and (deleted or not past["IsDeleted"])]  # fmt: skip
        rows = [one for one in rows if query.where.holds(lambda name, one=one: org.value(sobject, one, name))]
        for name, descending, last in reversed(
            [*query.order, *([] if query.order else [("Id", False, False)])]
        ):
            self._sort(sobject, rows, name, descending, last)
        return rows[query.offset :][: query.limit] if query.limit is not None else rows[query.offset :]

    def _sort(self, sobject: SObject, rows: list[Record], name: str, descending: bool, last: bool) -> None:
        found = sobject.field(name)

        def key(row: Record) -> Any:
            return comparable(found, row.get(name)) if found else self._org.value(sobject, row, name)

        empty = [row for row in rows if key(row) is None]
        filled = sorted((row for row in rows if key(row) is not None), key=key, reverse=descending)
        rows[:] = filled + empty if last else empty + filled

    def _past(self, row: Record, as_of: datetime) -> Record | None:
        changed, before = self._org.previous[row["Id"]]
        return before if moment_of(changed) > as_of else row

    def _shown(self, query: Query, row: Record) -> Record:
        shown: Record = {"attributes": self._attributes(query.sobject, row)}
        for path in query.select:
            relation, _, name = path.rpartition(".")
            if not relation:
                shown[name] = row.get(name)
                continue
            through = query.sobject.relation(relation)
            if through is None or row.get(through.name) is None:
                shown[relation] = None
                continue
            inner = shown.setdefault(relation, {"attributes": {"type": through.refers[0], "url": ""}})
            inner[name] = self._org.value(query.sobject, row, path)
        return shown

    def _attributes(self, sobject: SObject, row: Record) -> Record:
        return {"type": sobject.name, "url": f"{self._path}/sobjects/{sobject.name}/{row['Id']}"}

    def _page(self, key: str, cursor: Cursor, at: int, resource: str) -> Any:
        end = at + cursor.size
        page = {
            "totalSize": len(cursor.rows),
            "done": end >= len(cursor.rows),
            "records": cursor.rows[at:end],
        }
        return page if page["done"] else {**page, "nextRecordsUrl": f"{self._path}/{resource}/{key}-{end}"}
