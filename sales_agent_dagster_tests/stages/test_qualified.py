import asyncio
from typing import Any

import sqlalchemy as sa

from sales_agent_dagster.domain.profile import Profile
from sales_agent_dagster.stages.base import StageContext
from sales_agent_dagster.stages.qualified import QualifiedLeads
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import qualified_leads
from sales_agent_dagster_tests.agents.engines import FailingEngine
from sales_agent_dagster_tests.conftest import MakeContext
from sales_agent_dagster_tests.rows import seed_batch


def rows(context: StageContext) -> list[dict[str, Any]]:
    """The stage's rows after a run, in order of the lead ids."""
    asyncio.run(QualifiedLeads().run(context))
    return stored(context)


def stored(context: StageContext) -> list[dict[str, Any]]:
    query = sa.select(qualified_leads).order_by(qualified_leads.c.lead_id)
    with context.warehouse.reading() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def test_a_lead_gets_score_tier_and_reasons(warehouse: Warehouse, context: MakeContext) -> None:
    lead = {
        "company_name": "Example Electric",
        "oems": "Generac",
        "dealer_tier": "Elite",
        "website_host": "example.com",
        "phone_kind": "geographic",
        "source_icp_score": 72.0,
        "resolved_leads": {"oems": "Briggs & Stratton, Cummins, Generac", "oem_count": 3},
    }
    seed_batch(warehouse, leads=[lead])
    (row,) = rows(context(warehouse))
    assert (row["status"], row["reason"]) == ("ok", None)
    assert (row["icp_score"], row["source_icp_score"], row["icp_delta"]) == (72.8, 72.0, 0.8)
    assert [row[name] for name in ("resimercial", "multi_oem", "mep_r", "o_and_m")] == [
        75.0,
        100.0,
        50.0,
        60.0,
    ]
    assert (row["signal_points"], row["score"], row["tier"]) == (5.0, 77.8, "GOLD")
    assert row["trades"] == "generator, electrical, battery"
    assert row["next_steps"].splitlines()[0] == "Write this week and call within ten days."
    assert row["objections"] == "Known to work in one trade at most."
    assert row["summary"].startswith("GOLD at 77.8: ICP 72.8, signals +5.")
    assert row["factors"][1] == {
        "name": "multi_oem",
        "value": 100.0,
        "weight": 0.25,
        "points": 25.0,
        "evidence": "3: Briggs & Stratton, Cummins, Generac",
    }
    assert (row["engine"], row["engine_version"], row["cost_usd"]) == ("scorecard", "1", 0.0)
    assert row["latency_ms"] > 0


def test_gates_skip_with_their_reason(warehouse: Warehouse, context: MakeContext) -> None:
    seed_batch(
        warehouse, "batch-0", [{"lead_id": "first", "company_name": "Example One"}], through="resolved_leads"
    )
    seed_batch(
        warehouse,
        leads=[
            {"resolved_leads": {"is_duplicate": True, "duplicate_of": "first"}},
            {"resolved_leads": {"is_duplicate": True, "duplicate_of": "gone"}},
            {"resolved_leads": {"suppressed": True, "suppressed_reason": "customer", "is_duplicate": True}},
            {"resolved_leads": {"status": "failed", "reason": "no name"}},
            {},
        ],
    )
    found = rows(context(warehouse))
    assert [(row["status"], row["reason"]) for row in found] == [
        ("skipped", "duplicate of first (Example One)"),
        ("skipped", "duplicate of gone (unknown company)"),
        ("skipped", "suppressed: customer"),
        ("skipped", "identity failed: no name"),
        ("ok", None),
    ]
    assert [row["score"] for row in found[:4]] == [None] * 4


def test_an_engine_that_raises_for_one_lead_gives_a_degraded_row(
    warehouse: Warehouse, context: MakeContext
) -> None:
    seed_batch(warehouse, leads=[{}, {}], through="resolved_leads")
    first, second = rows(context(warehouse, engine=FailingEngine("batch-1-1")))
    assert (first["status"], first["engine"]) == ("degraded", "scorecard")
    assert first["reason"] == "ConnectionError: the provider is away"
    assert first["score"] == second["score"]
    assert (second["status"], second["engine"], second["engine_version"]) == ("ok", "failing", "7")
    assert second["cost_usd"] == 0.002


def test_rules_that_raise_give_a_failed_row(warehouse: Warehouse, context: MakeContext) -> None:
    seed_batch(warehouse, leads=[{"source_icp_score": 50.0}, {}], through="resolved_leads")
    stage = _BreaksOn("batch-1-1")
    asyncio.run(stage.run(context(warehouse)))
    first, second = stored(context(warehouse))
    assert first["status"] == "failed"
    assert first["reason"].startswith("rules: TypeError")
    assert (first["score"], first["tier"], first["factors"]) == (None, None, None)
    assert (first["source_icp_score"], first["engine"]) == (50.0, "rules")
    assert second["status"] == "ok"


class _BreaksOn(QualifiedLeads):
    """Loads one lead with a rating that is no number, as a damaged database might."""

    def __init__(self, lead_id: str) -> None:
        self.lead_id = lead_id

    def load(self, context: Any, connection: Any, lead_ids: Any) -> Any:
        inputs = super().load(context, connection, lead_ids)
        for item in inputs:
            if item.lead_id == self.lead_id:
                item.values["rating"] = "five"  # type: ignore[index]
        return inputs


def test_a_second_run_computes_nothing_and_changes_nothing(
    warehouse: Warehouse, context: MakeContext
) -> None:
    seed_batch(warehouse, leads=[{"oems": "Generac"}, {}], through="resolved_leads")
    before = rows(context(warehouse))
    assert QualifiedLeads().plan(context(warehouse)).todo == ()
    assert rows(context(warehouse, run_id="run-2")) == before


def test_chunks_and_leads_of_other_batches_are_kept_apart(warehouse: Warehouse, context: MakeContext) -> None:
    seed_batch(warehouse, "batch-0", [{}], through="resolved_leads")
    ids = seed_batch(warehouse, leads=[{}, {}, {}], through="resolved_leads")
    stage = QualifiedLeads()
    assert asyncio.run(stage.run_chunk(context(warehouse), ids[:2])) == 2
    assert [row["lead_id"] for row in stored(context(warehouse))] == ids[:2]
    assert stage.plan(context(warehouse)).todo == (ids[2],)


def test_a_changed_weight_changes_the_rows(
    warehouse: Warehouse, context: MakeContext, profile: Profile
) -> None:
    seed_batch(warehouse, leads=[{"oems": "Generac, Kohler, Cummins"}], through="resolved_leads")
    (before,) = rows(context(warehouse))
    assert before["icp_score"] == 58.8
    weights = {"resimercial": 0.10, "multi_oem": 0.50, "mep_r": 0.25, "o_and_m": 0.15}
    changed = Profile.model_validate(
        profile.model_dump() | {"icp": profile.icp.model_dump() | {"weights": weights}}
    )
    (after,) = rows(context(warehouse, profile=changed))
    assert after["icp_score"] > before["icp_score"]
    assert after["input_hash"] != before["input_hash"]
