"""What calls to models came to, summed up for people, checks and forecasts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any, Literal

import sqlalchemy as sa

from sales_agent_dagster.warehouse.schema import agent_calls

Grouping = Literal["day", "batch_id", "agent", "model"]


@dataclass(frozen=True, slots=True)
class Spending:
    """Figures of the view ``agent_cost``, summed over some calls.

    Attributes:
        calls: finished ones; ``invalid`` and ``failed`` of them gave nothing.
        attempts: requests sent for them.
        assumed_usd: part of ``cost_usd`` whose model is in no price list.
        replays: answers that were not bought again; they had cost ``saved_usd``.
    """

    calls: int = 0
    invalid: int = 0
    failed: int = 0
    attempts: int = 0
    prompt_tokens: int = 0
    cached_tokens: int = 0
    completion_tokens: int = 0
    reasoning_tokens: int = 0
    cost_usd: float = 0.0
    assumed_usd: float = 0.0
    replays: int = 0
    saved_usd: float = 0.0

    @property
    def cached_share(self) -> float:
        """Share of the input tokens that came from the provider's prompt cache, 0-1."""
        return self.cached_tokens / self.prompt_tokens if self.prompt_tokens else 0.0


_FIGURES = tuple(field.name for field in fields(Spending))
_KEYS = ("day", "run_id", "batch_id", "agent", "model")
_COSTS = sa.table("agent_cost", *(sa.column(name) for name in (*_KEYS, *_FIGURES)))


def spending(connection: sa.Connection, *, batch_id: str | None = None, agent: str | None = None) -> Spending:
    """Everything, or what one batch, one agent or both came to."""
    (row,) = _sums(connection, (), batch_id, agent)
    return _spending(row)


def spending_by(
    connection: sa.Connection, *keys: Grouping, batch_id: str | None = None
) -> dict[tuple[str, ...], Spending]:
    """The same by day, batch, agent or model, or by several of them, in their order."""
    rows = _sums(connection, keys, batch_id, None)
    return {tuple(row[key] for key in keys): _spending(row) for row in rows}


def dearest_lead_usd(connection: sa.Connection, batch_id: str) -> float:
    """The most that was spent on one lead of a batch, US dollars."""
    calls = agent_calls.c
    per_lead = (
        sa.select(sa.func.sum(calls.cost_usd).label("usd"))
        .where(calls.batch_id == batch_id)
        .group_by(calls.lead_id)
        .subquery()
    )
    return float(connection.scalar(sa.select(sa.func.max(per_lead.c.usd))) or 0.0)


def usd_per_lead(connection: sa.Connection, model: str) -> dict[str, float]:
    """Measured spend per lead that was asked about, by agent; agents without calls are left out."""
    calls = agent_calls.c
    per_lead = (
        sa.select(calls.agent, sa.func.sum(calls.cost_usd).label("usd"))
        .where(calls.model == model, calls.cost_usd > 0)
        .group_by(calls.agent, calls.batch_id, calls.lead_id)
        .subquery()
    )
    query = sa.select(per_lead.c.agent, sa.func.avg(per_lead.c.usd)).group_by(per_lead.c.agent)
    return dict(connection.execute(query).tuples().all())


def bought_leads(connection: sa.Connection, batch_id: str, model: str) -> dict[str, int]:
    """Leads of a batch about which the ledger has an answer of the model, by agent."""
    calls = agent_calls.c
    query = (
        sa.select(calls.agent, sa.func.count(calls.lead_id.distinct()))
        .where(calls.batch_id == batch_id, calls.model == model, calls.response.is_not(None))
        .group_by(calls.agent)
    )
    return dict(connection.execute(query).tuples().all())


def spent_since(connection: sa.Connection, batch_ids: Sequence[str], since: datetime) -> tuple[int, float]:
    """Calls of some batches that were finished since a UTC time, and what they cost, US dollars."""
    calls = agent_calls.c
    query = sa.select(sa.func.count(), sa.func.coalesce(sa.func.sum(calls.cost_usd), 0.0)).where(
        calls.batch_id.in_(batch_ids), calls.called_at >= since
    )
    number, usd = connection.execute(query).one()
    return int(number), float(usd)


def asked_share(
    connection: sa.Connection, table: sa.Table, agent: str, model: str, engine: str
) -> float | None:
    """Share of the leads that ``engine`` answered, in the batches that bought from the model; 0-1.

    The others a gate stopped, or nothing had to be asked about them. None without such a batch.
    """
    calls = agent_calls.c
    bought = sa.select(calls.batch_id).where(calls.agent == agent, calls.model == model)
    answered = sa.case((table.c.engine == engine, 1.0), else_=0.0)
    share = connection.scalar(sa.select(sa.func.avg(answered)).where(table.c.batch_id.in_(bought)))
    return None if share is None else float(share)


def _sums(
    connection: sa.Connection, keys: tuple[Grouping, ...], batch_id: str | None, agent: str | None
) -> list[sa.RowMapping]:
    columns = [_COSTS.c[key] for key in keys]
    query = sa.select(*columns, *(sa.func.sum(_COSTS.c[name]).label(name) for name in _FIGURES))
    if batch_id is not None:
        query = query.where(_COSTS.c.batch_id == batch_id)
    if agent is not None:
        query = query.where(_COSTS.c.agent == agent)
    if columns:
        query = query.group_by(*columns).order_by(*columns)
    return list(connection.execute(query).mappings())


def _spending(row: sa.RowMapping) -> Spending:
    """Sums over no rows are NULL, and PostgreSQL's of whole numbers are decimals."""

    def value(name: str) -> Any:
        return (float if name.endswith("_usd") else int)(row[name] or 0)

    return Spending(**{name: value(name) for name in _FIGURES})
