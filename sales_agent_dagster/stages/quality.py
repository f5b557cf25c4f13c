"""Data quality rules: what must hold of a batch's rows, as plain functions over the tables.

Every rule takes a ``Subject`` and returns a ``CheckOutcome`` with what was expected and what is there. The
names are those of ``settings.CheckSettings``, which says whether a failed rule stops the pipeline.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from sales_agent_dagster.domain.status import DONE, Status
from sales_agent_dagster.settings import Settings, Sla
from sales_agent_dagster.warehouse.reports import column_values, stage_report
from sales_agent_dagster.warehouse.schema import (
    STAGE_TABLES,
    imported_leads,
    lead_batches,
    rejected_rows,
)

MISSING_TEXTS = ("", "nan", "nat", "null", "<na>")
"""Ways in which programs write "no value"; a stored value must not be one. Compared in lower case."""

MIN_SCORED = 20
"""Below this many scored leads a distribution says nothing."""
MIN_DISTINCT_SCORES = 3
MAX_SHARE_OF_ONE_SCORE = 0.9
ICP_TOLERANCE = 0.1
"""The formula and the file both round to one decimal."""
MIN_ICP_AGREEMENT = 0.9
LISTED = 10
"""Offending leads named in the metadata."""

REQUIRED_WHEN_DONE: Mapping[str, tuple[str, ...]] = {
    "qualified_leads": ("score", "tier", "confidence", "icp_score", "summary"),
    "enriched_leads": ("domain_kind", "email_kind", "fact_count", "completeness"),
    "analyzed_leads": ("expansion_score", "summary"),
    "campaigns": ("message_count",),
}
"""Columns that a skipped or failed row may leave NULL and a finished one may not."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What a rule judges: one table's rows of one batch.

    Attributes:
        agent: key of the SLA table, or None when no agent is behind the table.
    """

    connection: sa.Connection
    table: sa.Table
    batch_id: str
    settings: Settings
    agent: str | None = None

    @property
    def rows(self) -> sa.ColumnElement[bool]:
        """Condition: the table's rows of the batch."""
        return self.table.c.batch_id == self.batch_id

    def count(self, table: sa.Table) -> int:
        """Rows of the batch in any table that has its key."""
        query = sa.select(sa.func.count()).where(table.c.batch_id == self.batch_id)
        return self.connection.execute(query).scalar_one()


@dataclass(frozen=True, slots=True)
class CheckOutcome:
    """Verdict of one rule.

    Attributes:
        description: the verdict in one sentence, for a person.
        metadata: ``expected`` and ``actual`` at least; plain numbers, texts, lists and mappings.
    """

    passed: bool
    description: str
    metadata: Mapping[str, Any]


Rule = Callable[[Subject], CheckOutcome]


def row_conservation(subject: Subject) -> CheckOutcome:
    """No row is lost or invented.

    Rows of the file's batch = imported + rejected; every later table has the imported leads, each once.
    """
    if subject.table is imported_leads:
        return _import_conservation(subject)
    missing = _ids_without(subject, imported_leads, subject.table)
    unexpected = _ids_without(subject, subject.table, imported_leads)
    expected, actual = subject.count(imported_leads), subject.count(subject.table)
    return CheckOutcome(
        not missing and not unexpected,
        f"{actual} rows for {expected} imported leads.",
        {"expected": expected, "actual": actual, "missing": missing, "unexpected": unexpected},
    )


def _import_conservation(subject: Subject) -> CheckOutcome:
    expected = _batch_rows(subject)
    imported, rejected = subject.count(imported_leads), subject.count(rejected_rows)
    return CheckOutcome(
        imported + rejected == expected,
        f"{expected} rows in the file's batch, {imported} imported and {rejected} rejected.",
        {"expected": expected, "actual": imported + rejected, "imported": imported, "rejected": rejected},
    )


