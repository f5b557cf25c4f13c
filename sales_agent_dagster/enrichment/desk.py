"""Asking one provider on the network: what is known is not asked, what is asked is paid once and kept.

The order around a lookup: answers kept, the same lookup in flight, rest that the provider asked for, breaker,
credits reserved, the lookup itself, then in one transaction the credits settled and the answer kept. A lead
waits until its deadline; a lookup that costs credits goes on without it, so that what is paid is kept.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from sales_agent_dagster.domain.calls import CallScope
from sales_agent_dagster.domain.errors import SalesAgentError
from sales_agent_dagster.domain.lookups import (
    CachedAnswer,
    LookupKey,
    LookupOutcome,
    Refusal,
    RefusalKind,
    Reservation,
    Settlement,
    SpendingCaps,
)
from sales_agent_dagster.enrichment.answers import kept, outcome_of
from sales_agent_dagster.enrichment.batching import Batcher
from sales_agent_dagster.enrichment.memory import AnswerMemory
from sales_agent_dagster.enrichment.pacing import Pace
from sales_agent_dagster.enrichment.ports import Breaker, LookupStore
from sales_agent_dagster.enrichment.providers import (
    Failed,
    FailureKind,
    Found,
    LookupRequest,
    NotFound,
    Outcome,
    Provider,
)
from sales_agent_dagster.enrichment.waterfall import Budget, Step
from sales_agent_dagster.settings import EnrichmentSettings

_log = logging.getLogger(__name__)

GRACE_S = 0.1
"""A provider that keeps its deadline is done within this after it."""

PAID_S = 20.0
"""Longest that a lookup which costs credits may take, whatever its lead's deadline."""

GATHER_S = 0.01
"""How long the first lead of a call to a provider waits for others to share it."""

WRITE_S = 0.005
WRITES_AT_ONCE = 200

_REFUSED = {
    RefusalKind.CAP: FailureKind.QUOTA,
    RefusalKind.IN_FLIGHT: FailureKind.HELD,
    RefusalKind.CUT_OFF: FailureKind.PERMANENT,
}


@dataclass(frozen=True, slots=True)
class Around:
    """What all desks of a process share.

    Attributes:
        utc: the time that answers and credits are stamped with.
    """

    store: LookupStore
    memory: AnswerMemory
    breaker: Breaker
    settings: EnrichmentSettings
    budget: Budget
    utc: Callable[[], datetime] = lambda: datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class Reply:
    """What a lead gets.

    Attributes:
        stale: the answer is older than it should be, and is being asked again for the next time.
    """

    outcome: Outcome
    stale: bool = False


@dataclass(frozen=True, slots=True)
class _Lookup:
    request: LookupRequest
    scope: CallScope
    deadline: float


