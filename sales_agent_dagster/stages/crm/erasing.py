"""Erasure of one person: from the CRM and from every table; a token stays, so that nothing brings them back.

The token is written first: whatever is interrupted afterwards, nobody contacts the person, and running the
erasure again finishes it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from sales_agent_dagster.crm.contract import Action, Sent, Subject, SuppressionScope
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.stages.crm.context import SyncContext
from sales_agent_dagster.stages.crm.naming import Notes, folded, names_of, notes_naming
from sales_agent_dagster.stages.crm.suppressing import normal, remember_erased, token_of
from sales_agent_dagster.warehouse.schema import (
    METADATA,
    campaign_messages,
    crm_changes,
    crm_conflicts,
    crm_contacts,
    crm_events,
    crm_link,
    crm_outbox,
    crm_rejections,
    crm_shadow,
    enrichment_cache,
    enrichment_credits,
    enrichment_suppressions,
    imported_leads,
    lead_norm,
    merged_companies,
)
from sales_agent_dagster.warehouse.schema.crm import OPEN_STATES

ERASED = "[erased]"

_PERSONAL = {
    imported_leads: ("contact_name", "contact_first_name", "contact_last_name", "contact_title", "email"),
    lead_norm: ("contact", "email"),
    merged_companies: ("contact_name", "email"),
}
"""What is about the person in rows that have the address."""

_REQUIRED = frozenset({lead_norm})
"""Tables whose columns are empty rather than NULL."""


@dataclass
class Receipt:
    """What an erasure touched.

    Attributes:
        remote: records erased in the CRM, by kind.
        rows: rows changed or deleted, by table.
        refused: what the CRM did not do, with its words.
        archives: source files that hold the address: only their owner can replace them.
    """

    remote: dict[str, int] = field(default_factory=dict)
    rows: dict[str, int] = field(default_factory=dict)
    refused: list[str] = field(default_factory=list)
    archives: list[str] = field(default_factory=list)

    def count(self, table: sa.Table, rows: int) -> None:
        """Add to a table's rows."""
        if rows:
            self.rows[table.name] = self.rows.get(table.name, 0) + rows


def erase(context: SyncContext, email: str) -> Receipt:
    """Erase the person with this address from the CRM and the warehouse.

    Raises:
        ConfigurationError: it is no address, or the sync may not write to the CRM.
    """
    address = normal(SuppressionScope.EMAIL, email)
    if not re.fullmatch(r"[^@\s]+@[^@\s]+\.[^@\s]+", address):
        raise ConfigurationError("That is no e-mail address.")
    if not context.live:
        raise ConfigurationError("Erasing writes to the CRM: set SALES_AGENT_CRM__MODE to live.")
    receipt = Receipt()
    with context.warehouse.transaction() as connection:
        remember_erased(context, connection, address)
        names = names_of(context, connection, address)
        notes = notes_naming(context, connection, address, names)
        ids = _remote_ids(context, connection, address) | {Kind.NOTE: notes.remote_ids}
        receipt.refused += _undecided(context, connection, address, notes)
    found = context.connector.lookup(Kind.CONTACT, [Subject(address, emails=(address,))])
    ids[Kind.CONTACT] |= {
        one.record.remote_id for some in found.values() for one in some if "email" in one.evidence
    }
    for kind in (Kind.NOTE, Kind.EMAIL_DRAFT, Kind.CONTACT):
        _erase_remote(context, kind, sorted(ids[kind]), receipt)
    with context.warehouse.transaction() as connection:
        receipt.archives = _archives(connection, address)
        _erase_sync_rows(context, connection, address, ids, notes, receipt)
        _erase_people(connection, address, receipt)
        _erase_answers(context, connection, address, receipt)
        for table in METADATA.sorted_tables:
            receipt.count(table, _scrub(connection, table, address, names))
    return receipt


