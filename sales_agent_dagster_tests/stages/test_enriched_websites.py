"""The stage with websites and a model: what is fetched is read, and its facts have quotes from the pages."""

import asyncio
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from sales_agent_dagster.inference.cerebras.engine import CerebrasEngine
from sales_agent_dagster.settings import Settings
from sales_agent_dagster.stages.base import StageContext
from sales_agent_dagster.stages.enriched import EnrichedLeads
from sales_agent_dagster.stages.fact_service import build_fact_service
from sales_agent_dagster.warehouse.calls import WarehouseCalls
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import enriched_leads
from sales_agent_dagster_tests.cerebras_server.running import RunningServer
from sales_agent_dagster_tests.conftest import MakeContext
from sales_agent_dagster_tests.rows import seed_batch
from sales_agent_dagster_tests.website_farm import RunningFarm
from sales_agent_dagster_tests.website_farm.fixtures import _farm, farm  # noqa: F401 - fixtures
from sales_agent_dagster_tests.website_farm.pages import about, home

WATERFALL = "steps: [{provider: offline}, {provider: website}]"


@pytest.fixture
def work(
    cerebras: RunningServer,
    farm: RunningFarm,  # noqa: F811
    sqlite_warehouse: Warehouse,
    context: MakeContext,
    settings: Settings,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[StageContext]:
    """A firm with a website, one whose website hangs, and everything as the settings build it."""
    path = tmp_path / "waterfall.yaml"
    path.write_text(WATERFALL)
    resolver = farm.resolver()
    monkeypatch.setattr("sales_agent_dagster.enrichment.fetching.fetcher.SystemResolver", lambda: resolver)
    given = {
        "waterfall_path": path,
        "cerebras_base_url": cerebras.url,
        "website": {"allowed_networks": [f"127.0.0.1:{farm.port}"], "controls": ["http://counter.example/"]},
        "enrichment": {"deadline_ms": 20_000},
    }
    asked = Settings.model_validate(settings.model_dump() | given)
    leads: list[dict[str, Any]] = [
        {
            "website": f"http://{site.firm.host}/",
            "website_host": site.firm.host,
            "company_name": site.firm.name,
        }
        for site in (farm.farm.add(1, "rich"), farm.farm.add(2, "error"))
    ]
    qualified = {"tier": "GOLD", "score": 70.0}
    seed_batch(sqlite_warehouse, leads=[lead | {"qualified_leads": qualified} for lead in leads])
    engine = CerebrasEngine(asked, WarehouseCalls(sqlite_warehouse))
    facts = build_fact_service(asked, sqlite_warehouse)
    yield replace(context(sqlite_warehouse, engine=engine, settings=asked), facts=facts)
    facts.close()
    engine.close()


def test_a_model_reads_the_pages_that_were_fetched(
    work: StageContext,
    farm: RunningFarm,  # noqa: F811
    cerebras: RunningServer,
) -> None:
    asyncio.run(EnrichedLeads().run(work))
    with work.warehouse.reading() as connection:
        query = sa.select(enriched_leads).order_by(enriched_leads.c.lead_id)
        first, second = connection.execute(query).mappings()
    firm = farm.farm.sites["firm-0001.example"].firm
    assert (first["engine"], first["website_status"], first["dropped_facts"]) == ("cerebras", "ok", 0)
    assert first["founded"] == str(firm.founded)
    pages = {"website home": home(firm), "website about": about(firm)}
    read = [fact for fact in first["facts"] if fact["source"] == "model" and fact["read_in"] in pages]
    assert read, json.dumps(first["facts"])
    for fact in read:
        assert fact["quote"].casefold() in pages[fact["read_in"]].casefold()
    assert (second["website_status"], second["status"]) == ("down", "ok")
    assert not any(fact.get("read_in", "").startswith("website") for fact in second["facts"])
    asked = len(cerebras.app.stats.arrivals)
    again = replace(work, run_id="run-2")
    assert asyncio.run(EnrichedLeads().run(again)).todo == ()
    assert len(cerebras.app.stats.arrivals) == asked
