"""Rules on figures: latency, cost, scores."""

from __future__ import annotations

from collections import Counter

import sqlalchemy as sa

from sales_agent_dagster.settings import Sla
from sales_agent_dagster.stages.quality.base import CheckOutcome, Subject
from sales_agent_dagster.warehouse.reports import column_values, stage_report
from sales_agent_dagster.warehouse.schema import STAGE_TABLES

MIN_SCORED = 20
"""Below this many scored leads a distribution says nothing."""

MIN_DISTINCT_SCORES = 3
MAX_SHARE_OF_ONE_SCORE = 0.9
ICP_TOLERANCE = 0.1
"""The formula and the file both round to one decimal."""

MIN_ICP_AGREEMENT = 0.9


def latency_sla(subject: Subject) -> CheckOutcome:
    """p50 and p95 of the leads' latency are within the agent's limits (``settings.sla``), milliseconds.

    Rows keep the latency of when they were computed; skipped ones have none.
    """
    agent = str(subject.agent)
    limits: Sla = getattr(subject.settings.sla, agent)
    report = stage_report(subject.connection, subject.table, subject.batch_id)
    measured = {"p50_ms": round(report.latency_p50_ms, 3), "p95_ms": round(report.latency_p95_ms, 3)}
    expected = {name: limit for name in measured if (limit := getattr(limits, name)) is not None}
    late = [name for name, limit in expected.items() if measured[name] > limit]
    told = f"p50 {report.latency_p50_ms:.1f} ms, p95 {report.latency_p95_ms:.1f} ms"
    description = f"{told} per lead."
    if late:
        description += (
            f" Over the limit: {', '.join(late)}. Use a faster engine, raise SALES_AGENT_SLA__"
            f"{agent.upper()}__{late[0].upper()}, or set SALES_AGENT_CHECKS__LATENCY_SLA=warn."
        )
    limits_told = ", ".join(f"{name[:3]} <= {limit:g} ms" for name, limit in expected.items())
    return CheckOutcome(not late, description, {"expected": limits_told, "actual": told, **measured})


def cost_budget(subject: Subject) -> CheckOutcome:
    """All stages together have spent at most ``settings.batch_budget_usd`` on the batch so far."""
    limit = subject.settings.batch_budget_usd
    tables = [table for table in STAGE_TABLES if "cost_usd" in table.c]
    spent = {table.name: cost for table in tables if (cost := _spent(subject, table))}
    total = sum(spent.values())
    return CheckOutcome(
        total <= limit,
        f"${total:.4f} spent of ${limit:.2f} (SALES_AGENT_BATCH_BUDGET_USD).",
        {
            "expected": f"<= {limit:g}",
            "actual": round(total, 6),
            "by_stage": {k: v for k, v in spent.items() if v},
        },
    )


def _spent(subject: Subject, table: sa.Table) -> float:
    query = sa.select(sa.func.sum(table.c.cost_usd)).where(table.c.batch_id == subject.batch_id)
    return float(subject.connection.scalar(query) or 0.0)


def score_distribution(subject: Subject) -> CheckOutcome:
    """The scores tell leads apart.

    From 20 scored leads on: at least 3 distinct scores, no single score for more than 90 % of the leads,
    and more than one tier. Fewer leads pass unjudged.
    """
    score, tier = subject.table.c.score, subject.table.c.tier
    query = sa.select(score, tier).where(subject.rows, score.is_not(None))
    rows = subject.connection.execute(query).tuples().all()
    scores, tiers = Counter(score for score, _ in rows), Counter(tier for _, tier in rows)
    share = max(scores.values()) / len(rows) if rows else 0.0
    varied = len(scores) >= MIN_DISTINCT_SCORES and share <= MAX_SHARE_OF_ONE_SCORE and len(tiers) > 1
    judged = len(rows) >= MIN_SCORED
    return CheckOutcome(
        varied or not judged,
        f"{len(scores)} distinct scores in {len(tiers)} tiers over {len(rows)} leads"
        + ("." if judged else f"; under {MIN_SCORED} they are not judged."),
        {
            "expected": f">= {MIN_DISTINCT_SCORES} scores, none over {MAX_SHARE_OF_ONE_SCORE:.0%}, > 1 tier",
            "actual": {"distinct_scores": len(scores), "largest_share": share, "tiers": dict(tiers)},
        },
    )


def icp_agreement(subject: Subject) -> CheckOutcome:
    """The ICP formula gives what the file states, within 0.1 for at least 90 % of the leads that state it."""
    values = column_values(subject.connection, subject.table, subject.batch_id, "icp_delta")
    deltas = [abs(value) for value in values]
    # Differences of one-decimal numbers are not exact in binary.
    agreeing = sum(delta <= ICP_TOLERANCE + 1e-9 for delta in deltas)
    share = agreeing / len(deltas) if deltas else 1.0
    mean = sum(deltas) / len(deltas) if deltas else 0.0
    agrees = share >= MIN_ICP_AGREEMENT
    description = (
        f"{agreeing} of {len(deltas)} stated scores agree within {ICP_TOLERANCE}; mean delta {mean:.2f}."
    )
    if not agrees:
        description += (
            " The list may leave out what its scores were computed from; for one such value, the OEM dealer "
            "tier, the profile can say what to assume (icp.assumed_dealer_tier)."
        )
    figures = {"mean_delta": round(mean, 4), "stated": len(deltas)}
    expected = f">= {MIN_ICP_AGREEMENT}"
    return CheckOutcome(agrees, description, {"expected": expected, "actual": round(share, 4), **figures})
