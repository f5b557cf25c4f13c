"""Data quality rules: what must hold of a batch's rows, as plain functions over the tables.

Belongs here: judging stored rows. Every rule takes a ``Subject`` and returns a ``CheckOutcome`` with what was
expected and what is there. The names are those of ``settings.CheckSettings``, which says whether a failed
rule stops the pipeline. Does not belong here: Dagster, changing what is judged.
"""

from __future__ import annotations

from collections.abc import Mapping

from sales_agent_dagster.stages.quality.base import CheckOutcome, Rule, Subject
from sales_agent_dagster.stages.quality.crm import (
    crm_reject_rate,
    crm_second_plan,
    crm_suppression,
    crm_unknown,
)
from sales_agent_dagster.stages.quality.drafts import campaign_lint
from sales_agent_dagster.stages.quality.figures import (
    cost_budget,
    icp_agreement,
    score_distribution,
)
from sales_agent_dagster.stages.quality.identity import (
    bits_distribution,
    block_recall,
    explanations_add_up,
    largest_cluster,
    review_share,
)
from sales_agent_dagster.stages.quality.providers import (
    provider_errors,
    provider_hit_rate,
    provider_staleness,
)
from sales_agent_dagster.stages.quality.results import is_blocking, keep_results, open_checks
from sales_agent_dagster.stages.quality.rows import rejected_ratio, row_conservation, schema_and_ranges
from sales_agent_dagster.stages.quality.service import answer_quality, fallback_share, latency_sla

__all__ = ["RULES", "CheckOutcome", "Rule", "Subject", "is_blocking", "keep_results", "open_checks"]

_EVERYWHERE: Mapping[str, Rule] = {
    "row_conservation": row_conservation,
    "schema_and_ranges": schema_and_ranges,
}
_AGENT: Mapping[str, Rule] = {
    "latency_sla": latency_sla,
    "fallback_share": fallback_share,
    "cost_budget": cost_budget,
}

RULES: Mapping[str, Mapping[str, Rule]] = {
    "imported_leads": {**_EVERYWHERE, "rejected_ratio": rejected_ratio},
    "resolved_leads": {
        **_EVERYWHERE,
        "largest_cluster": largest_cluster,
        "review_share": review_share,
        "block_recall": block_recall,
        "explanations_add_up": explanations_add_up,
        "bits_distribution": bits_distribution,
    },
    "qualified_leads": {
        **_EVERYWHERE,
        **_AGENT,
        "score_distribution": score_distribution,
        "icp_agreement": icp_agreement,
        "answer_quality": answer_quality,
    },
    "enriched_leads": {
        **_EVERYWHERE,
        **_AGENT,
        "provider_hit_rate": provider_hit_rate,
        "provider_errors": provider_errors,
        "provider_staleness": provider_staleness,
    },
    "analyzed_leads": {**_EVERYWHERE, **_AGENT},
    "campaigns": {**_EVERYWHERE, **_AGENT, "campaign_lint": campaign_lint},
    "crm_synced_leads": {
        **_EVERYWHERE,
        "crm_reject_rate": crm_reject_rate,
        "crm_unknown": crm_unknown,
        "crm_second_plan": crm_second_plan,
        "crm_suppression": crm_suppression,
    },
}
"""Per table: check name to rule."""
