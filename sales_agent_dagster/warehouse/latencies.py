"""How long an agent's leads and calls took in one batch, and how often it was not the model that answered."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from sales_agent_dagster.domain.status import DONE, Status
from sales_agent_dagster.warehouse.reports import nearest_rank
from sales_agent_dagster.warehouse.schema import agent_calls
from sales_agent_dagster.warehouse.spending import spending


@dataclass(frozen=True, slots=True)
class Percentiles:
    """Nearest-rank percentiles of latencies, milliseconds; 0.0 of none."""

    p50_ms: float
    p95_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class AgentService:
    """How an agent served the leads of a batch.

    Attributes:
        measured: latency per lead, ascending: of leads whose answers were bought when their row was
            computed; of all finished leads when no call was bought, as with an engine of rules.
        bought: whether ``measured`` is of bought answers.
        calls: percentiles of the calls of those leads' runs; None without calls.
        done: leads with a usable result; fallbacks: those of them that a lesser engine answered.
        replay_share: share of the batch's answers that were not bought again, 0-1.
        cost_usd: of all leads.
    """

    measured: tuple[float, ...]
    bought: bool
    calls: Percentiles | None
    done: int
    fallbacks: int
    replay_share: float
    cost_usd: float

    @property
    def leads(self) -> Percentiles:
        """Percentiles of ``measured``."""
        return percentiles(self.measured)

    @property
    def fallback_share(self) -> float:
        """Share of the finished leads that a lesser engine answered, 0-1."""
        return self.fallbacks / self.done if self.done else 0.0

    @property
    def cost_per_lead_usd(self) -> float:
        """Mean over the finished leads, US dollars."""
        return self.cost_usd / self.done if self.done else 0.0

    def share_over(self, limit_ms: float) -> float:
        """Share of the measured leads that took longer, 0-1."""
        late = sum(latency > limit_ms for latency in self.measured)
        return late / len(self.measured) if self.measured else 0.0


def percentiles(ascending: Sequence[float]) -> Percentiles:
    """Percentiles of ascending latencies."""
    return Percentiles(*(nearest_rank(ascending, percent) for percent in (50, 95, 99)))


def agent_service(connection: sa.Connection, table: sa.Table, batch_id: str, agent: str) -> AgentService:
    """How the agent behind a stage's table served one batch."""
    row, call = table.c, agent_calls.c
    rows = connection.execute(
        sa.select(row.lead_id, row.run_id, row.latency_ms, row.status, row.cost_usd).where(
            row.batch_id == batch_id
        )
    ).all()
    runs = {lead.run_id for lead in rows}
    # Matched here: SQLite would look through all calls of a run for each of its leads.
    called = connection.execute(
        sa.select(call.lead_id, call.run_id, call.latency_ms)
        .where(call.batch_id == batch_id, call.agent == agent)
        .order_by(call.latency_ms)
    ).all()
    asked = [one.latency_ms for one in called if one.run_id in runs]
    bought = {(one.lead_id, one.run_id) for one in called}
    done = [lead for lead in rows if lead.status in DONE]
    fresh = sorted(lead.latency_ms for lead in done if (lead.lead_id, lead.run_id) in bought)
    spent = spending(connection, batch_id=batch_id, agent=agent)
    answers = spent.calls + spent.replays
    return AgentService(
        measured=tuple(fresh or sorted(lead.latency_ms for lead in done)),
        bought=bool(fresh),
        calls=percentiles(asked) if asked else None,
        done=len(done),
        fallbacks=sum(lead.status == Status.DEGRADED for lead in done),
        replay_share=spent.replays / answers if answers else 0.0,
        cost_usd=sum(lead.cost_usd for lead in done),
    )
