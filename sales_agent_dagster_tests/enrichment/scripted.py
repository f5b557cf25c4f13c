"""A provider that says what a test wants, and desks around it on a real warehouse."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

from sales_agent_dagster.domain.calls import CallScope
from sales_agent_dagster.enrichment.desk import Around, Desk, Reply
from sales_agent_dagster.enrichment.facts import fact
from sales_agent_dagster.enrichment.memory import AnswerMemory
from sales_agent_dagster.enrichment.ports import Front
from sales_agent_dagster.enrichment.providers import (
    Failed,
    FailureKind,
    Found,
    LookupRequest,
    Outcome,
    ProviderSpec,
)
from sales_agent_dagster.enrichment.waterfall import Budget, Step
from sales_agent_dagster.inference.flow.breaker import BreakerRules, Breakers
from sales_agent_dagster.inference.flow.clock import SystemClock
from sales_agent_dagster.settings import EnrichmentSettings
from sales_agent_dagster.stages.fact_service import _Breaker
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.lookups import WarehouseLookups
from sales_agent_dagster.warehouse.schema import enrichment_credits
from sales_agent_dagster_tests.enrichment.asking import lead

SCOPE = CallScope("run-1", "batch-1")
START = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
FREE = ProviderSpec(name="website", offers=frozenset({"founded", "employees"}))
PAID = replace(FREE, name="apollo_company", needs_key=True, credits=1.0, usd_per_credit=0.5, max_batch=10)

Answer = Outcome | Exception | Callable[[LookupRequest], Outcome]


def found(value: str = "1990", name: str = "founded", cost: float = 0.0, sure: float = 0.8) -> Found:
    return Found((fact(name, value, "web page", sure, url="http://a.example/"),), credits=cost)


@dataclass
class Scripted:
    """Answers by key, after a wait by key (0: until the gate is set); counts what it is asked."""

    spec: ProviderSpec = FREE
    answers: dict[str, Answer] = field(default_factory=dict)
    waits: dict[str, float] = field(default_factory=dict)
    batches: list[list[str]] = field(default_factory=list)
    closed: int = 0
    gate: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def keys(self) -> list[str]:
        return [key for batch in self.batches for key in batch]

    def key_of(self, values: Mapping[str, Any], known: Mapping[str, str]) -> str | None:
        host = values["website_host"]
        if host == "broken":
            raise KeyError("broken")
        return host if host is None else str(host)

    async def lookup(self, requests: Sequence[LookupRequest], deadline: float) -> Sequence[Outcome]:
        self.batches.append([request.key for request in requests])
        for request in requests:
            if request.key in self.waits:
                await (asyncio.sleep(wait) if (wait := self.waits[request.key]) else self.gate.wait())
        return [self._answer(request) for request in requests]

    def _answer(self, request: LookupRequest) -> Outcome:
        answer = self.answers.get(request.key) or found(cost=self.spec.credits)
        if isinstance(answer, Exception):
            raise answer
        return answer(request) if callable(answer) else answer

    async def close(self) -> None:
        self.closed += 1


@dataclass
class Time:
    """The UTC time of answers and credits."""

    now: datetime = START

    def __call__(self) -> datetime:
        return self.now

    def pass_days(self, days: float) -> None:
        self.now += timedelta(days=days)


def around(
    warehouse: Warehouse,
    utc: Callable[[], datetime] = lambda: START,
    *,
    budget: Budget | None = None,
    rules: BreakerRules | None = None,
    front: Front | None = None,
) -> Around:
    """What desks share, with nothing remembered but what the warehouse holds."""
    store = WarehouseLookups(warehouse)
    breaker = _Breaker(Breakers(rules or BreakerRules(), SystemClock()))
    memory = AnswerMemory(store, front)
    return Around(store, memory, breaker, EnrichmentSettings(), budget or Budget(), utc)


@asynccontextmanager
async def desk(provider: Scripted, shared: Around, **step: Any) -> AsyncIterator[Desk]:
    made = Desk(provider, Step(provider=provider.spec.name, **step), shared)
    try:
        yield made
    finally:
        await made.close()


async def ask(
    at: Desk, host: str | None, lead_id: str = "lead-1", wait_s: float = 2.0, scope: CallScope = SCOPE
) -> Reply:
    reply = await at.ask(lead_id, scope, lead(website_host=host), {}, time.monotonic() + wait_s)
    assert reply is not None
    return reply


def rows(warehouse: Warehouse, table: sa.Table = enrichment_credits) -> list[dict[str, Any]]:
    with warehouse.reading() as connection:
        return [dict(row) for row in connection.execute(sa.select(table)).mappings()]


def kind(outcome: object) -> FailureKind:
    assert isinstance(outcome, Failed)
    return outcome.kind
