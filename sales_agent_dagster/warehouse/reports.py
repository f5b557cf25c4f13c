"""Questions about stored rows that asset metadata, checks and the command line ask."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sales_agent_dagster.domain.errors import UnknownRecord
from sales_agent_dagster.domain.status import DONE
from sales_agent_dagster.warehouse.schema import (
    STAGE_TABLES,
    campaign_messages,
    imported_leads,
    lead_batches,
    lead_files,
    rejected_rows,
)


@dataclass(frozen=True, slots=True)
class StageReport:
    """One stage's rows of one batch.

    Attributes:
        statuses: number of rows by status, those with rows only.
        engines: number of rows by engine; empty for imported_leads, which no engine decides.
        latency_p50_ms: nearest-rank median over rows with status ok or degraded; 0.0 without any.
        latency_p95_ms: 95th percentile of the same.
        cost_usd: sum over all rows.
    """

    rows: int
    statuses: dict[str, int]
    engines: dict[str, int]
    latency_p50_ms: float
    latency_p95_ms: float
    cost_usd: float


@dataclass(frozen=True, slots=True)
class BatchOverview:
    """One batch over all stages.

    Attributes:
        rows: data rows that the batch has in its file; imported + rejected once the import is done.
        stages: stage to status to number of rows, in order of the flow; no entry without rows.
    """

    batch_id: str
    batch_seq: int
    file_id: str
    file_name: str
    registered_at: datetime
    rows: int
    imported: int
    rejected: int
    stages: dict[str, dict[str, int]]
    cost_usd: float


@dataclass(frozen=True, slots=True)
class FunnelRow:
    """How many leads one stage let through, over the batches asked for."""

    stage: str
    rows: int
    ok: int
    skipped: int
    degraded: int
    failed: int


@dataclass(frozen=True, slots=True)
class LeadMatch:
    """A lead found by ``find_leads``."""

    batch_id: str
    lead_id: str
    company_name: str
    city: str | None
    state: str | None


def nearest_rank(ascending: Sequence[float], percent: int) -> float:
    """Percentile by nearest rank: the smallest value that at least ``percent`` % do not exceed.

    0.0 for no values. The view ``stage_latency`` uses the same definition.
    """
    if not ascending:
        return 0.0
    rank = -(-percent * len(ascending) // 100)
    return float(ascending[max(rank, 1) - 1])


def stage_report(connection: sa.Connection, table: sa.Table, batch_id: str) -> StageReport:
    """Counts, latency and cost of a stage's rows of one batch."""
    statuses: Counter[str] = Counter()
    engines: Counter[str] = Counter()
    cost, latencies = 0.0, []
    measured = "latency_ms" in table.c
    columns = [table.c.status, *((table.c.engine, table.c.cost_usd, table.c.latency_ms) if measured else ())]
    for row in connection.execute(sa.select(*columns).where(table.c.batch_id == batch_id)):
        statuses[row.status] += 1
        if not measured:
            continue
        engines[row.engine] += 1
        cost += row.cost_usd
        if row.status in DONE:
            latencies.append(row.latency_ms)
    latencies.sort()
    return StageReport(
        statuses.total(),
        dict(statuses),
        dict(engines),
        nearest_rank(latencies, 50),
        nearest_rank(latencies, 95),
        cost,
    )


def preview(
    connection: sa.Connection, table: sa.Table, batch_id: str, limit: int, kind: str = "status"
) -> list[dict[str, Any]]:
    """Some of the batch's rows for people: no JSON columns, times as ISO 8601 text.

    The first rows by key, but the first of each value of the column ``kind`` before the second of any: what
    happened to few leads is seen too.
    """
    columns = [column for column in table.columns if not isinstance(column.type, sa.JSON)]
    place = sa.func.row_number().over(partition_by=table.c[kind], order_by=list(table.primary_key))
    query = sa.select(*columns).where(table.c.batch_id == batch_id)
    query = query.order_by(place, *table.primary_key).limit(limit)
    return [
        {name: value.isoformat() if isinstance(value, datetime) else value for name, value in row.items()}
        for row in connection.execute(query).mappings()
    ]


def column_values(connection: sa.Connection, table: sa.Table, batch_id: str, column: str) -> list[Any]:
    """The batch's values of one column that are not NULL, in order of the key."""
    wanted = table.c[column]
    query = sa.select(wanted).where(table.c.batch_id == batch_id, wanted.is_not(None))
    return list(connection.scalars(query.order_by(*table.primary_key)))


