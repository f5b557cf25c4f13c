"""What a materialization says about the rows of its batch: counts, preview, latency, cost, pictures.

No personal data leaves the warehouse this way: Dagster's event log has its own readers and retention.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg
import sqlalchemy as sa

from sales_agent_dagster.defs.crm_metadata import card_metadata, diff_metadata
from sales_agent_dagster.defs.plots import (
    bits_histogram,
    latency_histogram,
    provider_bars,
    score_histogram,
    waterfall,
)
from sales_agent_dagster.domain.hashing import content_hash
from sales_agent_dagster.domain.masking import MASK, masked
from sales_agent_dagster.inference.prices import load_prices
from sales_agent_dagster.settings import Sla
from sales_agent_dagster.stages.base import StageContext
from sales_agent_dagster.stages.crm.recording import card_of
from sales_agent_dagster.stages.forecast import forecast
from sales_agent_dagster.warehouse.providers import provider_services
from sales_agent_dagster.warehouse.reports import StageReport, column_values, preview, stage_report
from sales_agent_dagster.warehouse.schema import (
    crm_synced_leads,
    enriched_leads,
    enrichment_queue,
    resolved_leads,
)
from sales_agent_dagster.warehouse.spending import spending

PREVIEW_ROWS = 10
CELL_CHARACTERS = 60
NOTICEABLE_MS = 50.0
"""A latency histogram is drawn from this p95 on; below it nobody waits and there is nothing to see."""

SCORE_COLUMNS = {"qualified_leads": "score", "analyzed_leads": "expansion_score"}
"""Tables whose scores are worth a histogram."""

PREVIEW_COLUMNS: Mapping[str, tuple[str, ...]] = {
    "imported_leads": ("company_name", "city", "state", "phone", "email", "website_host", "oems", "repairs"),
    "resolved_leads": (
        "decision",
        "entity_id",
        "is_duplicate",
        "bits",
        "relation",
        "cluster_size",
        "oem_count",
        "suppressed",
    ),
    "qualified_leads": ("score", "tier", "confidence", "icp_score", "icp_delta", "trades"),
    "enriched_leads": ("region_state", "timezone", "domain_kind", "email_kind", "trades", "completeness"),
    "analyzed_leads": ("territory", "market_position", "capability_gaps", "expansion_score"),
    "campaigns": ("contactable", "channels", "send_day", "send_hour", "timezone", "message_count"),
    "crm_synced_leads": ("crm", "operation", "changed_fields"),
}
"""What a preview shows after lead id, status and reason: named one by one, so that nothing personal gets in
with a new column."""

PREVIEW_KINDS = {"resolved_leads": "decision", "qualified_leads": "tier", "crm_synced_leads": "operation"}
"""Column whose every value a preview shows; of the other tables it is the status."""

MASKED_COLUMNS = frozenset({"email", "phone"})
"""Shown as there or not there."""


def materialization(
    work: StageContext,
    table: sa.Table,
    *,
    agent: str | None = None,
    figures: Mapping[str, int] | None = None,
) -> dg.MaterializeResult[Any]:
    """Describe the table's rows of the batch.

    The data version is the hash of the rows' input hashes: an unchanged re-run keeps it, so Dagster does
    not call the assets below it stale.

    Args:
        work: says which batch, in which run.
        table: one of the seven stage tables.
        agent: the SLA table's key of the agent behind the rows; None when there is none.
        figures: counts that only the step knows.
    """
    with work.warehouse.reading() as connection:
        report = stage_report(connection, table, work.batch_id)
        run_ids = column_values(connection, table, work.batch_id, "run_id")
        hashes = column_values(connection, table, work.batch_id, "input_hash")
        kind = PREVIEW_KINDS.get(table.name, "status")
        rows = preview(connection, table, work.batch_id, PREVIEW_ROWS, kind)
        plots = _plots(work, connection, table, agent, report)
        spend = _spend_metadata(work, connection, agent, report.rows) if agent else {}
        if table is enriched_leads:
            spend |= _provider_metadata(connection, work.batch_id)
        crm = _crm_metadata(work, connection) if table is crm_synced_leads else {}
    computed = run_ids.count(work.run_id)
    metadata: dict[str, Any] = {
        "dagster/partition_row_count": report.rows,
        **crm,
        "work": f"{computed} computed, {report.rows - computed} current",
        "computed": computed,
        **(figures or {}),
        **{f"status/{status}": count for status, count in sorted(report.statuses.items())},
        **_engine_metadata(table, report),
    }
    metadata |= spend
    if agent:
        metadata["latency_p50_ms"] = round(report.latency_p50_ms, 3)
        metadata["latency_p95_ms"] = round(report.latency_p95_ms, 3)
    if plots:
        metadata["plots"] = dg.MetadataValue.md("\n\n".join(plots))
    metadata["preview"] = preview_table(table, rows)
    version = dg.DataVersion(content_hash(sorted(hashes)))
    return dg.MaterializeResult(metadata=metadata, data_version=version)


def preview_table(table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> dg.TableMetadataValue:
    """The rows' ``PREVIEW_COLUMNS``, masked and cut."""
    columns = [table.c[name] for name in ("lead_id", "status", "reason", *PREVIEW_COLUMNS[table.name])]
    schema = dg.TableSchema([dg.TableColumn(column.name, str(column.type).lower()) for column in columns])
    records = [
        dg.TableRecord({column.name: _cell(column.name, row[column.name]) for column in columns})
        for row in rows
    ]
    return dg.MetadataValue.table(records=records, schema=schema)


