"""Importing this takes a few leads through the pipeline, so that forked processes find every cache warm."""

import tempfile
from pathlib import Path

import sales_agent_dagster_tests.stages.enriching  # noqa: F401 - the killed runs of enrichment use all of them
from sales_agent_dagster.settings import PROJECT_ROOT
from sales_agent_dagster_tests.crm.contract_suite import killing  # noqa: F401 - for the kills of CRM syncs
from sales_agent_dagster_tests.stages.killing import run_pipeline

with tempfile.TemporaryDirectory() as folder:
    run_pipeline(
        PROJECT_ROOT / "data" / "samples" / "dealer_leads_sample.csv",
        Path(folder),
        f"sqlite:///{folder}/warehouse.db",
        kill_at=None,
    )
