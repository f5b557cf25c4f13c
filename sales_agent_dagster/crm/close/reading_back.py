"""What became of operations whose answer was lost. Reads only."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sales_agent_dagster.crm.close.api import CloseApi
from sales_agent_dagster.crm.close.events import created_with_keys
from sales_agent_dagster.crm.close.finding import by_external_key, read
from sales_agent_dagster.crm.close.mapping import Mapper, moment_of
from sales_agent_dagster.crm.close.pushing import same_activity
from sales_agent_dagster.crm.close.schema import PATHS
from sales_agent_dagster.crm.contract import Action, Operation, Reconciled, Record, Verdict
from sales_agent_dagster.crm.fields import Kind

PAGES = 40
"""Pages of the log's newest creations that are looked through: 2,000 records of a kind."""
_ACTIVITIES = {Kind.NOTE: "activity.note", Kind.EMAIL_DRAFT: "activity.email"}


def reconcile(api: CloseApi, mapper: Mapper, operations: Sequence[Operation]) -> Iterator[Reconciled]:
    """One verdict each: by key in the index and in the event log, which has what the index has not yet."""
    for kind in PATHS:
        creates = [each for each in operations if each.kind is kind and each.action is Action.CREATE]
        if creates:
            yield from _creates(api, mapper, kind, creates)
    for operation in operations:
        if operation.action is Action.UPDATE:
            yield _update(api, mapper, operation)
        elif operation.kind in _ACTIVITIES:
            yield _activity(api, mapper, operation)
        elif operation.kind not in PATHS:
            yield Reconciled(operation.op_id, Verdict.ABSENT)


def _creates(
    api: CloseApi, mapper: Mapper, kind: Kind, operations: Sequence[Operation]
) -> Iterator[Reconciled]:
    keys = list(dict.fromkeys(operation.external_key for operation in operations))
    logged: Mapping[str, Mapping[str, Any]] = {}
    indexed = by_external_key(api, mapper, kind, keys)
    if missing := frozenset(keys) - indexed.keys():
        column = f"custom.{mapper.schema.key_field(kind)}"
        logged = created_with_keys(api, PATHS[kind], column, missing, PAGES)
    ids = {key: value["id"] for key, value in indexed.items()}
    ids |= {key: entry["object_id"] for key, entry in logged.items()}
    # The index may still show what is deleted by now, with values of a while ago.
    records = read(api, mapper, kind, list(ids.values()))
    for operation in operations:
        remote_id = ids.get(operation.external_key)
        if remote_id is None:
            yield Reconciled(operation.op_id, Verdict.ABSENT)
            continue
        made = indexed.get(operation.external_key) or logged[operation.external_key]
        record = records.get(remote_id) or _deleted(kind, remote_id, operation, made)
        yield Reconciled(operation.op_id, Verdict.FOUND, record)


def _deleted(kind: Kind, remote_id: str, operation: Operation, made: Mapping[str, Any]) -> Record:
    """It was created, and somebody deleted it since: not to be created again."""
    at = moment_of(made["date_updated"])
    return Record(kind, remote_id, {}, at, external_key=operation.external_key, archived=True)


def _update(api: CloseApi, mapper: Mapper, operation: Operation) -> Reconciled:
    remote_id = str(operation.remote_id)
    if operation.kind in _ACTIVITIES:
        # Setting the same again is the same: whether it was done does not matter.
        return Reconciled(operation.op_id, Verdict.ABSENT)
    record = read(api, mapper, operation.kind, [remote_id]).get(remote_id)
    return Reconciled(operation.op_id, Verdict.FOUND if record else Verdict.ABSENT, record)


def _activity(api: CloseApi, mapper: Mapper, operation: Operation) -> Reconciled:
    """Notes or drafts of the lead with the same content, as they are or as the log says they were created.

    One of another operation may say the same: which is whose, only its links tell.
    """
    found: dict[str, Record] = {}
    for value in _contents(api, operation):
        if value["id"] not in found and same_activity(operation, value):
            found[value["id"]] = mapper.record(operation.kind, value)
    if not found:
        return Reconciled(operation.op_id, Verdict.ABSENT)
    first, *others = found.values()
    return Reconciled(operation.op_id, Verdict.FOUND, first, tuple(others))


def _contents(api: CloseApi, operation: Operation) -> Iterator[Mapping[str, Any]]:
    """What there is of the kind on the lead, and what was created."""
    lead_id = str(operation.company_id)
    kind = _ACTIVITIES[operation.kind]
    yield from api.listed(kind.replace(".", "/") + "/", {"lead_id": lead_id})
    for page in api.events(lead_id=lead_id, object_type=kind, action="created"):
        for entry in page:
            if entry.get("data"):
                yield entry["data"]
