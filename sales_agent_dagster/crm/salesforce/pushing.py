"""Sending writes: collections of up to 200, bulk jobs for many, one result per operation.

Every write is by external id or by id and sets values: sent twice it is the same as once. So the transport
may repeat requests whose answer was lost, and only what it gives up on is unknown.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from itertools import groupby

from sales_agent_dagster.crm.errors import CrmError, InvalidRequest
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.crm.operations import Deferred, FailureClass, Operation, PushResult, Sent
from sales_agent_dagster.crm.salesforce import outcomes
from sales_agent_dagster.crm.salesforce.bulk import BulkJobs
from sales_agent_dagster.crm.salesforce.client import MAX_COLLECTION, Client, Row
from sales_agent_dagster.crm.salesforce.finding import Finder
from sales_agent_dagster.crm.salesforce.routing import Router, Write

LOCK_ATTEMPTS = 4
"""Times that a record is sent that somebody else has locked."""

_LOCK_WAIT_S = 1.0
_ORDER = (Kind.COMPANY, Kind.CONTACT, Kind.NOTE, Kind.EMAIL_DRAFT, Kind.OPPORTUNITY)


class Pusher:
    """Sends operations to one organisation.

    Args:
        bulk_above: more writes of one sort than this go as a bulk job.
    """

    def __init__(self, client: Client, finder: Finder, router: Router, bulk_above: int) -> None:
        self._client = client
        self._finder = finder
        self._router = router
        self._bulk = BulkJobs(client)
        self._bulk_above = bulk_above

    def push(self, operations: Sequence[Operation]) -> Iterator[PushResult]:
        """One result per operation."""
        halt = _Halt()
        for kind in _ORDER:
            some = [operation for operation in operations if operation.kind is kind]
            if some:
                yield from self._push_kind(some, halt)

    def _push_kind(self, operations: Sequence[Operation], halt: _Halt) -> Iterator[PushResult]:
        if halt.is_on:
            yield from (halt.told(operation) for operation in operations)
            return
        try:
            routed = self._router.route(operations)
        except CrmError as error:
            yield from (halt.seen(outcomes.of_error(operation, error)) for operation in operations)
            return
        yield from routed.refused
        for wave in _waves(routed.writes):
            for _, group in groupby(sorted(wave, key=_sort), _sort):
                yield from self._send(list(group), halt)

    def _send(self, writes: Sequence[Write], halt: _Halt) -> Iterator[PushResult]:
        rest = sorted(writes, key=_parent)
        if len(writes) > self._bulk_above and not halt.is_on:
            fit = [write for write in writes if self._bulk.takes(write)]
            rest = [write for write in rest if not self._bulk.takes(write)]
            for answered in self._bulk.run(fit):
                yield from self._settled(answered, halt)
        chunks = (rest[start : start + MAX_COLLECTION] for start in range(0, len(rest), MAX_COLLECTION))
        for results in self._client.transport.each(lambda chunk: self._chunk(chunk, halt), chunks):
            yield from results

    def _chunk(self, writes: Sequence[Write], halt: _Halt) -> list[PushResult]:
        """Results of one request, and of what of it was sent again."""
        done: list[PushResult] = []
        doubtful: set[str] = set()
        for attempt in range(1, LOCK_ATTEMPTS + 1):
            if halt.is_on:
                done += [halt.told(write.operation) for write in writes]
                break
            answered = self._request(writes, doubtful)
            locked = [write for write, result in answered if _is_locked(result)]
            last = attempt == LOCK_ATTEMPTS
            settled = [(one, result) for one, result in answered if last or not _is_locked(result)]
            done += self._settled(settled, halt)
            if not locked or last:
                break
            writes = locked
            self._client.transport.options.sleep(_LOCK_WAIT_S * 2 ** (attempt - 1))
        return [outcomes.in_doubt(one) if one.op_id in doubtful else one for one in done]

    def _request(self, writes: Sequence[Write], doubtful: set[str]) -> list[tuple[Write, Row | PushResult]]:
        """A row of the answer per write, or what an error of the whole request means for it.

        A request that is refused as a whole is cut in halves until what spoils it stands alone. ``doubtful``
        gets the operations of which an attempt without an answer may have been carried out.
        """
        first = writes[0]
        rows = [write.columns for write in writes]
        try:
            if first.key is None:
                answered = self._client.update(first.sobject, rows)
            else:
                answered = self._client.upsert(
                    first.sobject, first.key, rows, lambda: self._are_keys_free(writes)
                )
        except InvalidRequest as error:
            if error.status == 400 and len(writes) > 1:
                half = len(writes) // 2
                return self._request(writes[:half], doubtful) + self._request(writes[half:], doubtful)
            return [(write, outcomes.of_error(write.operation, error)) for write in writes]
        except CrmError as error:
            return [(write, outcomes.of_error(write.operation, error)) for write in writes]
        if answered.perhaps_done:
            doubtful.update(write.operation.op_id for write in writes)
        return list(zip(writes, answered.rows, strict=True))

    def _are_keys_free(self, writes: Sequence[Write]) -> bool:
        """Whether no record has these keys, nor had one that went: nothing of the request was done."""
        keys = [write.operation.external_key for write in writes]
        try:
            return not self._finder.by_key(writes[0].operation.kind, keys, deleted=True)
        except CrmError:
            return False

    def _settled(self, answered: Sequence[tuple[Write, Row | PushResult]], halt: _Halt) -> list[PushResult]:
        """Results; of refused records with what is in their way or in their place."""
        failed = [(one, row) for one, row in answered if isinstance(row, dict) and not row.get("success")]
        try:
            survivors = self._survivors(failed)
        except CrmError:
            # Nothing was done either way; the next sync looks again.
            survivors = {}
        results: list[PushResult] = []
        for write, row in answered:
            if not isinstance(row, dict):
                results.append(halt.seen(row))
            elif row.get("success"):
                results.append(self._sent(write, row))
            else:
                survivor = survivors.get(write.operation.op_id)
                results.append(halt.seen(outcomes.of_result(write.operation, row, survivor)))
        return results

    def _sent(self, write: Write, row: Row) -> Sent:
        remote_id = str(row.get("id") or write.columns.get("Id"))
        created = bool(row.get("created")) or write.creates
        return Sent(write.operation.op_id, remote_id, created, url=f"{self._client.url}/{remote_id}")

    def _survivors(self, failed: Sequence[tuple[Write, Row]]) -> dict[str, str]:
        """By operation the record in the way or in the place of its own."""
        found: dict[str, str] = {}
        for kind in {write.operation.kind for write, _ in failed}:
            some = [(write, outcomes.code_of(row)) for write, row in failed if write.operation.kind is kind]
            found.update(self._replaced(kind, [write for write, code in some if code in outcomes.REPLACED]))
        unnamed = [
            write
            for write, row in failed
            if outcomes.code_of(row) == outcomes.DUPLICATES and not outcomes.blocker_of(row)
        ]
        emails = {write.operation.op_id: str(write.columns.get("Email") or "").lower() for write in unnamed}
        ids = self._finder.by_email({email for email in emails.values() if email})
        found.update({op_id: ids[email] for op_id, email in emails.items() if email in ids})
        return found

    def _replaced(self, kind: Kind, writes: Sequence[Write]) -> dict[str, str]:
        by_key = {write.operation.external_key: write for write in writes if write.key}
        started = {write.operation.op_id: str(write.columns["Id"]) for write in writes if not write.key}
        for key, record in (self._finder.by_key(kind, by_key) if by_key else {}).items():
            started[by_key[key].operation.op_id] = record.remote_id
        ends = self._finder.survivors(kind, started.values())
        return {op_id: ends[start] for op_id, start in started.items() if start in ends}


class _Halt:
    """Remembers the first result after which nothing more need be sent. Shared between threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._first: Deferred | None = None

    @property
    def is_on(self) -> bool:
        """Whether there was such a result."""
        return self._first is not None

    def seen(self, result: PushResult) -> PushResult:
        """The result, remembered if it stops the rest."""
        with self._lock:
            if self._first is None and isinstance(result, Deferred) and outcomes.stops(result):
                self._first = result
        return result

    def told(self, operation: Operation) -> PushResult:
        """The same for an operation that was not sent."""
        first = self._first or Deferred("", FailureClass.TRANSIENT, "Not sent.")
        return Deferred(operation.op_id, first.failure, first.message)


def _waves(writes: Sequence[Write]) -> Iterator[list[Write]]:
    """Writes in rounds in which no record occurs twice: Salesforce refuses that within one request."""
    left = list(writes)
    while left:
        seen: set[tuple[str, str]] = set()
        wave: list[Write] = []
        later: list[Write] = []
        for write in left:
            mark = (write.sobject, write.identity)
            (later if mark in seen else wave).append(write)
            seen.add(mark)
        yield wave
        left = later


def _sort(write: Write) -> tuple[str, str]:
    return write.sobject, write.key or ""


def _parent(write: Write) -> str:
    """Records of one company lie together: written from two requests at once, they lock each other out."""
    return str(write.operation.company_id or "")


def _is_locked(result: Row | PushResult) -> bool:
    return isinstance(result, dict) and outcomes.is_locked(outcomes.code_of(result))
