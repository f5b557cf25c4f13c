"""What the warehouse knows of the CRM's records: links, snapshots, agreements, open operations. In bulk."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from sales_agent_dagster.crm.contract import Action, Record, Value
from sales_agent_dagster.crm.fields import FIELDS, Kind
from sales_agent_dagster.crm.merging import Agreed
from sales_agent_dagster.stages.crm.context import SyncContext
from sales_agent_dagster.stages.known_companies import chunked
from sales_agent_dagster.warehouse.schema import (
    crm_contacts,
    crm_dead_letters,
    crm_leads,
    crm_link,
    crm_opportunities,
    crm_outbox,
    crm_rejections,
    crm_shadow,
)
from sales_agent_dagster.warehouse.schema.crm import OPEN_STATES

SNAPSHOTS = {Kind.COMPANY: crm_leads, Kind.CONTACT: crm_contacts, Kind.OPPORTUNITY: crm_opportunities}
"""Tables of the kinds whose records are kept."""


@dataclass(frozen=True, slots=True)
class Link:
    """A row of ``crm_link``; ``state`` and ``how`` are told there."""

    kind: Kind
    external_key: str
    entity_id: str
    remote_id: str
    state: str
    how: str
    reason: str
    created_by_us: bool = False
    remote_url: str | None = None
    explanation: Any = None


Key = tuple[Kind, str]


def links_of(connection: sa.Connection, crm: str, entity_ids: Iterable[str]) -> dict[Key, Link]:
    """Links of these companies and of all that hangs on them, by kind and external key."""
    return _links(connection, crm, crm_link.c.entity_id, entity_ids)


def links_to(
    connection: sa.Connection, crm: str, kind: Kind, remote_ids: Iterable[str]
) -> dict[str, list[Link]]:
    """Links to these records, by record."""
    found: dict[str, list[Link]] = {}
    for link in _links(connection, crm, crm_link.c.remote_id, remote_ids, kind).values():
        found.setdefault(link.remote_id, []).append(link)
    return found


def _links(
    connection: sa.Connection,
    crm: str,
    column: sa.ColumnElement[str],
    values: Iterable[str],
    kind: Kind | None = None,
) -> dict[Key, Link]:
    row = crm_link.c
    query = sa.select(
        row.kind,
        row.external_key,
        row.entity_id,
        row.remote_id,
        row.state,
        row.how,
        row.reason,
        row.created_by_us,
        row.remote_url,
        row.explanation,
    ).where(row.crm == crm)
    if kind is not None:
        query = query.where(row.kind == kind.value)
    found: dict[Key, Link] = {}
    for some in chunked(sorted(values)):
        for values_ in connection.execute(query.where(column.in_(some))):
            link = Link(Kind(values_[0]), *values_[1:])
            found[link.kind, link.external_key] = link
    return found


def save_links(context: SyncContext, connection: sa.Connection, links: Sequence[Link]) -> None:
    """Write links; one that takes over a record must come after the one that gives it up was written.

    What a person said no to is noted besides: the link has room for the latest record only.
    """
    now = context.now()
    rows = [
        {
            "crm": context.crm,
            "kind": link.kind.value,
            "external_key": link.external_key,
            "entity_id": link.entity_id,
            "remote_id": link.remote_id,
            "state": link.state,
            "how": link.how,
            "reason": link.reason,
            "created_by_us": link.created_by_us,
            "remote_url": link.remote_url,
            "explanation": link.explanation,
            "run_id": context.run_id,
            "updated_at": now,
        }
        for link in links
    ]
    context.warehouse.upsert(connection, crm_link, rows)
    save_rejections(
        context,
        connection,
        [(link.kind, link.external_key, link.remote_id) for link in links if link.state == "rejected"],
    )


Rejection = tuple[Kind, str, str]
"""Kind and external key of a company or contact, and the record that it is not."""


def save_rejections(context: SyncContext, connection: sa.Connection, rejections: Sequence[Rejection]) -> None:
    """Note records of which a person said that they are others."""
    rows = [
        {
            "crm": context.crm,
            "kind": kind.value,
            "external_key": external_key,
            "remote_id": remote_id,
            "run_id": context.run_id,
            "created_at": context.now(),
        }
        for kind, external_key, remote_id in rejections
    ]
    context.warehouse.upsert(connection, crm_rejections, rows)


def rejections_of(
    connection: sa.Connection, crm: str, kind: Kind, external_keys: Iterable[str]
) -> set[tuple[str, str]]:
    """External keys and the records of which a person said that they are others."""
    row = crm_rejections.c
    query = sa.select(row.external_key, row.remote_id).where(row.crm == crm, row.kind == kind.value)
    found: set[tuple[str, str]] = set()
    for some in chunked(sorted(external_keys)):
        rows = connection.execute(query.where(row.external_key.in_(some))).tuples()
        found.update((external_key, remote_id) for external_key, remote_id in rows)
    return found


def snapshots_of(
    connection: sa.Connection, crm: str, kind: Kind, remote_ids: Iterable[str]
) -> dict[str, Record]:
    """These records as last seen, by id."""
    table = SNAPSHOTS[kind]
    query = sa.select(table).where(table.c.crm == crm)
    found: dict[str, Record] = {}
    for some in chunked(sorted(remote_ids)):
        rows = connection.execute(query.where(table.c.remote_id.in_(some))).mappings()
        found.update({row["remote_id"]: record_of_row(kind, dict(row)) for row in rows})
    return found


def record_of_row(kind: Kind, row: Mapping[str, Any]) -> Record:
    """A record from a row of its snapshot table."""
    fields = {name: value for name in FIELDS[kind] if (value := row[name]) is not None}
    return Record(
        kind=kind,
        remote_id=row["remote_id"],
        fields=fields,
        modified_at=row["modified_at"],
        external_key=row["external_key"],
        writer=row["writer"],
        company_id=row["company_id"],
        archived=row["archived"],
        merged_into=row["merged_into"],
        url=row["url"],
    )


def save_snapshots(context: SyncContext, connection: sa.Connection, records: Sequence[Record]) -> None:
    """Write records, of any kinds that are kept."""
    now = context.now()
    for kind, table in SNAPSHOTS.items():
        rows = [
            {
                **{name: _column(record.fields.get(name)) for name in FIELDS[kind]},
                "crm": context.crm,
                "remote_id": record.remote_id,
                "external_key": record.external_key,
                "company_id": record.company_id,
                "modified_at": record.modified_at,
                "writer": record.writer,
                "archived": record.archived or record.merged_into is not None,
                "merged_into": record.merged_into,
                "url": record.url,
                "run_id": context.run_id,
                "pulled_at": now,
            }
            for record in records
            if record.kind is kind
        ]
        context.warehouse.upsert(connection, table, rows)


def _column(value: Value | None) -> Value | None:
    return None if value == "" else value


Agreements = dict[str, dict[str, Agreed]]


def agreements_of(connection: sa.Connection, crm: str, kind: Kind, remote_ids: Iterable[str]) -> Agreements:
    """Per record and field what was last agreed on."""
    row, found = crm_shadow.c, {}
    query = sa.select(row.remote_id, row.fields).where(row.crm == crm, row.kind == kind.value)
    for some in chunked(sorted(remote_ids)):
        for remote_id, fields in connection.execute(query.where(row.remote_id.in_(some))):
            found[remote_id] = {name: Agreed.of(kept) for name, kept in fields.items()}
    return found


def save_agreements(
    context: SyncContext,
    connection: sa.Connection,
    kind: Kind,
    agreements: Mapping[str, Mapping[str, Agreed]],
) -> None:
    """Write what was agreed on, by record."""
    now = context.now()
    rows = [
        {
            "crm": context.crm,
            "kind": kind.value,
            "remote_id": remote_id,
            "fields": {name: agreed.document() for name, agreed in fields.items()},
            "run_id": context.run_id,
            "synced_at": now,
        }
        for remote_id, fields in agreements.items()
    ]
    context.warehouse.upsert(connection, crm_shadow, rows)


@dataclass(frozen=True, slots=True)
class OpenOperation:
    """An operation that is not decided yet, or an update that seemed undone."""

    entity_id: str
    payload: Mapping[str, Value | None]


def open_operations(
    connection: sa.Connection, crm: str, entity_ids: Iterable[str]
) -> dict[Key, OpenOperation]:
    """Operations on these companies that are not decided yet, by kind and external key."""
    row, found = crm_outbox.c, {}
    query = sa.select(row.kind, row.external_key, row.entity_id, row.payload).where(
        row.crm == crm, row.batch_id.is_(None), row.state.in_(OPEN_STATES)
    )
    for some in chunked(sorted(entity_ids)):
        for kind, key, *rest in connection.execute(query.where(row.entity_id.in_(some))):
            found[Kind(kind), key] = OpenOperation(*rest)
    return found


def undone_updates(
    connection: sa.Connection, crm: str, entity_ids: Iterable[str]
) -> dict[Key, OpenOperation]:
    """By kind and key updates that were not there when they were read back, and that nothing followed.

    A CRM that showed an older state then may show them yet.
    """
    row, found = crm_outbox.c, {}
    later = crm_outbox.alias().c
    followed = sa.exists().where(
        later.entity_id == row.entity_id,
        later.crm == row.crm,
        later.kind == row.kind,
        later.external_key == row.external_key,
        later.created_at > row.created_at,
    )
    query = sa.select(row.kind, row.external_key, row.entity_id, row.payload).where(
        row.crm == crm,
        row.batch_id.is_(None),
        row.operation == Action.UPDATE.value,
        row.state == "failed",
        row.failure.is_(None),
        ~followed,
    )
    for some in chunked(sorted(entity_ids)):
        for kind, key, *rest in connection.execute(query.where(row.entity_id.in_(some))):
            found[Kind(kind), key] = OpenOperation(*rest)
    return found


@dataclass(frozen=True, slots=True)
class LastWrite:
    """The newest operation on a record that was surely done.

    Attributes:
        created: it created the record.
        fields: names of what it wrote.
    """

    created: bool
    fields: frozenset[str]


def last_writes(
    connection: sa.Connection, crm: str, kind: Kind, remote_ids: Iterable[str]
) -> dict[str, LastWrite]:
    """Per record what we wrote last."""
    row, found = crm_outbox.c, {}
    query = (
        sa.select(row.remote_id, row.operation, row.payload)
        .where(row.crm == crm, row.kind == kind.value, row.state == "sent")
        .order_by(row.sending_at)
    )
    for some in chunked(sorted(remote_ids)):
        for remote_id, operation, payload in connection.execute(query.where(row.remote_id.in_(some))):
            found[remote_id] = LastWrite(operation == Action.CREATE.value, frozenset(payload))
    return found


MAX_REFUSALS = 5
"""Times that the same payload is tried before it waits for ``outbox.try_again`` or another one."""


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """A payload that the CRM refused too often."""

    payload_hash: str
    attempts: int
    message: str


def dead_letters(connection: sa.Connection, crm: str, entity_ids: Iterable[str]) -> dict[Key, DeadLetter]:
    """Payloads of these companies that are not tried again, by kind and external key."""
    row, found = crm_dead_letters.c, {}
    query = sa.select(row.kind, row.external_key, row.payload_hash, row.attempts, row.message).where(
        row.crm == crm, row.attempts >= MAX_REFUSALS
    )
    for some in chunked(sorted(entity_ids)):
        for kind, key, *rest in connection.execute(query.where(row.entity_id.in_(some))):
            found[Kind(kind), key] = DeadLetter(*rest)
    return found
