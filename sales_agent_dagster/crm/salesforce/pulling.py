"""What changed: rows in the order of their last change, across pages and dying cursors.

``SystemModstamp`` has whole seconds, and a bulk load gives thousands of rows the same one: pages are ordered
by it and by id, and a page says of its last second only that it has begun.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from sales_agent_dagster.crm.contract import (
    Event,
    EventAction,
    Page,
    Stream,
    Suppression,
    SuppressionScope,
)
from sales_agent_dagster.crm.errors import InvalidRequest, PermissionRefused
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
REPLIES = "replies"
"""The stream of incoming e-mails; there is nothing in it but events."""

_REPLY_COLUMNS = ("Id", "SystemModstamp", "RelationId", "RelationAddress", "EmailMessage.MessageDate")
_FROM_PEOPLE = (
    "RelationType = 'FromAddress' AND EmailMessage.Incoming = true"
    " AND RelationObjectType IN ('Contact', 'Lead')"
)
_NOT_THERE = frozenset({"INVALID_TYPE", "INVALID_FIELD"})
"""Codes for an object or a column that is not there, or that our user may not see."""

_LOG = logging.getLogger(__name__)
_TICK = timedelta(seconds=1)
_PEOPLE = (SObject.LEAD, SObject.CONTACT)


def streams() -> tuple[Stream, ...]:
    """All streams, companies first."""
    of_records = [Stream(name, kinds) for name, (_, kinds) in STREAMS.items()]
    return (*of_records, Stream(REPLIES, frozenset()))


class Puller:
    """Reads changes of one organisation."""

    def __init__(self, client: Client, finder: Finder, layout: Layout) -> None:
        self._client = client
        self._finder = finder
        self._layout = layout

    def pull(self, stream: str, since: datetime | None) -> Iterator[Page]:
        """Pages of records, or of replies; deleted, merged and converted records are archived ones."""
        recent = [f"SystemModstamp >= {moment(since)}"] if since else []
        if stream != REPLIES:
            sobject, _ = STREAMS[stream]
            columns = self._finder.columns(sobject)
            if columns:
                yield from self._pages(sobject, columns, recent, since)
            else:
                _LOG.warning("The integration's user may not see the object %s: it is not pulled.", sobject)
            return
        try:
            yield from self._pages(SObject.EMAIL_RELATION, _REPLY_COLUMNS, [_FROM_PEOPLE, *recent], since)
        except (PermissionRefused, InvalidRequest) as error:
            if isinstance(error, InvalidRequest) and error.code not in _NOT_THERE:
                raise
            # Many organisations have no such mails, or do not show them: the rest is pulled all the same.
            _LOG.info("Salesforce tells no replies: %s", error)

    def _pages(
        self, sobject: SObject, columns: Sequence[str], conditions: Sequence[str], since: datetime | None
    ) -> Iterator[Page]:
        ahead: list[Row] | None = None
        for rows in self._changes(sobject, columns, conditions):
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
            recent = [f"SystemModstamp >= {moment(since)}"] if since else []
            for rows in self._changes(sobject, self._finder.columns(sobject), [f"({asked})", *recent]):
                for row in rows:
                    yield from _suppressions_of(row)

    def _changes(
        self, sobject: SObject, columns: Sequence[str], conditions: Sequence[str]
    ) -> Iterator[list[Row]]:
        """Pages of rows, oldest change first; a cursor that died is taken up behind the last row."""
        last: Row | None = None
        while True:
            query = _query(sobject, columns, conditions, last)
            try:
                for rows in self._client.pages(query, deleted=True):
                    if rows:
                        last = rows[-1]
                        yield rows
                return
            except InvalidRequest as error:
                if error.code != EXPIRED_CURSOR:
                    raise

    def _page(self, sobject: SObject, rows: list[Row], since: datetime | None, *, last: bool) -> Page:
        if not rows:
            return Page(complete_to=since)
        records: list[Record] = []
        events: list[Event] = []
        for row in rows:
            if sobject is SObject.EMAIL_RELATION:
                events.append(_reply(row))
            else:
                records += records_of(self._layout, sobject, row, self._client.url)
        seen = moment_of(rows[-1]["SystemModstamp"])
        complete = seen if last else seen - _TICK
        return Page(records, events, complete_to=max(complete, since) if since else complete)


def _query(sobject: SObject, columns: Sequence[str], conditions: Sequence[str], last: Row | None) -> str:
    """Rows that fulfil all conditions and come after the last one."""
    wanted = list(conditions)
    if last is not None:
        stamp = moment(moment_of(last["SystemModstamp"]))
        behind = f"SystemModstamp = {stamp} AND Id > {quoted(last['Id'])}"
        wanted.append(f"(SystemModstamp > {stamp} OR ({behind}))")
    where = f" WHERE {' AND '.join(wanted)}" if wanted else ""
    return f"SELECT {', '.join(columns)} FROM {sobject}{where} ORDER BY SystemModstamp, Id"


def _reply(row: Row) -> Event:
    """An e-mail that came in, by its sender, who is a contact or a lead."""
    sent = (row.get("EmailMessage") or {}).get("MessageDate")
    at = moment_of(sent or row["SystemModstamp"])
    address = str(row.get("RelationAddress") or "").strip().lower() or None
    return Event(
        f"reply:{row['Id']}", EventAction.REPLIED, Kind.CONTACT, str(row["RelationId"]), at, address=address
    )


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
