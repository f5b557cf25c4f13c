"""The outbox: operations and their states. Each step is committed before the next thing happens.

``planned`` is written before anything is sent, ``sending`` before the call and its outcome after it. So
after a kill, ``planned`` was surely not sent, and ``sending`` may have been: it becomes ``unknown``, which
only reading back decides. What is decided with an operation (link, snapshot, agreement) is written with it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import sqlalchemy as sa

from sales_agent_dagster.crm.contract import (
    Action,
    Failed,
    Operation,
    Record,
    Sent,
    Value,
)
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.crm.merging import Agreed, written
from sales_agent_dagster.crm.ownership import COMPANIONS
from sales_agent_dagster.domain.hashing import content_hash
from sales_agent_dagster.stages.crm.context import SyncContext
from sales_agent_dagster.stages.crm.following import follow_merge, shared_where_taken
from sales_agent_dagster.stages.crm.planning import Planned
from sales_agent_dagster.stages.crm.stored import (
    MAX_REFUSALS,
    SNAPSHOTS,
    Link,
    agreements_of,
    save_agreements,
    save_links,
    save_snapshots,
    snapshots_of,
)
from sales_agent_dagster.stages.known_companies import chunked
from sales_agent_dagster.warehouse.schema import crm_dead_letters, crm_outbox
from sales_agent_dagster.warehouse.schema.crm import OPEN_STATES

_ROW = crm_outbox.c
_OPEN = _ROW.state.in_(OPEN_STATES)
_LONG_AGO = datetime.fromtimestamp(0, UTC)


@dataclass(frozen=True, slots=True)
class Waiting:
    """An operation with what will be agreed on once it is done."""

    operation: Operation
    entity_id: str
    payload_hash: str
    agreed: Mapping[str, Agreed]


def enqueue(context: SyncContext, connection: sa.Connection, planned: Sequence[Planned]) -> list[Waiting]:
    """Write operations as ``planned``."""
    now = context.now()
    waiting = [_waiting(context, one, now) for one in planned]
    rows = [
        {
            "op_id": one.operation.op_id,
            "crm": context.crm,
            "entity_id": one.entity_id,
            "kind": one.operation.kind.value,
            "external_key": one.operation.external_key,
            "operation": one.operation.action.value,
            "state": "planned",
            "remote_id": one.operation.remote_id,
            "company_id": one.operation.company_id,
            "contact_id": one.operation.contact_id,
            "payload": dict(one.operation.fields),
            "payload_hash": one.payload_hash,
            "attempts": 0,
            "updated_at": now,
            "run_id": context.run_id,
            "created_at": now,
        }
        for one in waiting
    ]
    context.warehouse.upsert(connection, crm_outbox, rows)
    return waiting


def _waiting(context: SyncContext, planned: Planned, now: datetime) -> Waiting:
    payload: dict[str, Value | None] = dict(planned.payload)
    hashed = content_hash(planned.payload)
    if planned.kind is Kind.COMPANY:
        known = {
            "sync_hash": hashed,
            "last_enriched_at": now.isoformat(timespec="seconds"),
            "source_run": context.run_id[:64],
        }
        holds = context.fields_of(Kind.COMPANY)
        payload |= {name: known[name] for name in COMPANIONS if name in holds}
    operation = Operation(
        op_id=uuid4().hex,
        kind=planned.kind,
        action=Action.UPDATE if planned.remote_id else Action.CREATE,
        external_key=planned.external_key,
        fields=payload,
        remote_id=planned.remote_id,
        company_id=planned.company_id,
        contact_id=planned.contact_id,
        before={name: change.before for name, change in planned.changes.items() if planned.remote_id},
    )
    return Waiting(operation, planned.entity_id, hashed, planned.agreed)


def mark_sending(context: SyncContext, connection: sa.Connection, waiting: Sequence[Waiting]) -> None:
    """They are given to the CRM now."""
    now = context.now()
    _update(
        connection,
        [one.operation.op_id for one in waiting],
        state="sending",
        sending_at=now,
        updated_at=now,
        attempts=sa.func.coalesce(_ROW.attempts, 0) + 1,
    )


def drop(connection: sa.Connection, op_ids: Sequence[str]) -> None:
    """Forget operations that were not sent: they are planned anew from what is known by then."""
    for some in chunked(sorted(op_ids)):
        connection.execute(sa.delete(crm_outbox).where(_ROW.op_id.in_(some), _ROW.state == "planned"))


def give_up_leftovers(context: SyncContext, connection: sa.Connection) -> None:
    """What a killed sync left: what was not sent is forgotten, what may have been sent is unknown."""
    mine = sa.and_(_ROW.crm == context.crm, _ROW.batch_id.is_(None))
    connection.execute(sa.delete(crm_outbox).where(mine, _ROW.state == "planned"))
    connection.execute(
        sa.update(crm_outbox)
        .where(mine, _ROW.state == "sending")
        .values(state="unknown", message="The sync was killed.", updated_at=context.now())
    )


def mark(
    context: SyncContext, connection: sa.Connection, op_ids: Sequence[str], state: str, **values: Any
) -> int:
    """Another state for those operations that are not decided yet, and how many these are.

    A sync that took over from one that hung may have decided them, and planned others in their place.
    """
    return _update(connection, op_ids, _OPEN, state=state, updated_at=context.now(), **values)


def _update(
    connection: sa.Connection, op_ids: Sequence[str], *where: sa.ColumnElement[bool], **values: Any
) -> int:
    changed = 0
    for some in chunked(sorted(op_ids)):
        change = sa.update(crm_outbox).where(_ROW.op_id.in_(some), *where).values(**values)
        changed += connection.execute(change).rowcount
    return changed


def is_open(connection: sa.Connection, op_id: str) -> bool:
    """Whether an operation is not decided yet."""
    return connection.scalar(sa.select(_ROW.op_id).where(_ROW.op_id == op_id, _OPEN)) is not None


def settle_sent(
    context: SyncContext, connection: sa.Connection, done: Sequence[tuple[Waiting, Sent]]
) -> None:
    """Done: link, snapshot and agreement say so from now on."""
    outcomes = [
        {"which": one.operation.op_id, "remote": sent.remote_id, "request": sent.request_id}
        for one, sent in done
    ]
    if outcomes:
        connection.execute(
            sa.update(crm_outbox)
            .where(_ROW.op_id == sa.bindparam("which"))
            .values(
                state="sent",
                remote_id=sa.bindparam("remote"),
                request_id=sa.bindparam("request"),
                failure=None,
                message=None,
                updated_at=context.now(),
            ),
            outcomes,
        )
    links = []
    agreements: dict[Kind, dict[str, Mapping[str, Agreed]]] = defaultdict(dict)
    direct = [(waiting, sent) for waiting, sent in done if not _went_on(waiting.operation, sent)]
    for waiting, sent in direct:
        operation = waiting.operation
        if operation.action is Action.CREATE:
            links.append(_created(operation, waiting.entity_id, sent))
        if operation.kind in SNAPSHOTS:
            agreements[operation.kind][sent.remote_id] = waiting.agreed
    save_links(context, connection, shared_where_taken(context, connection, links))
    save_snapshots(context, connection, _written(context, connection, direct))
    for kind, agreed in agreements.items():
        save_agreements(context, connection, kind, agreed)
    for waiting, sent in done:
        if _went_on(waiting.operation, sent):
            _settle_on_survivor(context, connection, waiting, sent)
    _forgive(context, connection, [waiting for waiting, _ in done])


def _went_on(operation: Operation, sent: Sent) -> bool:
    """An update of a record that people had merged away was written to the survivor."""
    return operation.action is Action.UPDATE and operation.remote_id not in (None, sent.remote_id)


def _settle_on_survivor(
    context: SyncContext, connection: sa.Connection, waiting: Waiting, sent: Sent
) -> None:
    """What we wrote there is no person's edit; what we want of the survivor itself may differ from it."""
    kind, survivor = waiting.operation.kind, sent.remote_id
    follow_merge(context, connection, kind, str(waiting.operation.remote_id), survivor)
    before = snapshots_of(connection, context.crm, kind, [survivor]).get(survivor)
    known = agreements_of(connection, context.crm, kind, [survivor]).get(survivor, {})
    agreed = known | written(kind, waiting.operation.fields, known, before.fields if before else {})
    save_snapshots(context, connection, _written(context, connection, [(waiting, sent)]))
    save_agreements(context, connection, kind, {survivor: agreed})


