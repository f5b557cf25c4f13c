"""Taking leads down the waterfall: providers in order, each asked only for what is not known yet."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sales_agent_dagster.domain.calls import CallScope
from sales_agent_dagster.domain.tiers import Tier
from sales_agent_dagster.enrichment.desk import Desk, Reply
from sales_agent_dagster.enrichment.facts import Fact
from sales_agent_dagster.enrichment.merge import merged, surest
from sales_agent_dagster.enrichment.outcomes import forbids
from sales_agent_dagster.enrichment.places import Places
from sales_agent_dagster.enrichment.providers import (
    Failed,
    FailureKind,
    Found,
    LookupRequest,
    NotFound,
    Outcome,
    Provider,
)
from sales_agent_dagster.enrichment.subjects import stranger_asked

OLD = "its answer is old"
"""How the reason begins of a lead to be asked about again whose answer was past its days."""

PARTIAL = "not all of it in time"

HELD_BACK = frozenset({FailureKind.QUOTA, FailureKind.HELD})
"""Failures that say nothing of the lead: it waits its turn, however long that takes."""

LATER = HELD_BACK | {FailureKind.TRANSIENT, FailureKind.LATE}
"""Failures after which a lead is worth another pass."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A lead to find facts about.

    Attributes:
        values: its `providers.COLUMNS`.
        again: this is a later pass: it waits for better answers than old ones.
    """

    lead_id: str
    values: Mapping[str, Any]
    tier: Tier = Tier.UNQUALIFIED
    score: float = 0.0
    again: bool = False


@dataclass(frozen=True, slots=True)
class Missing:
    """A provider that has not answered, or only with what it said long ago (``later`` is then true).

    Attributes:
        later: another pass may bring its answer.
        retry_after_s: not before this.
        counts: as one of the passes after which the lead is given up.
    """

    provider: str
    reason: str
    later: bool
    retry_after_s: float | None = None
    counts: bool = True


@dataclass(frozen=True, slots=True)
class Collected:
    """What was found about one lead.

    Attributes:
        facts: in order of the waterfall; those that lost to others say so.
        texts: fetched text by name, for a model to read as data.
        answered: providers that answered, also that they know nothing.
        suppressed: why the lead must not be processed further; None when nothing forbids it.
        latency_ms: from the lead's turn to its last answer; 0.0 when no network was used.
        waited_ms: from when it was given in to its turn.
    """

    facts: tuple[Fact, ...]
    texts: Mapping[str, str] = field(default_factory=dict)
    answered: tuple[str, ...] = ()
    missing: tuple[Missing, ...] = ()
    suppressed: str | None = None
    credits: float = 0.0
    latency_ms: float = 0.0
    waited_ms: float = 0.0


@dataclass(frozen=True, slots=True)
class Broken:
    """A lead whose own values break a provider that needs no network; ``reason`` says how."""

    reason: str


class _Lead:
    """One lead on its way down."""

    def __init__(self, subject: Subject, limit_ms: float) -> None:
        self.subject = subject
        self.limit_ms = limit_ms
        self.known: dict[str, str] = {}
        self.filled: dict[str, float] = {}
        self.broken: str | None = None
        self.suppressed: str | None = None
        self.latency_ms = 0.0
        self.waited_ms = 0.0
        self._facts: list[Fact] = []
        self._texts: dict[str, str] = {}
        self._answered: list[str] = []
        self._missing: list[Missing] = []
        self._credits = 0.0

    def take(self, provider: str, reply: Reply, stranger: str | None = None) -> None:
        """Add what a provider said; ``stranger`` is whose opt-out it is, as `_stranger` has it."""
        outcome = reply.outcome
        self._credits += outcome.credits
        if isinstance(outcome, Failed):
            if forbids(outcome) and stranger is None:
                self.suppressed = f"{provider}: {outcome.reason}"
            elif stranger is not None:
                self._forget(stranger)
            self._missing.append(_missing(provider, outcome, outcome.reason))
            return
        self._answered.append(provider)
        partial = isinstance(outcome, Found) and not outcome.complete
        if reply.failure is not None:
            told = f"{PARTIAL if partial else OLD}: {reply.failure.reason}"
            self._missing.append(_missing(provider, reply.failure, told))
        elif reply.stale or partial:
            self._missing.append(Missing(provider, PARTIAL if partial else OLD, later=True))
        if isinstance(outcome, Found):
            self._add(provider, outcome)

    def _add(self, provider: str, found: Found) -> None:
        if found.left_out is not None:
            self._missing.append(Missing(provider, found.left_out, later=False))
        self._facts.extend(found.facts)
        self._texts.update(found.texts)
        # Most leads meet one provider only: what is known is worked out when a second one asks.
        self.known.clear()
        self.filled.clear()

    def _forget(self, person: str) -> None:
        """Drop somebody who was found with all that is said of them."""
        ids = {_origin(fact) for fact in self._facts if _is_contact(fact) and fact.value == person}
        self._facts = [fact for fact in self._facts if not _is_about(fact, person, ids)]
        self.known.clear()
        self.filled.clear()

    def settle(self) -> None:
        """Work out what is known so far."""
        if not self.known:
            for name, fact in surest(self._facts).items():
                self.known[name] = fact.value
                self.filled[name] = fact.confidence

    def result(self) -> Collected | Broken:
        """What the lead comes to."""
        if self.broken is not None:
            return Broken(self.broken)
        return Collected(
            tuple(merged(self._facts) if len(self._answered) > 1 else self._facts),
            self._texts,
            tuple(self._answered),
            tuple(self._missing),
            self.suppressed,
            self._credits,
            self.latency_ms,
            self.waited_ms,
        )


def _missing(provider: str, failure: Failed, reason: str) -> Missing:
    kind = failure.kind
    return Missing(provider, reason, kind in LATER, failure.retry_after_s, kind not in HELD_BACK)


class Collector:
    """The waterfall with its providers made. Used in one event loop.

    Args:
        local: providers that need no network, in order; they come before all others.
        desks: the others, in order.
        filled_at: confidence from which on a field counts as filled.
        concurrency: most leads that use the network at once, as ``places`` says.
    """

    def __init__(
        self,
        local: Sequence[Provider],
        desks: Sequence[Desk] = (),
        *,
        filled_at: float = 0.6,
        concurrency: int = 256,
    ) -> None:
        self._local = tuple(local)
        self._desks = tuple(desks)
        self._filled_at = filled_at
        self._places = Places(concurrency)

    async def collect(
        self, subjects: Sequence[Subject], scope: CallScope, limits_ms: Sequence[float]
    ) -> list[Collected | Broken]:
        """Facts about each lead, in order; never raises for one lead.

        Args:
            subjects: the leads.
            scope: for whom credits are counted.
            limits_ms: per lead the longest that it waits for the network once its turn has come.
        """
        leads = [_Lead(*pair) for pair in zip(subjects, limits_ms, strict=True)]
        for provider in self._local:
            await _ask_all(provider, leads)
        asked = [lead for lead in leads if lead.broken is None and self._wants_any(lead)]
        if asked:
            begun = time.monotonic()
            await asyncio.gather(*(self._descend(lead, scope, begun) for lead in asked))
        return [lead.result() for lead in leads]

    async def close(self) -> None:
        """Close all providers."""
        for desk in self._desks:
            await desk.close()
        for provider in self._local:
            await provider.close()

    def _wants_any(self, lead: _Lead) -> bool:
        subject = lead.subject
        return any(desk.step.run_only_if.holds(subject.tier, subject.score) for desk in self._desks)

    async def _descend(self, lead: _Lead, scope: CallScope, begun: float) -> None:
        async with self._places.one():
            started = time.monotonic()
            lead.waited_ms = (started - begun) * 1000
            for desk in self._desks:
                await self._ask(desk, lead, scope, started + lead.limit_ms / 1000)
                if lead.suppressed:
                    break
            lead.latency_ms = (time.monotonic() - started) * 1000

    async def _ask(self, desk: Desk, lead: _Lead, scope: CallScope, deadline: float) -> None:
        subject = lead.subject
        if not desk.step.run_only_if.holds(subject.tier, subject.score):
            return
        lead.settle()
        if not desk.step.open_fields(desk.spec.offers, lead.filled, self._filled_at):
            return
        reply = await desk.ask(
            subject.lead_id, scope, subject.values, lead.known, deadline, again=subject.again
        )
        if reply is not None:
            lead.take(desk.spec.name, reply, _stranger(desk, lead, reply))


def _stranger(desk: Desk, lead: _Lead, reply: Reply) -> str | None:
    """Who opted out, when it is somebody whom another provider found; None for the lead's own contact."""
    if not forbids(reply.outcome):
        return None
    return stranger_asked(desk.provider.key_of, lead.subject.values, lead.known)


