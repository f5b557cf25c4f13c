"""Asking one provider on the network: what is known is not asked, what is asked is paid once and kept.

The order around a lookup: answers kept, the same lookup in flight here, rest that the provider asked for, a
lease where it is free, breaker, credits reserved where it is not, the lookup itself, then in one transaction
the credits settled and the answer kept. A lead waits until its deadline; a lookup that costs credits goes on
without it, so that what is paid is kept. Where a lookup fails, what the provider said before still counts.
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
    LeaseRequest,
    LookupKey,
    Refusal,
    Reservation,
    Settlement,
    SpendingCaps,
)
from sales_agent_dagster.enrichment.answers import joined, kept, outcome_of
from sales_agent_dagster.enrichment.batching import Batcher
from sales_agent_dagster.enrichment.memory import AnswerMemory
from sales_agent_dagster.enrichment.outcomes import ended, forbids, late, leaves_open, not_granted, raised
from sales_agent_dagster.enrichment.pacing import Pace
from sales_agent_dagster.enrichment.ports import Breaker, LookupStore
from sales_agent_dagster.enrichment.providers import (
    Failed,
    FailureKind,
    Found,
    LookupRequest,
    Outcome,
    Provider,
)
from sales_agent_dagster.enrichment.subjects import opted_out
from sales_agent_dagster.enrichment.waterfall import Budget, Step
from sales_agent_dagster.settings import EnrichmentSettings

_log = logging.getLogger(__name__)

GRACE_S = 0.1
"""A provider that keeps its deadline is done within this after it."""

PAID_S = 20.0
"""Longest that a lookup which costs credits may take, whatever its lead's deadline."""

GATHER_S = 0.01
"""How long the first lead of a call to a provider waits for others to share it."""

POLL_S = 0.1
"""How often a lead looks whether another process, which asks the same, is done."""

LEASE_S = 1.0
"""How long after the end of its time a lookup of a process that was killed keeps others waiting."""

