"""``enriched_leads``: facts beyond the file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from sales_agent_dagster.agents.enrichment import PROMPT
from sales_agent_dagster.agents.enrichment.state import EnrichedLead
from sales_agent_dagster.domain.hashing import content_hash
from sales_agent_dagster.domain.oems import brand_dictionary
from sales_agent_dagster.domain.profile import Profile
from sales_agent_dagster.domain.status import DONE, Status
from sales_agent_dagster.domain.tiers import Tier
from sales_agent_dagster.enrichment.facts import Fact
from sales_agent_dagster.enrichment.offline import load_places
from sales_agent_dagster.inference.engine import NoAnswer
from sales_agent_dagster.stages.base import LeadInput, LeadResult, Stage, StageContext, describe_dropped
from sales_agent_dagster.warehouse.schema import (
    enriched_leads,
    imported_leads,
    qualified_leads,
    resolved_leads,
)

_FIELDS = (
    "company_name",
    "email",
    "phone",
    "website_host",
    "city",
    "state",
    "zip",
    "industry",
    "capabilities",
    "notes",
)


class EnrichedLeads(Stage):
    """Collects offline facts about every qualified lead whose tier reaches the profile's line."""

    name = "enriched_leads"
    table = enriched_leads
    upstream = "qualified_leads"
    version = "2"
    agent = "enrichment"

    def fingerprint(self, context: StageContext) -> str:
        """Also the prompt and the brand dictionary: an edit of either recomputes the rows."""
        return content_hash(super().fingerprint(context), PROMPT.version, brand_dictionary().version)

    def load(
        self, context: StageContext, connection: sa.Connection, lead_ids: Sequence[str] | None
    ) -> list[LeadInput]:
        """Imported fields with the brands of the whole company, and the gates' decision."""
        lead, company, qualified = imported_leads.c, resolved_leads.c, qualified_leads.c
        query = (
            sa.select(
                lead.lead_id,
                *(lead[name] for name in _FIELDS),
                sa.func.coalesce(company.oems, lead.oems).label("oems"),
                qualified.status.label("qualified_status"),
                qualified.reason.label("qualified_reason"),
                qualified.tier,
            )
            .join(
                resolved_leads,
                sa.and_(company.batch_id == lead.batch_id, company.lead_id == lead.lead_id),
            )
            .join(
                qualified_leads,
                sa.and_(qualified.batch_id == lead.batch_id, qualified.lead_id == lead.lead_id),
            )
            .where(lead.batch_id == context.batch_id)
            .order_by(lead.record_no)
        )
        if lead_ids is not None:
            query = query.where(lead.lead_id.in_(lead_ids))
        return [
            LeadInput(
                row["lead_id"],
                {name: row[name] for name in (*_FIELDS, "oems")},
                _gate(row, context.profile),
            )
            for row in connection.execute(query).mappings()
        ]

    def warm_up(self) -> None:
        """Imports LangGraph, compiles the graph and reads the tables of places, once per process."""
        from sales_agent_dagster.agents.enrichment.graph import compiled_graph

        compiled_graph()
        load_places()

    async def process(self, context: StageContext, inputs: Sequence[LeadInput]) -> Sequence[LeadResult]:
        """Runs the enrichment agent over the chunk."""
        from sales_agent_dagster.agents.enrichment.graph import enrich

        enriched = await enrich([{"lead_id": item.lead_id, **item.values} for item in inputs], context.agent)
        return [_result(item, lead) for item, lead in zip(inputs, enriched, strict=True)]


def _gate(row: sa.RowMapping, profile: Profile) -> str | None:
    if row["qualified_status"] == Status.SKIPPED:
        return str(row["qualified_reason"])
    if row["qualified_status"] not in DONE:
        return f"qualification {row['qualified_status']}: {row['qualified_reason']}"
    tier, line = Tier(row["tier"]), profile.gates.enrichment
    if not tier.reaches(line):
        return f"tier {tier} is below the line {line} for enrichment"
    return None


def _result(item: LeadInput, lead: EnrichedLead | NoAnswer) -> LeadResult:
    if isinstance(lead, NoAnswer):
        return LeadResult(item.lead_id, Status.FAILED, lead.reason, latency_ms=lead.latency_ms)
    answer = lead.answer
    return LeadResult(
        item.lead_id,
        Status.DEGRADED if answer.degraded_reason else Status.OK,
        answer.degraded_reason or describe_dropped(lead.dropped),
        _columns(lead),
        engine=answer.engine,
        engine_version=answer.engine_version,
        latency_ms=answer.latency_ms,
        cost_usd=answer.cost_usd,
    )


def _columns(lead: EnrichedLead) -> dict[str, Any]:
    region, values = lead.region, lead.values
    return {
        "region_city": region.city,
        "region_state": region.state,
        "region_county": region.county,
        "timezone": region.timezone,
        "region_source": region.source,
        "domain_kind": values.get("domain_kind", "none"),
        "email_kind": values.get("email_kind", "none"),
        "brands": values.get("brands"),
        "brand_categories": values.get("brand_categories"),
        "trades": ", ".join(lead.trades) or None,
        "trade_count": len(lead.trades),
        "fact_count": len(lead.facts),
        "completeness": lead.completeness,
        "read_count": lead.read_count,
        "dropped_facts": len(lead.dropped),
        "facts": [_row_of(fact) for fact in lead.facts],
    }


@lru_cache(maxsize=16384)
def _row_of(fact: Fact) -> dict[str, Any]:
    return {name: value for name, value in asdict(fact).items() if value is not None}
