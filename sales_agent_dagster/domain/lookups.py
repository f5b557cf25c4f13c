"""What is known of one lookup at a provider of facts: credits, what came back, how long it is good."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import NamedTuple

from sales_agent_dagster.domain.calls import CallScope

MAX_PAYLOAD = 262_144
"""Characters of the longest answer that is kept."""


class LookupKey(NamedTuple):
    """What was asked of whom; ``key`` is normalised, such as a domain."""

    provider: str
    key: str


class LookupOutcome(StrEnum):
    """How a lookup ended."""

    FOUND = "found"
    NOT_FOUND = "not_found"
    FAILED = "failed"
    SUPPRESSED = "suppressed"
    """The person asked the provider not to be processed."""


@dataclass(frozen=True, slots=True)
class CachedAnswer:
    """An answer worth keeping.

    Attributes:
        version: of the provider's reading of replies; an answer of another version is none.
        payload: facts and texts as JSON text; None when nothing is known.
        fetched_at, fresh_until: UTC. Later than ``fresh_until`` it is stale.
    """

    version: str
    outcome: LookupOutcome
    payload: str | None
    fetched_at: datetime
    fresh_until: datetime


@dataclass(frozen=True, slots=True)
class Reservation:
    """Credits to set aside before a lookup that may cost some.

    Attributes:
        usd_per_credit: price that the credits are counted at.
        version: of the provider's reading of replies; a kept answer of another version does not do.
    """

    asked: LookupKey
    scope: CallScope
    lead_id: str
    credits: float
    usd_per_credit: float
    version: str


@dataclass(frozen=True, slots=True)
class SpendingCaps:
    """Most that may be reserved and spent; None is no limit. Credits of one provider, dollars of all."""

    run_credits: float | None = None
    day_credits: float | None = None
    run_usd: float | None = None
    day_usd: float | None = None


@dataclass(frozen=True, slots=True)
class LeaseRequest:
    """A lookup without cost that one process at a time is to make.

    Attributes:
        version: of the provider's reading of replies; a kept answer of another version does not do.
        seconds: until others may make it, should nothing be heard of this one any more.
    """

    asked: LookupKey
    version: str
    seconds: float


class RefusalKind(StrEnum):
    """Why credits were not reserved."""

    CAP = "cap"
    IN_FLIGHT = "in_flight"
    """Another process asks the same right now."""
    CUT_OFF = "cut_off"
    """An earlier lookup of the same ended without a word; its credits may be spent."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """Credits were not reserved.

    Attributes:
        reason: for a person.
        retry_after_s: not before this; None when nothing says when.
    """

    kind: RefusalKind
    reason: str
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Settlement:
    """A finished lookup.

    Attributes:
        lookup_id: of its reservation; None for lookups that cost nothing.
        lease: of a lookup without cost, which ends with it; None for none.
        facts: number of facts found.
        reason: what went wrong; None when it did not.
        answer: what goes into the cache; None keeps what is there.
    """

    lookup_id: str | None
    asked: LookupKey
    scope: CallScope
    lead_id: str
    outcome: LookupOutcome
    facts: int
    credits: float
    usd_per_credit: float
    latency_ms: float
    finished_at: datetime
    reason: str | None = None
    answer: CachedAnswer | None = None
    lease: str | None = None