def batches(connection: sa.Connection) -> list[BatchOverview]:
    """All batches in order of registration."""
    stages = _stage_counts(connection)
    rejected = _counts(connection, rejected_rows)
    cost = dict(
        connection.execute(sa.text("SELECT batch_id, SUM(cost_usd) FROM stage_cost GROUP BY batch_id"))
        .tuples()
        .all()
    )
    query = (
        sa.select(lead_batches, lead_files.c.file_name)
        .join(lead_files, lead_files.c.file_id == lead_batches.c.file_id)
        .order_by(lead_batches.c.batch_seq)
    )
    return [
        BatchOverview(
            row.batch_id,
            row.batch_seq,
            row.file_id,
            row.file_name,
            row.registered_at,
            row.row_count,
            sum(stages[row.batch_id].get(imported_leads.name, {}).values()),
            rejected.get(row.batch_id, 0),
            dict(stages[row.batch_id]),
            float(cost.get(row.batch_id) or 0.0),
        )
        for row in connection.execute(query)
    ]


def funnel(connection: sa.Connection, batch_ids: Iterable[str] | None = None) -> list[FunnelRow]:
    """Stages with rows in order of the flow: how many leads of the batches (None: all) each let through."""
    wanted = None if batch_ids is None else set(batch_ids)
    totals: dict[str, Counter[str]] = defaultdict(Counter)
    for batch_id, stages in _stage_counts(connection).items():
        if wanted is None or batch_id in wanted:
            for stage, statuses in stages.items():
                totals[stage].update(statuses)
    return [
        FunnelRow(stage, found.total(), found["ok"], found["skipped"], found["degraded"], found["failed"])
        for stage, found in ((table.name, totals[table.name]) for table in STAGE_TABLES)
        if found
    ]


def lead_history(connection: sa.Connection, lead_id: str) -> dict[str, Any]:
    """Everything stored about a lead: stage to its row in order of the flow, stages not run left out.

    Under ``campaign_messages`` stands the list of its drafts. A lead that is in several batches is told
    by its newest one.

    Raises:
        UnknownRecord: no such lead; the message names leads whose id begins alike.
    """
    batch_id = connection.scalar(
        sa.select(imported_leads.c.batch_id)
        .join(lead_batches, lead_batches.c.batch_id == imported_leads.c.batch_id)
        .where(imported_leads.c.lead_id == lead_id)
        .order_by(lead_batches.c.batch_seq.desc())
        .limit(1)
    )
    if batch_id is None:
        near = [match.lead_id for match in find_leads(connection, lead_id, 3)]
        hint = f" Did you mean {', '.join(near)}?" if near else ""
        raise UnknownRecord(f"There is no lead {lead_id[:80]}.{hint}")
    history: dict[str, Any] = {}
    for table in (*STAGE_TABLES, campaign_messages):
        query = sa.select(table).where(table.c.batch_id == batch_id, table.c.lead_id == lead_id)
        rows = [dict(row) for row in connection.execute(query.order_by(*table.primary_key)).mappings()]
        if table is campaign_messages:
            history[table.name] = rows
        elif rows:
            history[table.name] = rows[0]
    return history


def find_leads(connection: sa.Connection, text: str, limit: int = 20) -> list[LeadMatch]:
    """Leads whose id begins with ``text`` or whose company's name contains it, in any case."""
    table = imported_leads
    query = (
        sa.select(table.c.batch_id, table.c.lead_id, table.c.company_name, table.c.city, table.c.state)
        .where(
            sa.or_(
                table.c.lead_id.istartswith(text, autoescape=True),
                table.c.company_name.icontains(text, autoescape=True),
            )
        )
        .order_by(table.c.company_name, table.c.lead_id)
        .limit(limit)
    )
    return [LeadMatch(*row) for row in connection.execute(query)]


def _stage_counts(connection: sa.Connection) -> dict[str, dict[str, dict[str, int]]]:
    """Batch to stage to status to number of rows."""
    counts: dict[str, dict[str, dict[str, int]]] = defaultdict(dict)
    query = "SELECT batch_id, stage, ok, skipped, degraded, failed FROM pipeline_funnel ORDER BY stage_no"
    for batch_id, stage, *numbers in connection.execute(sa.text(query)):
        by_status = zip(("ok", "skipped", "degraded", "failed"), numbers, strict=True)
        counts[batch_id][stage] = {status: number for status, number in by_status if number}
    return counts


def _counts(connection: sa.Connection, table: sa.Table) -> dict[str, int]:
    query = sa.select(table.c.batch_id, sa.func.count()).group_by(table.c.batch_id)
    return dict(connection.execute(query).tuples().all())
