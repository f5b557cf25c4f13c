"""A CRM in memory, for the engine's own tests: the contract with faults on demand."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sales_agent_dagster.crm.contract import (
    Action,
    Candidate,
    Capabilities,
    Deferred,
    Description,
    EnsuredField,
    Event,
    EventAction,
    Failed,
    FailureClass,
    Health,
    Operation,
    Page,
    PushResult,
    Reconciled,
    Record,
    Sent,
    Stream,
    Subject,
    Suppression,
    Unknown,
    Value,
    Verdict,
)
from sales_agent_dagster.crm.fields import FIELDS, Kind
from sales_agent_dagster.crm.http import Counters, Fence

US = "api-key-1"
STREAMS = (
    Stream("events", frozenset(Kind), timedelta(days=30)),
    Stream("companies", frozenset({Kind.COMPANY})),
    Stream("contacts", frozenset({Kind.CONTACT, Kind.OPPORTUNITY})),
)


class FakeCrm:
    """Records by kind and id, an event log, and faults.

    ``lag`` seconds pass before pulls and searches find a new record.
    ``fault(operation)`` may return "lost" (done, answer lost), "never" (not done, answer lost), a PushResult,
    or None. ``before_push`` is called with each operation before it is done. ``lets_through``: an update of a
    record that was merged away goes to the survivor.
    """

    name = "fake"

    def __init__(
        self, *, upsert: bool = False, tells_modified: bool = True, batch: int = 10, lag: float = 0
    ) -> None:
        self.records: dict[tuple[Kind, str], Record] = {}
        self.events: list[Event] = []
        self.now = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
        self.fault: Callable[[Operation], Any] = lambda operation: None
        self.before_push: Callable[[Operation], None] = lambda operation: None
        self.suppressed: list[Suppression] = []
        self.writes: list[Operation] = []
        self.settle_needed = timedelta(0)
        self.counters, self.fence = Counters(), Fence()
        self.tells_modified = tells_modified
        self.lag = timedelta(seconds=lag)
        self.lets_through = False
        self.born: dict[str, datetime] = {}
        self._ids = itertools.count(1)
        self.upserts = frozenset({Kind.COMPANY, Kind.CONTACT}) if upsert else frozenset()
        self.capabilities = Capabilities(
            fields={kind: frozenset(fields) for kind, fields in FIELDS.items()},
            push_batch=batch,
            lookup_batch=5,
            settle=timedelta(seconds=60),
            streams=STREAMS,
        )

    def tick(self, seconds: float = 1) -> datetime:
        """Time passes."""
        self.now += timedelta(seconds=seconds)
        return self.now

    def living(self, kind: Kind = Kind.COMPANY) -> list[Record]:
        """Records that are not gone."""
        return [record for (of, _), record in self.records.items() if of is kind and not record.archived]

    # What people do there.

    def add(self, kind: Kind = Kind.COMPANY, /, *, company_id: str | None = None, **fields: Value) -> str:
        """A person creates a record."""
        return self._create(kind, fields, None, company_id, "a person")

    def edit(self, kind: Kind, remote_id: str, /, **fields: Value | None) -> None:
        """A person edits a record; None clears."""
        self._change(kind, remote_id, fields, "a person")

    def delete(self, kind: Kind, remote_id: str) -> None:
        """A person deletes a record."""
        record = self.records[kind, remote_id]
        self.records[kind, remote_id] = replace(record, archived=True, modified_at=self.tick())
        self._tell(EventAction.DELETED, kind, remote_id)

    def merge(self, source: str, target: str, kind: Kind = Kind.COMPANY) -> None:
        """A person merges a record into another."""
        record = self.records[kind, source]
        self.records[kind, source] = replace(
            record, archived=True, merged_into=target, modified_at=self.tick()
        )
        for key, other in list(self.records.items()):
            if other.company_id == source:
                self.records[key] = replace(other, company_id=target, modified_at=self.now)
        self._tell(EventAction.MERGED, kind, source, merged_into=target)

    def _create(
        self, kind: Kind, fields: Mapping[str, Value], key: str | None, company_id: str | None, writer: str
    ) -> str:
        remote_id = f"{kind.value[:4]}_{next(self._ids)}"
        record = Record(
            kind, remote_id, dict(fields), self.tick(), key, writer, company_id, url=f"http://crm/{remote_id}"
        )
        self.records[kind, remote_id] = record
        self.born[remote_id] = self.now
        self._tell(EventAction.CREATED, kind, remote_id, writer=writer)
        return remote_id

    def _change(self, kind: Kind, remote_id: str, fields: Mapping[str, Value | None], writer: str) -> None:
        record = self.records[kind, remote_id]
        merged = {name: value for name, value in {**record.fields, **fields}.items() if value is not None}
        self.records[kind, remote_id] = replace(record, fields=merged, modified_at=self.tick(), writer=writer)
        self._tell(EventAction.UPDATED, kind, remote_id, writer=writer)

    def _tell(self, action: EventAction, kind: Kind, remote_id: str, **more: Any) -> None:
        self.events.append(Event(f"ev_{len(self.events)}", action, kind, remote_id, self.now, **more))

    # The contract.

    def describe(self) -> Description:
        return Description("fake", US, (), {})

    def ensure_fields(self, *, dry_run: bool) -> list[EnsuredField]:
        return []

    def health(self) -> Health:
        return Health(True, "ok")

    def close(self) -> None:
        return None

    def suppressions(self, since: datetime | None) -> Iterator[Suppression]:
        yield from self.suppressed

    def pull(self, stream: str, since: datetime | None) -> Iterator[Page]:
        if stream == "events":
            events = [event for event in self.events if since is None or event.updated_at >= since]
            yield Page(events=events, complete_to=max((event.updated_at for event in events), default=since))
            return
        kinds = next(found.kinds for found in STREAMS if found.name == stream)
        records = sorted(
            (
                record
                for (kind, _), record in self.records.items()
                if kind in kinds and self._indexed(record) and (since is None or record.modified_at >= since)
            ),
            key=lambda record: record.modified_at,
        )
        for start in range(0, len(records), 5):
            some = records[start : start + 5]
            yield Page(some, complete_to=some[-1].modified_at)

    def read(self, kind: Kind, remote_ids: Sequence[str]) -> dict[str, Record]:
        found = {}
        for remote_id in remote_ids:
            record = self.records.get((kind, remote_id))
            if record is not None and (not record.archived or record.merged_into):
                found[remote_id] = record
        return found

    def appeared(self, stream: str, since: datetime | None) -> Iterator[Record]:
        kinds = next(found.kinds for found in STREAMS if found.name == stream)
        if stream == "events":
            return
        living = [one for kind in kinds & {Kind.COMPANY, Kind.CONTACT} for one in self.living(kind)]
        for record in filter(self._indexed, living):
            if record.external_key is None and (since is None or self.born[record.remote_id] >= since):
                yield record

    def lookup(self, kind: Kind, subjects: Sequence[Subject]) -> dict[str, list[Candidate]]:
        found: dict[str, list[Candidate]] = {}
        for subject in subjects:
            for record in filter(self._indexed, self.living(kind)):
                evidence = [
                    name
                    for name, hit in (
                        ("external_key", record.external_key == subject.external_key),
                        ("email", str(record.fields.get("email")).lower() in subject.emails),
                        ("phone", record.fields.get("phone") in subject.phones),
                    )
                    if hit
                ]
                if evidence:
                    found.setdefault(subject.external_key, []).append(Candidate(record, tuple(evidence)))
        return found

    def push(self, operations: Sequence[Operation]) -> Iterator[PushResult]:
        for operation in operations:
            self.before_push(operation)
            fault = self.fault(operation)
            if not self.fence.passes():
                fault = Deferred("", FailureClass.TRANSIENT, "the lease was lost")
            if fault == "never":
                yield Unknown(operation.op_id, "lost before")
            elif fault is not None and fault != "lost":
                yield replace(fault, op_id=operation.op_id)
            else:
                done = self._do(operation)
                yield Unknown(operation.op_id, "lost after") if fault == "lost" else done

    def _do(self, operation: Operation) -> PushResult:
        self.writes.append(operation)
        kind, remote_id = operation.kind, operation.remote_id
        created = False
        if operation.action is Action.CREATE:
            same = self._by_key(kind, operation.external_key) if kind in self.upserts else None
            if same is not None:
                remote_id = same.remote_id
                self._change(kind, remote_id, operation.fields, US)
            else:
                fields = {name: value for name, value in operation.fields.items() if value is not None}
                remote_id = self._create(kind, fields, operation.external_key, operation.company_id, US)
                created = True
        else:
            remote_id = self._written_to(operation)
            record = self.records.get((kind, remote_id))
            if record is None or record.archived:
                target = record.merged_into if record else None
                return Failed(operation.op_id, FailureClass.GONE, "gone", "Nothing.", target)
            self._change(kind, remote_id, operation.fields, US)
        record = self.records[kind, remote_id]
        modified = record.modified_at if self.tells_modified else None
        return Sent(operation.op_id, remote_id, created, modified, record.url)

    def _written_to(self, operation: Operation) -> str:
        record = self.records.get((operation.kind, str(operation.remote_id)))
        through = self.lets_through and record is not None and record.merged_into
        return str(through or operation.remote_id)

    def _by_key(self, kind: Kind, key: str) -> Record | None:
        return next((record for record in self.living(kind) if record.external_key == key), None)

    def _indexed(self, record: Record) -> bool:
        """False for new records that searches do not find yet."""
        return self.born[record.remote_id] <= self.now - self.lag

    def reconcile(self, operations: Sequence[Operation]) -> Iterator[Reconciled]:
        for operation in operations:
            if operation.action is Action.CREATE:
                record = self._by_key(operation.kind, operation.external_key)
                record = record if record is not None and self._indexed(record) else None
            else:
                remote_id = self._written_to(operation)
                record = self.read(operation.kind, [remote_id]).get(remote_id)
            verdict = Verdict.FOUND if record else Verdict.ABSENT
            yield Reconciled(operation.op_id, verdict, record)

    def erase(self, kind: Kind, remote_ids: Sequence[str]) -> Iterator[PushResult]:
        for remote_id in remote_ids:
            self.records.pop((kind, remote_id), None)
            yield Sent(remote_id, remote_id, False)


AUTH = Deferred("", FailureClass.AUTH, "the key is refused")
POISON = Failed("", FailureClass.VALIDATION, "tier is not a choice", "Correct the tier.")
