from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa

from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import (
    METADATA,
    lead_batches,
    rejected_rows,
    resolved_leads,
)
from sales_agent_dagster_tests.rows import CREATED, seed_batch
from sales_agent_dagster_tests.stages.quality.conftest import Judge


def reject(warehouse: Warehouse, *records: int) -> None:
    rows = [
        {
            "batch_id": "batch-1",
            "record_no": record,
            "file_name": "a.csv",
            "line_no": record + 1,
            "field": "company_name",
            "reason_code": "missing",
            "reason": "No company name.",
            "remedy": "Add one.",
            "run_id": "run-0",
            "created_at": CREATED,
        }
        for record in records
    ]
    with warehouse.transaction() as connection:
        warehouse.upsert(connection, rejected_rows, rows)


def set_row_count(warehouse: Warehouse, rows: int) -> None:
    with warehouse.transaction() as connection:
        connection.execute(sa.update(lead_batches).values(row_count=rows))


def test_imported_and_rejected_rows_make_the_batch(warehouse: Warehouse, judge: Judge) -> None:
    seed_batch(warehouse, leads=[{}, {}])
    reject(warehouse, 3)
    set_row_count(warehouse, 3)
    outcome = judge("imported_leads", "row_conservation")
    assert outcome.passed
    assert outcome.metadata == {"expected": 3, "actual": 3, "imported": 2, "rejected": 1}


@pytest.mark.parametrize("rows", [1, 3])
def test_a_row_too_many_or_too_few_fails(warehouse: Warehouse, judge: Judge, rows: int) -> None:
    seed_batch(warehouse, leads=[{}, {}])
    set_row_count(warehouse, rows)
    outcome = judge("imported_leads", "row_conservation")
    assert not outcome.passed
    assert outcome.description == f"{rows} rows in the file's batch, 2 imported and 0 rejected."


def test_every_imported_lead_is_in_the_later_table(warehouse: Warehouse, judge: Judge) -> None:
    seed_batch(warehouse, leads=[{}, {}], through="resolved_leads")
    assert judge("resolved_leads", "row_conservation").passed


def test_a_lead_missing_from_a_later_table_is_named(warehouse: Warehouse, judge: Judge) -> None:
    ids = seed_batch(warehouse, leads=[{}, {}, {}], through="resolved_leads")
    with warehouse.transaction() as connection:
        connection.execute(sa.delete(resolved_leads).where(resolved_leads.c.lead_id == ids[1]))
    outcome = judge("resolved_leads", "row_conservation")
    assert not outcome.passed
    assert outcome.metadata == {"expected": 3, "actual": 2, "missing": [ids[1]], "unexpected": []}


def test_rows_of_other_batches_do_not_count(warehouse: Warehouse, judge: Judge) -> None:
    seed_batch(warehouse, leads=[{}], through="resolved_leads")
    seed_batch(warehouse, "batch-2", leads=[{}, {}], through="imported_leads")
    assert judge("resolved_leads", "row_conservation").passed


def test_at_most_ten_missing_leads_are_named(warehouse: Warehouse, judge: Judge) -> None:
    seed_batch(warehouse, leads=[{}] * 12)
    assert len(judge("resolved_leads", "row_conservation").metadata["missing"]) == 10


@pytest.mark.parametrize(
    ("rejected", "limit", "passed"), [((), 0.0, True), ((3,), 0.33, False), ((3,), 0.34, True)]
)
def test_rejected_ratio_against_its_limit(
    warehouse: Warehouse, judge: Judge, settings: Any, rejected: tuple[int, ...], limit: float, passed: bool
) -> None:
    seed_batch(warehouse, leads=[{}, {}])
    reject(warehouse, *rejected)
    set_row_count(warehouse, 2 + len(rejected))
    settings = settings.model_copy(update={"max_rejected_ratio": limit})
    outcome = judge("imported_leads", "rejected_ratio", settings=settings)
    assert outcome.passed is passed
    assert outcome.metadata["actual"] == pytest.approx(len(rejected) / (2 + len(rejected)))
    assert outcome.metadata["expected"] == f"<= {limit:g}"


