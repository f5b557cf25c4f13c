"""What Salesforce's errors mean for an operation."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from sales_agent_dagster.crm.errors import (
    MAX_MESSAGE,
    AuthRefused,
    CrmError,
    InvalidRequest,
    PermissionRefused,
    RateLimited,
    RecordGone,
    Unavailable,
    WriteRefused,
)
from sales_agent_dagster.crm.operations import (
    Action,
    Deferred,
    Failed,
    FailureClass,
    Operation,
    PushResult,
    Unknown,
)
from sales_agent_dagster.crm.salesforce.dialect import GONE_CODES, LIMIT_CODE, LOCK_CODES, SalesforceDialect
from sales_agent_dagster.crm.salesforce.layout import full_id

CONVERTED = "CANNOT_UPDATE_CONVERTED_LEAD"
DUPLICATES = "DUPLICATES_DETECTED"
DUPLICATE_VALUE = "DUPLICATE_VALUE"
FULL = "STORAGE_LIMIT_EXCEEDED"
"""The organisation holds no more records: a Developer Edition's 5 MB are some 2,500 of them."""

GONE = GONE_CODES | {"INVALID_CROSS_REFERENCE_KEY"}
"""Of deletions: there is nothing to delete."""

REPLACED = GONE_CODES | {CONVERTED}
"""Another record may have taken the place of the one written."""

_OTHER_ID = re.compile(r"record with id: *([0-9A-Za-z]{15,18})")
_VALUE = re.compile(
    r"(data value too large|invalid email address|restricted picklist field): .*?( \(max|$)", re.S
)
_REMEDIES = {
    "REQUIRED_FIELD_MISSING": "Fill the field in the source, or let Salesforce not ask for it.",
    "FIELD_CUSTOM_VALIDATION_EXCEPTION": "A validation rule of the organisation refuses it: change either.",
    "INVALID_EMAIL_ADDRESS": "Correct the e-mail address in the source.",
    "STRING_TOO_LONG": "Shorten the value in the source, or make the field in Salesforce longer.",
    "INVALID_FIELD": "Create the field: `sales-agent crm setup` says how.",
    "INVALID_FIELD_FOR_INSERT_UPDATE": "Let the integration's user edit the field (field-level security).",
    "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST": "Add the value to the picklist, or let it take others.",
    "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY": "An Apex trigger there failed: its words say which.",
    "ENTITY_IS_LOCKED": "An approval holds the record: unlock it in Salesforce.",
    "CANNOT_EXECUTE_FLOW_TRIGGER": "A flow there failed: its words say which.",
    "INVALID_CROSS_REFERENCE_KEY": "The record that it hangs on is gone: pull, then sync again.",
}
_OTHERWISE = "Correct the value and sync again."
_PERMISSION_CODES = "INSUFFICIENT_ACCESS"


def code_of(result: Mapping[str, Any]) -> str:
    """Code of the first error of a record's result."""
    return str(_error(result).get("statusCode") or _error(result).get("errorCode") or "")


def is_locked(code: str) -> bool:
    """Whether the record may be sent again in a moment."""
    return code in LOCK_CODES


def of_result(operation: Operation, result: Mapping[str, Any], survivor: str | None) -> PushResult:
    """What a refused record's result means.

    Args:
        operation: what was sent.
        result: the record's result.
        survivor: the record in the way or in its place, where it was looked up.
    """
    code, message = code_of(result), str(_error(result).get("message") or "")
    told = f"{code}: {message_of(message)}"[:MAX_MESSAGE]
    if is_locked(code):
        return Deferred(operation.op_id, FailureClass.TRANSIENT, told)
    if code == LIMIT_CODE:
        return Deferred(operation.op_id, FailureClass.RATE, told)
    if code == FULL:
        # No fault of the record: every other one would be refused, too.
        return Deferred(operation.op_id, FailureClass.PERMISSION, told)
    if code in (DUPLICATES, DUPLICATE_VALUE):
        other = survivor or blocker_of(result)
        remedy = _CONFLICT_REMEDY.format(record=other or "the record that is there")
        return Failed(operation.op_id, FailureClass.CONFLICT, told, remedy, other)
    if code in REPLACED:
        creates = operation.action is Action.CREATE
        kind = FailureClass.CONFLICT if creates and survivor else FailureClass.GONE
        return Failed(operation.op_id, kind, told, _GONE_REMEDY, survivor)
    if code.startswith(_PERMISSION_CODES):
        remedy = "Give the integration's user access to the record, or leave it out."
        return Failed(operation.op_id, FailureClass.PERMISSION, told, remedy)
    return Failed(
        operation.op_id,
        FailureClass.VALIDATION,
        told,
        _REMEDIES.get(code, "Correct the value and sync again."),
    )


