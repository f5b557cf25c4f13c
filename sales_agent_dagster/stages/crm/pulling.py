"""From the CRM into the warehouse: what changed there, each change once, and the watermark with it.

A watermark moves in the transaction that stores the page it speaks of, so it never passes a record that is
not stored. Every pull begins a little before it (``overlap_s``), because CRMs index late; what comes again
is recognised and changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from sales_agent_dagster.crm.contract import Page, Stream
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.stages.crm.arriving import store_records, storing
from sales_agent_dagster.stages.crm.context import SyncContext
from sales_agent_dagster.stages.crm.happening import store_events
from sales_agent_dagster.stages.crm.stored import SNAPSHOTS, snapshots_of
from sales_agent_dagster.stages.crm.suppressing import Entry, suppress
from sales_agent_dagster.warehouse.schema import crm_link, crm_watermarks

READ_AT_A_TIME = 100

QUIET = timedelta(days=1)
"""A log read to its end is complete up to this long ago: no clock is off and no index lags so far."""


def pull(context: SyncContext, streams: Iterable[str] | None = None) -> None:
    """Pull all streams, or some; what is stored is stored for good even when a later one fails.

    Raises:
        CrmError: the CRM cannot be read.
    """
    capabilities = context.connector.capabilities
    asked = None if streams is None else set(streams)
    whole = _gap(context, capabilities.streams)
    seen: set[tuple[Kind, str]] = set()
    for stream in capabilities.streams:
        if asked is None or stream.name in asked:
            _pull_stream(context, stream, seen if whole else None)
    if whole:
        _look_for_the_missing(context, seen)
    _pull_suppressions(context)


def _pull_stream(context: SyncContext, stream: Stream, seen: set[tuple[Kind, str]] | None) -> None:
    """Pull what is new, or everything where what comes is to be added to ``seen``."""
    mark = None if seen is not None else watermark(context, stream.name)
    since = None if mark is None else mark - timedelta(seconds=context.settings.overlap_s)
    started = context.now()
    for page in context.connector.pull(stream.name, since):
        store_page(context, page, stream.name)
        if seen is not None:
            seen.update((record.kind, record.remote_id) for record in page.records)
    if stream.retention is not None:
        # Where nothing happens no page says how far it is complete, and the log would seem to have forgotten.
        with context.warehouse.transaction() as connection:
            _move(context, connection, stream.name, started - QUIET)


def store_page(context: SyncContext, page: Page, stream: str | None = None) -> None:
    """Store a page and move the stream's watermark in one transaction; without stream, of a webhook."""
    with storing(context, page.records) as connection:
        context.warehouse.exclusive(connection, f"crm-pull-{context.crm}")
        store_records(context, connection, page.records)
        unknown = store_events(context, connection, page.events)
        if stream is not None and page.complete_to is not None:
            _move(context, connection, stream, page.complete_to)
    if unknown:
        _read_survivors(context, unknown)


def _read_survivors(context: SyncContext, remote_ids: Iterable[str]) -> None:
    """Companies that others merged into and that we have not seen yet."""
    ids = sorted(remote_ids)
    for start in range(0, len(ids), READ_AT_A_TIME):
        found = context.connector.read(Kind.COMPANY, ids[start : start + READ_AT_A_TIME])
        with storing(context, list(found.values())) as connection:
            store_records(context, connection, list(found.values()))


def watermark(context: SyncContext, stream: str) -> datetime | None:
    """How far a stream is stored; None when it never was pulled."""
    mark = crm_watermarks.c
    query = sa.select(mark.complete_to).where(mark.crm == context.crm, mark.stream == stream)
    with context.warehouse.reading() as connection:
        found: datetime | None = connection.scalar(query)
    return found


def _move(context: SyncContext, connection: sa.Connection, stream: str, complete_to: datetime) -> None:
    """Forward only, and never into the future: a CRM whose clock is ahead would hide what comes."""
    now = context.now()
    mark = crm_watermarks.c
    query = sa.select(mark.complete_to).where(mark.crm == context.crm, mark.stream == stream)
    before = connection.scalar(query)
    moved = min(complete_to, now)
    if before is None or moved > before:
        row = {
            "crm": context.crm,
            "stream": stream,
            "complete_to": moved,
            "updated_at": now,
            "run_id": context.run_id,
        }
        context.warehouse.upsert(connection, crm_watermarks, [row])


def _gap(context: SyncContext, streams: Iterable[Stream]) -> bool:
    """True when a stream forgets what we have not read: then everything is read anew."""
    for stream in streams:
        mark = watermark(context, stream.name)
        if stream.retention is not None and mark is not None and context.now() - mark > stream.retention:
            return True
    return False


def _look_for_the_missing(context: SyncContext, seen: Collection[tuple[Kind, str]]) -> None:
    """After reading everything: linked records that did not come are asked for by id."""
    for kind in (Kind.COMPANY, Kind.CONTACT):
        table = SNAPSHOTS[kind]
        row, link = table.c, crm_link.c
        query = (
            sa.select(row.remote_id)
            .join(
                crm_link,
                sa.and_(
                    link.crm == row.crm,
                    link.kind == kind.value,
                    link.remote_id == row.remote_id,
                    link.state == "linked",
                ),
            )
            .where(row.crm == context.crm, row.archived.is_(False))
        )
        with context.warehouse.reading() as connection:
            ids = sorted(key for key in connection.scalars(query) if (kind, key) not in seen)
        for start in range(0, len(ids), READ_AT_A_TIME):
            confirm(context, kind, ids[start : start + READ_AT_A_TIME])


def see(context: SyncContext, kind: Kind, remote_ids: list[str]) -> None:
    """Read records that are there by id and store them; those that do not come count for nothing."""
    found = context.connector.read(kind, remote_ids)
    with storing(context, list(found.values())) as connection:
        store_records(context, connection, list(found.values()))


def confirm(context: SyncContext, kind: Kind, remote_ids: list[str]) -> None:
    """Read records by id and store them as they are; those that are gone are stored as archived."""
    found = context.connector.read(kind, remote_ids)
    with storing(context, list(found.values())) as connection:
        known = snapshots_of(connection, context.crm, kind, remote_ids)
        gone = [
            replace(record, archived=True)
            for key, record in known.items()
            if key not in found and not record.archived
        ]
        store_records(context, connection, [*found.values(), *gone])


def _pull_suppressions(context: SyncContext) -> None:
    """All that the CRM says not to contact; adding twice is adding once."""
    entries = [
        Entry(
            found.scope,
            f"{context.crm}:{found.value}" if found.scope == "company" else found.value,
            found.reason,
            context.crm,
        )
        for found in context.connector.suppressions(None)
    ]
    with context.warehouse.transaction() as connection:
        suppress(context, connection, entries)