def _is_contact(fact: Fact) -> bool:
    return fact.field.startswith("contact_")


def _origin(fact: Fact) -> str:
    """Source and number: what one source says of one person has them in common."""
    return fact.id.removeprefix(fact.field)


def _is_about(fact: Fact, person: str, origins: Collection[str]) -> bool:
    """True for a fact about a person, by its origin or by the last name in it; rather one too many.

    A website's facts are numbered field by field: there the origin alone may tell of somebody else.
    """
    if not _is_contact(fact):
        return False
    if _origin(fact) in origins:
        return True
    last_name = person.partition(",")[0].partition("@")[0].replace(".", " ").split()[-1]
    return last_name.casefold() in fact.value.casefold()


async def _ask_all(provider: Provider, leads: Sequence[_Lead]) -> None:
    """Ask a provider without network about all leads at once."""
    requests = []
    for lead in leads:
        key = None if lead.broken else provider.key_of(lead.subject.values, lead.known)
        if key is not None:
            requests.append((lead, LookupRequest(lead.subject.lead_id, key, lead.subject.values, lead.known)))
    outcomes: Sequence[Outcome] = await provider.lookup([request for _, request in requests], math.inf)
    for (lead, _), outcome in zip(requests, outcomes, strict=True):
        if isinstance(outcome, Failed):
            lead.broken = outcome.reason
        elif isinstance(outcome, Found | NotFound):
            lead.take(provider.spec.name, Reply(outcome))
