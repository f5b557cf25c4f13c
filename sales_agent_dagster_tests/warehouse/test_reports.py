from __future__ import annotations

import math
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from sales_agent_dagster.domain.errors import UnknownRecord
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.reports import (
    BatchOverview,
    FunnelRow,
    LeadMatch,
    StageReport,
    batches,
    column_values,
    find_leads,
    funnel,
    lead_history,
    nearest_rank,
    preview,
    stage_report,
)
from sales_agent_dagster.warehouse.schema import (
    campaign_messages,
    imported_leads,
    qualified_leads,
    rejected_rows,
)
from sales_agent_dagster_tests.rows import CREATED, PROVENANCE, STAGES, seed_batch


def qualified(
    latency: float, status: str = "ok", engine: str = "scorecard", cost: float = 0.5
) -> dict[str, Any]:
    return {"qualified_leads": {"latency_ms": latency, "status": status, "engine": engine, "cost_usd": cost}}


def rejected(batch_id: str, record: int) -> dict[str, Any]:
    words = {"field": "row", "reason_code": "x", "reason": "x", "remedy": "x"}
    return {
        "batch_id": batch_id, "record_no": record, "line_no": record, "file_name": "a", **words, **PROVENANCE
    }  # fmt: skip


def test_stage_report_counts_and_measures(warehouse: Warehouse) -> None:
    leads = [qualified(float(ms)) for ms in range(20, 0, -1)]
    leads += [qualified(100.0, "degraded", "rules"), qualified(9999.0, "failed"), qualified(0.0, "skipped")]
    seed_batch(warehouse, leads=leads)
    seed_batch(warehouse, "batch-2", [qualified(5000.0)])
    with warehouse.reading() as connection:
        assert stage_report(connection, qualified_leads, "batch-1") == StageReport(
            rows=23,
            statuses={"ok": 20, "degraded": 1, "failed": 1, "skipped": 1},
            engines={"scorecard": 22, "rules": 1},
            latency_p50_ms=11.0,
            latency_p95_ms=20.0,
            cost_usd=11.5,
        )


def test_stage_report_of_the_import_and_of_nothing(warehouse: Warehouse) -> None:
    seed_batch(warehouse, leads=[{}, {}])
    with warehouse.reading() as connection:
        assert stage_report(connection, imported_leads, "batch-1") == StageReport(
            2, {"ok": 2}, {}, 0.0, 0.0, 0.0
        )
        assert stage_report(connection, qualified_leads, "batch-1") == StageReport(0, {}, {}, 0.0, 0.0, 0.0)


@given(st.lists(st.floats(0, 1e6), min_size=1), st.sampled_from([50, 95, 100]))
def test_nearest_rank_is_the_smallest_value_that_covers_the_share(values: list[float], percent: int) -> None:
    ascending = sorted(values)
    found = nearest_rank(ascending, percent)
    covering = [v for v in ascending if sum(w <= v for w in ascending) * 100 >= percent * len(values)]
    assert found == min(covering)
    assert math.isfinite(found)


def test_report_and_view_agree(warehouse: Warehouse) -> None:
    seed_batch(warehouse, leads=[qualified(float(ms)) for ms in (3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5)])
    with warehouse.reading() as connection:
        report = stage_report(connection, qualified_leads, "batch-1")
        view = connection.execute(
            sa.text("SELECT p50_ms, p95_ms FROM stage_latency WHERE stage = 'qualified_leads'")
        ).one()
    assert (report.latency_p50_ms, report.latency_p95_ms) == tuple(view) == (4.0, 9.0)


def test_preview_is_for_people(warehouse: Warehouse) -> None:
    ids = seed_batch(warehouse, leads=[{"raw": {"a": "b"}}, {}, {}])
    with warehouse.reading() as connection:
        rows = preview(connection, imported_leads, "batch-1", 2)
        assert [row["lead_id"] for row in rows] == ids[:2]
        assert rows[0]["created_at"] == CREATED.isoformat()
        assert "raw" not in rows[0]
        assert {"company_name", "email", "do_not_contact"} < rows[0].keys()
        assert preview(connection, imported_leads, "nowhere", 2) == []


def test_preview_shows_one_row_of_each_kind_first(warehouse: Warehouse) -> None:
    ids = seed_batch(warehouse, leads=[{"state": "TX"}, {"state": "TX"}, {"state": "FL"}, {"state": None}])
    with warehouse.reading() as connection:
        rows = preview(connection, imported_leads, "batch-1", 4, "state")
    assert sorted(row["lead_id"] for row in rows) == sorted(ids)
    assert {row["state"] for row in rows[:3]} == {"TX", "FL", None}
    assert rows[3]["state"] == "TX"


def test_column_values_leave_out_null(warehouse: Warehouse) -> None:
    scores = [81.5, None, 12.0]
    seed_batch(warehouse, leads=[{"qualified_leads": {"score": score}} for score in scores])
    with warehouse.reading() as connection:
        assert column_values(connection, qualified_leads, "batch-1", "score") == [81.5, 12.0]
        with pytest.raises(KeyError):
            column_values(connection, qualified_leads, "batch-1", "nonsense")


