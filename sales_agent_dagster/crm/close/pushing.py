"""Sending operations. Close has no upsert and no idempotency key: a create is sent once and never again."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any

from sales_agent_dagster.crm.canonical import same
from sales_agent_dagster.crm.close.api import CloseApi, Object, segment
from sales_agent_dagster.crm.close.events import merges
from sales_agent_dagster.crm.close.finding import by_external_key
from sales_agent_dagster.crm.close.mapping import Mapper, moment_of, needs_current
from sales_agent_dagster.crm.close.schema import CUSTOM, PATHS
from sales_agent_dagster.crm.contract import (
    Action,
    Deferred,
    Failed,
    FailureClass,
    Fields,
    Operation,
    PushResult,
    Sent,
    Unknown,
    Value,
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
from sales_agent_dagster.crm.fields import FIELDS, Kind
from sales_agent_dagster.crm.http import Reply

DRAFT = "draft"
"""The one status of an e-mail that we ever write: others send it."""
_PATHS = {**PATHS, Kind.NOTE: "activity/note", Kind.EMAIL_DRAFT: "activity/email"}
_DEFERRED: tuple[tuple[type[CrmError], FailureClass], ...] = (
    (AuthRefused, FailureClass.AUTH),
    (PermissionRefused, FailureClass.PERMISSION),
    (RateLimited, FailureClass.RATE),
    (Unavailable, FailureClass.TRANSIENT),
)


def push(api: CloseApi, mapper: Mapper, operations: Sequence[Operation]) -> Iterator[PushResult]:
    """One result per operation, in any order. What is to be created is looked for once more before."""
    try:
        there = {
            (kind, key): value["id"]
            for kind in PATHS
            if (keys := _created_keys(operations, kind))
            for key, value in by_external_key(api, mapper, kind, keys).items()
        }
    except CrmError as error:
        yield from nothing_done(operations, error)
        return
    yield from api.transport.each(partial(_result, api, mapper, there, {}), operations)


def nothing_done(operations: Sequence[Operation], error: CrmError) -> Iterator[PushResult]:
    """Results when what has to be read first could not be."""
    for operation in operations:
        yield _deferred(operation, error) or _failed(operation, error)


def _created_keys(operations: Sequence[Operation], kind: Kind) -> list[str]:
    creates = (each for each in operations if each.kind is kind and each.action is Action.CREATE)
    return list(dict.fromkeys(each.external_key for each in creates))


def _result(
    api: CloseApi,
    mapper: Mapper,
    there: Mapping[tuple[Kind, str], str],
    refused: dict[tuple[Kind, Action], CrmError],
    operation: Operation,
) -> PushResult:
    """Of one operation; one like those that the key is ``refused`` already is not sent."""
    alike = operation.kind, operation.action
    if (before := refused.get(alike)) is not None:
        return _deferred(operation, before) or _failed(operation, before)
    try:
        if operation.action is Action.UPDATE:
            return _updated(api, mapper, operation)
        if (held := there.get((operation.kind, operation.external_key))) is not None:
            raise ConflictFound("A record with this key is there already.", remote_id=held)
        return _sent(mapper, operation, _create(api, mapper, operation))
    except CrmError as error:
        if isinstance(error, AuthRefused | PermissionRefused):
            refused[alike] = error
        return failure_of(api, operation, error)


def _create(api: CloseApi, mapper: Mapper, operation: Operation) -> Reply:
    body = _new_body(mapper, operation)
    return api.send("POST", f"{_path(operation)}/", body)


def _new_body(mapper: Mapper, operation: Operation) -> Object:
    kind = operation.kind
    if kind is not Kind.COMPANY and not operation.company_id:
        # Close would make up a lead of its own.
        raise InvalidRequest(f"A {kind} needs its lead.", fields={"lead_id": "missing"})
    if kind in PATHS:
        body = mapper.body(kind, operation.fields)
        body[f"custom.{mapper.schema.key_field(kind)}"] = operation.external_key
    else:
        body = _activity_body(operation)
        body |= {"contact_id": operation.contact_id} if operation.contact_id else {}
    if kind is not Kind.COMPANY:
        body["lead_id"] = operation.company_id
    return {name: value for name, value in body.items() if value is not None}


def _activity_body(operation: Operation) -> Object:
    fields = operation.fields
    if operation.kind is Kind.NOTE:
        return {"note": fields.get("body")}
    email = fields.get("email")
    sent = {"status": DRAFT, "subject": fields.get("subject"), "body_text": fields.get("body")}
    return {**sent, "to": [email] if email else None}


def _updated(api: CloseApi, mapper: Mapper, operation: Operation) -> PushResult:
    kind, path = operation.kind, f"{_path(operation)}/{segment(str(operation.remote_id))}/"
    if kind not in PATHS:
        return _sent(mapper, operation, _update_activity(api, path, operation))
    current = api.get(path) if needs_current(kind, operation.fields) else None
    if current is not None and _moved(operation, mapper.fields(kind, current)):
        return Deferred(operation.op_id, FailureClass.CONFLICT, "It was edited since it was compared.")
    return _sent(mapper, operation, api.send("PUT", path, mapper.body(kind, operation.fields, current)))


def _update_activity(api: CloseApi, path: str, operation: Operation) -> Reply:
    if operation.kind is Kind.EMAIL_DRAFT and api.get(path).get("status") != DRAFT:
        raise ConflictFound("The e-mail is a draft no longer.", remote_id=operation.remote_id)
    body = {name: value for name, value in _activity_body(operation).items() if value is not None}
    return api.send("PUT", path, body)


def _moved(operation: Operation, now: Fields) -> bool:
    """Whether the record says neither what it said when it was compared nor what is written."""
    kind = operation.kind
    return any(
        not same(kind, name, held, now.get(name))
        and not same(kind, name, operation.fields[name], now.get(name))
        for name, held in operation.before.items()
    )


def _path(operation: Operation) -> str:
    path = _PATHS.get(operation.kind)
    if path is None:
        raise InvalidRequest(f"A {operation.kind} is only read from Close.", fields={"kind": "read only"})
    return path


def _sent(mapper: Mapper, operation: Operation, reply: Reply) -> PushResult:
    value = reply.json()
    if not isinstance(value, dict) or not value.get("id"):
        return Unknown(operation.op_id, "Close's answer does not name the record.")
    at = value.get("date_updated")
    created = operation.action is Action.CREATE
    return Sent(
        operation.op_id,
        value["id"],
        created,
        modified_at=moment_of(at) if at else None,
        url=value.get("html_url"),
        request_id=reply.request_id,
        filled=_filled(mapper, operation.kind, value) if created else {},
    )


def _filled(mapper: Mapper, kind: Kind, value: Object) -> dict[str, Value]:
    """Close's own fields of a new object: its first status."""
    return {
        name: held for name, held in mapper.fields(kind, value).items() if FIELDS[kind][name].readable_only
    }