def _cell(name: str, value: Any) -> str | int | float | bool | None:
    if value is None or isinstance(value, bool | int | float):
        return value
    if name in MASKED_COLUMNS:
        return MASK
    text = masked(str(value))
    return text if len(text) <= CELL_CHARACTERS else f"{text[:CELL_CHARACTERS]}…"


def _crm_metadata(work: StageContext, connection: sa.Connection) -> dict[str, Any]:
    card = card_of(connection, work.run_id)
    return {**(card_metadata(card) if card else {}), **diff_metadata(connection, work.batch_id)}


def _engine_metadata(table: sa.Table, report: StageReport) -> dict[str, Any]:
    if "engine" not in table.columns:
        return {}
    return {"engine": ", ".join(sorted(report.engines)), "cost_usd": round(report.cost_usd, 6)}


def _spend_metadata(
    work: StageContext, connection: sa.Connection, agent: str, leads: int
) -> dict[str, int | float]:
    """What the agent's calls for the batch came to in the ledger; nothing when there were none."""
    spent = spending(connection, batch_id=work.batch_id, agent=agent)
    if not spent.calls and not spent.replays:
        return {}
    prices = load_prices(work.settings.prices_path)
    expected = forecast(connection, work.settings, prices, {agent: leads}, work.now().date())
    return {
        "calls": spent.calls,
        "calls/invalid": spent.invalid,
        "calls/failed": spent.failed,
        "calls/replayed": spent.replays,
        "spent_usd": round(spent.cost_usd, 6),
        "saved_usd": round(spent.saved_usd, 6),
        "tokens/input": spent.prompt_tokens,
        "tokens/input_cached": spent.cached_tokens,
        "tokens/output": spent.completion_tokens,
        "tokens/reasoning": spent.reasoning_tokens,
        "forecast_next_batch_usd": round(expected.usd, 6),
    }


def _provider_metadata(connection: sa.Connection, batch_id: str) -> dict[str, Any]:
    """Hit rate and cost per fact of each provider on the network; nothing when none was asked."""
    services = provider_services(connection, batch_id)
    if not services:
        return {}
    names = ("facts", "credits", "cost_usd", "found", "not_found", "failed", "unsettled")
    records = [
        dg.TableRecord(
            {
                "provider": provider,  # what decides comes first: a narrow page cuts tables on the right
                "lookups": service.lookups,
                "hit_rate": None if service.hit_rate is None else round(service.hit_rate, 3),
                "usd_per_fact": None if service.usd_per_fact is None else round(service.usd_per_fact, 6),
                "p95_ms": round(service.p95_ms, 1),
                **{name: getattr(service, name) for name in names},
            }
        )
        for provider, service in services.items()
    ]
    waiting = sa.select(sa.func.count()).where(enrichment_queue.c.batch_id == batch_id)
    return {
        "providers": dg.MetadataValue.table(records),
        "provider_usd": round(sum(service.cost_usd for service in services.values()), 6),
        "pending": int(connection.execute(waiting).scalar_one()),
    }


def _plots(
    work: StageContext, connection: sa.Connection, table: sa.Table, agent: str | None, report: StageReport
) -> list[str]:
    plots = []
    if column := SCORE_COLUMNS.get(table.name):
        scores = column_values(connection, table, work.batch_id, column)
        plots += [score_histogram(column.replace("_", " "), scores)] if scores else []
    if table is resolved_leads:
        plots += _identity_plots(connection, work.batch_id)
    if table is enriched_leads and (services := provider_services(connection, work.batch_id)):
        plots.append(provider_bars(services))
    if agent and report.latency_p95_ms >= NOTICEABLE_MS:
        sla: Sla = getattr(work.settings.sla, agent)
        latencies = [ms for ms in column_values(connection, table, work.batch_id, "latency_ms") if ms > 0]
        plots.append(latency_histogram(latencies, report.latency_p50_ms, report.latency_p95_ms, sla))
    return plots


def _identity_plots(connection: sa.Connection, batch_id: str) -> list[str]:
    """Evidence by decision, and how that of the strongest merge (or else decision) adds up."""
    columns = resolved_leads.c
    query = (
        sa.select(columns.lead_id, columns.decision, columns.bits, columns.explanation)
        .where(columns.batch_id == batch_id, columns.bits.is_not(None))
        .order_by(columns.bits.desc(), columns.lead_id)
    )
    rows = connection.execute(query).all()
    if not rows:
        return []
    bits: dict[str, list[float]] = {}
    for row in rows:
        bits.setdefault(row.decision, []).append(row.bits)
    weightiest = next((row for row in rows if row.decision == "merge"), rows[0])
    title = f"{weightiest.decision}: {weightiest.lead_id}"
    return [bits_histogram(bits), waterfall(title, weightiest.explanation)]
