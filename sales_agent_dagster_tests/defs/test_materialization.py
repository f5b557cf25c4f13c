from __future__ import annotations

from typing import Any

import dagster as dg
import pytest

from sales_agent_dagster.defs.materialization import MASK, materialization, preview_table
from sales_agent_dagster.domain.calls import CallOutcome, CallScope, Replays, Usage
from sales_agent_dagster.domain.lookups import LookupKey, LookupOutcome, Settlement
from sales_agent_dagster.settings import Settings
from sales_agent_dagster.warehouse.calls import WarehouseCalls
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.lookups import WarehouseLookups
from sales_agent_dagster.warehouse.schema import (
    STAGE_TABLES,
    enriched_leads,
    imported_leads,
    qualified_leads,
    resolved_leads,
)
from sales_agent_dagster_tests.calls import call
from sales_agent_dagster_tests.conftest import NOW, MakeContext
from sales_agent_dagster_tests.rows import seed_batch

PERSON = {
    "contact_name": "Jo Doe",
    "contact_first_name": "Jo",
    "contact_last_name": "Doe",
    "email": "jo.doe@example.com",
    "phone": "+14075550100",
    "phone_2": "+14075550101",
    "phone_ext": "77",
    "street": "1 Main St",
    "linkedin_url": "https://www.linkedin.com/in/jo-doe",
    "notes": "Ask for jo.doe@example.com or (407) 555-0100 ext 7",
}


def values(result: dg.MaterializeResult[Any]) -> dict[str, Any]:
    return dict(result.metadata or {})


def test_counts_statuses_engine_and_cost(warehouse: Warehouse, context: MakeContext) -> None:
    rows: list[dict[str, Any]] = [
        {"engine": "scorecard", "cost_usd": 0.25, "latency_ms": 2.0, "run_id": "run-1"},
        {"engine": "scorecard", "latency_ms": 4.0},
        {"status": "skipped", "reason": "duplicate", "score": None},
    ]
    seed_batch(warehouse, leads=[{"qualified_leads": row} for row in rows])
    found = values(materialization(context(warehouse), qualified_leads, agent="qualification"))
    assert found["dagster/partition_row_count"] == 3
    assert found["work"] == "1 computed, 2 current"
    assert found["computed"] == 1
    assert (found["status/ok"], found["status/skipped"]) == (2, 1)
    assert found["engine"] == "rules, scorecard"
    assert found["cost_usd"] == 0.25
    assert (found["latency_p50_ms"], found["latency_p95_ms"]) == (2.0, 4.0)
    assert "status/failed" not in found


def test_what_an_agents_calls_came_to(warehouse: Warehouse, context: MakeContext, settings: Settings) -> None:
    ids = seed_batch(warehouse, leads=[{"qualified_leads": {"engine": "cerebras"}}] * 4)
    store = WarehouseCalls(warehouse)
    store.add(
        [
            call("a", lead_id=ids[0], cost_usd=0.25, usage=Usage(1000, 600, 300, 100)),
            call("b", lead_id=ids[1], cost_usd=0.75, usage=Usage(10, 0, 5, 0), outcome=CallOutcome.INVALID),
            call("c", lead_id=ids[1], cost_usd=0.0, usage=Usage(), outcome=CallOutcome.FAILED),
            call("d", agent="growth", lead_id=ids[1]),
            call("e", scope=CallScope("run-1", "batch-2")),
        ]
    )
    store.add_replays([Replays(CallScope("run-1", "batch-1"), "qualification", "m", "2026-03-02", 2, 0.5)])
    asked = settings.model_copy(update={"engine": "cerebras"})
    work = context(warehouse, settings=asked)
    found = values(materialization(work, qualified_leads, agent="qualification"))
    assert {name: found[name] for name in found if name.startswith(("calls", "tokens"))} == {
        "calls": 3,
        "calls/invalid": 1,
        "calls/failed": 1,
        "calls/replayed": 2,
        "tokens/input": 1010,
        "tokens/input_cached": 600,
        "tokens/output": 305,
        "tokens/reasoning": 100,
    }
    assert (found["spent_usd"], found["saved_usd"]) == (1.0, 0.5)
    assert found["forecast_next_batch_usd"] == pytest.approx(4 * (0.25 + 0.75 + 0.25) / 3)
    unasked = values(materialization(work, qualified_leads, agent="marketing"))
    assert not any(name.startswith(("calls", "tokens", "spent", "forecast")) for name in unasked)


def test_the_import_has_no_engine_but_its_own_figures(warehouse: Warehouse, context: MakeContext) -> None:
    seed_batch(warehouse)
    found = values(materialization(context(warehouse), imported_leads, figures={"rejected": 3}))
    assert found["rejected"] == 3
    assert not {"engine", "cost_usd", "latency_p50_ms", "plots"} & set(found)


