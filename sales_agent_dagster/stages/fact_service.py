"""The providers of facts in use, for as long as a run lasts: their connections and limits outlast chunks."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta

from sales_agent_dagster.domain.calls import CallScope
from sales_agent_dagster.domain.errors import SalesAgentError
from sales_agent_dagster.domain.lookups import CachedAnswer, LookupKey
from sales_agent_dagster.enrichment.answers import decode, encode
from sales_agent_dagster.enrichment.collecting import Broken, Collected, Collector, Subject
from sales_agent_dagster.enrichment.desk import Around, Desk
from sales_agent_dagster.enrichment.memory import AnswerMemory
from sales_agent_dagster.enrichment.providers import Provider
from sales_agent_dagster.enrichment.registry import make_providers
from sales_agent_dagster.enrichment.waterfall import Step, Waterfall, load_waterfall
from sales_agent_dagster.inference.flow.breaker import BreakerRules, Breakers, Permit
from sales_agent_dagster.inference.flow.clock import SystemClock
from sales_agent_dagster.inference.flow.loop_thread import LoopThread
from sales_agent_dagster.inference.flow.shared import SharedState, SharedStateLost
from sales_agent_dagster.settings import Settings
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.lookups import WarehouseLookups

_log = logging.getLogger(__name__)


class FactService:
    """A collector in an event loop of its own, for callers in any loop; begun when the network is needed.

    Args:
        settings: limits, Redis.
        waterfall: order and caps.
        providers: those in use, in order; ``registry.make_providers`` makes them.
        warehouse: keeps answers and credits; not closed here.
    """

    def __init__(
        self,
        settings: Settings,
        waterfall: Waterfall,
        providers: Sequence[tuple[Step, Provider]],
        warehouse: Warehouse,
    ) -> None:
        self._local = [provider for _, provider in providers if not provider.spec.network]
        self._networked = [(step, provider) for step, provider in providers if provider.spec.network]
        self._settings = settings
        self._waterfall = waterfall
        self._lookups = WarehouseLookups(warehouse)
        self._thread = LoopThread("enrichment")
        self._here = Collector(self._local)
        self._there: Collector | None = None
        self._shared: SharedState | None = None

    @property
    def uses_network(self) -> bool:
        """Whether any provider in use asks somebody."""
        return bool(self._networked)

    async def collect(
        self, subjects: Sequence[Subject], scope: CallScope, limits_ms: Sequence[float]
    ) -> list[Collected | Broken]:
        """Facts about each lead, in order, each within its limit; never raises for one lead."""
        if not self.uses_network:
            return await self._here.collect(subjects, scope, limits_ms)
        return await self._thread.run(self._collect(subjects, scope, limits_ms))

    def close(self) -> None:
        """Let lookups that cost credits end, then close all connections. Usable again after."""
        self._thread.wait_for(self._finish)  # closing the thread would cut lookups off that cost credits
        self._thread.close(self._close)

    async def _collect(
        self, subjects: Sequence[Subject], scope: CallScope, limits_ms: Sequence[float]
    ) -> list[Collected | Broken]:
        if self._there is None:
            self._there = self._opened()
            await asyncio.to_thread(self._prune)
        return await self._there.collect(subjects, scope, limits_ms)

    def _prune(self) -> None:
        """Delete answers that are too old to stand in for anything."""
        now, settings = datetime.now(UTC), self._settings.enrichment
        days = max(settings.kept_days, settings.stale_days)
        try:
            self._lookups.prune(now - timedelta(days=days), now)
        except SalesAgentError as error:
            _log.warning("old answers of providers could not be deleted: %s", error)

    def _opened(self) -> Collector:
        settings, clock = self._settings, SystemClock()
        if settings.redis_url is not None:
            self._shared = SharedState(settings.redis_url.get_secret_value(), clock)
        breakers = Breakers(BreakerRules(), clock, shared=self._shared, owner="enrichment")
        front = RedisFront(self._shared) if self._shared is not None else None
        around = Around(
            store=self._lookups,
            memory=AnswerMemory(self._lookups, front),
            breaker=_Breaker(breakers),
            settings=settings.enrichment,
            budget=self._waterfall.budget,
        )
        return Collector(
            self._local,
            [Desk(provider, step, around) for step, provider in self._networked],
            filled_at=self._waterfall.filled_at,
            concurrency=settings.enrichment.concurrency,
        )

    async def _finish(self) -> None:
        if self._there is not None:
            await self._there.close()
            self._there = None

    async def _close(self) -> None:
        if self._shared is not None:
            await self._shared.close()
            self._shared = None


def build_fact_service(settings: Settings, warehouse: Warehouse) -> FactService:
    """The service that settings and waterfall ask for; close it when it is no longer needed.

    Raises:
        ConfigurationError: the waterfall or a provider in use has faults.
    """
    waterfall = load_waterfall(settings.waterfall_path)
    return FactService(settings, waterfall, make_providers(settings, waterfall), warehouse)


class _Breaker:
    """``enrichment.ports.Breaker`` by the breakers of model calls."""

    def __init__(self, breakers: Breakers) -> None:
        self._breakers = breakers

    async def admit(self, provider: str) -> Permit | None:
        permit = await self._breakers.admit(provider)
        return None if permit is Permit.REFUSED else permit

    async def record(self, provider: str, permit: Permit, *, ok: bool) -> None:
        await self._breakers.record(provider, permit, ok=ok)

    async def release(self, provider: str, permit: Permit) -> None:
        await self._breakers.release(provider, permit)


_FIND = "return redis.call('MGET', unpack(KEYS))"
_KEEP = """
for number, key in ipairs(KEYS) do redis.call('SET', key, ARGV[2 * number - 1], 'EX', ARGV[2 * number]) end
return 0
"""


class RedisFront:
    """``enrichment.ports.Front`` in Redis: fresh answers, which expire there by themselves."""

    def __init__(self, shared: SharedState) -> None:
        self._shared = shared

    async def find(self, asked: Sequence[LookupKey]) -> Mapping[LookupKey, CachedAnswer]:
        """Answers that are there; none when Redis is away or holds something else."""
        try:
            stored = await self._shared.run(_FIND, [_name(key) for key in asked], [])
            return {key: decode(data) for key, data in zip(asked, stored, strict=True) if data}
        except SharedStateLost:
            return {}
        except (ValueError, KeyError, TypeError):
            _log.warning("Redis holds enrichment answers that cannot be read; the warehouse's are used.")
            return {}

    async def keep(self, answers: Mapping[LookupKey, CachedAnswer]) -> None:
        """Put answers there for as long as they are fresh."""
        now = datetime.now(UTC)
        names: list[str] = []
        arguments: list[str | int] = []
        for key, answer in answers.items():
            seconds = int((answer.fresh_until - now).total_seconds())
            if seconds > 0:
                names.append(_name(key))
                arguments += [encode(answer).decode(), seconds]
        try:
            if names:
                await self._shared.run(_KEEP, names, arguments)
        except SharedStateLost:
            return


def _name(key: LookupKey) -> str:
    return f"sales-agent:answer:{key.provider}:{key.key}"
