import asyncio
import pickle
from typing import Any

import pytest
import sqlalchemy as sa

from sales_agent_dagster.domain.profile import Profile
from sales_agent_dagster.domain.tiers import Tier
from sales_agent_dagster.stages.analyzed import AnalyzedLeads
from sales_agent_dagster.stages.base import Plan, StageContext
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import analyzed_leads, enriched_leads, qualified_leads
from sales_agent_dagster_tests.agents.engines import FailingEngine, RecordingEngine
from sales_agent_dagster_tests.conftest import MakeContext
from sales_agent_dagster_tests.rows import seed_batch


def run(context: StageContext, stage: AnalyzedLeads | None = None) -> Plan:
    return asyncio.run((stage or AnalyzedLeads()).run(context))


def stored(context: StageContext) -> dict[str, dict[str, Any]]:
    query = sa.select(analyzed_leads).where(analyzed_leads.c.batch_id == context.batch_id)
    with context.warehouse.reading() as connection:
        return {row["lead_id"]: dict(row) for row in connection.execute(query).mappings()}


def lead(
    state: str | None = "TX",
    brands: str | None = "Generac",
    trades: str | None = "generator",
    score: float = 60.0,
    **columns: Any,
) -> dict[str, Any]:
    return {
        "qualified_leads": {"score": score, "tier": "GOLD", "o_and_m": 50.0},
        "enriched_leads": {"region_state": state, "brands": brands, "trades": trades, "domain_kind": "own"},
        "phone": "+15125550100",
        **columns,
    }


MARKET = [
    lead(score=50.0),
    lead(brands="Generac, Kohler", trades="generator, electrical"),
    lead(brands="Kohler", trades="generator, electrical", score=70.0),
    lead("OH"),
]


def test_a_lead_gets_its_figures_score_and_reasons(warehouse: Warehouse, context: MakeContext) -> None:
    ids = seed_batch(warehouse, leads=MARKET)
    work = context(warehouse)
    assert len(run(work).todo) == 4
    row = stored(work)[ids[1]]
    assert (row["status"], row["reason"], row["engine"]) == ("ok", None, "scorecard")
    assert (row["territory"], row["compared_with"], row["territory_leads"]) == ("TX", "territory", 3)
    assert row["territory_density"] == 1.5  # three against a median of two
    assert (row["same_oem_competitors"], row["same_trade_competitors"]) == (2, 2)
    assert (row["market_position"], row["score_percentile"]) == ("challenger", 0.667)
    assert (row["main_brand"], row["capability_gaps"], row["gaps"]) == ("Generac", None, [])
    assert row["expansion_score"] == 58.9
    assert [(part["name"], part["points"]) for part in row["reasons"]] == [
        ("territory_room", 10.0),
        ("brand_room", 0.0),
        ("peer_gap", None),
        ("multi_brand", 20.0),
        ("service_business", 7.5),
        ("reach", 6.7),
    ]
    assert row["plays"][0]["figure"] == "brand_count"
    assert "One of 3 companies of the list in TX" in row["summary"]
    assert stored(work)[ids[3]]["compared_with"] == "list"


def test_a_second_run_computes_nothing(warehouse: Warehouse, context: MakeContext) -> None:
    seed_batch(warehouse, leads=MARKET)
    run(context(warehouse))
    before = stored(context(warehouse))
    assert run(context(warehouse, run_id="run-2")).todo == ()
    assert stored(context(warehouse)) == before


def test_a_later_batch_never_changes_an_earlier_one_but_sees_it(
    warehouse: Warehouse, context: MakeContext
) -> None:
    seed_batch(warehouse, "batch-1", MARKET)
    run(context(warehouse, "batch-1"))
    before = stored(context(warehouse, "batch-1"))
    later = seed_batch(warehouse, "batch-2", [lead()])
    assert run(context(warehouse, "batch-1", run_id="run-2")).todo == ()
    run(context(warehouse, "batch-2"))
    assert stored(context(warehouse, "batch-1")) == before
    assert stored(context(warehouse, "batch-2"))[later[0]]["territory_leads"] == 4


def test_duplicates_are_no_companies_and_unenriched_leads_are(
    warehouse: Warehouse, context: MakeContext
) -> None:
    below = {
        "state": "TX",
        "oems": "Generac",
        "resolved_leads": {"oems": "Generac", "oem_count": 1},
        "qualified_leads": {"score": 10.0, "tier": "UNQUALIFIED", "trades": "generator"},
        "enriched_leads": {"status": "skipped", "reason": "tier UNQUALIFIED is below BRONZE"},
    }
    copy = lead(resolved_leads={"is_duplicate": True, "duplicate_of": "batch-1-1"})
    copy["enriched_leads"] |= {"status": "skipped", "reason": "duplicate of batch-1-1"}
    ids = seed_batch(warehouse, leads=[lead(), lead(), below, copy])
    run(context(warehouse))
    rows = stored(context(warehouse))
    assert (rows[ids[0]]["territory_leads"], rows[ids[0]]["same_oem_competitors"]) == (3, 2)
    assert (rows[ids[2]]["status"], rows[ids[2]]["reason"]) == ("skipped", "tier UNQUALIFIED is below BRONZE")
    assert (rows[ids[3]]["status"], rows[ids[3]]["reason"]) == ("skipped", "duplicate of batch-1-1")
    assert rows[ids[3]]["expansion_score"] is None


