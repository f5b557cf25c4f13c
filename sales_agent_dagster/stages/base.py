"""What all stages share: inputs with hashes, chunks, one row per lead, nothing computed twice.

A stage's rows are their own progress record. Each row keeps the hash of what it was computed from; a
group of leads is written in one transaction; a re-run computes only the leads whose row is missing or whose
hash differs. So a kill at any moment loses at most the groups in flight, and a second run changes nothing.

By rules a chunk is one group. A model's calls take their time: there a chunk is several groups side by side,
so that the next leads are asked about while answers are judged and stored.
"""

from __future__ import annotations

import asyncio
import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from sales_agent_dagster.agents.checkpoints import checkpoint_store
from sales_agent_dagster.agents.runtime import AgentContext
from sales_agent_dagster.domain.calls import CallScope
from sales_agent_dagster.domain.hashing import content_hash
from sales_agent_dagster.domain.profile import Profile
from sales_agent_dagster.domain.status import Status
from sales_agent_dagster.inference.engine import MAX_REASON, SCORECARD, Engine
from sales_agent_dagster.settings import Settings
from sales_agent_dagster.stages.fact_service import FactService
from sales_agent_dagster.stages.side_by_side import grouped, side_by_side
from sales_agent_dagster.warehouse.database import Warehouse

GROUP = 64
"""Leads of a group. The smaller, the fewer wait for the last answers; but each costs some milliseconds."""

SPARE_GROUPS = 3
"""Groups at once beyond those that fill the calls in flight: some are always being judged and stored."""

SENDING_S = 0.1
"""A chunk's first calls are on their way after this: then there is time for something else."""


@dataclass(frozen=True)
class StageContext:
    """Everything a stage works with, for one batch in one run.

    Attributes:
        retry_degraded: agents compute the rows again that a lesser engine had to answer.
        apply: whether the plan for the CRM is sent; None is as set for the batch.
        facts: the providers of facts in use; None asks only those that need no network.
        meanwhile: called while the first answers of a model are waited for; must return at once.
    """

    warehouse: Warehouse
    settings: Settings
    profile: Profile
    engine: Engine
    batch_id: str
    run_id: str
    now: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    retry_degraded: bool = False
    apply: bool | None = None
    facts: FactService | None = None
    meanwhile: Callable[[], object] = lambda: None

    @property
    def scope(self) -> CallScope:
        """For whom the engine is asked."""
        return CallScope(self.run_id, self.batch_id)

    @property
    def agent(self) -> AgentContext:
        """What the stage's agent works with."""
        store = checkpoint_store(self.settings)
        return AgentContext(self.engine, self.profile, self.scope, store, self.settings.model_policy)


@dataclass(frozen=True, slots=True)
class LeadInput:
    """What a stage computes one lead's row from.

    Attributes:
        values: everything the row depends on, JSON-ready.
        skip: why a gate stops the lead; None lets it through.
    """

    lead_id: str
    values: Mapping[str, Any]
    skip: str | None = None


@dataclass(slots=True)
class LeadResult:
    """One lead's row.

    Attributes:
        values: the stage's own columns.
        children: rows of other tables that belong to this row, by table; written with it.
        own_latency: ``latency_ms`` is the lead's whole time. Otherwise it is at least the lead's share of
            the group's time, which says nothing where leads wait for a network side by side.
    """

    lead_id: str
    status: Status
    reason: str | None = None
    values: dict[str, Any] = field(default_factory=dict)
    children: dict[sa.Table, list[dict[str, Any]]] = field(default_factory=dict)
    engine: str = "rules"
    engine_version: str = "1"
    latency_ms: float = 0.0
    cost_usd: float = 0.0
    own_latency: bool = False


@dataclass(frozen=True, slots=True)
class Plan:
    """What a stage must do for a batch.

    Attributes:
        total: leads in the batch.
        todo: lead ids whose row is missing or out of date, in order.
    """

    total: int
    todo: tuple[str, ...]

    def chunks(self, size: int) -> list[tuple[str, ...]]:
        """``todo`` cut into chunks of at most ``size``."""
        return [self.todo[start : start + size] for start in range(0, len(self.todo), size)]


