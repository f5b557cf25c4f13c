"""Reading back what became of operations whose answer was lost. Found is done, absent is due again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta

import sqlalchemy as sa

from sales_agent_dagster.crm.canonical import same
from sales_agent_dagster.crm.contract import (
    Action,
    Failed,
    FailureClass,
    Operation,
    Reconciled,
    Record,
    Sent,
    Verdict,
)
from sales_agent_dagster.crm.fields import FIELDS, FieldType
from sales_agent_dagster.crm.merging import Agreed, written
from sales_agent_dagster.crm.ownership import COMPANIONS
from sales_agent_dagster.stages.crm.adopting import sent_by_creates
from sales_agent_dagster.stages.crm.arriving import store_records, storing
from sales_agent_dagster.stages.crm.context import SyncContext
from sales_agent_dagster.stages.crm.outbox import (
    Waiting,
    is_open,
    mark,
    settle_failed,
    settle_sent,
    unknown_operations,
)
from sales_agent_dagster.stages.crm.stored import (
    SNAPSHOTS,
    Link,
    agreements_of,
    links_to,
    save_agreements,
    save_links,
)


def reconcile(context: SyncContext) -> None:
    """Decide what can be decided about unknown operations; the others stay unknown."""
    with context.warehouse.reading() as connection:
        waiting = unknown_operations(connection, context.crm)
    size = context.connector.capabilities.lookup_batch
    for start in range(0, len(waiting), size):
        some = waiting[start : start + size]
        by_id = {one.operation.op_id: (one, at) for one, at in some}
        for verdict in context.connector.reconcile([one.operation for one, _ in some]):
            one, at = by_id[verdict.op_id]
            context.card.resolved += _decide(context, one, at, verdict)
    with context.warehouse.reading() as connection:
        context.card.still_unknown = len(unknown_operations(connection, context.crm))


def _decide(context: SyncContext, waiting: Waiting, lost_at: datetime, told: Reconciled) -> bool:
    """Write what reading back told; False when it told nothing yet."""
    settled = context.now() - lost_at >= context.connector.capabilities.settle
    operation = waiting.operation
    with storing(context, [told.record] if told.record else []) as connection:
        if not is_open(connection, operation.op_id):
            return False  # a sync that took over has read it back, and may have written since
        verdict = _judged(context, connection, operation, told)
        record = verdict.record
        if verdict.verdict is Verdict.FOUND and record is not None:
            if _is_others(context, connection, operation, record):
                _share(context, connection, waiting, record)
                return True
            if operation.action is Action.CREATE or _applied(waiting, record):
                _done(context, connection, waiting, record)
                return True
            if settled:
                _in_part(context, connection, operation, record)
                return True
        elif verdict.verdict is Verdict.ABSENT and (settled or record is not None):
            _absent(context, connection, waiting, record)
            return True
    return False


def _judged(
    context: SyncContext, connection: sa.Connection, operation: Operation, told: Reconciled
) -> Reconciled:
    """What was told, but of several records that it may be, one that is not another's already."""
    if told.record is None or operation.action is not Action.CREATE:
        return told
    for record in (told.record, *told.others):
        if not _is_others(context, connection, operation, record):
            return replace(told, record=record)
    # Another's note with the same words: ours is not there. But a record with our key is there.
    return told if operation.kind in SNAPSHOTS else Reconciled(told.op_id, Verdict.ABSENT)


def _is_others(context: SyncContext, connection: sa.Connection, operation: Operation, record: Record) -> bool:
    """Whether what a create made is another's by now: people merged the two, or linked it."""
    if operation.action is not Action.CREATE:
        return False
    known = links_to(connection, context.crm, operation.kind, [record.remote_id]).get(record.remote_id, ())
    return any(one.state == "linked" and one.external_key != operation.external_key for one in known)