_CONFLICT_REMEDY = "Link the company to {record}, or merge them in Salesforce."
_GONE_REMEDY = "The record was deleted, merged or converted in Salesforce: pull, then sync again."


def of_error(operation: Operation, error: CrmError) -> PushResult:
    """What an error of a whole request means for each of its operations.

    Raises:
        WriteRefused: it is that one: nobody asks a dry run to write.
    """
    told = str(error)
    if isinstance(error, WriteRefused):
        raise error
    if isinstance(error, AuthRefused):
        return Deferred(operation.op_id, FailureClass.AUTH, told)
    if isinstance(error, RateLimited):
        return Deferred(operation.op_id, FailureClass.RATE, told)
    if isinstance(error, PermissionRefused | RecordGone):
        # 404 on a whole request: the object or the key's field is not there for this user.
        return Deferred(operation.op_id, FailureClass.PERMISSION, told)
    if isinstance(error, Unavailable) and error.status in SalesforceDialect.unreached:
        return Deferred(operation.op_id, FailureClass.TRANSIENT, told)
    if isinstance(error, InvalidRequest) and error.status == 400:
        message = f"{error.code}: {message_of(told)}"[:MAX_MESSAGE]
        return Failed(operation.op_id, FailureClass.VALIDATION, message, _remedy(error.code or ""))
    return Unknown(operation.op_id, told)


def in_doubt(result: PushResult) -> PushResult:
    """The same as ``errors.in_doubt``, for the result of a refused record."""
    if isinstance(result, Deferred) or (isinstance(result, Failed) and result.failure is FailureClass.GONE):
        return Unknown(result.op_id, result.message)
    return result


def not_done(operation: Operation, error: CrmError) -> PushResult:
    """What the refusal of a whole job means for an operation, which surely was not done."""
    result = of_error(operation, error)
    if isinstance(result, Unknown):
        return Deferred(operation.op_id, FailureClass.TRANSIENT, result.message)
    if isinstance(result, Failed):
        # Not this record's fault: the organisation does not take such jobs.
        return Deferred(operation.op_id, FailureClass.PERMISSION, result.message)
    return result


def stops(result: PushResult) -> bool:
    """Whether nothing else need be sent."""
    return isinstance(result, Deferred) and result.failure in (
        FailureClass.AUTH,
        FailureClass.PERMISSION,
        FailureClass.RATE,
    )


def blocker_of(result: Mapping[str, Any]) -> str | None:
    """Id of the record that a duplicate rule or a unique field names."""
    error = _error(result)
    matches: Sequence[Mapping[str, Any]] = (error.get("duplicateResult") or {}).get("matchResults") or ()
    for match in matches:
        for found in match.get("matchRecords") or ():
            if record_id := (found.get("record") or {}).get("Id"):
                return str(record_id)
    named = _OTHER_ID.search(str(error.get("message") or ""))
    return full_id(named[1]) if named else None


def _remedy(code: str) -> str:
    return _REMEDIES.get(code, _OTHERWISE)


def message_of(message: str) -> str:
    """The message without the value that it repeats."""
    return _VALUE.sub(r"\1\2", message)


def _error(result: Mapping[str, Any]) -> Mapping[str, Any]:
    errors = result.get("errors") or ()
    return errors[0] if errors else {}
