import asyncio
from typing import Any

import sqlalchemy as sa

from sales_agent_dagster.stages.base import StageContext
from sales_agent_dagster.stages.enriched import EnrichedLeads
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import enriched_leads
from sales_agent_dagster_tests.agents.engines import FailingEngine
from sales_agent_dagster_tests.conftest import MakeContext
from sales_agent_dagster_tests.rows import seed_batch


def rows(context: StageContext) -> list[dict[str, Any]]:
    """The stage's rows after a run, in order of the lead ids."""
    asyncio.run(EnrichedLeads().run(context))
    query = sa.select(enriched_leads).order_by(enriched_leads.c.lead_id)
    with context.warehouse.reading() as connection:
        return [dict(row) for row in connection.execute(query).mappings()]


def test_a_lead_gets_region_kinds_brands_trades_and_facts(warehouse: Warehouse, context: MakeContext) -> None:
    lead = {
        "company_name": "Example Plumbing",
        "email": "info@example.com",
        "phone": "+12128675309",
        "website_host": "example.com",
        "zip": "10001",
        "oems": "Generac",
        "resolved_leads": {"oems": "Carrier, Generac"},
    }
    seed_batch(warehouse, leads=[lead], through="qualified_leads")
    (row,) = rows(context(warehouse))
    assert (row["status"], row["reason"]) == ("ok", None)
    region = ("region_city", "region_state", "region_county", "timezone", "region_source")
    assert [row[name] for name in region] == ["New York", "NY", "New York County", "America/New_York", "zip"]
    assert (row["domain_kind"], row["email_kind"]) == ("own", "role")
    assert (row["brands"], row["brand_categories"]) == ("Carrier, Generac", "hvac, battery, generator")
    assert (row["trades"], row["trade_count"]) == ("generator, hvac, plumbing, battery", 4)
    assert row["completeness"] == 1.0
    assert row["fact_count"] == len(row["facts"]) == 15
    assert row["facts"][1] == {
        "id": "region_state.zip",
        "field": "region_state",
        "value": "NY",
        "source": "zip",
        "confidence": 0.95,
    }


def test_a_bare_lead_has_kinds_none_and_everything_else_unknown(
    warehouse: Warehouse, context: MakeContext
) -> None:
    seed_batch(warehouse, leads=[{"company_name": "Example"}], through="qualified_leads")
    (row,) = rows(context(warehouse))
    assert (row["status"], row["domain_kind"], row["email_kind"], row["trade_count"]) == (
        "ok",
        "none",
        "none",
        0,
    )
    assert (row["facts"], row["fact_count"], row["completeness"]) == ([], 0, 0.0)
    unknown = (
        "region_city",
        "region_state",
        "timezone",
        "region_source",
        "brands",
        "brand_categories",
        "trades",
    )
    assert [row[name] for name in unknown] == [None] * 7


def test_gates_skip_with_their_reason(warehouse: Warehouse, context: MakeContext) -> None:
    seed_batch(
        warehouse,
        leads=[
            {"qualified_leads": {"status": "skipped", "reason": "suppressed: customer", "tier": None}},
            {"qualified_leads": {"status": "failed", "reason": "rules: TypeError", "tier": None}},
            {"qualified_leads": {"tier": "UNQUALIFIED", "score": 10.0}},
            {"qualified_leads": {"tier": "BRONZE", "score": 20.0}},
            {"qualified_leads": {"status": "degraded", "reason": "the provider is away"}},
        ],
    )
    found = rows(context(warehouse))
    assert [(row["status"], row["reason"]) for row in found] == [
        ("skipped", "suppressed: customer"),
        ("skipped", "qualification failed: rules: TypeError"),
        ("skipped", "tier UNQUALIFIED is below the line BRONZE for enrichment"),
        ("ok", None),
        ("ok", None),
    ]


def test_an_engine_that_raises_for_one_lead_gives_a_degraded_row(
    warehouse: Warehouse, context: MakeContext
) -> None:
    seed_batch(warehouse, leads=[{"zip": "10001"}, {"zip": "10001"}], through="qualified_leads")
    first, second = rows(context(warehouse, engine=FailingEngine("batch-1-1")))
    assert (first["status"], first["reason"]) == ("degraded", "ConnectionError: the provider is away")
    assert (first["engine"], second["engine"]) == ("scorecard", "failing")
    assert first["facts"] == second["facts"]


def test_rules_that_raise_give_a_failed_row(warehouse: Warehouse, context: MakeContext) -> None:
    seed_batch(warehouse, leads=[{}, {}], through="qualified_leads")
    asyncio.run(_BreaksOn("batch-1-1").run(context(warehouse)))
    with warehouse.reading() as connection:
        query = sa.select(enriched_leads.c["status", "reason", "facts"]).order_by(enriched_leads.c.lead_id)
        first, second = connection.execute(query).all()
    assert (first.status, first.facts) == ("failed", None)
    assert first.reason.startswith("rules: AttributeError")
    assert second.status == "ok"


class _BreaksOn(EnrichedLeads):
    """Loads one lead with a phone that is no text, as a damaged database might."""

    def __init__(self, lead_id: str) -> None:
        self.lead_id = lead_id

    def load(self, context: Any, connection: Any, lead_ids: Any) -> Any:
        inputs = super().load(context, connection, lead_ids)
        for item in inputs:
            if item.lead_id == self.lead_id:
                item.values["phone"] = 7  # type: ignore[index]
        return inputs


def test_a_second_run_computes_nothing(warehouse: Warehouse, context: MakeContext) -> None:
    ids = seed_batch(warehouse, leads=[{"oems": "Generac"}, {}], through="qualified_leads")
    stage = EnrichedLeads()
    assert asyncio.run(stage.run_chunk(context(warehouse), ids[:1])) == 1
    assert stage.plan(context(warehouse)).todo == (ids[1],)
    before = rows(context(warehouse))
    assert stage.plan(context(warehouse)).todo == ()
    assert rows(context(warehouse, run_id="run-2")) == before
