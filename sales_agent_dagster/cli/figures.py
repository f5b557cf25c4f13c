"""What a batch came to, counted in the warehouse."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sales_agent_dagster.domain.status import DONE, Status
from sales_agent_dagster.warehouse.reports import BatchOverview
from sales_agent_dagster.warehouse.schema import (
    STAGE_TABLES,
    analyzed_leads,
    campaign_messages,
    campaigns,
    crm_synced_leads,
    enriched_leads,
    imported_leads,
    lead_batches,
    qualified_leads,
    rejected_rows,
    resolved_leads,
)


@dataclass(frozen=True)
class Figures:
    """Counts over some batches.

    Attributes:
        statuses: per stage table, leads by status.
        companies: distinct companies among the leads.
        tiers: leads by tier, duplicates not counted.
        crm: leads by planned operation.
        cost_usd: what all engine calls cost.
        degraded_reason: the most frequent reason of degraded rows; None when there are none.
    """

    rejected: int
    companies: int
    duplicates: int
    messages: int
    cost_usd: float
    statuses: dict[str, Counter[str]]
    tiers: Counter[str]
    crm: Counter[str]
    degraded_reason: str | None

    @property
    def imported(self) -> int:
        """Leads imported."""
        return self.statuses["imported_leads"].total()

    def done(self, stage: str) -> int:
        """Leads for which a stage has a usable result."""
        return sum(self.statuses[stage][status.value] for status in DONE)

    def stages_with(self, status: Status) -> dict[str, int]:
        """Leads of a status by stage, stages without any left out."""
        return {stage: by[status.value] for stage, by in self.statuses.items() if by[status.value]}


def count_figures(connection: sa.Connection, batch_ids: Sequence[str]) -> Figures:
    """Figures of some batches."""

    def tally(column: sa.Column[str], *where: sa.ColumnElement[bool]) -> Counter[str]:
        rows = connection.execute(
            sa.select(column, sa.func.count())
            .where(column.table.c.batch_id.in_(batch_ids), column.is_not(None), *where)
            .group_by(column)
        )
        return Counter(dict(rows.tuples().all()))

    def scalar(what: sa.ColumnElement[int], table: sa.Table, *where: sa.ColumnElement[bool]) -> int:
        query = sa.select(what).select_from(table).where(table.c.batch_id.in_(batch_ids), *where)
        return connection.execute(query).scalar_one() or 0

    reasons: Counter[str] = Counter()
    for table in STAGE_TABLES:
        reasons += tally(table.c.reason, table.c.status == Status.DEGRADED.value)
    costs = (scalar(sa.func.sum(table.c.cost_usd), table) for table in STAGE_TABLES if "cost_usd" in table.c)
    return Figures(
        rejected=scalar(sa.func.count(), rejected_rows),
        companies=scalar(sa.func.count(resolved_leads.c.entity_id.distinct()), resolved_leads),
        duplicates=scalar(sa.func.count(), resolved_leads, resolved_leads.c.is_duplicate),
        messages=scalar(sa.func.count(), campaign_messages),
        cost_usd=float(sum(costs)),
        statuses={table.name: tally(table.c.status) for table in STAGE_TABLES},
        tiers=tally(qualified_leads.c.tier),
        crm=tally(crm_synced_leads.c.operation),
        degraded_reason=next((reason for reason, _ in reasons.most_common(1)), None),
    )


@dataclass(frozen=True)
class BatchProgress:
    """How far one batch is.

    Attributes:
        expected: leads that every stage has in the end, as far as is known yet.
        rows: rows by stage, in order of the flow.
    """

    expected: int
    rows: dict[str, int]

    @property
    def complete(self) -> bool:
        """True when every row is imported or rejected, and every stage has a row for every lead."""
        return set(self.rows.values()) == {self.expected}


def batch_progress(connection: sa.Connection, batch_id: str) -> BatchProgress:
    """Progress of one batch, in one statement over its own rows: cheap enough to ask while it runs."""

    def rows(table: sa.Table) -> sa.ScalarSelect[int]:
        query = sa.select(sa.func.count()).select_from(table).where(table.c.batch_id == batch_id)
        return query.scalar_subquery()

    found = connection.execute(
        sa.select(
            (lead_batches.c.row_count - rows(rejected_rows)).label("expected"),
            *(rows(table).label(table.name) for table in STAGE_TABLES),
        ).where(lead_batches.c.batch_id == batch_id)
    ).one()
    return BatchProgress(found.expected, {table.name: found._mapping[table.name] for table in STAGE_TABLES})


def progress_of(overview: BatchOverview) -> BatchProgress:
    """Progress of a batch of which an overview is at hand."""
    rows = {table.name: sum(overview.stages.get(table.name, {}).values()) for table in STAGE_TABLES}
    return BatchProgress(overview.rows - overview.rejected, rows)


@dataclass(frozen=True)
class Work:
    """What was computed since a moment.

    Attributes:
        rows: rows written to the stage tables.
        agent_calls: leads that an agent was asked about; what a gate stopped is not counted.
    """

    rows: int
    agent_calls: int


def count_work(connection: sa.Connection, batch_ids: Sequence[str], since: datetime) -> Work:
    """Work done for some batches since a UTC time."""

    def written(table: sa.Table, *where: sa.ColumnElement[bool]) -> int:
        query = sa.select(sa.func.count()).select_from(table)
        fresh = (table.c.batch_id.in_(batch_ids), table.c.created_at >= since)
        return connection.execute(query.where(*fresh, *where)).scalar_one()

    agents = (qualified_leads, enriched_leads, analyzed_leads, campaigns)
    return Work(
        rows=sum(written(table) for table in STAGE_TABLES),
        agent_calls=sum(written(table, table.c.status != Status.SKIPPED.value) for table in agents),
    )


def best_leads(connection: sa.Connection, batch_ids: Sequence[str], limit: int) -> list[sa.Row[Any]]:
    """The best-scored leads that campaigns were made for: lead_id, company_name, score, tier, summary."""
    query = (
        sa.select(
            imported_leads.c.lead_id,
            imported_leads.c.company_name,
            qualified_leads.c.score,
            qualified_leads.c.tier,
            qualified_leads.c.summary,
        )
        .join_from(
            imported_leads,
            qualified_leads,
            sa.and_(
                imported_leads.c.batch_id == qualified_leads.c.batch_id,
                imported_leads.c.lead_id == qualified_leads.c.lead_id,
            ),
        )
        .where(imported_leads.c.batch_id.in_(batch_ids), qualified_leads.c.score.is_not(None))
        .order_by(qualified_leads.c.score.desc(), imported_leads.c.record_no)
        .limit(limit)
    )
    return list(connection.execute(query))
