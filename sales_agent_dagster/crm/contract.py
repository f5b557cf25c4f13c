"""What every CRM connector does, in our words. A vendor's folder implements it; the engine knows only this.

Rules that the contract tests hold every connector to:

- Values are ours: field names of ``crm.fields``, times in UTC, an empty field is left out, never ``""``.
- ``push`` yields exactly one result per operation, in any order, and raises for no single operation.
  What it cannot know (the response was lost after a create went out) is ``Unknown``: it never sends again.
- A create carries its external key inside, so that ``reconcile`` and ``lookup`` find it.
- Nothing is ever sent to a person: e-mails are created as drafts.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Protocol

from sales_agent_dagster.crm.fields import FieldType, Kind
from sales_agent_dagster.crm.http import Counters, Fence
from sales_agent_dagster.crm.operations import (
    Action,
    Deferred,
    Failed,
    FailureClass,
    Operation,
    PushResult,
    Reconciled,
    Sent,
    Unknown,
    Verdict,
)
from sales_agent_dagster.crm.record import Fields, Record, Value

__all__ = [
    "Action",
    "Candidate",
    "Capabilities",
    "Connector",
    "Deferred",
    "Description",
    "EnsuredField",
    "Event",
    "EventAction",
    "Failed",
    "FailureClass",
    "FieldState",
    "Fields",
    "Health",
    "Operation",
    "Page",
    "PushResult",
    "Reconciled",
    "Record",
    "RemoteField",
    "Sent",
    "Stream",
    "Subject",
    "Suppression",
    "SuppressionScope",
    "Unknown",
    "Value",
    "Verdict",
]


class EventAction(StrEnum):
    """What happened to a record."""

    CREATED = "created"
    UPDATED = "updated"
    DELETED = "deleted"
    MERGED = "merged"
    UNSUBSCRIBED = "unsubscribed"
    REPLIED = "replied"


@dataclass(frozen=True, slots=True)
class Event:
    """An entry of the CRM's event log, or of a webhook. It may come again, later or out of order.

    Attributes:
        event_id: the CRM's id; with ``updated_at`` it tells repetitions.
        updated_at: when the event was last consolidated, UTC.
        changed: changed fields by our names with their new value, None for cleared; only what the CRM told.
        writer: who did it; ``request_id``: of the API call that did.
        merged_into: of ``MERGED`` the surviving record; ``remote_id`` is the one that went.
        address: of ``UNSUBSCRIBED`` and ``REPLIED`` the e-mail address.
    """

    event_id: str
    action: EventAction
    kind: Kind
    remote_id: str
    updated_at: datetime
    changed: Mapping[str, Value | None] = field(default_factory=dict)
    writer: str | None = None
    request_id: str | None = None
    merged_into: str | None = None
    address: str | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """A part of a pull, small enough to be stored in one transaction.

    Attributes:
        complete_to: every change up to this moment, by the CRM's clock, is in this page or in an earlier one;
            None while that is not known (a log read newest first). Never later than what was seen: a quiet
            CRM repeats ``since``.
    """

    records: Sequence[Record] = ()
    events: Sequence[Event] = ()
    complete_to: datetime | None = None


@dataclass(frozen=True, slots=True)
class Stream:
    """Something that can be pulled by itself.

    Attributes:
        retention: how far back it can be read; None is all.
    """

    name: str
    kinds: frozenset[Kind]
    retention: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a CRM can do.

    Attributes:
        fields: by kind the fields of ``crm.fields`` that it can hold; kinds left out it has not.
        push_batch: most operations that one ``push`` gets; the engine stores that many results at a time.
        lookup_batch: most subjects per ``lookup``.
        settle: how long after a lost create its absence proves nothing (index lag).
        streams: in the order to pull: companies before what hangs on them.
        bulk_above: more operations than this go as one job, which the engine must not cut; None: there are
            no jobs.
    """

    fields: Mapping[Kind, frozenset[str]]
    push_batch: int
    lookup_batch: int
    settle: timedelta
    streams: tuple[Stream, ...]
    bulk_above: int | None = None


@dataclass(frozen=True, slots=True)
class Subject:
    """Whom ``lookup`` asks about; any of the keys may be empty.

    Attributes:
        domains: registrable domains, lower case; shared hosts and free mail are not among them.
        phones: E.164.
    """

    external_key: str
    emails: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Candidate:
    """A record that may be the subject.

    Attributes:
        evidence: names of the keys that are equal, checked here and not by the CRM's search:
            ``external_key``, ``email``, ``domain``, ``phone``.
    """

    record: Record
    evidence: tuple[str, ...]


