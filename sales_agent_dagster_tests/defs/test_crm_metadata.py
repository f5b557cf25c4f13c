"""What the CRM asset tells: the diff and the report card as tables, bounded and without people's data."""

from __future__ import annotations

from typing import Any

import dagster as dg

from sales_agent_dagster.defs.crm_metadata import DIFF_ROWS, card_metadata, diff_metadata
from sales_agent_dagster.domain.masking import MASK
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster_tests.rows import seed_batch

CARD: dict[str, Any] = {
    "crm": "close",
    "mode": "live",
    "pulled": 7,
    "echoes": 5,
    "human_changes": 2,
    "conflicts": 1,
    "planned_creates": 1200,
    "planned_updates": 3,
    "unchanged": 0,
    "skipped": 0,
    "to_review": 0,
    "created": 1190,
    "updated": 3,
    "rejected": 10,
    "rejected_by_class": {"validation": 8, "conflict": 2},
    "deferred": 0,
    "unknown": 2,
    "resolved": 2,
    "still_unknown": 0,
    "suppression_breaches": 0,
    "requests": 1500,
    "p95_ms": 91.4,
    "quota_left": 0.875,
    "stopped": None,
}


def records(metadata: dict[str, Any], name: str) -> list[dict[str, Any]]:
    table = metadata[name]
    assert isinstance(table, dg.TableMetadataValue)
    return [dict(record.data) for record in table.records]


def figures(card: dict[str, Any]) -> dict[tuple[str, str], str]:
    lines = records(card_metadata(card), "report_card")
    return {tuple(one["figure"].split(": ", 1)): one["value"] for one in lines}  # type: ignore[misc]


def test_the_report_card_is_complete() -> None:
    lines = figures(CARD)
    assert lines["Pulled", "nothing new"] == "5"
    assert lines["Pulled", "fields changed by others"] == "2"
    assert lines["Planned", "create"] == "1,200"
    assert lines["Planned", "conflicts"] == "1"
    assert lines["Sent", "created"] == "1,190"
    assert lines["Sent", "read back"] == "2"
    assert lines["Sent", "to suppressed people"] == "0"
    assert (lines["Rejected", "validation"], lines["Rejected", "conflict"]) == ("8", "2")
    assert lines["Calls", "p95"] == "91 ms"
    assert lines["Calls", "quota left"] == "87.5%"
    assert "Stopped" not in {step for step, _ in lines}
    charted = card_metadata(CARD)
    assert (charted["crm/created"], charted["crm/mode"]) == (1190, "live")
    assert "crm/unchanged" not in charted


def test_a_card_of_which_little_is_known() -> None:
    little = CARD | {"p95_ms": None, "quota_left": None, "rejected_by_class": None, "stopped": "The key"}
    lines = figures(little)
    assert lines["Calls", "quota left"] == "not told"
    assert lines["Stopped", "why"] == "The key"
    assert card_metadata(little)["crm/stopped"] == "The key"


def test_the_diff_shows_fields_and_no_people(sqlite_warehouse: Warehouse) -> None:
    diff = {
        "tier": {"before": "SILVER", "after": "GOLD"},
        "phone": {"before": None, "after": "+13305550117"},
        "next_step": {"before": None, "after": "Mail jo@acme.example " + "x" * 90},
    }
    changed = {"operation": "update", "changed_fields": "tier, phone, next_step", "diff": diff}
    leads = [
        {"company_name": "Acme", "crm_synced_leads": changed},
        {"company_name": "Quiet", "crm_synced_leads": {"operation": "unchanged"}},
    ]
    seed_batch(sqlite_warehouse, "batch-1", leads, through="crm_synced_leads")
    with sqlite_warehouse.reading() as connection:
        found = diff_metadata(connection, "batch-1")
        assert diff_metadata(connection, "batch-9") == {}
    assert found["diff_fields"] == 3
    tier, phone, step = records(found, "diff")
    assert tier == {
        "company": "Acme",
        "operation": "update",
        "field": "tier",
        "in_crm": "SILVER",
        "new": "GOLD",
    }
    assert (phone["in_crm"], phone["new"]) == ("", MASK)
    assert step["new"].startswith(f"Mail {MASK} x")
    assert len(step["new"]) == 61


def test_the_diff_is_bounded(sqlite_warehouse: Warehouse) -> None:
    diff = {f"field_{n}": {"before": None, "after": n} for n in range(60)}
    changed = {"operation": "create", "changed_fields": "many", "diff": diff}
    leads = [{"company_name": f"Firm {n}", "crm_synced_leads": changed} for n in range(2)]
    seed_batch(sqlite_warehouse, "batch-1", leads, through="crm_synced_leads")
    with sqlite_warehouse.reading() as connection:
        found = diff_metadata(connection, "batch-1")
    assert len(records(found, "diff")) == DIFF_ROWS
    assert found["diff_fields"] == 120