@pytest.mark.parametrize(
    ("phone", "territory"), [("+15125550100", "TX"), ("+18005550100", "unknown"), (None, "unknown")]
)
def test_the_phone_is_the_last_resort_for_a_territory(
    sqlite_warehouse: Warehouse, context: MakeContext, phone: str | None, territory: str
) -> None:
    ids = seed_batch(sqlite_warehouse, leads=[lead(None, phone=phone), lead()])
    run(context(sqlite_warehouse))
    rows = stored(context(sqlite_warehouse))
    assert rows[ids[0]]["territory"] == territory
    assert rows[ids[1]]["territory_leads"] == (2 if territory == "TX" else 1)


def test_gates_skip_with_their_reason(
    sqlite_warehouse: Warehouse, context: MakeContext, profile: Profile
) -> None:
    ids = seed_batch(
        sqlite_warehouse,
        leads=[
            {"enriched_leads": {"status": "failed", "reason": None}},
            {"qualified_leads": {"tier": "SILVER"}, "enriched_leads": {}},
            {"qualified_leads": {"tier": None}, "enriched_leads": {"status": "degraded", "reason": "x"}},
            {"qualified_leads": {"tier": "GOLD"}, "enriched_leads": {"status": "degraded", "reason": "x"}},
        ],
    )
    gates = profile.gates.model_copy(update={"growth": Tier.GOLD})
    strict = profile.model_copy(update={"gates": gates})
    run(context(sqlite_warehouse, profile=strict))
    rows = stored(context(sqlite_warehouse))
    assert [(rows[one]["status"], rows[one]["reason"]) for one in ids] == [
        ("skipped", "enrichment failed"),
        ("skipped", "tier SILVER is below the line GOLD for growth"),
        ("skipped", "tier unknown is below the line GOLD for growth"),
        ("ok", None),
    ]


def test_a_changed_neighbour_recomputes_who_it_concerns(
    sqlite_warehouse: Warehouse, context: MakeContext
) -> None:
    ids = seed_batch(sqlite_warehouse, leads=[*MARKET, lead("OH"), lead("OH")])
    stage = AnalyzedLeads()
    run(context(sqlite_warehouse), stage)
    with sqlite_warehouse.transaction() as connection:
        connection.execute(
            sa.update(qualified_leads).where(qualified_leads.c.lead_id == ids[2]).values(score=55.0)
        )
    again = run(context(sqlite_warehouse), stage)
    assert set(again.todo) == {ids[1], ids[2]}  # Ohio is compared with Ohio, and one stays behind both
    assert stored(context(sqlite_warehouse))[ids[1]]["market_position"] == "leader"


def test_chunks_see_the_market_of_the_plan_and_a_new_process_computes_its_own(
    sqlite_warehouse: Warehouse, context: MakeContext
) -> None:
    ids = seed_batch(sqlite_warehouse, leads=MARKET)
    work, stage = context(sqlite_warehouse), AnalyzedLeads()
    stage.plan(work)
    with sqlite_warehouse.transaction() as connection:
        connection.execute(
            sa.update(enriched_leads).where(enriched_leads.c.lead_id == ids[3]).values(region_state="TX")
        )
    asyncio.run(stage.run_chunk(work, ids[:1]))
    assert stored(work)[ids[0]]["territory_leads"] == 3
    other_process = pickle.loads(pickle.dumps(stage))
    asyncio.run(other_process.run_chunk(work, ids[:1]))
    assert stored(work)[ids[0]]["territory_leads"] == 4


def test_only_the_last_markets_are_kept(sqlite_warehouse: Warehouse, context: MakeContext) -> None:
    stage = AnalyzedLeads()
    for number in range(6):
        seed_batch(sqlite_warehouse, f"batch-{number}", [lead()])
        run(context(sqlite_warehouse, f"batch-{number}"), stage)
    assert [key[1] for key in stage._markets] == [f"batch-{number}" for number in range(2, 6)]


def test_engine_trouble_on_one_lead_degrades_its_row_only(
    sqlite_warehouse: Warehouse, context: MakeContext
) -> None:
    ids = seed_batch(sqlite_warehouse, leads=MARKET)
    run(context(sqlite_warehouse, engine=FailingEngine(ids[1])))
    rows = stored(context(sqlite_warehouse))
    assert [rows[one]["status"] for one in ids] == ["ok", "degraded", "ok", "ok"]
    assert rows[ids[1]]["reason"] == "ConnectionError: the provider is away"
    assert (rows[ids[0]]["engine"], rows[ids[0]]["cost_usd"]) == ("failing", 0.002)


class Broken(RecordingEngine):
    """Neither it nor the rules can answer."""

    async def answer(self, task: Any) -> Any:
        object.__setattr__(task, "rules", None)
        raise ValueError("no")


def test_no_answer_at_all_is_a_failed_row(sqlite_warehouse: Warehouse, context: MakeContext) -> None:
    ids = seed_batch(sqlite_warehouse, leads=MARKET[:1])
    run(context(sqlite_warehouse, engine=Broken()))
    row = stored(context(sqlite_warehouse))[ids[0]]
    assert row["status"] == "failed"
    assert row["reason"].startswith("ValueError: no; rules: TypeError")
