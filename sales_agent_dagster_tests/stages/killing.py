"""A pipeline run that kills its own process with SIGKILL at a chosen database statement."""

from __future__ import annotations

import os
import signal
from datetime import UTC, datetime
from pathlib import Path

import sqlalchemy as sa

from sales_agent_dagster.domain.profile import load_profile
from sales_agent_dagster.inference.engine import ScorecardEngine
from sales_agent_dagster.settings import PROJECT_ROOT, load_settings
from sales_agent_dagster.stages.base import StageContext
from sales_agent_dagster.stages.intake.register import register_file
from sales_agent_dagster.stages.pipeline import run_batch
from sales_agent_dagster.warehouse.database import Warehouse

FIXED = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def run_pipeline(csv: Path, home: Path, url: str, kill_at: int | None) -> None:
    """Register ``csv`` and run its batches; SIGKILL this process before statement or commit ``kill_at``.

    A run that lives to its end writes the number of statements and commits to ``home/sent``.
    """
    home.mkdir(exist_ok=True)
    warehouse = Warehouse(url)
    warehouse.migrate()
    sent = 0

    def count(*_: object) -> None:
        nonlocal sent
        sent += 1
        if sent == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    for event in ("before_cursor_execute", "commit"):
        sa.event.listen(warehouse.engine, event, count)
    settings = load_settings(home=home, chunk_size=8, batch_size=20)
    profile = load_profile(PROJECT_ROOT / "data" / "profile.yaml")
    registration = register_file(csv, warehouse, settings, FIXED)
    for batch_id in registration.batch_ids:
        engine = ScorecardEngine()
        run_batch(StageContext(warehouse, settings, profile, engine, batch_id, "run", lambda: FIXED))
    warehouse.dispose()
    (home / "sent").write_text(str(sent), encoding="utf-8")
