from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import rejected_rows
from sales_agent_dagster.warehouse.views import VIEWS
from sales_agent_dagster_tests.rows import PROVENANCE, STAGES, seed_batch


def rows_of(warehouse: Warehouse, view: str, order: str) -> list[dict[str, Any]]:
    with warehouse.reading() as connection:
        found = connection.execute(sa.text(f"SELECT * FROM {view} ORDER BY {order}"))
        return [dict(row) for row in found.mappings()]


def test_views_have_the_columns_they_document(warehouse: Warehouse) -> None:
    with warehouse.reading() as connection:
        for view in VIEWS:
            found = connection.execute(sa.text(f"SELECT * FROM {view.name}"))
            assert list(found.keys()) == list(view.columns)


def test_lead_360_tells_each_stage(warehouse: Warehouse) -> None:
    done = {
        "company_name": "Example Solar",
        "email": "a@example.com",
        "oems": "Generac",
        "resolved_leads": {"oems": "Generac, Kohler", "cost_usd": 0.25},
        "qualified_leads": {"score": 91.0, "tier": "PLATINUM", "cost_usd": 0.5, "trades": "hvac"},
        "enriched_leads": {"region_city": "Springfield", "timezone": "America/Chicago", "trades": "solar"},
        "analyzed_leads": {"territory": "IL", "expansion_score": 70.0, "status": "degraded", "reason": "R"},
        "campaigns": {"channels": "email, call", "message_count": 4, "contactable": True},
        "crm_synced_leads": {"operation": "create", "crm_record_id": "preview-1", "cost_usd": 0.125},
    }
    [lead_id] = seed_batch(warehouse, leads=[done])
    [row] = rows_of(warehouse, "lead_360", "lead_id")
    wanted = {
        "batch_id": "batch-1",
        "lead_id": lead_id,
        "file_name": "file-batch-1.csv",
        "record_no": 1,
        "company_name": "Example Solar",
        "oems": "Generac, Kohler",
        "entity_id": f"entity-{lead_id}",
        "score": 91.0,
        "tier": "PLATINUM",
        "trades": "solar",
        "region_city": "Springfield",
        "timezone": "America/Chicago",
        "territory": "IL",
        "expansion_score": 70.0,
        "channels": "email, call",
        "message_count": 4,
        "crm_operation": "create",
        "crm_record_id": "preview-1",
        "imported_status": "ok",
        "analyzed_status": "degraded",
        "crm_status": "ok",
        "stop_reason": None,
        "cost_usd": 0.875,
    }
    assert {name: row[name] for name in wanted} == wanted
    assert bool(row["contactable"]) is True


def test_lead_360_has_every_lead_and_the_first_reason_that_stopped_it(warehouse: Warehouse) -> None:
    stopped = {
        "qualified_leads": {"status": "failed", "reason": "No answer."},
        "enriched_leads": {"status": "skipped", "reason": "Qualification failed."},
    }
    seed_batch(warehouse, leads=[{}, stopped])
    seed_batch(warehouse, "batch-2", [{}])
    found = rows_of(warehouse, "lead_360", "lead_id")
    assert [(row["stop_reason"], row["qualified_status"], row["campaign_status"]) for row in found] == [
        (None, "ok", None),
        ("No answer.", "failed", None),
        (None, None, None),
    ]
    assert [row["cost_usd"] for row in found] == [0, 0, 0]


def test_pipeline_funnel_counts_outcomes(warehouse: Warehouse) -> None:
    statuses = ["ok", "ok", "skipped", "degraded", "failed", "failed", "failed"]
    seed_batch(warehouse, leads=[{"enriched_leads": {"status": status}} for status in statuses])
    found = rows_of(warehouse, "pipeline_funnel", "stage_no")
    assert [row["stage"] for row in found] == list(STAGES[:4])
    assert [row["stage_no"] for row in found] == [1, 2, 3, 4]
    assert found[0] == {
        "batch_id": "batch-1", "stage_no": 1, "stage": "imported_leads", "rows": 7, "ok": 7, "skipped": 0,
        "degraded": 0, "failed": 0,
    }  # fmt: skip
    assert [found[3][name] for name in ("rows", "ok", "skipped", "degraded", "failed")] == [7, 2, 1, 1, 3]


def test_stage_latency_is_by_nearest_rank_over_finished_rows(warehouse: Warehouse) -> None:
    def lead(latency: float, status: str = "ok", engine: str = "scorecard") -> dict[str, Any]:
        return {"qualified_leads": {"latency_ms": latency, "status": status, "engine": engine}}

    leads = [lead(float(ms), "ok" if ms % 2 else "degraded") for ms in range(40, 0, -1)]
    leads += [lead(9999.0, "skipped"), lead(9999.0, "failed"), lead(7.5, engine="rules")]
    seed_batch(warehouse, leads=leads)
    found = [
        row for row in rows_of(warehouse, "stage_latency", "engine") if row["stage"] == "qualified_leads"
    ]
    key = {"batch_id": "batch-1", "stage_no": 3, "stage": "qualified_leads"}
    assert found == [
        key | {"engine": "rules", "n": 1, "p50_ms": 7.5, "p95_ms": 7.5, "max_ms": 7.5},
        key | {"engine": "scorecard", "n": 40, "p50_ms": 20.0, "p95_ms": 38.0, "max_ms": 40.0},
    ]


def test_stage_cost_adds_up_per_batch(warehouse: Warehouse) -> None:
    seed_batch(
        warehouse, leads=[{"resolved_leads": {"cost_usd": 0.5}}, {"resolved_leads": {"cost_usd": 0.25}}]
    )
    seed_batch(warehouse, "batch-2", [{"resolved_leads": {"cost_usd": 2.0}}])
    assert [
        (
            row["batch_id"],
            row["stage_no"],
            row["stage"],
            row["leads"],
            row["cost_usd"],
            row["cost_per_lead_usd"],
        )
        for row in rows_of(warehouse, "stage_cost", "batch_id")
    ] == [
        ("batch-1", 2, "resolved_leads", 2, 0.75, 0.375),
        ("batch-2", 2, "resolved_leads", 1, 2.0, 2.0),
    ]


def test_rejected_summary_counts_reasons_per_file(warehouse: Warehouse) -> None:
    seed_batch(warehouse, "batch-1", file_id="file-a")
    seed_batch(warehouse, "batch-2", file_id="file-a")
    seed_batch(warehouse, "batch-3", file_id="file-b")
    faults = [
        ("batch-1", 1, "no_name"),
        ("batch-1", 2, "too_long"),
        ("batch-2", 3, "no_name"),
        ("batch-3", 1, "no_name"),
    ]
    rows = [
        {
            "batch_id": batch_id, "record_no": record, "line_no": record + 10, "file_name": "x.csv",
            "field": "company_name", "reason_code": code, "reason": "Because.", "remedy": f"Fix {record}.",
            **PROVENANCE,
        }
        for batch_id, record, code in faults
    ]  # fmt: skip
    with warehouse.transaction() as connection:
        warehouse.upsert(connection, rejected_rows, rows)
    assert [
        tuple(row.values()) for row in rows_of(warehouse, "rejected_summary", "file_id, reason_code")
    ] == [
        ("file-a", "file-a.csv", "no_name", 2, 11, "Fix 1."),
        ("file-a", "file-a.csv", "too_long", 1, 12, "Fix 2."),
        ("file-b", "file-b.csv", "no_name", 1, 11, "Fix 1."),
    ]