def failure_of(api: CloseApi, operation: Operation, error: CrmError) -> PushResult:
    """What an error means for its operation."""
    # An update was sent several times, and one may have arrived, whatever the last answer says. A create was
    # not: it is only called unavailable when no connection came about.
    perhaps = isinstance(error, Unavailable) and operation.action is Action.UPDATE
    went = isinstance(error, RecordGone) and error.perhaps_done
    if isinstance(error, Ambiguous) or perhaps or went:
        return Unknown(operation.op_id, error.message)
    if isinstance(error, RecordGone) or _lead_is_gone(operation, error):
        return _gone(api, operation, error)
    return _deferred(operation, error) or _failed(operation, error)


def _deferred(operation: Operation, error: CrmError) -> Deferred | None:
    for kind, failure in _DEFERRED:
        if isinstance(error, kind):
            return Deferred(operation.op_id, failure, error.message)
    return None


def _gone(api: CloseApi, operation: Operation, error: CrmError) -> Failed:
    survivor = _survivor(api, operation)
    remedy = "Follow the lead that it was merged into." if survivor else "It was deleted in Close: let it be."
    return Failed(operation.op_id, FailureClass.GONE, error.message, remedy, survivor)


def _failed(operation: Operation, error: CrmError) -> Failed:
    failed: Callable[..., Failed] = partial(Failed, operation.op_id)
    if isinstance(error, ConflictFound):
        remedy = "Link the record that is there, or change it in Close."
        return failed(FailureClass.CONFLICT, error.message, remedy, error.remote_id)
    named = ", ".join(error.fields) or "the record"
    if error.status is None:
        # Only the key is named by no field: it is never sent as one.
        lacks = not error.fields or error.fields.keys() & set(CUSTOM.get(operation.kind, ()))
        remedy = "SALES_AGENT_CRM__MODE=live sales-agent crm setup" if lacks else f"Leave out {named}."
        return failed(FailureClass.UNSUPPORTED, error.message, remedy)
    return failed(FailureClass.VALIDATION, error.message, f"Correct {named} in the source, then plan again.")


def _lead_is_gone(operation: Operation, error: CrmError) -> bool:
    """What hangs on a lead that is not there is refused as a bad value of ``lead_id``."""
    return operation.company_id is not None and error.status == 400 and "lead_id" in error.fields


def _survivor(api: CloseApi, operation: Operation) -> str | None:
    lead = operation.remote_id if operation.kind is Kind.COMPANY else operation.company_id
    try:
        return merges(api).get(lead or "", (None, ""))[0]
    except CrmError:
        return None


def erase(api: CloseApi, kind: Kind, remote_ids: Sequence[str]) -> Iterator[PushResult]:
    """Delete records; a lead takes its contacts, notes, tasks and e-mails along."""
    paths: dict[Kind, str] = {**_PATHS, Kind.OPPORTUNITY: "opportunity"}

    def one(remote_id: str) -> PushResult:
        operation = Operation(remote_id, kind, Action.UPDATE, "", {}, remote_id=remote_id)
        try:
            api.send("DELETE", f"{paths[kind]}/{segment(remote_id)}/")
        except RecordGone:
            pass
        except CrmError as error:
            return failure_of(api, operation, error)
        return Sent(remote_id, remote_id, created=False)

    yield from api.transport.each(one, dict.fromkeys(remote_ids))


def same_activity(operation: Operation, value: Mapping[str, Any]) -> bool:
    """Whether a note or e-mail is what an operation would have made: Close has no place for a key in one."""
    wanted = _activity_body(operation)
    wanted.pop("status", None)
    return all(
        value.get(name) == content for name, content in wanted.items() if content is not None
    ) and value.get("lead_id") in (operation.company_id, None)