def _remote_ids(context: SyncContext, connection: sa.Connection, address: str) -> dict[Kind, set[str]]:
    """The person's records and the drafts to them, as the warehouse knows them."""
    row, sent = crm_contacts.c, crm_outbox.c
    contacts = connection.scalars(
        sa.select(row.remote_id).where(row.crm == context.crm, sa.func.lower(row.email) == address)
    )
    found = {Kind.CONTACT: set(contacts), Kind.EMAIL_DRAFT: set[str]()}
    # Of a contact that was made and not attached, no pull may have told yet.
    unattached = sa.and_(
        sent.kind == Kind.CONTACT.value, sent.operation == Action.CREATE.value, sent.state == "failed"
    )
    made = connection.execute(
        sa.select(sent.kind, sent.remote_id, sent.payload).where(
            sent.crm == context.crm,
            sa.or_(sent.kind == Kind.EMAIL_DRAFT.value, unattached),
            sent.remote_id.is_not(None),
            _holds(sent.payload, address),
        )
    )
    for kind, remote_id, payload in made:
        if str((payload or {}).get("email", "")).lower() == address:
            found[Kind(kind)].add(remote_id)
    return found


def _undecided(context: SyncContext, connection: sa.Connection, address: str, notes: Notes) -> list[str]:
    """What may be in the CRM without anybody knowing yet: its index may not show it to a look-up."""
    row = crm_outbox.c
    query = sa.select(row.kind).where(
        row.crm == context.crm,
        row.batch_id.is_(None),
        row.state.in_(OPEN_STATES),
        _holds(row.payload, address),
    )
    kinds = set(connection.scalars(query)) | ({Kind.NOTE.value} if notes.undecided else set())
    return [
        f"{kind}: its last operation has no known outcome yet. Run the erasure again after the next sync."
        for kind in sorted(kinds)
    ]


def _erase_remote(context: SyncContext, kind: Kind, ids: Sequence[str], receipt: Receipt) -> None:
    if not ids:
        return
    for result in context.connector.erase(kind, ids):
        if isinstance(result, Sent):
            receipt.remote[kind.value] = receipt.remote.get(kind.value, 0) + 1
        else:
            receipt.refused.append(f"{kind.value} {result.op_id}: {result.message}")


def _erase_sync_rows(
    context: SyncContext,
    connection: sa.Connection,
    address: str,
    ids: Mapping[Kind, set[str]],
    notes: Notes,
    receipt: Receipt,
) -> None:
    """Rows about the person's records alone; the links of notes and drafts stay: none is made again."""
    contacts = sorted(ids[Kind.CONTACT])
    contact = Kind.CONTACT.value
    gone = sa.delete(crm_contacts).where(
        crm_contacts.c.crm == context.crm, crm_contacts.c.remote_id.in_(contacts)
    )
    receipt.count(crm_contacts, connection.execute(gone).rowcount)
    for table in (crm_shadow, crm_changes, crm_conflicts, crm_link, crm_rejections):
        row = table.c
        statement = sa.delete(table).where(
            row.crm == context.crm, row.kind == contact, row.remote_id.in_(contacts)
        )
        receipt.count(table, connection.execute(statement).rowcount)
    told = crm_events.c
    silenced = (
        sa.update(crm_events)
        .where(told.crm == context.crm, told.kind == contact, told.remote_id.in_(contacts))
        .values(changed=sa.null(), address=None)
    )
    receipt.count(crm_events, connection.execute(silenced).rowcount)
    sent = crm_outbox.c
    emptied = (
        sa.update(crm_outbox)
        .where(
            sent.crm == context.crm,
            sa.or_(
                sent.remote_id.in_([*contacts, *ids[Kind.EMAIL_DRAFT]]),
                sent.op_id.in_(notes.op_ids),
                # Never arrived, or nobody knows where: only the payload says whom it is about.
                sa.and_(
                    sent.remote_id.is_(None),
                    sent.kind.in_([contact, Kind.EMAIL_DRAFT.value]),
                    _holds(sent.payload, address),
                ),
            ),
        )
        .values(payload={})
    )
    receipt.count(crm_outbox, connection.execute(emptied).rowcount)