def test_sound_rows_of_every_table_pass(warehouse: Warehouse, judge: Judge) -> None:
    done: dict[str, Any] = {
        "qualified_leads": {"summary": "Fits well."},
        "analyzed_leads": {"summary": "Alone in its town."},
    }
    seed_batch(warehouse, leads=[{"phone": "+14075550100", **done}], through="crm_synced_leads")
    for table in ("imported_leads", "resolved_leads", "qualified_leads", "enriched_leads", "analyzed_leads"):
        outcome = judge(table, "schema_and_ranges")
        assert outcome.metadata == {"expected": 0, "actual": 0, "faults": {}, "rows": 1}
        assert outcome.passed
    for table in ("campaigns", "crm_synced_leads"):
        assert judge(table, "schema_and_ranges").passed


@pytest.mark.parametrize("text", ["", "  ", "nan", "NaN", "null", "<NA>", "NaT", "None"])
def test_texts_that_mean_missing_are_found(warehouse: Warehouse, judge: Judge, text: str) -> None:
    seed_batch(warehouse, leads=[{"city": text}, {"city": "Orlando"}])
    outcome = judge("imported_leads", "schema_and_ranges")
    assert not outcome.passed
    assert outcome.metadata["faults"] == {"city says nothing": 1}


@pytest.mark.parametrize("text", ["none", "Nancy", "Nan", "Null", "null island"])
def test_words_that_only_look_like_missing_pass(warehouse: Warehouse, judge: Judge, text: str) -> None:
    seed_batch(warehouse, leads=[{"city": text}])
    assert judge("imported_leads", "schema_and_ranges").passed


def test_infinity_is_found(warehouse: Warehouse, judge: Judge) -> None:
    seed_batch(warehouse, leads=[{"annual_revenue": float("inf")}])
    assert judge("imported_leads", "schema_and_ranges").metadata["faults"] == {
        "annual_revenue is not a number": 1
    }


@pytest.mark.parametrize(
    ("columns", "fault"),
    [
        ({"status": "skipped"}, "reason is NULL though not ok"),
        ({"status": "failed"}, "reason is NULL though not ok"),
        ({"completeness": None}, "completeness is NULL though done"),
        ({"status": "degraded", "reason": "rules", "fact_count": None}, "fact_count is NULL though done"),
        ({"latency_ms": -1.0}, "latency_ms is negative"),
        ({"cost_usd": -0.1}, "cost_usd is negative"),
    ],
)
def test_rows_that_contradict_their_outcome(
    warehouse: Warehouse, judge: Judge, columns: dict[str, Any], fault: str
) -> None:
    seed_batch(warehouse, leads=[{"enriched_leads": columns}, {}])
    outcome = judge("enriched_leads", "schema_and_ranges")
    assert outcome.metadata["faults"] == {fault: 1}
    assert outcome.metadata["actual"] == 1
    assert fault in outcome.description


def test_a_skipped_row_may_leave_its_columns_empty(warehouse: Warehouse, judge: Judge) -> None:
    skipped = {"status": "skipped", "reason": "duplicate", "completeness": None, "fact_count": None}
    seed_batch(warehouse, leads=[{"enriched_leads": skipped}])
    assert judge("enriched_leads", "schema_and_ranges").passed


def test_ranges_and_vocabularies_are_those_of_the_schema(sqlite_warehouse: Warehouse, context: Any) -> None:
    """The database itself refuses such rows; the rule finds those written while it did not."""
    from sales_agent_dagster.stages.quality import RULES, Subject

    seed_batch(sqlite_warehouse, leads=[{}], through="qualified_leads")
    with sqlite_warehouse.transaction() as connection:
        connection.exec_driver_sql("PRAGMA ignore_check_constraints = ON")
        connection.exec_driver_sql("UPDATE qualified_leads SET score = 101, tier = 'BEST', summary = 'x'")
        connection.exec_driver_sql("PRAGMA ignore_check_constraints = OFF")
    with sqlite_warehouse.reading() as connection:
        subject = Subject(context(sqlite_warehouse), connection, METADATA.tables["qualified_leads"])
        broken = RULES["qualified_leads"]["schema_and_ranges"](subject).metadata["faults"]
    assert set(broken) == {
        "not score BETWEEN 0 AND 100",
        "not tier IN ('PLATINUM', 'GOLD', 'SILVER', 'BRONZE', 'UNQUALIFIED')",
    }


def test_a_missing_column_is_named(warehouse: Warehouse, judge: Judge) -> None:
    seed_batch(warehouse)
    with warehouse.transaction() as connection:
        # No view uses it, so both databases let it go.
        connection.execute(sa.text("ALTER TABLE imported_leads DROP COLUMN phone_ext"))
    outcome = judge("imported_leads", "schema_and_ranges")
    assert not outcome.passed
    assert outcome.metadata["faults"] == {"column phone_ext is missing": 1}