def _batch_rows(subject: Subject) -> int:
    query = sa.select(lead_batches.c.row_count).where(lead_batches.c.batch_id == subject.batch_id)
    return subject.connection.execute(query).scalar_one()


def _ids_without(subject: Subject, table: sa.Table, other: sa.Table) -> list[str]:
    """The first leads of the batch that ``table`` has and ``other`` has not."""
    same = sa.and_(other.c.batch_id == table.c.batch_id, other.c.lead_id == table.c.lead_id)
    query = (
        sa.select(table.c.lead_id)
        .where(table.c.batch_id == subject.batch_id, ~sa.exists().where(same))
        .order_by(table.c.lead_id)
        .limit(LISTED)
    )
    return list(subject.connection.scalars(query))


def schema_and_ranges(subject: Subject) -> CheckOutcome:
    """The table is as declared and its values are in range.

    Columns exist; required ones are not NULL; declared ranges and vocabularies hold; no text says "nan" or
    nothing; no number is NaN or infinite; every row that is not ``ok`` has a reason; finished rows have
    what the stage is for.
    """
    found = {column["name"] for column in sa.inspect(subject.connection).get_columns(subject.table.name)}
    faults: dict[str, int] = {
        f"column {column.name} is missing": 1 for column in subject.table.columns if column.name not in found
    }
    if not faults:
        faults = _violations(subject)
    rows = subject.count(subject.table)
    return CheckOutcome(
        not faults,
        f"{rows} rows, no fault." if not faults else f"{rows} rows, faults: {', '.join(faults)}.",
        {"expected": {}, "actual": faults, "rows": rows},
    )


def _violations(subject: Subject) -> dict[str, int]:
    """Rows per broken rule, found in one pass over the batch."""
    rules = {
        **_column_rules(subject.table),
        **_constraint_rules(subject.table),
        **_outcome_rules(subject.table),
    }
    counts = [sa.func.sum(sa.case((condition, 1), else_=0)) for condition in rules.values()]
    row = subject.connection.execute(sa.select(*counts).select_from(subject.table).where(subject.rows)).one()
    return {name: int(count) for name, count in zip(rules, row, strict=True) if count}


def _column_rules(table: sa.Table) -> dict[str, sa.ColumnElement[bool]]:
    rules: dict[str, sa.ColumnElement[bool]] = {}
    for column in table.columns:
        if not column.nullable:
            rules[f"{column.name} is NULL"] = column.is_(None)
        if isinstance(column.type, sa.Text):
            # "None" is Python's; a lower-case none is a legitimate word of some vocabularies.
            missing = sa.func.lower(sa.func.trim(column)).in_(MISSING_TEXTS) | (column == "None")
            rules[f"{column.name} says nothing"] = missing
        if isinstance(column.type, sa.Double):
            # PostgreSQL holds NaN equal to itself, so it is recognised by its text.
            text = sa.func.lower(sa.cast(column, sa.Text))
            rules[f"{column.name} is not a number"] = text.in_(
                ("nan", "inf", "-inf", "infinity", "-infinity")
            )
    return rules


def _constraint_rules(table: sa.Table) -> dict[str, sa.TextClause]:
    return {
        f"not {constraint.sqltext}": sa.text(f"NOT ({constraint.sqltext})")
        for constraint in table.constraints
        if isinstance(constraint, sa.CheckConstraint)
    }


def _outcome_rules(table: sa.Table) -> dict[str, sa.ColumnElement[bool]]:
    column = table.c
    rules = {"reason is NULL though not ok": (column.status != Status.OK.value) & column.reason.is_(None)}
    done = column.status.in_([status.value for status in DONE])
    for name in REQUIRED_WHEN_DONE.get(table.name, ()):
        rules[f"{name} is NULL though done"] = done & column[name].is_(None)
    for name in ("latency_ms", "cost_usd"):
        if name in column:
            rules[f"{name} is negative"] = column[name] < 0
    return rules


