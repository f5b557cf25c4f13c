"""What an answer or an error of HubSpot means for an operation."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from sales_agent_dagster.crm.contract import (
    Deferred,
    Failed,
    FailureClass,
    Operation,
    PushResult,
    Sent,
    Unknown,
)
from sales_agent_dagster.crm.errors import (
    Ambiguous,
    AuthRefused,
    ConflictFound,
    CrmError,
    InvalidRequest,
    PermissionRefused,
    RateLimited,
    RecordGone,
    Unavailable,
)
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.crm.hubspot.dialect import (
    NO_SUCH_PROPERTY,
    NOT_UNIQUE,
    existing_id,
    fields_of,
    message_of,
)
from sales_agent_dagster.crm.hubspot.mapping import moment_of

_UNREACHED = (423, 477)
"""Locked, and moving to another data centre: refused before anything was done."""

_REMEDIES = {
    FailureClass.VALIDATION: "Correct the value in the source or in HubSpot's property, then plan again.",
    FailureClass.CONFLICT: "Link the lead to the record that has the value, or change one of the two.",
    FailureClass.GONE: "Pull again: the record was deleted or merged in HubSpot.",
}


def result_of(operation: Operation, error: CrmError) -> PushResult:
    """What an error means for an operation that it was raised for."""
    op_id, text = operation.op_id, error.message
    if isinstance(error, AuthRefused):
        return Deferred(op_id, FailureClass.AUTH, text)
    if isinstance(error, PermissionRefused):
        return Deferred(op_id, FailureClass.PERMISSION, text)
    if isinstance(error, RateLimited):
        return Deferred(op_id, FailureClass.RATE, text)
    went = isinstance(error, RecordGone) and error.perhaps_done
    reached = isinstance(error, Unavailable) and error.status not in _UNREACHED
    if isinstance(error, Ambiguous) or went or reached:
        # It may have been done, by the last attempt or by one before.
        return Unknown(op_id, text)
    if isinstance(error, Unavailable):
        return Deferred(op_id, FailureClass.TRANSIENT, text)
    failure = _failure_of(error)
    remedy = _REMEDIES[failure]
    if NO_SUCH_PROPERTY in error.fields.values():
        remedy = "Create HubSpot's missing properties with `sales-agent crm setup`, then apply again."
    return Failed(op_id, failure, text, remedy, error.remote_id or existing_id(text))


def _failure_of(error: CrmError) -> FailureClass:
    if isinstance(error, RecordGone):
        return FailureClass.GONE
    taken = isinstance(error, ConflictFound) or NOT_UNIQUE in error.fields.values()
    return FailureClass.CONFLICT if taken else FailureClass.VALIDATION


def sent_of(operation: Operation, raw: Mapping[str, Any]) -> Sent:
    """Of a row of a batch's results."""
    changed = raw.get("updatedAt")
    return Sent(
        operation.op_id,
        str(raw["id"]),
        created=bool(raw.get("new", False)),
        modified_at=moment_of(str(changed)) if changed else None,
    )


def rows_of(
    error: Mapping[str, Any], operations: list[Operation], by_key: Mapping[str, Operation]
) -> Iterable[Operation]:
    """The operations that an error of a batch is about: by trace id, else by id; none if it does not say."""
    context = error.get("context") or {}
    traces = context.get("objectWriteTraceId") or ()
    if traces:
        return [operations[int(at)] for at in traces]
    return [by_key[key] for given in context.get("ids") or () if (key := str(given).lower()) in by_key]


def row_error(error: Mapping[str, Any]) -> CrmError:
    """An error in a 207 as the exception that it would be alone."""
    message, category = message_of(error) or "refused", str(error.get("category") or "")
    kinds: dict[str, type[CrmError]] = {
        "CONFLICT": ConflictFound,
        "OBJECT_NOT_FOUND": RecordGone,
        "RATE_LIMITS": RateLimited,
        "MISSING_SCOPES": PermissionRefused,
        "VALIDATION_ERROR": InvalidRequest,
    }
    return kinds.get(category, Ambiguous)(message, code=category, fields=fields_of(error))


def unfinished(kind: Kind, op_id: str, remote_id: str, error: CrmError) -> PushResult:
    """A contact is due again by its id; of a note, which is nobody's record, reading back has to tell.

    Somebody may delete it before it is attached, and made again it would be by then.
    """
    words = f"Created, but not attached yet: {error.message}"
    if kind is not Kind.CONTACT:
        return Unknown(op_id, words)
    return Deferred(op_id, FailureClass.TRANSIENT, words, remote_id)
