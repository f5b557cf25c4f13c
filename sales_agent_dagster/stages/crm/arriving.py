"""Records as they arrive: what is new, what is our own echo, what others changed, what went or was merged."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sales_agent_dagster.crm.canonical import same
from sales_agent_dagster.crm.contract import Record, SuppressionScope, Value
from sales_agent_dagster.crm.fields import FIELDS, Kind
from sales_agent_dagster.crm.merging import Agreed, written
from sales_agent_dagster.domain.hashing import content_hash
from sales_agent_dagster.stages.crm.context import SyncContext
from sales_agent_dagster.stages.crm.following import archive, follow_merge, revive
from sales_agent_dagster.stages.crm.outcomes import opt_out_row, outcome_row, save_opt_outs, save_outcomes
from sales_agent_dagster.stages.crm.stored import (
    SNAPSHOTS,
    LastWrite,
    Link,
    OpenOperation,
    agreements_of,
    last_writes,
    links_to,
    open_operations,
    save_agreements,
    save_snapshots,
    snapshots_of,
    undone_updates,
)
from sales_agent_dagster.stages.crm.suppressing import Entry, erased_among, suppress
from sales_agent_dagster.warehouse.schema import crm_changes


@dataclass(frozen=True, slots=True)
class _Known:
    """What we know of a record that arrives.

    Attributes:
        open: what we may have done by now; wrote: what we did, if nothing has happened since.
    """

    before: Record | None
    link: Link | None
    agreed: Mapping[str, Agreed]
    open: OpenOperation | None
    wrote: LastWrite | None


@dataclass(frozen=True, slots=True)
class _Change:
    name: str
    before: Value | None
    after: Value | None


@contextmanager
def storing(context: SyncContext, records: Iterable[Record]) -> Iterator[sa.Connection]:
    """The transaction to store records in: what only the CRM knows is asked before, nothing within."""
    _ = context.holds
    if any(record.writer is not None for record in records):
        _ = context.writer
    with context.warehouse.transaction() as connection:
        yield connection


def store_records(context: SyncContext, connection: sa.Connection, records: Sequence[Record]) -> None:
    """Store records that were read from the CRM, of kinds that are kept.

    A record older than what we know (a search index that lags) is left out. A value that an operation whose
    answer was lost would have written is ours.
    """
    by_kind: dict[Kind, dict[str, Record]] = defaultdict(dict)
    for record in _without_erased(context, connection, records):
        latest = by_kind[record.kind].get(record.remote_id)
        if latest is None or latest.modified_at <= record.modified_at:
            by_kind[record.kind][record.remote_id] = record
    context.card.pulled += len(records)
    for kind in SNAPSHOTS:
        if by_kind[kind]:
            _store_kind(context, connection, kind, by_kind[kind])


def _without_erased(
    context: SyncContext, connection: sa.Connection, records: Sequence[Record]
) -> Sequence[Record]:
    """The records, those of people who were erased without all that is about them.

    A CRM shows what it deleted for days: it must not bring them back.
    """
    people = [record for record in records if record.kind is Kind.CONTACT and record.fields.get("email")]
    erased = erased_among(context, connection, (str(record.fields["email"]) for record in people))
    if not erased:
        return records
    gone = {record.remote_id for record in people if str(record.fields["email"]).strip().lower() in erased}
    return [
        replace(record, fields={}) if record.kind is Kind.CONTACT and record.remote_id in gone else record
        for record in records
    ]


def _store_kind(
    context: SyncContext, connection: sa.Connection, kind: Kind, records: Mapping[str, Record]
) -> None:
    known = _known(context, connection, kind, records)
    fresh, agreements, changes = [], {}, []
    for remote_id, record in records.items():
        about = known[remote_id]
        if not _says_more(context, record, about.before):
            context.card.echoes += 1
            continue
        fresh.append(record)
        found = list(_changes(context, record, about.before))
        human = [change for change in found if not _ours(context, kind, change, record, about)]
        if about.before is not None and not human:
            context.card.echoes += 1
        changes += [_change_row(context, record, about, change) for change in human]
        if about.agreed and found:
            agreements[remote_id] = _touched(kind, record, about, found, human)
    save_snapshots(context, connection, fresh)
    save_agreements(context, connection, kind, agreements)
    context.card.human_changes += len(changes)
    context.warehouse.upsert(connection, crm_changes, changes)
    _follow(context, connection, kind, fresh)
    _tell_outcomes(context, connection, fresh, known)


def _known(
    context: SyncContext, connection: sa.Connection, kind: Kind, records: Mapping[str, Record]
) -> dict[str, _Known]:
    before = snapshots_of(connection, context.crm, kind, records)
    agreed = agreements_of(connection, context.crm, kind, records)
    links = {
        remote_id: min(found, key=lambda link: link.state != "linked")
        for remote_id, found in links_to(connection, context.crm, kind, records).items()
    }
    ids = {link.entity_id for link in links.values()}
    open_ = undone_updates(connection, context.crm, ids) | open_operations(connection, context.crm, ids)
    untouched = {
        remote_id
        for remote_id, held in before.items()
        if held.modified_at == records[remote_id].modified_at
        and any(True for _ in _changes(context, records[remote_id], held))
    }
    wrote = last_writes(connection, context.crm, kind, untouched)
    return {
        remote_id: _Known(
            before.get(remote_id),
            link := links.get(remote_id),
            agreed.get(remote_id, {}),
            open_.get((kind, link.external_key)) if link else None,
            wrote.get(remote_id),
        )
        for remote_id in records
    }


def _says_more(context: SyncContext, record: Record, before: Record | None) -> bool:
    """False for what we know already, and for what is older than that."""
    if before is None:
        return True
    if record.modified_at < before.modified_at and not record.archived:
        return False
    kept = replace(record, absorbed=(), fields={})
    if kept != replace(before, absorbed=(), fields={}) or record.absorbed:
        return True
    return any(True for _ in _changes(context, record, before))


def _changes(context: SyncContext, record: Record, before: Record | None) -> Iterator[_Change]:
    if before is None:
        return
    # What is left of a record that is gone may tell nothing of its fields, and a field that is hidden from us
    # tells nothing either: nobody cleared them.
    told = FIELDS[record.kind] if record.fields or not (record.archived or record.merged_into) else ()
    for name in (name for name in told if name in context.fields_of(record.kind)):
        old, new = before.fields.get(name), record.fields.get(name)
        if not same(record.kind, name, old, new):
            yield _Change(name, old, new)
    if record.archived != before.archived:
        yield _Change("archived", before.archived, record.archived)
    if record.merged_into != before.merged_into:
        yield _Change("merged_into", before.merged_into, record.merged_into)


def _ours(context: SyncContext, kind: Kind, change: _Change, record: Record, about: _Known) -> bool:
    """True for what nobody but us and the CRM itself has done.

    That is a value that an open operation writes, or one that seemed undone, one that our last write wrote in
    the CRM's spelling, one of ours that a merge took along, unless a person edited the field since, and what
    the CRM filled in by itself in a record that we made, had not seen since, and changed last. What our last
    write did not write is a person's also where the record's time is that of our write: they were a moment
    earlier.
    """
    operation = about.open
    if operation is not None and change.name in operation.payload:
        return same(kind, change.name, operation.payload[change.name], change.after)
    agreed, before, wrote = about.agreed.get(change.name), about.before, about.wrote
    untouched = wrote is not None and (wrote.created or change.name in wrote.fields)
    if agreed is None or not agreed.written:
        field = FIELDS[kind].get(change.name)
        if field is None or change.before is not None:
            return False
        unseen = before is not None and before.writer is None and record.writer is not None
        return untouched or (unseen and field.readable_only and record.writer == context.writer)
    return untouched or (not agreed.locked and same(kind, change.name, agreed.base, change.after))


def _touched(
    kind: Kind, record: Record, about: _Known, found: Sequence[_Change], human: Sequence[_Change]
) -> dict[str, Agreed]:
    """The agreement with what others edited marked, and with our own values in the CRM's spelling.

    What an operation without an answer wrote and is seen there is agreed on: a person may take it away
    before the operation is read back.
    """
    agreed, sent = dict(about.agreed), about.open.payload if about.open else {}
    edited = {change.name for change in human}
    for change in found:
        known = agreed.get(change.name)
        if change.name in edited and known is not None:
            agreed[change.name] = replace(known, locked=True, edited_at=record.modified_at)
        elif change.name in sent:
            agreed |= written(kind, {change.name: sent[change.name]}, agreed)
        elif known is not None and about.open is None:
            agreed[change.name] = replace(known, base=change.after)
    return agreed


def _change_row(context: SyncContext, record: Record, about: _Known, change: _Change) -> dict[str, Any]:
    at: datetime = record.modified_at
    identity = (context.crm, record.kind, record.remote_id, change.name, change.after, at.isoformat())
    return {
        "change_id": content_hash(*identity),
        "crm": context.crm,
        "kind": record.kind.value,
        "remote_id": record.remote_id,
        "external_key": about.link.external_key if about.link else None,
        "field": change.name,
        "before": change.before,
        "after": change.after,
        "writer": record.writer,
        "changed_at": at,
        "run_id": context.run_id,
        "seen_at": context.now(),
    }


def _follow(context: SyncContext, connection: sa.Connection, kind: Kind, records: Sequence[Record]) -> None:
    there = [one.remote_id for one in records if not one.archived and one.merged_into is None]
    revive(context, connection, kind, there)
    for record in records:
        if record.merged_into is not None:
            follow_merge(context, connection, kind, record.remote_id, record.merged_into)
        elif record.archived:
            archive(context, connection, kind, record.remote_id, record.modified_at)
        for absorbed in record.absorbed:
            follow_merge(context, connection, kind, absorbed, record.remote_id)


def _tell_outcomes(
    context: SyncContext, connection: sa.Connection, records: Sequence[Record], known: Mapping[str, _Known]
) -> None:
    """Won and lost opportunities, and people who opted out."""
    rows, opt_outs, entries = [], [], []
    for record in records:
        if record.kind is Kind.OPPORTUNITY and record.fields.get("outcome") in ("won", "lost"):
            rows.append(outcome_row(context, record, str(record.fields["outcome"])))
            if record.fields["outcome"] == "won" and record.company_id:
                company = f"{context.crm}:{record.company_id}"
                entries.append(
                    Entry(SuppressionScope.COMPANY, company, "it has a won opportunity", context.crm)
                )
        if record.kind is Kind.CONTACT and record.fields.get("email_opt_out") and record.fields.get("email"):
            address = str(record.fields["email"])
            entries.append(Entry(SuppressionScope.EMAIL, address, "opted out of e-mail", context.crm))
            before = known[record.remote_id].before
            if before is None or not before.fields.get("email_opt_out"):
                told_at = record.modified_at
                opt_outs.append(opt_out_row(context, address, record.remote_id, record.company_id, told_at))
    save_outcomes(context, connection, rows)
    save_opt_outs(context, connection, opt_outs)
    suppress(context, connection, entries)