def test_batches_overview(warehouse: Warehouse) -> None:
    seed_batch(warehouse, "b", [qualified(1.0), qualified(1.0, "failed")], file_id="file-1")
    seed_batch(warehouse, "a", [{}])
    with warehouse.transaction() as connection:
        warehouse.upsert(connection, rejected_rows, [rejected("b", 8), rejected("b", 9)])
    with warehouse.reading() as connection:
        first, second = batches(connection)
    assert first == BatchOverview(
        batch_id="b",
        batch_seq=1,
        file_id="file-1",
        file_name="file-1.csv",
        registered_at=CREATED,
        rows=2,
        imported=2,
        rejected=2,
        stages={
            "imported_leads": {"ok": 2},
            "resolved_leads": {"ok": 2},
            "qualified_leads": {"ok": 1, "failed": 1},
        },
        cost_usd=1.0,
    )
    assert (second.batch_id, second.imported, second.rejected, second.cost_usd) == ("a", 1, 0, 0.0)
    assert isinstance(first.cost_usd, float)


def test_a_batch_not_imported_yet_is_listed(warehouse: Warehouse) -> None:
    seed_batch(warehouse)
    with warehouse.transaction() as connection:
        connection.execute(sa.delete(imported_leads))
    with warehouse.reading() as connection:
        [batch] = batches(connection)
    assert (batch.rows, batch.imported, batch.stages, batch.cost_usd) == (1, 0, {}, 0.0)


def test_funnel_adds_up_the_batches_asked_for(warehouse: Warehouse) -> None:
    seed_batch(warehouse, "a", [qualified(1.0), qualified(1.0, "degraded"), qualified(1.0, "skipped")])
    seed_batch(warehouse, "b", [qualified(1.0, "failed")])
    with warehouse.reading() as connection:
        assert funnel(connection)[2] == FunnelRow("qualified_leads", 4, 1, 1, 1, 1)
        assert [row.stage for row in funnel(connection)] == list(STAGES[:3])
        assert funnel(connection, ["b"])[2] == FunnelRow("qualified_leads", 1, 0, 0, 0, 1)
        assert funnel(connection, []) == []


def test_lead_history_has_every_stage_and_the_drafts(warehouse: Warehouse) -> None:
    ids = seed_batch(warehouse, leads=[{"company_name": "Example"}, {}], through="crm_synced_leads")
    draft = {
        "batch_id": "batch-1", "lead_id": ids[0], "channel": "email", "body": "Hello", "word_count": 1,
        "fact_ids": "f1", "template_version": "1", **PROVENANCE,
    }  # fmt: skip
    with warehouse.transaction() as connection:
        warehouse.upsert(connection, campaign_messages, [draft | {"variant": v} for v in ("B", "A")])
    with warehouse.reading() as connection:
        history = lead_history(connection, ids[0])
        assert list(history) == [*STAGES, "campaign_messages"]
        assert history["imported_leads"]["company_name"] == "Example"
        assert history["qualified_leads"]["tier"] == "GOLD"
        assert [message["variant"] for message in history["campaign_messages"]] == ["A", "B"]
        assert lead_history(connection, ids[1])["campaign_messages"] == []


def test_lead_history_leaves_out_stages_that_have_not_run(warehouse: Warehouse) -> None:
    [lead_id] = seed_batch(warehouse, through="resolved_leads")
    with warehouse.reading() as connection:
        history = lead_history(connection, lead_id)
    assert list(history) == ["imported_leads", "resolved_leads", "campaign_messages"]


def test_lead_history_of_a_lead_in_two_batches_is_the_newest(warehouse: Warehouse) -> None:
    seed_batch(warehouse, "z", [{"lead_id": "x", "company_name": "Old"}])
    seed_batch(warehouse, "a", [{"lead_id": "x", "company_name": "New"}])
    with warehouse.reading() as connection:
        assert lead_history(connection, "x")["imported_leads"]["company_name"] == "New"


def test_an_unknown_lead_names_those_like_it(warehouse: Warehouse) -> None:
    seed_batch(warehouse, leads=[{"lead_id": "abc-1"}, {"lead_id": "abc-2"}])
    with warehouse.reading() as connection:
        with pytest.raises(UnknownRecord, match=r"no lead abc\. Did you mean abc-1, abc-2\?"):
            lead_history(connection, "abc")
        with pytest.raises(UnknownRecord, match=r"no lead zzz\.$"):
            lead_history(connection, "zzz")


def test_find_leads_by_id_or_name(warehouse: Warehouse) -> None:
    leads = [
        {"lead_id": "f00d-1", "company_name": "Acme 100% Solar", "city": "Springfield", "state": "IL"},
        {"lead_id": "f00d-2", "company_name": "Beta_Power"},
        {"lead_id": "cafe-3", "company_name": "acme heating"},
    ]
    seed_batch(warehouse, leads=leads)

    def found(text: str, limit: int = 20) -> list[str]:
        with warehouse.reading() as connection:
            return sorted(match.lead_id for match in find_leads(connection, text, limit))

    assert found("F00D") == ["f00d-1", "f00d-2"]
    assert found("ACME") == ["cafe-3", "f00d-1"]
    assert found("00d") == []
    assert found("%") == ["f00d-1"]
    assert found("_") == ["f00d-2"]
    assert len(found("e", 2)) == 2
    with warehouse.reading() as connection:
        assert find_leads(connection, "f00d-1") == [
            LeadMatch("batch-1", "f00d-1", "Acme 100% Solar", "Springfield", "IL")
        ]
