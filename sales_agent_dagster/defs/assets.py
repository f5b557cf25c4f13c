"""All assets, in order of the flow. How an asset is made of its stage: ``stage_assets.py``.

    imported_leads -> resolved_leads -> qualified_leads -> enriched_leads -> analyzed_leads
                   -> campaigns -> crm_synced_leads

Every table has exactly one row per imported lead of the batch, with a status and a reason.

A description's first paragraph stands alone in the graph (50 characters) and the catalogue (no Markdown).
"""

from __future__ import annotations

from datetime import timedelta

import dagster as dg

from sales_agent_dagster.agents import enrichment, growth, marketing, qualification
from sales_agent_dagster.defs.stage_assets import agent_asset, crm_asset, import_asset, stage_asset
from sales_agent_dagster.stages.analyzed import AnalyzedLeads
from sales_agent_dagster.stages.campaigns import Campaigns
from sales_agent_dagster.stages.crm_synced import CrmSyncedLeads
from sales_agent_dagster.stages.enriched import EnrichedLeads
from sales_agent_dagster.stages.qualified import QualifiedLeads
from sales_agent_dagster.stages.resolved import ResolvedLeads

imported_leads = import_asset(
    """The file's rows, repaired beside raw.

    Phones become E.164, ZIPs get their zeros back, names lose their legal form; each repair is named in
    `repairs`. A row that cannot be used is in `rejected_rows` with line, field, reason and remedy.
    """
)

resolved_leads = stage_asset(
    ResolvedLeads(),
    """Which leads are the same company.

    Name, phone, website, e-mail and address together, in bits of evidence; what they leave open waits in
    `sales-agent review`. The first lead of a company stands for it; later ones are duplicates and go no
    further. Companies that must not be contacted (opted out, customers, the profile's suppression list)
    are marked here.
    """,
)

qualified_leads = agent_asset(
    QualifiedLeads(),
    qualification.PROMPT,
    """Score 0-100, tier and why, by the profile's weights.

    A model may move the score by 15 points at most. `factors` lists every factor with its points and the
    evidence; `next_steps` says what to do. Where the file states an ICP score, `icp_delta` is the difference.
    """,
)

enriched_leads = agent_asset(
    EnrichedLeads(),
    enrichment.PROMPT,
    """Facts beyond the file, with sources.

    Each fact in `facts` has its source and a confidence: region and time zone from ZIP and phone, kind of
    website and e-mail, equipment categories and trades from the brands carried. Websites, Apollo and Hunter
    are asked as far as `data/waterfall.yaml` and keys switch them on; by default nobody is. A model adds what
    it reads in the lead's own texts and its website's, with the quote.
    """,
)

analyzed_leads = agent_asset(
    AnalyzedLeads(),
    growth.PROMPT,
    """Room to grow, computed from the leads themselves.

    Territory density, competitors with the same brands and trades, capability gaps; `expansion_score` with
    its reasons, each citing its figure. A model's words hold no number that is not one of the figures.
    """,
)

campaigns = agent_asset(
    Campaigns(),
    marketing.PROMPT,
    """How to reach each lead, and when.

    Channels in order, weekday and hour, first thing to do. The drafts (e-mail A and B, LinkedIn note, call
    script; a social post and a blog outline per market segment) are in `campaign_messages` and claim only
    stored facts. Nothing is sent from here.
    """,
)

crm_synced_leads = crm_asset(
    CrmSyncedLeads(),
    """What the CRM would be told.

    Create, update, unchanged or skip, with a diff per field: against the configured CRM as it is now, or a
    local `preview`. It is sent for batches that are set to (`sales-agent crm mode BATCH apply`, or `apply`
    in the run's config), and only with `SALES_AGENT_CRM__MODE=live`; `crm_outbox` has every operation.
    """,
    dg.FreshnessPolicy.time_window(fail_window=timedelta(days=30), warn_window=timedelta(days=7)),
)

FLOW = [
    imported_leads,
    resolved_leads,
    qualified_leads,
    enriched_leads,
    analyzed_leads,
    campaigns,
    crm_synced_leads,
]

AGENTS = {stage.name: stage.agent for stage in (QualifiedLeads, EnrichedLeads, AnalyzedLeads, Campaigns)}
"""Asset to the SLA table's key of the agent behind it; the others have none."""
