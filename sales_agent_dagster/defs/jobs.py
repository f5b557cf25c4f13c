"""Jobs: what can be launched as one run."""

from __future__ import annotations

import dagster as dg

LEAD_PIPELINE = dg.define_asset_job(
    "lead_pipeline",
    selection=dg.AssetSelection.groups("lead_pipeline"),
    description="All seven assets and their checks for one lead batch.",
)
