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
from sales_agent_dagster.crm.http import Counters

Value = str | float | bool
Fields = Mapping[str, Value]


@dataclass(frozen=True, slots=True)
class Record:
    """A record as the CRM holds it.

    Attributes:
        fields: by our names; absent is empty.
        modified_at: when the CRM last changed it, UTC, by the CRM's clock.
        external_key: our key in it, if it has one.
        writer: the CRM's id of who changed it last; None when it does not say.
        company_id: for all but companies, the CRM's id of the company it belongs to.
        archived: deleted or archived.
        merged_into: the record that took its place, when it was merged away.
        absorbed: ids of the records that were merged into this one, where the CRM tells that.
        url: where a person opens it.
    """

    kind: Kind
    remote_id: str
    fields: Fields
    modified_at: datetime
    external_key: str | None = None
    writer: str | None = None
    company_id: str | None = None
    archived: bool = False
    merged_into: str | None = None
    absorbed: tuple[str, ...] = ()
    url: str | None = None


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
        upsert_by_key: kinds whose create is an upsert on the external key, so that sending it again is safe.
        push_batch: most operations that one ``push`` gets; the engine stores that many results at a time.
        lookup_batch: most subjects per ``lookup``.
        settle: how long after a lost create its absence proves nothing (index lag).
        fields_need_human: custom fields cannot be created through the API.
        streams: in the order to pull: companies before what hangs on them.
    """

    fields: Mapping[Kind, frozenset[str]]
    upsert_by_key: frozenset[Kind]
    push_batch: int
    lookup_batch: int
    settle: timedelta
    fields_need_human: bool
    streams: tuple[Stream, ...]


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


class Action(StrEnum):
    """What an operation does."""

    CREATE = "create"
    UPDATE = "update"


@dataclass(frozen=True, slots=True)
class Operation:
    """One change to send.

    Attributes:
        op_id: unique; names its result.
        remote_id: the record to update; None to create.
        fields: only what changes; None clears.
        company_id: for all but companies, the CRM's id of the company the record belongs to.
        contact_id: for drafts and notes, the CRM's id of the contact, if there is one.
    """

    op_id: str
    kind: Kind
    action: Action
    external_key: str
    fields: Mapping[str, Value | None]
    remote_id: str | None = None
    company_id: str | None = None
    contact_id: str | None = None


@dataclass(frozen=True, slots=True)
class Sent:
    """Surely done.

    Attributes:
        created: False also when an upsert found the record there.
        modified_at: by the CRM's clock; None when the answer does not tell.
    """

    op_id: str
    remote_id: str
    created: bool
    modified_at: datetime | None = None
    url: str | None = None
    request_id: str | None = None


class FailureClass(StrEnum):
    """Why an operation failed or waits."""

    VALIDATION = "validation"
    """A value that the CRM refuses."""
    CONFLICT = "conflict"
    """The CRM has such a record already (``remote_id``) or a duplicate rule says so."""
    GONE = "gone"
    """The record is deleted or was merged (``remote_id`` is the survivor if known)."""
    UNSUPPORTED = "unsupported"
    """The CRM cannot do that."""
    PERMISSION = "permission"
    """The key may not do that, or the plan has not got it."""
    AUTH = "auth"
    """The key is refused."""
    RATE = "rate"
    """The quota is spent for longer than a run waits."""
    TRANSIENT = "transient"
    """The CRM was unavailable; surely nothing was done."""


@dataclass(frozen=True, slots=True)
class Failed:
    """Surely not done, and the same again would fail again.

    Attributes:
        message: the CRM's words, bounded, without the values of other records.
        remedy: what a person can do about it, one sentence.
        remote_id: the record in the way (conflict) or in its place (gone).
    """

    op_id: str
    failure: FailureClass
    message: str
    remedy: str
    remote_id: str | None = None


@dataclass(frozen=True, slots=True)
class Deferred:
    """Surely not done; due again later. AUTH and PERMISSION stop the run."""

    op_id: str
    failure: FailureClass
    message: str


@dataclass(frozen=True, slots=True)
class Unknown:
    """It went out and no answer came: done or not, only reading back tells."""

    op_id: str
    message: str


PushResult = Sent | Failed | Deferred | Unknown


class Verdict(StrEnum):
    """What reading back tells about an unknown operation."""

    FOUND = "found"
    ABSENT = "absent"
    UNSURE = "unsure"
    """Not yet: ask again later."""


@dataclass(frozen=True, slots=True)
class Reconciled:
    """What became of an operation.

    Attributes:
        record: of ``FOUND`` the record as it is now: of a create the one with its key, of an update its own.
    """

    op_id: str
    verdict: Verdict
    record: Record | None = None


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
    """

    name: str
    capabilities: Capabilities
    counters: Counters

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
