"""What changed: rows in the order of their last change, across pages and dying cursors.

``SystemModstamp`` has whole seconds, and a bulk load gives thousands of rows the same one: pages are ordered
by it and by id, and a page says of its last second only that it has begun.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from sales_agent_dagster.crm.contract import Page, Stream, Suppression, SuppressionScope
from sales_agent_dagster.crm.errors import InvalidRequest
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.crm.record import Record
from sales_agent_dagster.crm.salesforce.client import Client, Row
from sales_agent_dagster.crm.salesforce.dialect import EXPIRED_CURSOR
from sales_agent_dagster.crm.salesforce.finding import Finder
from sales_agent_dagster.crm.salesforce.layout import Layout, SObject
from sales_agent_dagster.crm.salesforce.records import moment_of, records_of
from sales_agent_dagster.crm.salesforce.soql import moment, quoted
from sales_agent_dagster.domain.values.phone import read_phones

STREAMS = {
    "accounts": (SObject.ACCOUNT, frozenset({Kind.COMPANY})),
    "leads": (SObject.LEAD, frozenset({Kind.COMPANY, Kind.CONTACT})),
    "contacts": (SObject.CONTACT, frozenset({Kind.CONTACT})),
    "opportunities": (SObject.OPPORTUNITY, frozenset({Kind.OPPORTUNITY})),
}
_TICK = timedelta(seconds=1)
_PEOPLE = (SObject.LEAD, SObject.CONTACT)


def streams() -> tuple[Stream, ...]:
    """All streams, companies first."""
    return tuple(Stream(name, kinds) for name, (_, kinds) in STREAMS.items())


class Puller:
    """Reads changes of one organisation."""

    def __init__(self, client: Client, finder: Finder, layout: Layout) -> None:
        self._client = client
        self._finder = finder
        self._layout = layout

    def pull(self, stream: str, since: datetime | None) -> Iterator[Page]:
        """Pages of records; deleted, merged and converted ones are archived records."""
        sobject, _ = STREAMS[stream]
        condition = f"SystemModstamp >= {moment(since)}" if since else None
        ahead: list[Row] | None = None
        for rows in self._changes(sobject, condition):
            if ahead is not None:
                yield self._page(sobject, ahead, since, last=False)
            ahead = rows
        yield self._page(sobject, ahead or [], since, last=True)

    def suppressions(self, since: datetime | None) -> Iterator[Suppression]:
        """Opted out of e-mail, not to be called."""
        for sobject in _PEOPLE:
            flags = [one for one in ("HasOptedOutOfEmail", "DoNotCall") if self._client.has(sobject, one)]
            if not flags:
                continue
            asked = " OR ".join(f"{flag} = true" for flag in flags)
            recent = f" AND SystemModstamp >= {moment(since)}" if since else ""
            for rows in self._changes(sobject, f"({asked}){recent}"):
                for row in rows:
                    yield from _suppressions_of(row)

    def _changes(self, sobject: SObject, condition: str | None) -> Iterator[list[Row]]:
        """Pages of rows, oldest change first; a cursor that died is taken up behind the last row."""
        last: Row | None = None
        while True:
            try:
                for rows in self._client.pages(self._query(sobject, condition, last), deleted=True):
                    if rows:
                        last = rows[-1]
                        yield rows
                return
            except InvalidRequest as error:
                if error.code != EXPIRED_CURSOR:
                    raise

    def _query(self, sobject: SObject, condition: str | None, last: Row | None) -> str:
        conditions = [condition] if condition else []
        if last is not None:
            stamp = moment(moment_of(last["SystemModstamp"]))
            behind = f"SystemModstamp = {stamp} AND Id > {quoted(last['Id'])}"
            conditions.append(f"(SystemModstamp > {stamp} OR ({behind}))")
        where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
        columns = ", ".join(self._finder.columns(sobject))
        return f"SELECT {columns} FROM {sobject}{where} ORDER BY SystemModstamp, Id"

    def _page(self, sobject: SObject, rows: list[Row], since: datetime | None, *, last: bool) -> Page:
        records: list[Record] = []
        for row in rows:
            records += records_of(self._layout, sobject, row, self._client.url)
        if not rows:
            return Page(complete_to=since)
        seen = moment_of(rows[-1]["SystemModstamp"])
        complete = seen if last else seen - _TICK
        return Page(records, complete_to=max(complete, since) if since else complete)


def _suppressions_of(row: Row) -> Iterator[Suppression]:
    if row.get("IsDeleted"):
        return
    since = moment_of(row["SystemModstamp"])
    if row.get("HasOptedOutOfEmail") and row.get("Email"):
        address = str(row["Email"]).lower()
        yield Suppression(SuppressionScope.EMAIL, address, "Opted out of e-mail in Salesforce.", since)
    if row.get("DoNotCall"):
        for column in ("Phone", "MobilePhone"):
            number = read_phones(str(row.get(column) or "")).phone
            if number:
                yield Suppression(SuppressionScope.PHONE, number, "Not to be called, says Salesforce.", since)
