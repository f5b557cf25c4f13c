"""The campaigns of a batch with a model as the engine, for processes that are killed and started again."""

from __future__ import annotations

import asyncio
from pathlib import Path

from sales_agent_dagster.domain.profile import load_profile
from sales_agent_dagster.inference.build import build_engine
from sales_agent_dagster.settings import PROJECT_ROOT, load_settings
from sales_agent_dagster.stages.base import StageContext
from sales_agent_dagster.stages.campaigns import Campaigns
from sales_agent_dagster.warehouse.calls import WarehouseCalls
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster_tests.conftest import NOW


def run_campaigns(home: Path, database_url: str, server_url: str, run_id: str) -> None:
    """Compute the campaigns of batch-1 that are not there yet."""
    settings = load_settings(
        _env_file=None,
        home=home,
        database_url=database_url,
        engine="cerebras",
        cerebras_api_key="test",
        cerebras_base_url=server_url,
    )
    warehouse = Warehouse(database_url)
    engine = build_engine(settings, WarehouseCalls(warehouse))
    profile = load_profile(PROJECT_ROOT / "data" / "profile.yaml")
    context = StageContext(warehouse, settings, profile, engine, "batch-1", run_id, lambda: NOW)
    asyncio.run(Campaigns().run(context))
    engine.close()
    warehouse.dispose()
