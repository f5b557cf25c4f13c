"""Rules on figures: cost, scores."""

from __future__ import annotations

from collections import Counter

import sqlalchemy as sa

from sales_agent_dagster.inference.budgets import ROUNDING_USD
from sales_agent_dagster.stages.quality.base import CheckOutcome, Subject
from sales_agent_dagster.warehouse.reports import column_values
from sales_agent_dagster.warehouse.spending import dearest_lead_usd, spending_by

MIN_SCORED = 20
"""Below this many scored leads a distribution says nothing."""

MIN_DISTINCT_SCORES = 3
MAX_SHARE_OF_ONE_SCORE = 0.9
ICP_TOLERANCE = 0.1
"""The formula and the file both round to one decimal."""

MIN_ICP_AGREEMENT = 0.9


def cost_budget(subject: Subject) -> CheckOutcome:
    """The ledger's spend on the batch is within ``settings.budgets``: in all, and for each lead.

    Calls are refused before they go over; what fails here is a budget that was lowered, or that several
    processes spent at once.
    """
    limits = subject.settings.budgets
    by_agent = spending_by(subject.connection, "agent", batch_id=subject.batch_id)
    figures = {
        "batch": (sum(spent.cost_usd for spent in by_agent.values()), limits.batch_usd),
        "lead": (dearest_lead_usd(subject.connection, subject.batch_id), limits.lead_usd),
    }
    over = [
        name for name, (usd, limit) in figures.items() if limit is not None and usd > limit + ROUNDING_USD
    ]
    told = [
        f"${usd:.4f} {words} of {'no limit' if limit is None else f'${limit:g}'}"
        for (usd, limit), words in zip(figures.values(), ("spent", "on the dearest lead"), strict=True)
    ]
    faults = "".join(f" Over SALES_AGENT_BUDGETS__{name.upper()}_USD." for name in over)
    expected = ", ".join(f"{name} <= {limit:g}" for name, (_, limit) in figures.items() if limit is not None)
    return CheckOutcome(
        not over,
        f"{', '.join(told)}.{faults}",
        {
            "expected": expected,
            "actual": round(figures["batch"][0], 6),
            "dearest_lead_usd": round(figures["lead"][0], 6),
            "by_agent": {agent: round(spent.cost_usd, 6) for (agent,), spent in by_agent.items()},
        },
    )


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