class Desk:
    """One provider of the waterfall. Used in one event loop."""

    def __init__(self, provider: Provider, step: Step, around: Around) -> None:
        self.provider = provider
        self.spec = provider.spec
        self.step = step
        self._around = around
        self._usd = self.spec.usd_per_credit if step.usd_per_credit is None else step.usd_per_credit
        self._pace = Pace(self.spec.per_minute)
        self._rests_until = 0.0
        self._flights: dict[str, asyncio.Task[Outcome]] = {}
        self._lookups: Batcher[_Lookup, tuple[Outcome, float]] = Batcher(
            self._look_up, self.spec.max_batch, GATHER_S
        )
        self._reservations: Batcher[Reservation, str | Refusal | CachedAnswer] = Batcher(
            self._reserve, WRITES_AT_ONCE, WRITE_S
        )
        self._settlements: Batcher[Settlement, None] = Batcher(self._settle, WRITES_AT_ONCE, WRITE_S)

    async def ask(
        self,
        lead_id: str,
        scope: CallScope,
        values: Mapping[str, Any],
        known: Mapping[str, str],
        deadline: float,
    ) -> Reply | None:
        """The provider's answer about a lead, by ``deadline`` (``time.monotonic``); None: no question."""
        try:
            key = self.provider.key_of(values, known)
            if key is None:
                return None
            return await self._answer(_Lookup(LookupRequest(lead_id, key, values, known), scope, deadline))
        except Exception as error:  # noqa: BLE001 - one provider's failure is data, never a lead's
            _log.warning("%s failed for a lead: %s", self.spec.name, type(error).__name__)
            return Reply(_raised(error))

    async def close(self) -> None:
        """Let lookups that cost credits end, cancel the others, close the provider."""
        flights = list(self._flights.values())
        if self.spec.credits and flights:
            await asyncio.wait(flights, timeout=PAID_S)
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)
        for batcher in (self._lookups, self._reservations, self._settlements):
            await batcher.close()
        await self.provider.close()

    async def _answer(self, lookup: _Lookup) -> Reply:
        answer = await self._around.memory.find(LookupKey(self.spec.name, lookup.request.key))
        if answer is not None and answer.version == self.spec.version:
            now = self._around.utc()
            if now < answer.fresh_until:
                return Reply(outcome_of(answer))
            if now < answer.fresh_until + timedelta(days=self._around.settings.stale_days):
                later = time.monotonic() + self._around.settings.pending_deadline_ms / 1000
                self._flight(replace(lookup, deadline=later))
                return Reply(outcome_of(answer), stale=True)
        left = lookup.deadline - time.monotonic()
        if left <= 0:
            return Reply(_late())
        flight, ours = self._flight(lookup)
        await asyncio.wait([flight], timeout=left + 2 * GRACE_S)
        if not flight.done() or flight.cancelled():
            return Reply(_late())
        outcome = flight.result()
        return Reply(outcome if ours else replace(outcome, credits=0.0))

    def _flight(self, lookup: _Lookup) -> tuple[asyncio.Task[Outcome], bool]:
        """The lookup in flight, and whether it is begun here."""
        key = lookup.request.key
        if flight := self._flights.get(key):
            return flight, False
        flight = self._flights[key] = asyncio.get_running_loop().create_task(self._buy(lookup))
        flight.add_done_callback(lambda done: self._landed(key, done))
        return flight, True

    def _landed(self, key: str, flight: asyncio.Task[Outcome]) -> None:
        del self._flights[key]
        if not flight.cancelled():
            flight.exception()  # raised where somebody waits; a refresh has nobody

    async def _buy(self, lookup: _Lookup) -> Outcome:
        name, breaker = self.spec.name, self._around.breaker
        if (rest_s := self._rests_until - time.monotonic()) > 0:
            return Failed(FailureKind.HELD, "left alone for now, as it asked", rest_s)
        permit = await breaker.admit(name)
        if permit is None:
            return Failed(FailureKind.HELD, "left alone for now: too many of its lookups failed")
        recorded = False
        try:
            lookup_id = None
            if self.spec.credits:
                granted = await self._reservations.ask(self._reservation(lookup))
                if not isinstance(granted, str):
                    return _not_granted(granted)
                lookup_id = granted
            outcome, latency_ms = await self._lookups.ask(lookup)
            ok = self._speaks_for(outcome)
            if ok is not None:
                recorded = True
                await breaker.record(name, permit, ok=ok)
            await self._keep(lookup, lookup_id, outcome, latency_ms)
            return outcome
        finally:
            if not recorded:
                await breaker.release(name, permit)

    def _speaks_for(self, outcome: Outcome) -> bool | None:
        """Whether the provider works, as far as an outcome says; None when it says nothing of that.

        One website that is slow says nothing about websites; a provider with a key is one service.
        """
        if not isinstance(outcome, Failed):
            return True
        if outcome.kind is FailureKind.LATE:
            return False if self.spec.needs_key else None
        if outcome.kind is FailureKind.HELD:
            return None
        return outcome.kind is not FailureKind.TRANSIENT

    async def _keep(
        self, lookup: _Lookup, lookup_id: str | None, outcome: Outcome, latency_ms: float
    ) -> None:
        if isinstance(outcome, Failed) and outcome.retry_after_s is not None:
            self._rests_until = max(self._rests_until, time.monotonic() + outcome.retry_after_s)
        if isinstance(outcome, Failed) and outcome.credits and lookup_id is not None:
            return  # perhaps billed: the reservation stays, so that nobody pays for the same again
        asked = LookupKey(self.spec.name, lookup.request.key)
        now = self._around.utc()
        answer = kept(outcome, self.spec, self._around.settings, now)
        settlement = Settlement(
            lookup_id,
            asked,
            lookup.scope,
            lookup.request.lead_id,
            _ended(outcome),
            len(outcome.facts) if isinstance(outcome, Found) else 0,
            outcome.credits,
            self._usd,
            latency_ms,
            now,
            outcome.reason if isinstance(outcome, Failed) else None,
            answer,
            outcome.suppress if isinstance(outcome, Failed) else (),
        )
        try:
            await self._settlements.ask(settlement)
        except SalesAgentError as error:
            # The lead keeps its answer. Without its settlement the reservation stays, and nobody pays again.
            _log.warning("an answer of %s could not be kept: %s", self.spec.name, error)
            return
        if answer is not None:
            await self._around.memory.keep(asked, answer)

    def _reservation(self, lookup: _Lookup) -> Reservation:
        return Reservation(
            LookupKey(self.spec.name, lookup.request.key),
            lookup.scope,
            lookup.request.lead_id,
            self.spec.credits,
            self._usd,
            self.spec.version,
        )

    async def _look_up(self, lookups: Sequence[_Lookup]) -> list[tuple[Outcome, float]]:
        """Outcomes of one call to the provider, each with how long it took, ms."""
        started = time.monotonic()
        paid = self.spec.credits > 0
        deadline = started + PAID_S if paid else min(lookup.deadline for lookup in lookups)
        outcomes: Sequence[Outcome]
        if not await self._pace.turn(deadline):
            outcomes = [Failed(FailureKind.HELD, "its calls per minute are used up")] * len(lookups)
        else:
            try:
                async with asyncio.timeout(max(0.0, deadline - time.monotonic()) + GRACE_S):
                    outcomes = await self.provider.lookup([lookup.request for lookup in lookups], deadline)
            except TimeoutError:
                # Whether it was billed nobody knows.
                outcomes = [replace(_late(), credits=self.spec.credits)] * len(lookups)
            except Exception as error:  # noqa: BLE001 - a provider's mistake is not the lead's
                _log.warning("%s raised %s", self.spec.name, type(error).__name__)
                outcomes = [_raised(error, self.spec.credits)] * len(lookups)
        took = (time.monotonic() - started) * 1000
        return [(outcome, took) for outcome in outcomes]

    async def _reserve(self, asked: Sequence[Reservation]) -> Sequence[str | Refusal | CachedAnswer]:
        """Reserve per run, because caps are counted by it."""
        caps, budget = self.step.caps, self._around.budget
        limits = SpendingCaps(caps.run_credits, caps.day_credits, budget.run_usd, budget.day_usd)
        verdicts: dict[int, str | Refusal | CachedAnswer] = {}
        for run_id in {item.scope.run_id for item in asked}:
            places = [place for place, item in enumerate(asked) if item.scope.run_id == run_id]
            portion = [asked[place] for place in places]
            found = await asyncio.to_thread(self._around.store.reserve, portion, limits, self._around.utc())
            verdicts |= dict(zip(places, found, strict=True))
        return [verdicts[place] for place in range(len(asked))]

    async def _settle(self, settlements: Sequence[Settlement]) -> Sequence[None]:
        await asyncio.to_thread(self._around.store.settle, settlements)
        return [None] * len(settlements)


def _not_granted(verdict: Refusal | CachedAnswer) -> Outcome:
    if isinstance(verdict, Refusal):
        return Failed(_REFUSED[verdict.kind], verdict.reason, verdict.retry_after_s)
    return outcome_of(verdict)


def _late() -> Failed:
    return Failed(FailureKind.LATE, "no answer in time")


def _ended(outcome: Outcome) -> LookupOutcome:
    if isinstance(outcome, Found):
        return LookupOutcome.FOUND
    if isinstance(outcome, NotFound):
        return LookupOutcome.NOT_FOUND
    return LookupOutcome.SUPPRESSED if outcome.kind is FailureKind.SUPPRESSED else LookupOutcome.FAILED


def _raised(error: Exception, cost: float = 0.0) -> Failed:
    """What an unforeseen error comes to; its text may hold addresses, so its type must do."""
    return Failed(FailureKind.TRANSIENT, type(error).__name__, credits=cost)