class Stage(ABC):
    """One table of the pipeline, computed lead by lead from the tables before it.

    Attributes:
        name: the asset's and the table's name.
        version: raise it when the rules change; rows computed by an older version are recomputed.
        agent: key of the SLA table, or None for stages without an agent.
        profile_sections: sections of the profile that the rows depend on; gates count by what they stop.
        child_tables: tables whose rows belong to this stage's rows.
    """

    name: str
    table: sa.Table
    upstream: str
    version: str
    agent: str | None = None
    profile_sections: tuple[str, ...] = ()
    child_tables: tuple[sa.Table, ...] = ()

    @abstractmethod
    def load(
        self, context: StageContext, connection: sa.Connection, lead_ids: Sequence[str] | None
    ) -> list[LeadInput]:
        """Inputs of the batch in import order, or of the given leads only."""

    @abstractmethod
    async def process(self, context: StageContext, inputs: Sequence[LeadInput]) -> Sequence[LeadResult]:
        """Results for inputs that no gate stopped, in the same order; never raises for one lead."""

    def warm_up(self) -> None:  # noqa: B027 - a hook; stages without an agent have nothing to load
        """Load what the first chunk of a process would otherwise wait for; no lead's latency counts it."""

    def skipped_values(self, item: LeadInput) -> dict[str, Any]:
        """The stage's own columns for a lead that a gate stopped."""
        return {}

    def wording(self) -> str:
        """Version of the texts beside prompt and code that the rows are made of; empty for none."""
        return ""

    def fingerprint(self, context: StageContext) -> str:
        """Version of everything but the lead itself that the rows depend on."""
        sections = context.profile.model_dump(mode="json", include=set(self.profile_sections))
        policy = context.settings.model_policy if self.agent else None
        return content_hash(self.version, sections, context.engine.name, context.engine.version, policy)

    def plan(self, context: StageContext) -> Plan:
        """Find the leads whose row is missing or out of date, or to be retried."""
        with context.warehouse.reading() as connection:
            inputs = self.load(context, connection, None)
            columns = self.table.c
            current = sa.select(columns.lead_id, columns.input_hash).where(
                columns.batch_id == context.batch_id
            )
            if context.retry_degraded and self.agent is not None:
                current = current.where(columns.status != Status.DEGRADED.value)
            stored = dict(connection.execute(current).tuples().all())
        hashes = self.hashes(context, inputs)
        todo = tuple(lead_id for lead_id, value in hashes.items() if stored.get(lead_id) != value)
        return Plan(len(inputs), todo)

    def bond(self, item: LeadInput) -> Hashable:
        """Leads with the same are computed together; by default each is by itself."""
        return item.lead_id

    async def run_chunk(self, context: StageContext, lead_ids: Sequence[str]) -> int:
        """Compute and store the rows of some leads, a group in one transaction; returns the number written.

        Raises:
            TransientError: the warehouse or what was paid for could not be stored; groups that had begun
                are through.
        """
        with context.warehouse.reading() as connection:
            inputs = self.load(context, connection, lead_ids)
        groups = [inputs]
        if context.engine.name != SCORECARD and any(item.skip is None for item in inputs):
            groups = grouped(inputs, self.bond, GROUP)
            self.warm_up()
            asyncio.get_running_loop().call_later(SENDING_S, context.meanwhile)
        most = min(len(groups), SPARE_GROUPS + context.settings.cerebras.concurrency // GROUP)

        async def run_group(group: Sequence[LeadInput]) -> int:
            results = await self.compute(context, group, groups=most)
            with context.warehouse.transaction() as connection:
                self.store(context, connection, results, self.hashes(context, group))
            return len(results)

        return sum(await side_by_side(run_group, groups, most))

    async def compute(
        self, context: StageContext, inputs: Sequence[LeadInput], *, groups: int = 1
    ) -> list[LeadResult]:
        """Results of all inputs: skipped rows for those a gate stopped, then the processed ones.

        What was paid for them is in the ledger: no row is there without the calls it was made of. So many
        ``groups`` share the time that it takes.
        """
        results = [
            LeadResult(item.lead_id, Status.SKIPPED, item.skip, self.skipped_values(item))
            for item in inputs
            if item.skip is not None
        ]
        open_inputs = [item for item in inputs if item.skip is None]
        if open_inputs:
            self.warm_up()
            started = time.perf_counter()
            done = await self.process(context, open_inputs)
            if self.agent is not None:
                await context.engine.settle()
            share = (time.perf_counter() - started) * 1000 / len(open_inputs) / groups
            for result in (item for item in done if not item.own_latency):
                result.latency_ms = max(result.latency_ms, share)
            results.extend(done)
        return results

    async def run(self, context: StageContext) -> Plan:
        """The whole stage for the batch, without Dagster."""
        plan = self.plan(context)
        for chunk in plan.chunks(context.settings.chunk_size):
            await self.run_chunk(context, chunk)
        return plan

    def hashes(self, context: StageContext, inputs: Iterable[LeadInput]) -> dict[str, str]:
        """Per lead, the hash of all that its row depends on."""
        fingerprint = self.fingerprint(context)
        return {item.lead_id: content_hash(fingerprint, item.values, item.skip) for item in inputs}

    def store(
        self,
        context: StageContext,
        connection: sa.Connection,
        results: Sequence[LeadResult],
        hashes: Mapping[str, str],
    ) -> None:
        """Write the rows and their children; stages that write more in the same transaction extend it."""
        now = context.now()
        stamp = {"batch_id": context.batch_id, "run_id": context.run_id, "created_at": now}
        rows = [
            {
                **result.values,
                **stamp,
                "lead_id": result.lead_id,
                "status": result.status.value,
                "reason": result.reason,
                "engine": result.engine,
                "engine_version": result.engine_version,
                "latency_ms": result.latency_ms,
                "cost_usd": result.cost_usd,
                "input_hash": hashes[result.lead_id],
            }
            for result in results
        ]
        for table in self.child_tables:
            connection.execute(
                sa.delete(table).where(
                    table.c.batch_id == context.batch_id,
                    table.c.lead_id.in_([result.lead_id for result in results]),
                )
            )
        context.warehouse.upsert(connection, self.table, rows)
        for table in self.child_tables:
            children = [
                {**child, **stamp, "lead_id": result.lead_id}
                for result in results
                for child in result.children.get(table, ())
            ]
            context.warehouse.upsert(connection, table, children)


def describe_dropped(dropped: Sequence[str]) -> str | None:
    """What was left out of an engine's answer, each kind with its count; None for nothing."""
    if not dropped:
        return None
    kinds = ", ".join(f"{kind} ({count})" for kind, count in Counter(dropped).most_common())
    return f"left out of the answer: {kinds}"[:MAX_REASON]
