"""Assembles everything. Loading it opens no database and needs no key."""

from __future__ import annotations

import dagster as dg

from sales_agent_dagster.defs.assets import AGENTS, FLOW
from sales_agent_dagster.defs.checks import asset_checks
from sales_agent_dagster.defs.crm import CRM_PULL, crm_pull, pull_schedule
from sales_agent_dagster.defs.jobs import LEAD_PIPELINE
from sales_agent_dagster.defs.resources import build_resources
from sales_agent_dagster.defs.sensors import failure_log, incoming_files
from sales_agent_dagster.domain.profile import Profile
from sales_agent_dagster.inference.engine import Engine
from sales_agent_dagster.settings import Settings, load_settings
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import STAGE_TABLES


def build_defs(
    *,
    settings: Settings | None = None,
    warehouse: Warehouse | None = None,
    profile: Profile | None = None,
    engine: Engine | None = None,
) -> dg.Definitions:
    """The whole code location; what is given replaces what the environment says.

    Steps run in this process: a process per step costs seconds each, and agents get their concurrency
    inside a step.

    Raises:
        ConfigurationError: a setting is wrong.
    """
    settings = settings or load_settings()
    storage = "postgresql" if settings.database_url else "sqlite"
    return dg.Definitions(
        assets=dg.map_asset_specs(lambda spec: spec.merge_attributes(kinds={storage}), [*FLOW, crm_pull]),
        asset_checks=[asset_checks(table, AGENTS.get(table.name), settings.checks) for table in STAGE_TABLES],
        jobs=[LEAD_PIPELINE, CRM_PULL],
        schedules=[pull_schedule(settings)],
        sensors=[incoming_files, failure_log],
        resources=build_resources(settings, warehouse=warehouse, profile=profile, engine=engine),
        executor=dg.in_process_executor,
    )