def rejected_ratio(subject: Subject) -> CheckOutcome:
    """Not too many rows were unusable: at most ``settings.max_rejected_ratio`` of the batch."""
    limit = subject.settings.max_rejected_ratio
    rows, rejected = _batch_rows(subject), subject.count(rejected_rows)
    ratio = rejected / rows if rows else 0.0
    return CheckOutcome(
        ratio <= limit,
        f"{rejected} of {rows} rows rejected. Table rejected_rows says why; the limit is "
        "SALES_AGENT_MAX_REJECTED_RATIO.",
        {"expected": f"<= {limit:g}", "actual": ratio, "rejected": rejected},
    )


def latency_sla(subject: Subject) -> CheckOutcome:
    """p50 and p95 of the leads' latency are within the agent's limits (``settings.sla``), milliseconds.

    Rows keep the latency of when they were computed; skipped ones have none.
    """
    agent = str(subject.agent)
    limits: Sla = getattr(subject.settings.sla, agent)
    report = stage_report(subject.connection, subject.table, subject.batch_id)
    actual = {"p50_ms": report.latency_p50_ms, "p95_ms": report.latency_p95_ms}
    expected = {name: limit for name in actual if (limit := getattr(limits, name)) is not None}
    late = [name for name, limit in expected.items() if actual[name] > limit]
    description = f"p50 {report.latency_p50_ms:.1f} ms, p95 {report.latency_p95_ms:.1f} ms per lead."
    if late:
        description += (
            f" Over the limit: {', '.join(late)}. Use a faster engine, raise "
            f"SALES_AGENT_SLA__{agent.upper()}__{late[0].upper()}, or set SALES_AGENT_CHECKS__LATENCY_SLA=warn."
        )
    limits_told = {name: f"<= {limit:g}" for name, limit in expected.items()}
    return CheckOutcome(not late, description, {"expected": limits_told, "actual": actual, **actual})


def cost_budget(subject: Subject) -> CheckOutcome:
    """All stages together have spent at most ``settings.batch_budget_usd`` on the batch so far."""
    limit = subject.settings.batch_budget_usd
    spent = {
        table.name: stage_report(subject.connection, table, subject.batch_id).cost_usd
        for table in STAGE_TABLES
        if "cost_usd" in table.c
    }
    total = sum(spent.values())
    return CheckOutcome(
        total <= limit,
        f"${total:.4f} spent of ${limit:.2f} (SALES_AGENT_BATCH_BUDGET_USD).",
        {"expected": f"<= {limit:g}", "actual": total, "by_stage": {k: v for k, v in spent.items() if v}},
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
    return CheckOutcome(
        share >= MIN_ICP_AGREEMENT,
        f"{agreeing} of {len(deltas)} stated ICP scores agree within {ICP_TOLERANCE}; mean difference {mean:.2f}.",
        {"expected": f">= {MIN_ICP_AGREEMENT}", "actual": share, "mean_delta": mean, "stated": len(deltas)},
    )


_EVERYWHERE: Mapping[str, Rule] = {
    "row_conservation": row_conservation,
    "schema_and_ranges": schema_and_ranges,
}
_AGENT: Mapping[str, Rule] = {"latency_sla": latency_sla, "cost_budget": cost_budget}

RULES: Mapping[str, Mapping[str, Rule]] = {
    "imported_leads": {**_EVERYWHERE, "rejected_ratio": rejected_ratio},
    "resolved_leads": _EVERYWHERE,
    "qualified_leads": {
        **_EVERYWHERE,
        **_AGENT,
        "score_distribution": score_distribution,
        "icp_agreement": icp_agreement,
    },
    "enriched_leads": {**_EVERYWHERE, **_AGENT},
    "analyzed_leads": {**_EVERYWHERE, **_AGENT},
    "campaigns": {**_EVERYWHERE, **_AGENT},
    "crm_synced_leads": _EVERYWHERE,
}
"""Per table: check name to rule."""
