"""One batch resolved in a process of its own."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sales_agent_dagster.domain.profile import load_profile
from sales_agent_dagster.inference.engine import ScorecardEngine
from sales_agent_dagster.settings import PROJECT_ROOT, load_settings
from sales_agent_dagster.stages.base import StageContext
from sales_agent_dagster.stages.resolved import ResolvedLeads
from sales_agent_dagster.warehouse.database import Warehouse

FIXED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def resolve_batch(url: str, home: Path, batch_id: str, together: Any) -> None:
    """Resolve a batch as soon as all processes have got as far as this one."""
    warehouse = Warehouse(url)
    settings = load_settings(_env_file=None, home=home)
    profile = load_profile(PROJECT_ROOT / "data" / "profile.yaml")
    context = StageContext(warehouse, settings, profile, ScorecardEngine(), batch_id, "run", lambda: FIXED)
    stage = ResolvedLeads()
    stage.fingerprint(context)
    together.wait(60)
    asyncio.run(stage.run(context))
    warehouse.dispose()
