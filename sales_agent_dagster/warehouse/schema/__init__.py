"""Every table, as SQLAlchemy Core. ``docs/tables.md`` and the asset column schemas are made from here."""

from sales_agent_dagster.warehouse.schema.calls import agent_calls, agent_replays
from sales_agent_dagster.warehouse.schema.columns import METADATA
from sales_agent_dagster.warehouse.schema.evaluation import evaluation_cases, evaluation_runs
from sales_agent_dagster.warehouse.schema.identity import lead_keys, resolution_order
from sales_agent_dagster.warehouse.schema.intake import (
    imported_leads,
    lead_batches,
    lead_files,
    rejected_rows,
)
from sales_agent_dagster.warehouse.schema.outreach import (
    campaign_messages,
    campaigns,
    crm_outbox,
    crm_preview_records,
    crm_synced_leads,
)
from sales_agent_dagster.warehouse.schema.quality import check_results
from sales_agent_dagster.warehouse.schema.stages import (
    analyzed_leads,
    enriched_leads,
    qualified_leads,
    resolved_leads,
)

STAGE_TABLES = (
    imported_leads,
    resolved_leads,
    qualified_leads,
    enriched_leads,
    analyzed_leads,
    campaigns,
    crm_synced_leads,
)
"""The seven tables in order of the flow: exactly one row per lead of a batch in each."""

__all__ = [
    "METADATA",
    "STAGE_TABLES",
    "agent_calls",
    "agent_replays",
    "analyzed_leads",
    "campaign_messages",
    "campaigns",
    "check_results",
    "crm_outbox",
    "crm_preview_records",
    "crm_synced_leads",
    "enriched_leads",
    "evaluation_cases",
    "evaluation_runs",
    "imported_leads",
    "lead_batches",
    "lead_files",
    "lead_keys",
    "qualified_leads",
    "rejected_rows",
    "resolution_order",
    "resolved_leads",
]
