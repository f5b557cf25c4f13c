"""Jobs: what can be launched as one run."""

from __future__ import annotations

import dagster as dg

from sales_agent_dagster.warehouse.schema import STAGE_TABLES

LEAD_PIPELINE = dg.define_asset_job(
    "lead_pipeline",
    selection=dg.AssetSelection.assets(*(table.name for table in STAGE_TABLES)),
    description="All seven assets and their checks for one lead batch.",
)