def _erase_people(connection: sa.Connection, address: str, receipt: Receipt) -> None:
    """Names beside the address, and drafts that greet by name."""
    lead = imported_leads.c
    leads = connection.execute(
        sa.select(lead.batch_id, lead.lead_id).where(sa.func.lower(lead.email) == address)
    ).all()
    for table, names in _PERSONAL.items():
        nothing = "" if table in _REQUIRED else None
        statement = (
            sa.update(table)
            .where(sa.func.lower(table.c.email) == address)
            .values(dict.fromkeys(names, nothing))
        )
        receipt.count(table, connection.execute(statement).rowcount)
    message = campaign_messages.c
    for batch_id, lead_id in leads:
        statement = (
            sa.update(campaign_messages)
            .where(message.batch_id == batch_id, message.lead_id == lead_id)
            .values(subject=None, body=ERASED)
        )
        receipt.count(campaign_messages, connection.execute(statement).rowcount)


def _erase_answers(context: SyncContext, connection: sa.Connection, address: str, receipt: Receipt) -> None:
    """What providers said of the person: forgotten whole, as a fact without its address would be a wrong one.

    What was paid stays, under the person's token. Who opted out has that token in ``suppression``, too.
    """
    kept, opted_out = enrichment_cache.c, enrichment_suppressions.c
    for table, condition in (
        (enrichment_cache, sa.or_(_holds(kept.lookup_key, address), _holds(kept.payload, address))),
        (enrichment_suppressions, sa.func.lower(opted_out.value) == address),
    ):
        receipt.count(table, connection.execute(sa.delete(table).where(condition)).rowcount)
    token = token_of(context.pepper, SuppressionScope.EMAIL, address)
    paid = (
        sa.update(enrichment_credits)
        .where(sa.func.lower(enrichment_credits.c.lookup_key) == address)
        .values(lookup_key=token)
    )
    receipt.count(enrichment_credits, connection.execute(paid).rowcount)


def _archives(connection: sa.Connection, address: str) -> list[str]:
    lead = imported_leads.c
    query = sa.select(lead.file_id).where(sa.func.lower(lead.email) == address).distinct()
    return sorted(connection.scalars(query))


def _holds(column: sa.ColumnElement[Any], address: str) -> sa.ColumnElement[bool]:
    """True where a text or document holds the address, in any case."""
    text = sa.func.lower(sa.cast(column, sa.Text))
    return text.contains(address, autoescape=True)


def _scrub(connection: sa.Connection, table: sa.Table, address: str, names: frozenset[str]) -> int:
    """Take the address out of every text and document of a table; returns the rows changed.

    What else such a document says is one of the person's names goes, too.
    """
    columns = [
        column
        for column in table.columns
        if isinstance(column.type, sa.Text | sa.JSON) and not column.primary_key
    ]
    if not columns:
        return 0
    keys = list(table.primary_key)
    query = sa.select(*keys, *columns).where(sa.or_(*(_holds(column, address) for column in columns)))
    rows = connection.execute(query).all()
    for row in rows:
        values = _scrubbed(zip(columns, row[len(keys) :], strict=True), address, names)
        where = [column == value for column, value in zip(keys, row, strict=False)]
        connection.execute(sa.update(table).where(*where).values(values))
    return len(rows)


def _scrubbed(
    cells: Iterable[tuple[sa.Column[Any], Any]], address: str, names: frozenset[str]
) -> dict[str, Any]:
    pattern = re.compile(re.escape(address), re.IGNORECASE)
    values: dict[str, Any] = {}
    for column, value in cells:
        if isinstance(value, str) and not isinstance(column.type, sa.JSON):
            values[column.name] = pattern.sub(ERASED, value)
        elif value is not None and isinstance(column.type, sa.JSON):
            values[column.name] = _without(value, pattern, names)
    return values


def _without(document: Any, pattern: re.Pattern[str], names: frozenset[str]) -> Any:
    """A document without the address and the names, and without the people in it who have the address."""
    if isinstance(document, str):
        return ERASED if folded(document) in names else pattern.sub(ERASED, document)
    if isinstance(document, list):
        return [_without(item, pattern, names) for item in document if not _is_person(item, pattern)]
    if isinstance(document, dict):
        return {name: _without(value, pattern, names) for name, value in document.items()}
    return document


def _is_person(item: Any, pattern: re.Pattern[str]) -> bool:
    return (
        isinstance(item, dict)
        and isinstance(item.get("email"), str)
        and pattern.fullmatch(item["email"]) is not None
    )
