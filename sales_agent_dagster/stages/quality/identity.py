"""Rules on who is who: clusters, review load, explanations, evidence."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from sales_agent_dagster.matching import judged
from sales_agent_dagster.stages.quality.base import LISTED, CheckOutcome, Subject
from sales_agent_dagster.warehouse.schema import identity_reviews, resolved_leads

MAX_CLUSTER = 50
"""Leads of one company; chains of wrong merges grow without end, real companies do not."""

MIN_JUDGED = 20
"""Leads below which a share says nothing."""

MAX_REVIEW_SHARE = 0.1
MIN_BLOCK_RECALL = 0.985
TOLERANCE_BITS = 0.01
"""Explanations are rounded."""


def largest_cluster(subject: Subject) -> CheckOutcome:
    """No company has more than 50 leads: larger ones are chains of wrong merges more often than not."""
    columns = subject.table.c
    query = (
        sa.select(columns.entity_id, sa.func.max(columns.cluster_size))
        .where(subject.rows)
        .group_by(columns.entity_id)
        .order_by(sa.func.max(columns.cluster_size).desc(), columns.entity_id)
        .limit(LISTED)
    )
    found = [(entity_id, int(size)) for entity_id, size in subject.connection.execute(query)]
    size = found[0][1] if found else 0
    return CheckOutcome(
        size <= MAX_CLUSTER,
        f"The largest company has {size} leads. A lead that is wrong there: sales-agent unmerge LEAD_ID.",
        {
            "expected": f"<= {MAX_CLUSTER}",
            "actual": size,
            "largest": {entity_id: count for entity_id, count in found if count > 1},
        },
    )


def review_share(subject: Subject) -> CheckOutcome:
    """At most 10 % of the leads wait for a person, from 20 leads on: more, and the model does not fit."""
    columns = subject.table.c
    query = sa.select(columns.decision, sa.func.count()).where(subject.rows).group_by(columns.decision)
    counts = dict(subject.connection.execute(query).tuples().all())
    leads, reviews = sum(counts.values()), counts.get("review", 0)
    share = reviews / leads if leads else 0.0
    asked = sa.select(sa.func.count()).where(
        identity_reviews.c.batch_id == subject.batch_id, identity_reviews.c.state == "open"
    )
    return CheckOutcome(
        share <= MAX_REVIEW_SHARE or leads < MIN_JUDGED,
        f"{reviews} of {leads} leads wait for review. Decide them: sales-agent review. Learn from this "
        "table: sales-agent dedupe train.",
        {
            "expected": f"<= {MAX_REVIEW_SHARE}",
            "actual": round(share, 4),
            "open_reviews": int(subject.connection.scalar(asked) or 0),
            **{f"decision/{name}": count for name, count in sorted(counts.items())},
        },
    )


def block_recall(subject: Subject) -> CheckOutcome:
    """Keys bring at least 98.5 % of the evaluation set's true pairs together: linkage finds no others."""
    found = judged.block_recall(judged.load_judged())
    return CheckOutcome(
        found.share >= MIN_BLOCK_RECALL,
        f"Keys bring {found.reached:,} of {found.true_pairs:,} true pairs of the evaluation set together. "
        "All figures of linkage: sales-agent eval.",
        {
            "expected": f">= {MIN_BLOCK_RECALL}",
            "actual": round(found.share, 4),
            "candidates_per_lead": round(found.candidates / max(found.rows, 1), 2),
        },
    )


def explanations_add_up(subject: Subject) -> CheckOutcome:
    """Every explanation's parts and prior sum to its total, and the total is what was decided on."""
    wrong = [lead_id for lead_id, bits, told in _explanations(subject) if not _adds_up(bits, told)]
    return CheckOutcome(
        not wrong,
        f"{len(wrong)} explanations do not add up.",
        {"expected": 0, "actual": len(wrong), "leads": wrong[:LISTED]},
    )


def _explanations(subject: Subject) -> Iterator[tuple[str, float, Mapping[str, Any]]]:
    for table in (resolved_leads, identity_reviews):
        columns = table.c
        query = sa.select(columns.lead_id, columns.bits, columns.explanation).where(
            columns.batch_id == subject.batch_id, columns.explanation.is_not(None), columns.bits.is_not(None)
        )
        yield from subject.connection.execute(query.order_by(columns.lead_id)).tuples()


def _adds_up(bits: float, told: Mapping[str, Any]) -> bool:
    total = float(told["prior"] + sum(part["bits"] + part["tf_bits"] for part in told["parts"]))
    return abs(total - float(told["total"])) <= TOLERANCE_BITS and abs(bits - total) <= TOLERANCE_BITS


def bits_distribution(subject: Subject) -> CheckOutcome:
    """Evidence tells merges from reviews: their median bits are above those of the leads that wait."""
    columns = subject.table.c
    query = sa.select(columns.decision, columns.bits).where(subject.rows, columns.bits.is_not(None))
    found: dict[str, list[float]] = {}
    for decision, bits in subject.connection.execute(query):
        found.setdefault(decision, []).append(bits)
    medians = {name: round(sorted(bits)[len(bits) // 2], 2) for name, bits in sorted(found.items())}
    apart = medians.get("merge", float("inf")) > medians.get("review", float("-inf"))
    told = ", ".join(f"{name} {bits:+.1f}" for name, bits in medians.items()) or "nobody is like anybody"
    return CheckOutcome(
        apart, f"Median bits: {told}.", {"expected": "merge above review", "actual": told, "medians": medians}
    )
