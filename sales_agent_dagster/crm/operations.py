"""Operations on a CRM and what came of them. Part of the contract: ``crm.contract`` tells the rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.crm.record import Record, Value
from sales_agent_dagster.domain.masking import masked


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
        before: of an update, what the record said of these fields when it was compared. A connector that
            reads it once more anyway refuses with a deferred CONFLICT when it says something else by now.
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
    before: Mapping[str, Value | None] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Sent:
    """Surely done.

    Attributes:
        remote_id: of the record that was written to; of an update another one than the operation's where
            that was merged away and the CRM wrote to the survivor.
        created: False also when an upsert found the record there.
        modified_at: by the CRM's clock; None when the answer does not tell.
        filled: fields of the CRM's own (a status) that it filled in by itself in what it created, as far as
            that is known.
    """

    op_id: str
    remote_id: str
    created: bool
    modified_at: datetime | None = None
    url: str | None = None
    request_id: str | None = None
    filled: Mapping[str, Value] = field(default_factory=dict)


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
        message: the CRM's words, bounded; addresses and numbers that they repeat are masked.
        remedy: what a person can do about it, one sentence.
        remote_id: the record in the way (conflict) or in its place (gone).
    """

    op_id: str
    failure: FailureClass
    message: str
    remedy: str
    remote_id: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "message", masked(self.message))


@dataclass(frozen=True, slots=True)
class Deferred:
    """Surely not done, or not to its end; due again later. AUTH and PERMISSION stop the run.

    CONFLICT: the record was edited since it was compared, and is compared again.

    Attributes:
        remote_id: of a create that made a record and could not attach it.
    """

    op_id: str
    failure: FailureClass
    message: str
    remote_id: str | None = None


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
        record: of ``FOUND`` the record as it is now: of a create the one with its key, of an update its own
            or, where the CRM lets updates of a record that was merged away through, the survivor. Of
            ``ABSENT`` what a create began and did not finish: that is due again, however late the CRM sees.
        others: where the CRM has no place for a key, all others that the operation may have created.
    """

    op_id: str
    verdict: Verdict
    record: Record | None = None
    others: tuple[Record, ...] = ()
