"""The enrichment stage with Apollo, in a process that kills itself with SIGKILL at a chosen statement."""

from __future__ import annotations

import asyncio
import os
import signal
from pathlib import Path

import sqlalchemy as sa

from sales_agent_dagster.domain.profile import load_profile
from sales_agent_dagster.enrichment.apollo import company, person  # noqa: F401 - loaded before a fork
from sales_agent_dagster.inference.engine import ScorecardEngine
from sales_agent_dagster.settings import PROJECT_ROOT, load_settings
from sales_agent_dagster.stages.base import StageContext
from sales_agent_dagster.stages.enriched import EnrichedLeads
from sales_agent_dagster.stages.fact_service import build_fact_service
from sales_agent_dagster.warehouse.database import Warehouse


def enrich(home: Path, url: str, apollo_url: str, key: str, kill_at: int | None) -> None:
    """Enrich ``batch-1``; SIGKILL this process before statement or commit ``kill_at``.

    A run that lives to its end writes the number of statements and commits to ``home/sent``.
    """
    settings = load_settings(
        _env_file=None,
        home=home,
        chunk_size=2,
        apollo_api_key=key,
        apollo_base_url=apollo_url,
        enrichment={"deadline_ms": 60_000},  # however slow the machine is
    )
    warehouse = Warehouse(url)
    sent = 0

    def count(*_: object) -> None:
        nonlocal sent
        sent += 1
        if sent == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    for event in ("before_cursor_execute", "commit"):
        sa.event.listen(warehouse.engine, event, count)
    profile = load_profile(PROJECT_ROOT / "data" / "profile.yaml")
    service = build_fact_service(settings, warehouse)
    context = StageContext(warehouse, settings, profile, ScorecardEngine(), "batch-1", "run", facts=service)
    asyncio.run(EnrichedLeads().run(context))
    service.close()
    warehouse.dispose()
    (home / "sent").write_text(str(sent), encoding="utf-8")
