"""Analyst views: one SQL text each for both databases.

Views hold no data, so a migration drops them all first and makes them all again last: a revision never
meets a view that depends on a column it changes. A changed view needs a revision, an empty one will do.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from sales_agent_dagster.warehouse.schema import STAGE_TABLES

_STAGES = tuple(table.name for table in STAGE_TABLES)
_AGENT_STAGES = _STAGES[1:]


@dataclass(frozen=True)
class View:
    """One view.

    Attributes:
        columns: name to comment, in the view's order.
    """

    name: str
    comment: str
    columns: Mapping[str, str]
    sql: str


def create_views(connection: sa.Connection) -> None:
    """Make all views; on PostgreSQL with their comments."""
    for view in VIEWS:
        connection.exec_driver_sql(f"CREATE VIEW {view.name} ({', '.join(view.columns)}) AS {view.sql}")
        if connection.dialect.supports_comments:
            connection.execute(_comment("VIEW", view.name, view.comment))
            for column, comment in view.columns.items():
                connection.execute(_comment("COLUMN", f"{view.name}.{column}", comment))


def drop_views(connection: sa.Connection) -> None:
    """Drop those of the views that exist."""
    for view in reversed(VIEWS):
        connection.exec_driver_sql(f"DROP VIEW IF EXISTS {view.name}")


def _comment(kind: str, name: str, comment: str) -> sa.TextClause:
    quoted = comment.replace("'", "''").replace(":", "\\:")
    return sa.text(f"COMMENT ON {kind} {name} IS '{quoted}'")


def _per_stage(select: str, stages: tuple[str, ...] = _AGENT_STAGES) -> str:
    """``select`` once per stage table, with {stage} and {stage_no} filled in, as one result."""
    return " UNION ALL ".join(
        select.format(stage=stage, stage_no=_STAGES.index(stage) + 1) for stage in stages
    )


_KEY = {
    "batch_id": "Lead batch = Dagster partition.",
    "stage_no": "Place of the stage in the flow, from 1.",
    "stage": "Table of the stage.",
}

LEAD_360 = View(
    "lead_360",
    "Everything worth asking about a lead in one row; NULL where a stage has not run.",
    {
        "batch_id": "Lead batch = Dagster partition.",
        "lead_id": "Stable id: file content and record number.",
        "file_name": "Source file.",
        "record_no": "Number of the data row within the file, from 1.",
        "company_name": "Name for display, cleaned.",
        "contact_name": "Person.",
        "email": "First valid address.",
        "phone": "First number, E.164.",
        "website": "URL.",
        "city": "City.",
        "state": "Two-letter code of the US state or territory.",
        "zip": "Five-digit ZIP.",
        "oems": "Brands carried, comma-separated.",
        "entity_id": "The company; leads of one company share it.",
        "account_id": "The firm over its branches.",
        "decision": "merge, review or new.",
        "is_duplicate": "True when an earlier lead stands for the company.",
        "duplicate_of": "Lead id of the earlier lead.",
        "suppressed": "True when the company must not be contacted.",
        "score": "ICP score plus signals, 0-100.",
        "tier": "Tier of the score.",
        "confidence": "Share of the evidence the score could use, 0-1.",
        "qualification_summary": "The score in one or two sentences.",
        "region_city": "City of the phone's exchange or the ZIP.",
        "region_state": "State of the phone's area code or the ZIP.",
        "timezone": "IANA time zone.",
        "trades": "Trades seen, comma-separated.",
        "territory": "State or area the lead competes in.",
        "market_position": "leader, challenger, follower or alone.",
        "expansion_score": "Room to grow, 0-100.",
        "contactable": "True when at least one channel can reach it.",
        "channels": "Channels planned, in order, comma-separated.",
        "message_count": "Outreach drafts.",
        "next_step": "The first thing to do.",
        "crm_operation": "create, update, unchanged or skip.",
        "crm_record_id": "Record the operation is about.",
        "imported_status": "Outcome of imported_leads.",
        "resolved_status": "Outcome of resolved_leads.",
        "qualified_status": "Outcome of qualified_leads.",
        "enriched_status": "Outcome of enriched_leads.",
        "analyzed_status": "Outcome of analyzed_leads.",
        "campaign_status": "Outcome of campaigns.",
        "crm_status": "Outcome of crm_synced_leads.",
        "stop_reason": "Why the first stage that did not finish the lead did not; NULL when all did.",
        "cost_usd": "What the lead's engine calls cost over all stages, US dollars.",
    },
    """
    SELECT i.batch_id, i.lead_id, f.file_name, i.record_no, i.company_name, i.contact_name, i.email, i.phone,
        i.website, i.city, i.state, i.zip, COALESCE(r.oems, i.oems), r.entity_id, r.account_id, r.decision,
        r.is_duplicate,
        r.duplicate_of, r.suppressed, q.score, q.tier, q.confidence, q.summary, e.region_city,
        e.region_state, e.timezone, COALESCE(e.trades, q.trades), a.territory, a.market_position,
        a.expansion_score, c.contactable, c.channels, c.message_count, c.next_step, s.operation,
        s.crm_record_id, i.status, r.status, q.status, e.status, a.status, c.status, s.status,
        CASE
            WHEN r.status IN ('skipped', 'failed') THEN r.reason
            WHEN q.status IN ('skipped', 'failed') THEN q.reason
            WHEN e.status IN ('skipped', 'failed') THEN e.reason
            WHEN a.status IN ('skipped', 'failed') THEN a.reason
            WHEN c.status IN ('skipped', 'failed') THEN c.reason
            WHEN s.status IN ('skipped', 'failed') THEN s.reason
        END,
        COALESCE(r.cost_usd, 0) + COALESCE(q.cost_usd, 0) + COALESCE(e.cost_usd, 0)
            + COALESCE(a.cost_usd, 0) + COALESCE(c.cost_usd, 0) + COALESCE(s.cost_usd, 0)
    FROM imported_leads i
    JOIN lead_files f ON f.file_id = i.file_id
    LEFT JOIN resolved_leads r ON r.batch_id = i.batch_id AND r.lead_id = i.lead_id
    LEFT JOIN qualified_leads q ON q.batch_id = i.batch_id AND q.lead_id = i.lead_id
    LEFT JOIN enriched_leads e ON e.batch_id = i.batch_id AND e.lead_id = i.lead_id
    LEFT JOIN analyzed_leads a ON a.batch_id = i.batch_id AND a.lead_id = i.lead_id
    LEFT JOIN campaigns c ON c.batch_id = i.batch_id AND c.lead_id = i.lead_id
    LEFT JOIN crm_synced_leads s ON s.batch_id = i.batch_id AND s.lead_id = i.lead_id
    """,
)

PIPELINE_FUNNEL = View(
    "pipeline_funnel",
    "How many leads each stage let through: one row per batch and stage that has rows.",
    {
        **_KEY,
        "rows": "Leads with a row in the stage.",
        "ok": "Done as asked.",
        "skipped": "Stopped by a gate.",
        "degraded": "Done by a lesser means than asked.",
        "failed": "Could not be done.",
    },
    _per_stage(
        """
        SELECT batch_id, {stage_no}, '{stage}', COUNT(*),
            COUNT(CASE WHEN status = 'ok' THEN 1 END), COUNT(CASE WHEN status = 'skipped' THEN 1 END),
            COUNT(CASE WHEN status = 'degraded' THEN 1 END), COUNT(CASE WHEN status = 'failed' THEN 1 END)
        FROM {stage} GROUP BY batch_id
        """,
        _STAGES,
    ),
)

STAGE_LATENCY = View(
    "stage_latency",
    "Latency per lead that a stage finished (ok or degraded): one row per batch, stage and engine.",
    {
        **_KEY,
        "engine": "What decided.",
        "n": "Leads measured.",
        "p50_ms": "Median, nearest rank, ms.",
        "p95_ms": "95th percentile, nearest rank, ms.",
        "max_ms": "Slowest, ms.",
    },
    # Nearest rank is the smallest value with at least p % of the values at or below it. In whole
    # numbers, because 0.95 * n is not exact in floating point.
    """
    SELECT batch_id, stage_no, stage, engine, MAX(n),
        MIN(CASE WHEN 100 * place >= 50 * n THEN latency_ms END),
        MIN(CASE WHEN 100 * place >= 95 * n THEN latency_ms END), MAX(latency_ms)
    FROM (
    """
    + _per_stage(
        """
        SELECT batch_id, {stage_no} AS stage_no, '{stage}' AS stage, engine, latency_ms,
            ROW_NUMBER() OVER (PARTITION BY batch_id, engine ORDER BY latency_ms) AS place,
            COUNT(*) OVER (PARTITION BY batch_id, engine) AS n
        FROM {stage} WHERE status IN ('ok', 'degraded')
        """
    )
    + ") AS ranked GROUP BY batch_id, stage_no, stage, engine",
)

STAGE_COST = View(
    "stage_cost",
    "Spend on engine calls: one row per batch and stage that has rows.",
    {
        **_KEY,
        "leads": "Leads with a row in the stage.",
        "cost_usd": "What their engine calls cost, US dollars.",
        "cost_per_lead_usd": "cost_usd per lead, US dollars.",
    },
    _per_stage(
        """
        SELECT batch_id, {stage_no}, '{stage}', COUNT(*), SUM(cost_usd), SUM(cost_usd) / COUNT(*)
        FROM {stage} GROUP BY batch_id
        """
    ),
)

REJECTED_SUMMARY = View(
    "rejected_summary",
    "What was wrong with rows that could not be imported: one row per file and reason.",
    {
        "file_id": "SHA-256 of the file's bytes, hex.",
        "file_name": "Source file.",
        "reason_code": "Why, for programs.",
        "rows": "Rows rejected for it.",
        "first_line": "First line of the file concerned.",
        "remedy": "What to do about one of them.",
    },
    """
    SELECT b.file_id, f.file_name, r.reason_code, COUNT(*), MIN(r.line_no), MIN(r.remedy)
    FROM rejected_rows r
    JOIN lead_batches b ON b.batch_id = r.batch_id
    JOIN lead_files f ON f.file_id = b.file_id
    GROUP BY b.file_id, f.file_name, r.reason_code
    """,
)

_CALL_FIGURES = {
    "calls": "Calls that were finished, whatever came of them.",
    "invalid": "Those of them whose answer could not be used.",
    "failed": "Those of them that the provider did not answer.",
    "attempts": "Requests sent.",
    "prompt_tokens": "Input tokens.",
    "cached_tokens": "Those of them from the provider's prompt cache.",
    "completion_tokens": "Output tokens.",
    "reasoning_tokens": "Those of them that were not part of the answer.",
    "cost_usd": "What the calls cost, US dollars.",
    "assumed_usd": "That part of it that rests on an assumed price: the model is in no price list.",
    "replays": "Answers taken from agent_calls instead of being bought.",
    "saved_usd": "What those had cost when they were bought, US dollars.",
}
_WHOLE = tuple(name for name in _CALL_FIGURES if not name.endswith("_usd"))
"""Figures whose sum is a whole number: PostgreSQL would make it a numeric."""

AGENT_COST = View(
    "agent_cost",
    "Calls to models, what they cost and what replays saved: one row per day, run, batch, agent and model.",
    {
        "day": "UTC date, ISO 8601.",
        "run_id": "Dagster run.",
        "batch_id": "Lead batch = Dagster partition.",
        "agent": "Agent that asked.",
        "model": "Model that answered.",
        **_CALL_FIGURES,
    },
    f"""
    SELECT day, run_id, batch_id, agent, model, {
        ", ".join(
            f"CAST(SUM({name}) AS BIGINT)" if name in _WHOLE else f"SUM({name})" for name in _CALL_FIGURES
        )
    }
    FROM (
        SELECT call_day AS day, run_id, batch_id, agent, model, 1 AS calls,
            CASE WHEN outcome = 'invalid' THEN 1 ELSE 0 END AS invalid,
            CASE WHEN outcome = 'failed' THEN 1 ELSE 0 END AS failed,
            attempts, prompt_tokens, cached_tokens, completion_tokens, reasoning_tokens, cost_usd,
            CASE WHEN price_date IS NULL THEN cost_usd ELSE 0 END AS assumed_usd, 0 AS replays, 0 AS saved_usd
        FROM agent_calls
        UNION ALL
        SELECT day, run_id, batch_id, agent, model, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, replays, saved_usd
        FROM agent_replays
    ) AS events GROUP BY day, run_id, batch_id, agent, model
    """,
)

ENRICHMENT_PROVIDERS = View(
    "enrichment_providers",
    "Lookups at providers of facts and what they cost: one row per day, run, batch and provider.",
    {
        "day": "UTC date, ISO 8601.",
        "run_id": "Dagster run.",
        "batch_id": "Lead batch = Dagster partition.",
        "provider": "Provider that was asked.",
        "lookups": "Lookups that were begun; answers from the cache are none.",
        "found": "Those of them that brought facts.",
        "not_found": "Those of them that the provider knows nothing about.",
        "failed": "Those of them without an answer.",
        "unsettled": "Those of them without a word yet; their credits count as spent.",
        "hit_rate": "found per lookup that was answered, 0-1; NULL without any.",
        "facts": "Facts that they brought.",
        "credits": "Credits spent.",
        "cost_usd": "The same in US dollars.",
        "usd_per_fact": "cost_usd per fact; NULL without facts.",
        "mean_ms": "Mean time of a finished lookup, ms.",
    },
    """
    SELECT day, run_id, batch_id, provider, COUNT(*),
        COUNT(CASE WHEN outcome = 'found' THEN 1 END), COUNT(CASE WHEN outcome = 'not_found' THEN 1 END),
        COUNT(CASE WHEN outcome IN ('failed', 'suppressed') THEN 1 END),
        COUNT(CASE WHEN state = 'reserved' THEN 1 END),
        CAST(COUNT(CASE WHEN outcome = 'found' THEN 1 END) AS DOUBLE PRECISION)
            / NULLIF(COUNT(CASE WHEN outcome IN ('found', 'not_found') THEN 1 END), 0),
        CAST(SUM(facts) AS BIGINT), SUM(credits), SUM(cost_usd), SUM(cost_usd) / NULLIF(SUM(facts), 0),
        AVG(latency_ms)
    FROM enrichment_credits GROUP BY day, run_id, batch_id, provider
    """,
)

VIEWS = (
    LEAD_360,
    PIPELINE_FUNNEL,
    STAGE_LATENCY,
    STAGE_COST,
    AGENT_COST,
    ENRICHMENT_PROVIDERS,
    REJECTED_SUMMARY,
)
