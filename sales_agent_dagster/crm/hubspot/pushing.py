"""Operations by the hundred: upserts by our key, updates by id, one result for each."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from itertools import zip_longest
from typing import Any

from sales_agent_dagster.crm.contract import (
    Action,
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
    in_doubt,
)
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.crm.hubspot.client import BATCH, Client, Raw, chunks
from sales_agent_dagster.crm.hubspot.dialect import NO_SUCH_PROPERTY, NOT_UNIQUE, existing_id, fields_of
from sales_agent_dagster.crm.hubspot.finding import Finder
from sales_agent_dagster.crm.hubspot.mapping import FieldMap, milliseconds, moment_of
from sales_agent_dagster.crm.hubspot.notes import fields_of_html

ORDER = (Kind.COMPANY, Kind.CONTACT, Kind.NOTE, Kind.EMAIL_DRAFT)
PUSH_BATCH = 800
_REFUSED = (InvalidRequest, ConflictFound, RecordGone)
_UNREACHED = (423, 477)
"""Locked, and moving to another data centre: refused before anything was done."""

_REMEDIES = {
    FailureClass.VALIDATION: "Correct the value in the source or in HubSpot's property, then plan again.",
    FailureClass.CONFLICT: "Link the lead to the record that has the value, or change one of the two.",
    FailureClass.GONE: "Pull again: the record was deleted or merged in HubSpot.",
}
Part = tuple[Kind, Action, list[Operation]]


def parts_of(operations: Sequence[Operation]) -> Iterator[list[Part]]:
    """Batches that may go at the same time, group after group: companies before what hangs on them.

    No batch addresses a record twice: HubSpot refuses that. Nor does a group: the later one must win.
    """
    for kind in ORDER:
        mine = [one for one in operations if one.kind is kind]
        rounds = [list(_without_repetition([one for one in mine if one.action is each])) for each in Action]
        for now in zip_longest(*rounds, fillvalue=[]):
            yield [
                (kind, action, some)
                for action, chosen in zip(Action, now, strict=True)
                for some in chunks(chosen, BATCH)
            ]


def _without_repetition(operations: list[Operation]) -> Iterator[list[Operation]]:
    while operations:
        keys: set[str] = set()
        now: list[Operation] = []
        later: list[Operation] = []
        for operation in operations:
            key = operation.remote_id or operation.external_key.lower()
            (later if key in keys else now).append(operation)
            keys.add(key)
        yield now
        operations = later


class Pusher:
    """Sends one part at a time; safe to use from several threads.

    Args:
        now: the time of notes, UTC.
    """

    def __init__(self, client: Client, finder: Finder, fields: FieldMap, now: Callable[[], datetime]) -> None:
        self._client = client
        self._finder = finder
        self._fields = fields
        self._now = now

    def push(self, part: Part) -> list[PushResult]:
        """One result per operation, whatever happens."""
        kind, action, operations = part
        try:
            return self._push(kind, action, operations)
        except (*_REFUSED, RateLimited, AuthRefused, PermissionRefused, Unavailable, Ambiguous) as error:
            return [result_of(one, error) for one in operations]

    def _push(self, kind: Kind, action: Action, operations: list[Operation]) -> list[PushResult]:
        results: list[PushResult] = []
        if action is Action.CREATE and kind is not Kind.COMPANY:
            operations, results = self._with_company(operations)
        if action is Action.UPDATE and kind is Kind.EMAIL_DRAFT:
            operations = self._whole(operations)
        if action is Action.CREATE and kind is Kind.CONTACT:
            operations, known = self._unless_there(operations)
            results += known
        if not operations:
            return results
        written = self._write(kind, action, operations)
        if action is Action.CREATE and kind is not Kind.COMPANY:
            written = self._associated(kind, operations, written)
        return results + written

    def _with_company(self, operations: list[Operation]) -> tuple[list[Operation], list[PushResult]]:
        """Operations whose company is there: nothing is created that could hang on nothing."""
        wanted = {one.company_id for one in operations if one.company_id}
        there: set[str] = set()
        for some in chunks(wanted, BATCH):
            for raw in self._client.read(Kind.COMPANY, some, ["hs_merged_object_ids"]):
                merged = str(raw["properties"].get("hs_merged_object_ids") or "")
                there |= {str(raw["id"]), *merged.split(";")}
        gone = RecordGone("Its company is not in HubSpot any more.", status=404)
        fit: list[Operation] = []
        results: list[PushResult] = []
        for one in operations:
            if one.company_id and one.company_id not in there:
                results.append(result_of(one, gone))
            else:
                fit.append(one)
        return fit, results

    def _unless_there(self, operations: list[Operation]) -> tuple[list[Operation], list[PushResult]]:
        """Contacts that are not there yet. One with our key was created before its answer was lost.

        People may have edited it since, so that it is attached to its company and then told as it is.
        """
        key = self._fields.key_property
        keys = [one.external_key for one in operations]
        try:
            raws = self._client.read(Kind.CONTACT, keys, [key], by=key)
        except InvalidRequest:
            raws = []  # there is no such property yet: the write tells
        found = {str(raw["properties"].get(key)).lower(): str(raw["id"]) for raw in raws}
        there = [one for one in operations if one.external_key.lower() in found]
        made = [Sent(one.op_id, found[one.external_key.lower()], created=False) for one in there]
        taken = "HubSpot has a contact with this key already."
        results = [
            result_of(one, ConflictFound(taken, remote_id=result.remote_id))
            if isinstance(result, Sent)
            else result
            for one, result in zip(there, self._associated(Kind.CONTACT, there, list(made)), strict=True)
        ]
        return [one for one in operations if one not in there], results

    def _whole(self, operations: list[Operation]) -> list[Operation]:
        """Drafts with all their fields: they share one property."""
        ids = [one.remote_id or "" for one in operations]
        held = {
            str(raw["id"]): fields_of_html(Kind.EMAIL_DRAFT, str(raw["properties"].get("hs_note_body") or ""))
            for raw in self._client.read(Kind.EMAIL_DRAFT, ids, ["hs_note_body"])
        }
        return [
            replace(one, fields={**held.get(one.remote_id or "", {}), **one.fields}) for one in operations
        ]

    def _write(self, kind: Kind, action: Action, operations: list[Operation]) -> list[PushResult]:
        """One batch; a batch refused for one row is halved until the row stands alone."""
        inputs = [self._input(kind, action, str(at), one) for at, one in enumerate(operations)]
        verb = "upsert" if action is Action.CREATE else "update"
        try:
            still = partial(self._are_keys_free, kind, operations) if action is Action.CREATE else None
            body, perhaps_done = self._client.write(kind, verb, inputs, still)
        except _REFUSED as error:
            if len(operations) == 1 or _all_alike(error, self._fields, kind):
                return [result_of(one, error) for one in operations]
            half = len(operations) // 2
            first = self._write(kind, action, operations[:half])
            return first + self._halved(kind, action, operations[half:])
        return self._results(action, operations, body, perhaps_done)

    def _are_keys_free(self, kind: Kind, operations: list[Operation]) -> bool:
        """Whether no record has these keys, nor had one that went: nothing of the request was done."""
        try:
            return not self._finder.created(kind, operations)
        except CrmError:
            return False

    def _halved(self, kind: Kind, action: Action, operations: list[Operation]) -> list[PushResult]:
        """The second half; its failure must not take the first half's results with it."""
        try:
            return self._write(kind, action, operations)
        except CrmError as error:
            return [result_of(one, error) for one in operations]

    def _input(self, kind: Kind, action: Action, trace: str, operation: Operation) -> Raw:
        properties = self._fields.properties_of(kind, operation.fields)
        if action is Action.UPDATE:
            return {"id": operation.remote_id, "properties": properties, "objectWriteTraceId": trace}
        if kind in (Kind.NOTE, Kind.EMAIL_DRAFT):
            properties["hs_timestamp"] = str(milliseconds(self._now()))
        key = {self._fields.key_property: operation.external_key}
        return {
            "idProperty": self._fields.key_property,
            "id": operation.external_key,
            "properties": {**properties, **key},
            "objectWriteTraceId": trace,
        }

    def _results(
        self, action: Action, operations: list[Operation], body: Raw, perhaps_done: bool
    ) -> list[PushResult]:
        """By trace id; HubSpot promises no order, and of a result without its id the key tells."""
        found: dict[str, PushResult] = {}
        by_key = {self._name_of(action, one): one for one in operations}
        for raw in body.get("results", ()):
            at = raw.get("objectWriteTraceId")
            key = raw["properties"].get(self._fields.key_property) if action is Action.CREATE else raw["id"]
            operation = operations[int(at)] if at is not None else by_key.get(str(key).lower())
            if operation is not None:
                found[operation.op_id] = _sent(operation, raw)
        for error in body.get("errors", ()):
            told = _row_error(error)
            told.perhaps_done = perhaps_done
            for operation in _rows_of(error, operations, by_key):
                found[operation.op_id] = result_of(operation, in_doubt(told) if perhaps_done else told)
        silent = "HubSpot's answer does not name the row."
        return [found.get(one.op_id) or Unknown(one.op_id, silent) for one in operations]

    def _name_of(self, action: Action, operation: Operation) -> str:
        return (operation.external_key if action is Action.CREATE else operation.remote_id or "").lower()

    def _associated(
        self, kind: Kind, operations: list[Operation], written: list[PushResult]
    ) -> list[PushResult]:
        """Attach what was created; what could not be is due again, and its second upsert changes nothing."""
        sent = {one.op_id: one for one in written if isinstance(one, Sent)}
        failures: dict[str, PushResult] = {}
        for other in (Kind.COMPANY, Kind.CONTACT):
            pairs = {
                operation.op_id: (sent[operation.op_id].remote_id, to)
                for operation in operations
                if operation.op_id in sent and (to := _end_of(operation, other))
            }
            if not pairs:
                continue
            try:
                made = self._client.associate(kind, other, list(pairs.values()))
            except CrmError as error:
                failures.update((op_id, _unfinished(op_id, one, error)) for op_id, (one, _) in pairs.items())
                continue
            alone = {op_id: one for op_id, (one, to) in pairs.items() if (one, to) not in made}
            failures.update(self._unattached(kind, other, operations, alone))
        return [failures.get(one.op_id, one) for one in written]

    def _unattached(
        self, kind: Kind, other: Kind, operations: list[Operation], alone: Mapping[str, str]
    ) -> dict[str, PushResult]:
        """By operation why its record could not be attached: the other end is gone.

        A record that is gone itself was created, and somebody deleted it since: that is no failure.
        """
        if not alone:
            return {}
        try:
            there = {str(raw["id"]) for raw in self._client.read(kind, list(alone.values()), [])}
        except CrmError as error:
            return {op_id: _unfinished(op_id, one, error) for op_id, one in alone.items()}
        lost = RecordGone(f"Its {other.value} is not in HubSpot any more.", status=404)
        return {one.op_id: result_of(one, lost) for one in operations if alone.get(one.op_id) in there}


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