def _created(operation: Operation, entity_id: str, sent: Sent) -> Link:
    how = "created" if sent.created else "external_key"
    reason = "Our sync created it." if sent.created else "The CRM had a record with our key."
    return Link(
        operation.kind,
        operation.external_key,
        entity_id,
        sent.remote_id,
        "linked",
        how,
        reason,
        created_by_us=sent.created,
        remote_url=sent.url,
    )


def _written(
    context: SyncContext, connection: sa.Connection, done: Sequence[tuple[Waiting, Sent]]
) -> list[Record]:
    """The records as they must be now."""
    ids: dict[Kind, set[str]] = defaultdict(set)
    for waiting, sent in done:
        ids[waiting.operation.kind].add(sent.remote_id)
    known = {
        kind: snapshots_of(connection, context.crm, kind, ids[kind]) for kind in ids if kind in SNAPSHOTS
    }
    records = []
    for waiting, sent in done:
        operation = waiting.operation
        if operation.kind not in SNAPSHOTS:
            continue
        creates = operation.action is Action.CREATE
        before = known[operation.kind].get(sent.remote_id)
        if before is None and not creates:
            continue  # a survivor that we have not seen yet: the next pull brings all of it
        if before is None:
            before = Record(operation.kind, sent.remote_id, {}, _LONG_AGO)
        fields = {**sent.filled, **before.fields, **operation.fields}
        records.append(
            replace(
                before,
                fields={name: value for name, value in fields.items() if value is not None},
                # Where the CRM does not tell: later than what we know, earlier than what it will say.
                modified_at=sent.modified_at or before.modified_at + timedelta(microseconds=1),
                # An update does not touch the key, which may be that of a company that joined this one.
                external_key=operation.external_key if creates else before.external_key,
                company_id=operation.company_id or before.company_id,
                url=sent.url or before.url,
            )
        )
    return records