def _share(context: SyncContext, connection: sa.Connection, waiting: Waiting, record: Record) -> None:
    """It was done, but its record is another's: it is not created again."""
    operation = waiting.operation
    reason = f"Its record is {record.remote_id} by now, which another of ours has."
    link = Link(
        operation.kind,
        operation.external_key,
        waiting.entity_id,
        record.remote_id,
        "shared",
        "merged",
        reason,
        created_by_us=True,
        remote_url=record.url,
    )
    save_links(context, connection, [link])
    store_records(context, connection, [record])
    known = agreements_of(connection, context.crm, operation.kind, [record.remote_id])
    agreed = known.get(record.remote_id, {})
    agreed |= _edited_since(operation, record, agreed)
    save_agreements(context, connection, operation.kind, {record.remote_id: agreed})
    mark(context, connection, [operation.op_id], "sent", remote_id=record.remote_id)


def _edited_since(operation: Operation, record: Record, agreed: Mapping[str, Agreed]) -> dict[str, Agreed]:
    """What others changed of the fields that a create wrote into a record of which we agreed otherwise."""
    kind, found = operation.kind, {}
    for name, value in operation.fields.items():
        there, known = record.fields.get(name), agreed.get(name)
        if value is None or same(kind, name, value, there):
            continue
        if known is not None and same(kind, name, known.base, there):
            continue
        if known is None or FIELDS[kind][name].type is FieldType.LIST:
            known = written(kind, {name: value}, agreed)[name]
        found[name] = replace(known, locked=True, edited_at=record.modified_at, carried=False)
    return found


def _applied(waiting: Waiting, record: Record) -> bool:
    """Whether the record says what the operation wrote, or bears its mark: what differs was edited since."""
    fields = waiting.operation.fields
    marks = {name: value for name, value in fields.items() if name in COMPANIONS}
    told = marks or fields
    return all(same(record.kind, name, value, record.fields.get(name)) for name, value in told.items())


def _done(context: SyncContext, connection: sa.Connection, waiting: Waiting, record: Record) -> None:
    """It was done. What others edited since is seen as theirs: the record is stored as it is now."""
    operation = waiting.operation
    before = agreements_of(connection, context.crm, operation.kind, [record.remote_id])
    known = before.get(record.remote_id, {})
    created = operation.action is Action.CREATE
    fields = operation.fields
    if created:  # an earlier one may have made it, of which we only know that it was not finished
        key = operation.external_key
        fields = sent_by_creates(context, connection, operation.kind, {key: record.fields}).get(key, fields)
    agreed = known | written(operation.kind, fields, known)
    done = Waiting(operation, waiting.entity_id, waiting.payload_hash, agreed)
    # Stored as we sent it first, so that a later edit by others shows as theirs.
    at = record.modified_at - timedelta(microseconds=1)
    sent = Sent(operation.op_id, record.remote_id, created, at, record.url)
    settle_sent(context, connection, [(done, sent)])
    store_records(context, connection, [record])


def _in_part(context: SyncContext, connection: sa.Connection, operation: Operation, record: Record) -> None:
    """An update of which some fields are not there: it was not done, or people edited those since."""
    store_records(context, connection, [record])
    there = {
        name: value
        for name, value in operation.fields.items()
        if same(record.kind, name, value, record.fields.get(name))
    }
    known = agreements_of(connection, context.crm, operation.kind, [record.remote_id]).get(
        record.remote_id, {}
    )
    agreed = {record.remote_id: known | written(operation.kind, there, known)}
    save_agreements(context, connection, operation.kind, agreed)
    mark(context, connection, [operation.op_id], "failed", message="It was not applied, or not for long.")


def _absent(context: SyncContext, connection: sa.Connection, waiting: Waiting, begun: Record | None) -> None:
    operation = waiting.operation
    if operation.action is Action.CREATE:
        told: dict[str, str] = {"message": "It is surely not there."}
        if begun is not None and not _is_others(context, connection, operation, begun):
            told = {"message": "It is there, but not attached yet.", "remote_id": begun.remote_id}
        mark(context, connection, [operation.op_id], "failed", **told)
        return
    gone = Failed(
        operation.op_id, FailureClass.GONE, "The record is gone.", "Nothing: it is not created again."
    )
    settle_failed(context, connection, [(waiting, gone)])