def _all_alike(error: CrmError, fields: FieldMap, kind: Kind) -> bool:
    """True when the batch failed for a property of ours that is not there: every row would."""
    missing = {name for name, code in error.fields.items() if code == NO_SUCH_PROPERTY}
    return bool(missing & {fields.key_property, *fields.own.get(kind, {}).values()})


def _sent(operation: Operation, raw: Mapping[str, Any]) -> Sent:
    changed = raw.get("updatedAt")
    return Sent(
        operation.op_id,
        str(raw["id"]),
        created=bool(raw.get("new", False)),
        modified_at=moment_of(str(changed)) if changed else None,
    )


def _rows_of(
    error: Mapping[str, Any], operations: list[Operation], by_key: Mapping[str, Operation]
) -> Iterable[Operation]:
    context = error.get("context") or {}
    traces = context.get("objectWriteTraceId") or ()
    if traces:
        return [operations[int(at)] for at in traces]
    return [by_key[key] for given in context.get("ids") or () if (key := str(given).lower()) in by_key]


def _row_error(error: Mapping[str, Any]) -> CrmError:
    """An error in a 207 as the exception that it would be alone."""
    message, category = str(error.get("message") or "refused"), str(error.get("category") or "")
    kinds: dict[str, type[CrmError]] = {
        "CONFLICT": ConflictFound,
        "OBJECT_NOT_FOUND": RecordGone,
        "RATE_LIMITS": RateLimited,
        "MISSING_SCOPES": PermissionRefused,
        "VALIDATION_ERROR": InvalidRequest,
    }
    return kinds.get(category, Ambiguous)(message, code=category, fields=fields_of(error))


def _unfinished(op_id: str, remote_id: str, error: CrmError) -> PushResult:
    words = f"Created, but not attached yet: {error.message}"
    return Deferred(op_id, FailureClass.TRANSIENT, words, remote_id)


def _end_of(operation: Operation, other: Kind) -> str | None:
    return operation.company_id if other is Kind.COMPANY else operation.contact_id
