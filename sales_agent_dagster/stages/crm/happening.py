"""The CRM's events: each stored once, however often or late it comes; deletes and merges are followed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC
from typing import Any

import sqlalchemy as sa

from sales_agent_dagster.crm.contract import Event, EventAction, SuppressionScope
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.stages.crm.context import SyncContext
from sales_agent_dagster.stages.crm.following import archive, follow_merge
from sales_agent_dagster.stages.crm.outcomes import opt_out_row, reply_row, save_opt_outs, save_outcomes
from sales_agent_dagster.stages.crm.stored import SNAPSHOTS, snapshots_of
from sales_agent_dagster.stages.crm.suppressing import Entry, erased_among, suppress
from sales_agent_dagster.stages.known_companies import chunked
from sales_agent_dagster.warehouse.schema import crm_contacts, crm_events

_OUTCOMES = (EventAction.UNSUBSCRIBED, EventAction.REPLIED)


def store_events(context: SyncContext, connection: sa.Connection, events: Sequence[Event]) -> set[str]:
    """Store events and follow what they tell. Values are not taken from events: records bring them.

    Returns companies that others merged into and that are not known yet.
    """
    new = _new(context, connection, events)
    context.card.pulled += len(events)
    context.card.echoes += len(events) - len(new)
    rows = [_row(context, event) for event in _without_erased(context, connection, new)]
    context.warehouse.upsert(connection, crm_events, rows)
    unknown = set()
    for event in sorted(new, key=lambda event: event.updated_at):
        if event.kind not in SNAPSHOTS:
            continue
        if event.action is EventAction.DELETED:
            archive(context, connection, event.kind, event.remote_id, event.updated_at)
        elif event.action is EventAction.MERGED and event.merged_into:
            known = follow_merge(context, connection, event.kind, event.remote_id, event.merged_into)
            if not known and event.kind is Kind.COMPANY:
                unknown.add(event.merged_into)
    _tell_outcomes(context, connection, [event for event in new if event.action in _OUTCOMES])
    return unknown


def _without_erased(
    context: SyncContext, connection: sa.Connection, events: Sequence[Event]
) -> Sequence[Event]:
    """The events, those of people who were erased without all that is about them."""
    told = [(event, str(event.address or event.changed.get("email") or "")) for event in events]
    erased = erased_among(context, connection, [address for _, address in told if address])
    return [
        replace(event, changed={}, address=None) if address.strip().lower() in erased else event
        for event, address in told
    ]


def _new(context: SyncContext, connection: sa.Connection, events: Sequence[Event]) -> list[Event]:
    """Those that are not stored; of repetitions the first."""
    row = crm_events.c
    known: set[tuple[str, str]] = set()
    for some in chunked(sorted({event.event_id for event in events})):
        query = sa.select(row.event_id, row.event_at).where(row.crm == context.crm, row.event_id.in_(some))
        known.update(connection.execute(query).tuples())
    found: dict[tuple[str, str], Event] = {}
    for event in events:
        key = (event.event_id, _moment(event))
        if key not in known:
            found.setdefault(key, event)
    return list(found.values())


def _moment(event: Event) -> str:
    return event.updated_at.astimezone(UTC).isoformat()


def _row(context: SyncContext, event: Event) -> dict[str, Any]:
    return {
        "crm": context.crm,
        "event_id": event.event_id,
        "event_at": _moment(event),
        "action": event.action.value,
        "kind": event.kind.value,
        "remote_id": event.remote_id,
        "merged_into": event.merged_into,
        "writer": event.writer,
        "request_id": event.request_id,
        "address": event.address,
        "changed": dict(event.changed) or None,
        "received_at": context.now(),
        "run_id": context.run_id,
    }


def _tell_outcomes(context: SyncContext, connection: sa.Connection, events: Sequence[Event]) -> None:
    replies = [event for event in events if event.action is EventAction.REPLIED]
    contacts = {event.remote_id for event in replies if event.kind is Kind.CONTACT}
    records = snapshots_of(connection, context.crm, Kind.CONTACT, contacts)
    rows = []
    for event in replies:
        contact = records.get(event.remote_id)
        of_contact = contact.company_id if contact else None
        rows.append(reply_row(context, event, event.remote_id if event.kind is Kind.COMPANY else of_contact))
    save_outcomes(context, connection, rows)
    _tell_opt_outs(
        context,
        connection,
        [
            (event, event.address)
            for event in events
            if event.action is EventAction.UNSUBSCRIBED and event.address
        ],
    )


def _tell_opt_outs(
    context: SyncContext, connection: sa.Connection, events: Sequence[tuple[Event, str]]
) -> None:
    """An event tells the address alone; whose it is, the contacts tell that are known."""
    row, known = crm_contacts.c, dict[str, tuple[str, str | None]]()
    for some in chunked(sorted({address.lower() for _, address in events})):
        query = sa.select(sa.func.lower(row.email), row.remote_id, row.company_id).where(
            row.crm == context.crm, sa.func.lower(row.email).in_(some)
        )
        for address, remote_id, company_id in connection.execute(query.order_by(row.remote_id)):
            known.setdefault(address, (remote_id, company_id))
    rows = [
        opt_out_row(context, address, *known.get(address.lower(), (event.remote_id, None)), event.updated_at)
        for event, address in events
    ]
    save_opt_outs(context, connection, rows)
    entries = [Entry(SuppressionScope.EMAIL, address, "unsubscribed", context.crm) for _, address in events]
    suppress(context, connection, entries)