def settle_failed(
    context: SyncContext, connection: sa.Connection, failed: Sequence[tuple[Waiting, Failed]]
) -> None:
    """Refused: a dead letter tells why and what to do; it stays due, at most MAX_REFUSALS times as it is."""
    now, letter = context.now(), crm_dead_letters.c
    for waiting, failure in failed:
        operation = waiting.operation
        key = (
            letter.crm == context.crm,
            letter.kind == operation.kind.value,
            letter.external_key == operation.external_key,
        )
        before = connection.execute(sa.select(crm_dead_letters).where(*key)).one_or_none()
        again = before is not None and before.payload_hash == waiting.payload_hash
        attempts = before.attempts + 1 if before is not None and again else 1
        state = "dead" if attempts >= MAX_REFUSALS else "failed"
        words = {"failure": failure.failure.value, "message": failure.message}
        if not mark(context, connection, [operation.op_id], state, **words):
            continue
        row = {
            "crm": context.crm,
            "kind": operation.kind.value,
            "external_key": operation.external_key,
            "entity_id": waiting.entity_id,
            "op_id": operation.op_id,
            "operation": operation.action.value,
            "payload_hash": waiting.payload_hash,
            "failure": failure.failure.value,
            "message": failure.message[:200],
            "remedy": failure.remedy,
            "attempts": attempts,
            "first_seen": before.first_seen if before is not None and again else now,
            "last_seen": now,
            "run_id": context.run_id,
        }
        context.warehouse.upsert(connection, crm_dead_letters, [row])


def _forgive(context: SyncContext, connection: sa.Connection, done: Sequence[Waiting]) -> None:
    by_kind: dict[Kind, list[str]] = defaultdict(list)
    for one in done:
        by_kind[one.operation.kind].append(one.operation.external_key)
    for kind, keys in by_kind.items():
        forgive(context, connection, kind, keys)


def forgive(context: SyncContext, connection: sa.Connection, kind: Kind, keys: Iterable[str]) -> None:
    """Remove the dead letters of what is there by now."""
    letter = crm_dead_letters.c
    for some in chunked(sorted(keys)):
        connection.execute(
            sa.delete(crm_dead_letters).where(
                letter.crm == context.crm, letter.kind == kind.value, letter.external_key.in_(some)
            )
        )


def try_again(context: SyncContext, connection: sa.Connection, ids: Sequence[str] | None) -> None:
    """What was refused too often is due again: a person did what the remedies say, which no payload shows.

    Args:
        context: of the sync that comes after.
        connection: an open transaction.
        ids: companies; None is all.
    """
    letter = crm_dead_letters.c
    query = sa.update(crm_dead_letters).where(letter.crm == context.crm).values(attempts=0)
    if ids is None:
        connection.execute(query)
        return
    for some in chunked(sorted(ids)):
        connection.execute(query.where(letter.entity_id.in_(some)))


def unattached(connection: sa.Connection, crm: str, kind: Kind, keys: Iterable[str]) -> dict[str, str]:
    """By external key the record that its last create made and could not attach."""
    query = (
        sa.select(_ROW.external_key, _ROW.remote_id)
        .where(_ROW.crm == crm, _ROW.kind == kind.value, _ROW.operation == Action.CREATE.value)
        .where(_ROW.state == "failed", _ROW.remote_id.is_not(None))
        .order_by(_ROW.updated_at, _ROW.op_id)
    )
    found: dict[str, str] = {}
    for some in chunked(sorted(keys)):
        found.update(connection.execute(query.where(_ROW.external_key.in_(some))).tuples().all())
    return found


def unknown_operations(connection: sa.Connection, crm: str) -> list[tuple[Waiting, datetime]]:
    """Operations whose answer was lost, oldest first, with the time by which they surely had been sent.

    That is when the loss was written down: a group may be on its way for long, its last operation to its end.
    """
    query = (
        sa.select(crm_outbox)
        .where(_ROW.crm == crm, _ROW.batch_id.is_(None), _ROW.state == "unknown")
        .order_by(_ROW.updated_at, _ROW.op_id)
    )
    found = []
    for row in connection.execute(query):
        operation = Operation(
            row.op_id,
            Kind(row.kind),
            Action(row.operation),
            row.external_key,
            row.payload,
            row.remote_id,
            row.company_id,
            row.contact_id,
        )
        found.append((Waiting(operation, row.entity_id, row.payload_hash, {}), row.updated_at))
    return found