WRITE_S = 0.005
WRITES_AT_ONCE = 200


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
        failure: of the lookup that was to bring a better one; None when there was none, or none was needed.
    """

    outcome: Outcome
    stale: bool = False
    failure: Failed | None = None


@dataclass(frozen=True, slots=True)
class _Lookup:
    request: LookupRequest
    scope: CallScope
    deadline: float
    earlier: Outcome | None = None
    lease: str | None = None


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
        self._leases: Batcher[LeaseRequest, str | CachedAnswer | None] = Batcher(
            self._lease, WRITES_AT_ONCE, WRITE_S
        )
        self._settlements: Batcher[Settlement, None] = Batcher(self._settle, WRITES_AT_ONCE, WRITE_S)

    async def ask(
        self,
        lead_id: str,
        scope: CallScope,
        values: Mapping[str, Any],
        known: Mapping[str, str],
        deadline: float,
        *,
        again: bool = False,
    ) -> Reply | None:
        """The provider's answer about a lead, by ``deadline`` (``time.monotonic``); None: no question.

        ``again`` is a later pass: it waits for a better answer than an old one.
        """
        try:
            key = self.provider.key_of(values, known)
            if key is None:
                return None
            lookup = _Lookup(LookupRequest(lead_id, key, values, known), scope, deadline)
            reply = await self._answer(lookup, again)
            if forbids(reply.outcome):
                await self._opt_out(lookup.request)
            return reply
        except Exception as error:  # noqa: BLE001 - one provider's failure is data, never a lead's
            _log.warning("%s failed for a lead: %s", self.spec.name, type(error).__name__)
            return Reply(raised(error))

    async def close(self) -> None:
        """Let lookups that cost credits end, cancel the others, close the provider."""
        flights = list(self._flights.values())
        if self.spec.credits and flights:
            await asyncio.wait(flights, timeout=PAID_S)
        for flight in flights:
            flight.cancel()
        await asyncio.gather(*flights, return_exceptions=True)
        for batcher in (self._lookups, self._reservations, self._leases, self._settlements):
            await batcher.close()
        await self.provider.close()

    async def _answer(self, lookup: _Lookup, again: bool) -> Reply:
        answer = await self._around.memory.find(LookupKey(self.spec.name, lookup.request.key))
        if answer is None or answer.version != self.spec.version:
            return Reply(await self._asked(lookup))
        earlier, now, settings = outcome_of(answer), self._around.utc(), self._around.settings
        if now < answer.fresh_until:
            return Reply(earlier)
        lookup = replace(lookup, earlier=earlier)
        whole = not isinstance(earlier, Found) or earlier.complete
        if whole and not again and now < answer.fresh_until + timedelta(days=settings.stale_days):
            later = time.monotonic() + settings.pending_deadline_ms / 1000
            self._flight(replace(lookup, deadline=later))
            return Reply(earlier, stale=True)
        outcome = await self._asked(lookup)
        if isinstance(earlier, Found) and isinstance(outcome, Failed) and not forbids(outcome):
            return Reply(replace(earlier, credits=outcome.credits), failure=outcome)
        return Reply(outcome)

    async def _asked(self, lookup: _Lookup) -> Outcome:
        """What a lookup brings by the lead's deadline: one in flight, else one begun here."""
        left = lookup.deadline - time.monotonic()
        if left <= 0:
            return late()
        flight, ours = self._flight(lookup)
        await asyncio.wait([flight], timeout=left + 2 * GRACE_S)
        if not flight.done() or flight.cancelled():
            return late()
        outcome = flight.result()
        return outcome if ours else replace(outcome, credits=0.0)

    async def _opt_out(self, request: LookupRequest) -> None:
        """Remember who asked not to be processed, also where the answer is an old one or another lead's."""
        values = opted_out(self.provider.key_of, request.key, request.values)
        if values:
            store, now = self._around.store, self._around.utc()
            await asyncio.to_thread(store.suppress, self.spec.name, values, now)

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
        if (rest_s := self._rests_until - time.monotonic()) > 0:
            return Failed(FailureKind.HELD, "left alone for now, as it asked", rest_s)
        if self.spec.credits:
            return await self._admitted(lookup)
        granted = await self._leased(lookup)
        return await self._admitted(granted) if isinstance(granted, _Lookup) else granted

    async def _leased(self, lookup: _Lookup) -> _Lookup | Outcome:
        """The lookup with a lease, or the answer of another process that asked the same."""
        asked = LookupKey(self.spec.name, lookup.request.key)
        while (left_s := lookup.deadline - time.monotonic()) > 0:
            wanted = LeaseRequest(asked, self.spec.version, left_s + GRACE_S + LEASE_S)
            try:
                granted = await self._leases.ask(wanted)
            except SalesAgentError as error:
                # At worst two processes ask the same: that costs a website some requests, and no lead.
                _log.warning("no lease for a lookup of %s: %s", self.spec.name, error)
                return lookup
            if isinstance(granted, str):
                return replace(lookup, lease=granted)
            if granted is not None:
                return outcome_of(granted)
            await asyncio.sleep(min(POLL_S, left_s))
        return Failed(FailureKind.HELD, "another process is asking it")

    async def _admitted(self, lookup: _Lookup) -> Outcome:
        name, breaker = self.spec.name, self._around.breaker
        permit = await breaker.admit(name)
        if permit is None:
            if lookup.lease is not None:
                await asyncio.to_thread(self._around.store.give_back, [lookup.lease])
            return Failed(FailureKind.HELD, "left alone for now: too many of its lookups failed")
        recorded = False
        try:
            lookup_id = None
            if self.spec.credits:
                granted = await self._reservations.ask(self._reservation(lookup))
                if not isinstance(granted, str):
                    return not_granted(granted)
                lookup_id = granted
            outcome, latency_ms = await self._lookups.ask(lookup)
            ok = self._speaks_for(outcome)
            if ok is not None:
                recorded = True
                await breaker.record(name, permit, ok=ok)
            return await self._keep(lookup, lookup_id, outcome, latency_ms)
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
    ) -> Outcome:
        """Settle and remember; the outcome with what is still good of the answer before it."""
        if isinstance(outcome, Failed) and outcome.retry_after_s is not None:
            self._rests_until = max(self._rests_until, time.monotonic() + outcome.retry_after_s)
        if isinstance(outcome, Failed) and outcome.credits and lookup_id is not None:
            return outcome  # perhaps billed: the reservation stays, so that nobody pays for the same again
        asked = LookupKey(self.spec.name, lookup.request.key)
        now, settings = self._around.utc(), self._around.settings
        told, earlier = outcome, lookup.earlier
        if isinstance(outcome, Found) and isinstance(earlier, Found) and leaves_open(outcome):
            oldest = now - timedelta(days=settings.organization_days + settings.stale_days)
            told = joined(outcome, earlier, oldest)
        answer = kept(told, self.spec, settings, now)
        settlement = Settlement(
            lookup_id,
            asked,
            lookup.scope,
            lookup.request.lead_id,
            ended(outcome),
            len(outcome.facts) if isinstance(outcome, Found) else 0,
            outcome.credits,
            self._usd,
            latency_ms,
            now,
            outcome.reason if isinstance(outcome, Failed) else None,
            answer,
            lookup.lease,
        )
        try:
            await self._settlements.ask(settlement)
        except SalesAgentError as error:
            # The lead keeps its answer. Without its settlement the reservation stays, and nobody pays again.
            _log.warning("an answer of %s could not be kept: %s", self.spec.name, error)
            return told
        if answer is not None:
            await self._around.memory.keep(asked, answer)
        return told

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
                outcomes = [replace(late(), credits=self.spec.credits)] * len(lookups)
            except Exception as error:  # noqa: BLE001 - a provider's mistake is not the lead's
                _log.warning("%s raised %s", self.spec.name, type(error).__name__)
                outcomes = [raised(error, self.spec.credits)] * len(lookups)
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

    async def _lease(self, wanted: Sequence[LeaseRequest]) -> Sequence[str | CachedAnswer | None]:
        return await asyncio.to_thread(self._around.store.lease, wanted, self._around.utc())

    async def _settle(self, settlements: Sequence[Settlement]) -> Sequence[None]:
        await asyncio.to_thread(self._around.store.settle, settlements)
        return [None] * len(settlements)
