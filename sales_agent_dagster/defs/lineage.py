"""Column lineage of the columns people ask about: which upstream columns decide them."""

from __future__ import annotations

from collections.abc import Mapping

_COMPANY = ("imported_leads.company_name", "imported_leads.website_host", "imported_leads.capabilities")

COLUMN_LINEAGE: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "imported_leads": {},
    "resolved_leads": {
        "entity_id": (
            "imported_leads.company_name",
            "imported_leads.phone",
            "imported_leads.phone_2",
            "imported_leads.website",
            "imported_leads.email",
            "imported_leads.linkedin_url",
            "imported_leads.contact_name",
            "imported_leads.street",
            "imported_leads.city",
            "imported_leads.state",
            "imported_leads.zip",
        ),
        "oems": ("imported_leads.oems",),
        "suppressed": (
            "imported_leads.do_not_contact",
            "imported_leads.existing_customer",
            "imported_leads.email",
            "imported_leads.phone",
            "imported_leads.domain",
            "imported_leads.company_name",
        ),
    },
    "qualified_leads": {
        "score": (
            *_COMPANY,
            "imported_leads.email",
            "imported_leads.contact_name",
            "imported_leads.rating",
            "imported_leads.phone_kind",
            "imported_leads.dealer_tier",
            "resolved_leads.oems",
        ),
        "icp_score": (*_COMPANY, "imported_leads.dealer_tier", "resolved_leads.oems"),
        "icp_delta": ("imported_leads.source_icp_score",),
        "multi_oem": ("resolved_leads.oems",),
    },
    "enriched_leads": {
        "timezone": ("imported_leads.phone", "imported_leads.zip", "imported_leads.state"),
        "domain_kind": ("imported_leads.domain", "imported_leads.website_host"),
        "email_kind": ("imported_leads.email", "imported_leads.domain"),
        "brands": ("resolved_leads.oems",),
        "brand_categories": ("resolved_leads.oems",),
        "trades": ("imported_leads.company_name", "imported_leads.capabilities", "resolved_leads.oems"),
    },
    "analyzed_leads": {
        "territory": ("enriched_leads.region_state", "imported_leads.state"),
        "score_percentile": ("qualified_leads.score",),
        "capability_gaps": ("enriched_leads.trades", "enriched_leads.brand_categories"),
        "expansion_score": (
            "qualified_leads.score",
            "enriched_leads.brands",
            "enriched_leads.trades",
            "enriched_leads.region_state",
        ),
    },
    "campaigns": {
        "channels": ("imported_leads.email", "imported_leads.phone", "imported_leads.linkedin_url"),
        "timezone": ("enriched_leads.timezone",),
        "message_count": ("qualified_leads.tier", "enriched_leads.facts", "analyzed_leads.reasons"),
    },
    "crm_synced_leads": {
        "operation": ("resolved_leads.entity_id", "qualified_leads.tier", "campaigns.status"),
        "changed_fields": ("qualified_leads.score", "qualified_leads.tier", "campaigns.next_step"),
    },
}
"""Per asset and column: ``upstream_asset.column``. A test holds every name to the schema."""
