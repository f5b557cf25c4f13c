"""Operations by the hundred: upserts by our key, updates by id, one result for each."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from itertools import zip_longest

from sales_agent_dagster.crm.contract import (
    Action,
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
from sales_agent_dagster.crm.hubspot.dialect import NO_SUCH_PROPERTY
from sales_agent_dagster.crm.hubspot.finding import Finder
from sales_agent_dagster.crm.hubspot.mapping import MERGED, FieldMap, milliseconds
from sales_agent_dagster.crm.hubspot.notes import fields_of_html
from sales_agent_dagster.crm.hubspot.outcomes import result_of, row_error, rows_of, sent_of, unfinished

ORDER = (Kind.COMPANY, Kind.CONTACT, Kind.NOTE, Kind.EMAIL_DRAFT)
PUSH_BATCH = 800
_REFUSED = (InvalidRequest, ConflictFound, RecordGone)
_TOLD = (*_REFUSED, RateLimited, AuthRefused, PermissionRefused, Unavailable, Ambiguous)
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
        except _TOLD as error:
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
        try:
            written = self._write(kind, action, operations)
        except _TOLD as error:
            written = [result_of(one, error) for one in operations]
        if action is Action.CREATE and kind is not Kind.COMPANY:
            self._attach_lost(kind, operations, written)
            written = self._associated(kind, operations, written)
        return results + written

    def _attach_lost(self, kind: Kind, operations: list[Operation], written: list[PushResult]) -> None:
        """Attach what was created without an answer: reading back then finds it whole, and never writes."""
        unknown = {one.op_id for one in written if isinstance(one, Unknown)}
        lost = {one.external_key: one for one in operations if one.op_id in unknown}
        if not lost:
            return
        try:
            alone = {
                str(record.external_key): record.remote_id
                for record in self._finder.by_key(kind, lost)
                if record.company_id is None
            }
        except CrmError:
            return
        there = [one for key, one in lost.items() if key in alone]
        self._associated(kind, there, [Sent(one.op_id, alone[one.external_key], True) for one in there])

    def _with_company(self, operations: list[Operation]) -> tuple[list[Operation], list[PushResult]]:
        """Operations whose company, or its survivor, is there: nothing is created to hang on nothing."""
        wanted = {one.company_id for one in operations if one.company_id}
        there: dict[str, str] = {}
        for some in chunks(wanted, BATCH):
            for raw in self._client.read(Kind.COMPANY, some, [MERGED]):
                merged = str(raw["properties"].get(MERGED) or "")
                there |= dict.fromkeys((str(raw["id"]), *merged.split(";")), str(raw["id"]))
        gone = RecordGone("Its company is not in HubSpot any more.", status=404)
        fit: list[Operation] = []
        results: list[PushResult] = []
        for one in operations:
            if one.company_id and one.company_id not in there:
                results.append(result_of(one, gone))
            else:
                fit.append(replace(one, company_id=there[one.company_id]) if one.company_id else one)
        return fit, results

    def _unless_there(self, operations: list[Operation]) -> tuple[list[Operation], list[PushResult]]:
        """Contacts that are not there yet. One with our key was created before its answer was lost.

        People may have edited it since, so that it is attached to its company and then read back.
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
        results: list[PushResult] = [
            Unknown(result.op_id, taken) if isinstance(result, Sent) else result
            for result in self._associated(Kind.CONTACT, there, list(made))
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
        found, nameless = self._results(action, operations, body, perhaps_done)
        left = [one for one in operations if one.op_id not in found]
        found.update((one.op_id, one) for one in self._silent(kind, action, left, nameless))
        return [found[one.op_id] for one in operations]

    def _silent(
        self, kind: Kind, action: Action, operations: list[Operation], nameless: list[CrmError]
    ) -> list[PushResult]:
        """Rows that an answer does not name, though it may have refused some without saying which.

        Then they go again by halves until each stands alone; not where an attempt before may have written
        them, since people may have edited them by now, nor where the refusals are of no row's values.
        """
        tells = bool(nameless) and all(isinstance(one, _REFUSED) for one in nameless)
        if not tells or (nameless[0].perhaps_done and len(operations) > 1):
            return [Unknown(one.op_id, "HubSpot's answer does not name the row.") for one in operations]
        if len(operations) <= 1:
            return [result_of(one, nameless[0]) for one in operations]
        half = len(operations) // 2
        return self._halved(kind, action, operations[:half]) + self._halved(kind, action, operations[half:])

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
    ) -> tuple[dict[str, PushResult], list[CrmError]]:
        """Results by operation, and refusals that name no row.

        By trace id, since HubSpot promises no order; without one the key tells.
        """
        found: dict[str, PushResult] = {}
        by_key = {self._name_of(action, one): one for one in operations}
        for raw in body.get("results") or ():
            at = raw.get("objectWriteTraceId")
            key = raw["properties"].get(self._fields.key_property) if action is Action.CREATE else raw["id"]
            operation = operations[int(at)] if at is not None else by_key.get(str(key).lower())
            if operation is not None:
                found[operation.op_id] = sent_of(operation, raw)
        nameless: list[CrmError] = []
        for error in body.get("errors") or ():
            told = row_error(error)
            told = in_doubt(told) if perhaps_done else told
            told.perhaps_done = perhaps_done
            refused = list(rows_of(error, operations, by_key))
            found.update((one.op_id, result_of(one, told)) for one in refused)
            nameless += [] if refused else [told]
        return found, nameless

    def _name_of(self, action: Action, operation: Operation) -> str:
        return (operation.external_key if action is Action.CREATE else operation.remote_id or "").lower()

    def _associated(
        self, kind: Kind, operations: list[Operation], written: list[PushResult]
    ) -> list[PushResult]:
        """Attach what was created; a contact that could not be is due again.

        To its company last, so that what has one wants for nothing.
        """
        sent = {one.op_id: one for one in written if isinstance(one, Sent)}
        failures, unsure = dict[str, PushResult](), set[str]()
        for other in (Kind.CONTACT, Kind.COMPANY):
            pairs = {
                operation.op_id: (sent[operation.op_id].remote_id, to)
                for operation in operations
                if operation.op_id in sent.keys() - unsure and (to := _end_of(operation, other))
            }
            if not pairs:
                continue
            try:
                made = self._client.associate(kind, other, list(pairs.values()))
            except CrmError as error:
                unsure |= pairs.keys()
                failures.update(
                    (op_id, unfinished(kind, op_id, one, error)) for op_id, (one, _) in pairs.items()
                )
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
            return {op_id: unfinished(kind, op_id, one, error) for op_id, one in alone.items()}
        lost = RecordGone(f"Its {other.value} is not in HubSpot any more.", status=404)
        return {one.op_id: result_of(one, lost) for one in operations if alone.get(one.op_id) in there}


def _all_alike(error: CrmError, fields: FieldMap, kind: Kind) -> bool:
    """True when the batch failed for a property of ours that is not there: every row would."""
    missing = {name for name, code in error.fields.items() if code == NO_SUCH_PROPERTY}
    return bool(missing & {fields.key_property, *fields.own.get(kind, {}).values()})


def _end_of(operation: Operation, other: Kind) -> str | None:
    return operation.company_id if other is Kind.COMPANY else operation.contact_id