class SuppressionScope(StrEnum):
    """What a suppression covers."""

    EMAIL = "email"
    DOMAIN = "domain"
    PHONE = "phone"
    COMPANY = "company"
    """A company's record of the CRM, by its id."""


@dataclass(frozen=True, slots=True)
class Suppression:
    """Somebody not to be contacted, as the CRM tells."""

    scope: SuppressionScope
    value: str
    reason: str
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class RemoteField:
    """A field of the CRM's schema that we use.

    Attributes:
        remote_name: the CRM's name or id; None when the field is not there yet.
        choices: the only values it takes, when it is a list to choose from.
    """

    kind: Kind
    name: str
    remote_name: str | None
    type: FieldType
    writable: bool = True
    choices: tuple[str, ...] = ()
    length: int | None = None


@dataclass(frozen=True, slots=True)
class Description:
    """The account and its schema.

    Attributes:
        account: name and id of the account, for a person.
        writer: what ``Record.writer`` and ``Event.writer`` are when it was us.
        limits: named limits with their value, as the CRM tells or documents them.
    """

    account: str
    writer: str | None
    fields: Sequence[RemoteField]
    limits: Mapping[str, float]


class FieldState(StrEnum):
    """What ``ensure_fields`` found or did."""

    PRESENT = "present"
    CREATED = "created"
    MISSING = "missing"
    """Would be created: a dry run, or a person has to (``instruction``)."""


@dataclass(frozen=True, slots=True)
class EnsuredField:
    """One custom field; ``instruction`` tells a person how to create it where only a person can."""

    kind: Kind
    name: str
    state: FieldState
    instruction: str | None = None


@dataclass(frozen=True, slots=True)
class Health:
    """Whether the CRM can be used now.

    Attributes:
        quota_left: share of the calls that the current window or day still has, 0-1; None when unknown.
    """

    ok: bool
    message: str
    quota_left: float | None = None


class Connector(Protocol):
    """A CRM. Its methods raise the errors of ``crm.errors``; ``push`` and ``erase`` tell them as results.

    Attributes:
        counters: what the transport did so far.
        fence: asked before each write.
    """

    name: str
    capabilities: Capabilities
    counters: Counters
    fence: Fence

    def describe(self) -> Description:
        """The account, and the schema of the fields in ``capabilities.fields``."""
        ...

    def ensure_fields(self, *, dry_run: bool) -> list[EnsuredField]:
        """Create the custom fields that are not there; a dry run only tells. Idempotent."""
        ...

    def pull(self, stream: str, since: datetime | None) -> Iterator[Page]:
        """Everything of a stream that changed at or after ``since``; None is everything.

        Crosses the CRM's limits on result sets and survives expired cursors. Archived and merged records
        come too, as records or events, where the CRM tells them.
        """
        ...

    def read(self, kind: Kind, remote_ids: Sequence[str]) -> dict[str, Record]:
        """These records as they are now; what is gone is left out, unless it is known what it merged into."""
        ...

    def appeared(self, stream: str, since: datetime | None) -> Iterator[Record]:
        """Living companies and people of a stream that were created at or after ``since`` without our key.

        None is ever. As the CRM's searches show them now; what we created carries our key and does not come.
        A stream of events has none.
        """
        ...

    def lookup(self, kind: Kind, subjects: Sequence[Subject]) -> dict[str, list[Candidate]]:
        """Candidates by external key of the subject, best evidence first; none of them is archived."""
        ...

    def push(self, operations: Sequence[Operation]) -> Iterator[PushResult]:
        """Send operations of any kind and action; companies come before what hangs on them."""
        ...

    def reconcile(self, operations: Sequence[Operation]) -> Iterator[Reconciled]:
        """Read back what became of unknown operations. One result each; never writes."""
        ...

    def erase(self, kind: Kind, remote_ids: Sequence[str]) -> Iterator[PushResult]:
        """Delete records for good as far as the CRM lets us; ``op_id`` of a result is the record's id.

        A record that is gone already is ``Sent``.
        """
        ...

    def suppressions(self, since: datetime | None) -> Iterator[Suppression]:
        """Whom the CRM says not to contact, changed at or after ``since`` where it can tell; else all."""
        ...

    def health(self) -> Health:
        """One cheap call. Never raises for an answer of the CRM."""
        ...

    def close(self) -> None:
        """Close connections."""
        ...
