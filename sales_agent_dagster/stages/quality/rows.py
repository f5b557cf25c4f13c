"""Rules on rows: none lost, none out of range, not too many rejected."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import sqlalchemy as sa

from sales_agent_dagster.domain.status import DONE
from sales_agent_dagster.stages.quality.base import LISTED, CheckOutcome, Subject
from sales_agent_dagster.warehouse.schema import imported_leads, lead_batches, rejected_rows

MISSING_TEXTS = ("", "nan", "NaN", "NaT", "<NA>", "None", "null")
"""What programs write for "no value", letter for letter; a stored value must not be one.

People are called Null and Nan, and ``none`` is a word of some vocabularies, so case matters.
"""

NOT_NUMBERS = ("nan", "inf", "-inf", "infinity", "-infinity")

REQUIRED_WHEN_DONE: Mapping[str, tuple[str, ...]] = {
    "qualified_leads": ("score", "tier", "confidence", "icp_score", "summary"),
    "enriched_leads": ("domain_kind", "email_kind", "fact_count", "completeness"),
    "analyzed_leads": ("expansion_score", "summary"),
    "campaigns": ("message_count",),
}
"""Columns that a skipped or failed row may leave NULL and a finished one may not."""


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
    return int(subject.connection.execute(query).scalar_one())


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
    broken: dict[str, int] = {
        f"column {column.name} is missing": 1 for column in subject.table.columns if column.name not in found
    }
    if not broken:
        broken = _violations(subject)
    rows = subject.count(subject.table)
    return CheckOutcome(
        not broken,
        f"{rows} rows, no fault." if not broken else f"{rows} rows, faults: {', '.join(broken)}.",
        {"expected": 0, "actual": sum(broken.values()), "faults": broken, "rows": rows},
    )


def _violations(subject: Subject) -> dict[str, int]:
    """Rows per broken rule, found in one pass over the batch."""
    table = subject.table
    rules = {**_column_rules(table), **_constraint_rules(table), **_outcome_rules(table)}
    counts = ", ".join(f"SUM(CASE WHEN {condition} THEN 1 ELSE 0 END)" for condition in rules.values())
    query = sa.text(f"SELECT {counts} FROM {table.name} WHERE batch_id = :batch_id")
    row = subject.connection.execute(query, {"batch_id": subject.batch_id}).one()
    return {name: int(count) for name, count in zip(rules, row, strict=True) if count}


def _column_rules(table: sa.Table) -> dict[str, str]:
    """SQL conditions that no row may meet, by what they mean; so for the other rules."""
    rules: dict[str, str] = {}
    for column in table.columns:
        name = column.name
        if not column.nullable:
            rules[f"{name} is NULL"] = f"{name} IS NULL"
        if isinstance(column.type, sa.Text):
            rules[f"{name} says nothing"] = f"TRIM({name}) IN ({_quoted(MISSING_TEXTS)})"
        if isinstance(column.type, sa.Double):
            # PostgreSQL holds NaN equal to itself, so it is recognised by its text.
            rules[f"{name} is not a number"] = f"LOWER(CAST({name} AS TEXT)) IN ({_quoted(NOT_NUMBERS)})"
    return rules


def _constraint_rules(table: sa.Table) -> dict[str, str]:
    return {
        f"not {constraint.sqltext}": f"NOT ({constraint.sqltext})"
        for constraint in table.constraints
        if isinstance(constraint, sa.CheckConstraint)
    }


def _outcome_rules(table: sa.Table) -> dict[str, str]:
    rules = {"reason is NULL though not ok": "status <> 'ok' AND reason IS NULL"}
    done = f"status IN ({_quoted(sorted(DONE))})"
    for name in REQUIRED_WHEN_DONE.get(table.name, ()):
        rules[f"{name} is NULL though done"] = f"{done} AND {name} IS NULL"
    for name in ("latency_ms", "cost_usd"):
        if name in table.c:
            rules[f"{name} is negative"] = f"{name} < 0"
    return rules


def _quoted(words: Iterable[str]) -> str:
    return ", ".join(f"'{word}'" for word in words)


def rejected_ratio(subject: Subject) -> CheckOutcome:
    """Not too many rows were unusable: at most ``settings.max_rejected_ratio`` of the batch."""
    limit = subject.settings.max_rejected_ratio
    rows, rejected = _batch_rows(subject), subject.count(rejected_rows)
    ratio = rejected / rows if rows else 0.0
    return CheckOutcome(
        ratio <= limit,
        f"{rejected} of {rows} rows rejected. `sales-agent status` says why; the limit is "
        "SALES_AGENT_MAX_REJECTED_RATIO.",
        {"expected": f"<= {limit:g}", "actual": ratio, "rejected": rejected},
    )
