"""Every table, as SQLAlchemy Core. ``docs/tables.md`` and the asset column schemas are made from here."""

from sales_agent_dagster.warehouse.schema.calls import agent_calls, agent_replays
from sales_agent_dagster.warehouse.schema.columns import METADATA
from sales_agent_dagster.warehouse.schema.crm import (
    crm_conflicts,
    crm_dead_letters,
    crm_leases,
    crm_link,
    crm_outbox,
    crm_rejections,
    crm_shadow,
    crm_sync_runs,
    crm_wanted,
    crm_watermarks,
    suppression,
)
from sales_agent_dagster.warehouse.schema.crm_deliveries import crm_deliveries
from sales_agent_dagster.warehouse.schema.crm_pulled import (
    crm_changes,
    crm_contacts,
    crm_events,
    crm_leads,
    crm_opportunities,
    crm_outcomes,
)
from sales_agent_dagster.warehouse.schema.enrichment import (
    enrichment_cache,
    enrichment_credits,
    enrichment_leases,
    enrichment_queue,
    enrichment_suppressions,
)
from sales_agent_dagster.warehouse.schema.evaluation import evaluation_cases, evaluation_runs
from sales_agent_dagster.warehouse.schema.identity import (
    capped_keys,
    identity_labels,
    identity_reviews,
    lead_block_keys,
    lead_norm,
    merge_events,
    merged_companies,
    resolution_order,
    shared_values,
    superseded_rows,
    value_counts,
)
from sales_agent_dagster.warehouse.schema.intake import (
    imported_leads,
    lead_batches,
    lead_files,
    rejected_rows,
)
from sales_agent_dagster.warehouse.schema.outreach import (
    campaign_messages,
    campaigns,
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
    "capped_keys",
    "check_results",
    "crm_changes",
    "crm_conflicts",
    "crm_contacts",
    "crm_dead_letters",
    "crm_deliveries",
    "crm_events",
    "crm_leads",
    "crm_leases",
    "crm_link",
    "crm_opportunities",
    "crm_outbox",
    "crm_outcomes",
    "crm_preview_records",
    "crm_rejections",
    "crm_shadow",
    "crm_sync_runs",
    "crm_synced_leads",
    "crm_wanted",
    "crm_watermarks",
    "enriched_leads",
    "enrichment_cache",
    "enrichment_credits",
    "enrichment_leases",
    "enrichment_queue",
    "enrichment_suppressions",
    "evaluation_cases",
    "evaluation_runs",
    "identity_labels",
    "identity_reviews",
    "imported_leads",
    "lead_batches",
    "lead_block_keys",
    "lead_files",
    "lead_norm",
    "merge_events",
    "merged_companies",
    "qualified_leads",
    "rejected_rows",
    "resolution_order",
    "resolved_leads",
    "shared_values",
    "superseded_rows",
    "suppression",
    "value_counts",
]