def test_scores_and_slow_leads_are_drawn(warehouse: Warehouse, context: MakeContext) -> None:
    fast = {"latency_ms": 1.0}
    seed_batch(warehouse, leads=[{"qualified_leads": fast}, {"qualified_leads": fast}])
    found = values(materialization(context(warehouse), qualified_leads, agent="qualification"))
    assert found["plots"].value.startswith("![score, 2 leads](data:image/svg+xml;base64,")
    assert "latency" not in found["plots"].value
    seed_batch(warehouse, "batch-2", leads=[{"qualified_leads": {"latency_ms": 900.0}}])
    found = values(
        materialization(context(warehouse, batch_id="batch-2"), qualified_leads, agent="qualification")
    )
    assert "![latency, 1 lead]" in found["plots"].value


def test_what_providers_did_is_told_and_drawn(warehouse: Warehouse, context: MakeContext) -> None:
    seed_batch(warehouse, leads=[{}], through="enriched_leads")
    without = values(materialization(context(warehouse), enriched_leads, agent="enrichment"))
    assert not {"providers", "pending", "plots"} & set(without)
    asked, scope = LookupKey("apollo_company", "a.example"), CallScope("run-1", "batch-1")
    for outcome, facts in ((LookupOutcome.FOUND, 4), (LookupOutcome.FAILED, 0)):
        settled = Settlement(None, asked, scope, "batch-1-1", outcome, facts, 1.0, 0.5, 20.0, NOW)
        WarehouseLookups(warehouse).settle([settled])
    found = values(materialization(context(warehouse), enriched_leads, agent="enrichment"))
    (record,) = found["providers"].records
    assert (record.data["provider"], record.data["lookups"], record.data["hit_rate"]) == (
        "apollo_company",
        2,
        1.0,
    )
    assert (record.data["usd_per_fact"], found["provider_usd"], found["pending"]) == (0.25, 1.0, 0)
    assert found["plots"].value.startswith("![providers of facts](data:image/svg+xml;base64,")


def test_nothing_scored_is_not_drawn(warehouse: Warehouse, context: MakeContext) -> None:
    seed_batch(warehouse, leads=[{"qualified_leads": {"score": None}}])
    assert "plots" not in values(materialization(context(warehouse), qualified_leads, agent="qualification"))


def test_data_version_follows_the_rows_inputs(warehouse: Warehouse, context: MakeContext) -> None:
    seed_batch(warehouse, leads=[{}, {}], through="resolved_leads")
    first = materialization(context(warehouse), resolved_leads).data_version
    assert materialization(context(warehouse, run_id="run-9"), resolved_leads).data_version == first
    seed_batch(warehouse, "batch-2", leads=[{"resolved_leads": {"input_hash": "other"}}, {}])
    assert materialization(context(warehouse, batch_id="batch-2"), resolved_leads).data_version != first


def test_no_personal_data_in_any_metadata(warehouse: Warehouse, context: MakeContext) -> None:
    seed_batch(warehouse, leads=[{"company_name": "Example Power", **PERSON}], through="crm_synced_leads")
    for table in STAGE_TABLES:
        result = materialization(context(warehouse), table)
        told = str([value for name, value in values(result).items() if name != "plots"])
        for secret in ("Doe", "jo.doe", "555-0100", "5550100", "Main St", "'77'"):
            assert secret not in told, table.name


def test_the_preview_shows_what_a_person_would_look_at() -> None:
    row = dict.fromkeys((column.name for column in imported_leads.columns), None) | {
        "lead_id": "lead-1",
        "status": "ok",
        "company_name": "Call +1 407 555 0100 or jo@example.com, 5 units of 22 kW, 32801-4455",
        "email": "jo@example.com",
        "city": "x" * 200,
        "street": "1 Main St",
    }
    table = preview_table(imported_leads, [row])
    (record,) = table.records
    assert record.data == {
        "lead_id": "lead-1",
        "status": "ok",
        "reason": None,
        "company_name": f"Call {MASK} or {MASK} 5 units of 22 kW, 32801-4455",
        "city": "x" * 60 + "…",
        "state": None,
        "phone": None,
        "email": MASK,
        "website_host": None,
        "oems": None,
        "repairs": None,
    }
    assert [column.name for column in table.schema.columns] == list(record.data)


def test_numbers_and_flags_stay_what_they_are() -> None:
    row = dict.fromkeys((column.name for column in resolved_leads.columns), None) | {
        "is_duplicate": False,
        "cluster_size": 2,
    }
    (record,) = preview_table(resolved_leads, [row]).records
    assert record.data["is_duplicate"] is False
    assert record.data["cluster_size"] == 2
