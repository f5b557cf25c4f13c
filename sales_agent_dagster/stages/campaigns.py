"""``campaigns`` and ``campaign_messages``: how to reach each lead, and what to say. Nothing is sent."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from sales_agent_dagster.agents.marketing import PROMPT
from sales_agent_dagster.agents.marketing.schedule import next_step
from sales_agent_dagster.agents.marketing.state import Campaign, CampaignLead, Draft
from sales_agent_dagster.agents.marketing.templating import templates_version
from sales_agent_dagster.domain.hashing import content_hash
from sales_agent_dagster.domain.status import DONE, Status
from sales_agent_dagster.domain.suppression import SuppressionList
from sales_agent_dagster.domain.tiers import Tier
from sales_agent_dagster.inference.engine import NoAnswer
from sales_agent_dagster.stages.base import LeadInput, LeadResult, Stage, StageContext, describe_dropped
from sales_agent_dagster.stages.crm.suppressing import suppressed_leads
from sales_agent_dagster.stages.writing_to import found_addresses, recipient_of
from sales_agent_dagster.warehouse.schema import (
    analyzed_leads,
    campaign_messages,
    campaigns,
    enriched_leads,
    imported_leads,
    qualified_leads,
    resolved_leads,
)

_GROWTH = ("territory", "territory_leads", "same_oem_competitors", "main_brand", "gaps")
_MAX_REASON = 500


class Campaigns(Stage):
    """Plans and drafts outreach for every analysed lead whose tier reaches the profile's line."""

    name = "campaigns"
    table = campaigns
    upstream = "analyzed_leads"
    version = "2"
    agent = "marketing"
    profile_sections = ("seller", "outreach")
    child_tables = (campaign_messages,)

    def wording(self) -> str:
        """That of the templates."""
        return templates_version()

    def fingerprint(self, context: StageContext) -> str:
        """Also the prompt and the templates: an edit of either recomputes the rows."""
        return content_hash(super().fingerprint(context), PROMPT.version, self.wording())

    def load(
        self, context: StageContext, connection: sa.Connection, lead_ids: Sequence[str] | None
    ) -> list[LeadInput]:
        """What outreach may use of each lead, and the gates' decision."""
        query = _leads_query(context.batch_id)
        if lead_ids is not None:
            query = query.where(imported_leads.c.lead_id.in_(lead_ids))
        line = context.profile.gates.campaign
        rows = connection.execute(query).mappings().all()
        barred = _barred(context, connection, {email for row in rows for email in found_addresses(row)})
        return [_input(row, line, barred) for row in rows]

    def warm_up(self) -> None:
        """Imports LangGraph and compiles the graph, once per process."""
        from sales_agent_dagster.agents.marketing.graph import compiled_graph

        compiled_graph()

    async def process(self, context: StageContext, inputs: Sequence[LeadInput]) -> Sequence[LeadResult]:
        """Runs the marketing agent over the chunk."""
        from sales_agent_dagster.agents.marketing.graph import draft_campaigns

        leads = [CampaignLead(lead_id=item.lead_id, **item.values) for item in inputs]
        drafted = await draft_campaigns(leads, context.agent)
        return [_result(item.lead_id, campaign) for item, campaign in zip(inputs, drafted, strict=True)]

    def skipped_values(self, item: LeadInput) -> dict[str, Any]:
        """A lead that a gate stopped is not to be contacted."""
        return _NOT_CONTACTED


_NOT_CONTACTED: dict[str, Any] = {"contactable": False, "message_count": 0}


def _leads_query(batch_id: str) -> sa.Select[Any]:
    lead, analyzed = imported_leads.c, analyzed_leads.c
    joined: sa.FromClause = imported_leads
    for table in (resolved_leads, qualified_leads, enriched_leads, analyzed_leads):
        joined = joined.join(
            table, sa.and_(table.c.batch_id == lead.batch_id, table.c.lead_id == lead.lead_id)
        )
    return (
        sa.select(
            lead.lead_id,
            lead.company_name,
            lead.contact_first_name,
            lead.contact_name,
            lead.phone_kind,
            lead.email,
            lead.linkedin_url,
            lead.domain,
            lead.do_not_contact,
            resolved_leads.c.suppressed,
            resolved_leads.c.suppressed_reason,
            qualified_leads.c.tier,
            enriched_leads.c.email_kind,
            enriched_leads.c.contact_email,
            enriched_leads.c.company_email,
            enriched_leads.c.timezone,
            enriched_leads.c.facts,
            *(analyzed[name] for name in _GROWTH),
            analyzed.status.label("analyzed_status"),
            analyzed.reason.label("analyzed_reason"),
        )
        .select_from(joined)
        .where(lead.batch_id == batch_id)
        .order_by(lead.record_no)
    )


def _barred(context: StageContext, connection: sa.Connection, found: Iterable[str]) -> set[str]:
    """Found addresses that must not be written to: their owner, or all of their domain, opted out."""
    pepper = context.settings.suppression_pepper.get_secret_value()
    parties = [
        {"lead_id": email, "email": email, "phone": None, "website": email.rpartition("@")[2]}
        for email in found
    ]
    listed = SuppressionList(context.profile.suppress)
    return {
        *(suppressed_leads(connection, pepper, parties) if parties else ()),
        *(str(party["email"]) for party in parties if listed.reason(_listed(party))),
    }


def _listed(party: Mapping[str, Any]) -> dict[str, Any]:
    """As the profile's list looks at leads."""
    return {
        "do_not_contact": False,
        "existing_customer": False,
        "company_name": "",
        "email": party["email"],
        "phone": "",
        "phone_2": "",
        "website_host": party["website"],
    }


def _input(row: sa.RowMapping, line: Tier, barred: Collection[str]) -> LeadInput:
    skip = _gate(row, line)
    if skip is not None:
        return LeadInput(row["lead_id"], {}, skip)
    to = recipient_of(row, barred)
    values = {
        "company_name": row["company_name"],
        "contact_first_name": to.first_name if to and to.source else row["contact_first_name"],
        "contact_name": row["contact_name"],
        "email_kind": to.kind if to else None,
        "email_source": to.source if to else None,
        "phone_kind": row["phone_kind"],
        "has_linkedin_url": row["linkedin_url"] is not None,
        "domain": row["domain"],
        "timezone": row["timezone"],
        "facts": row["facts"] or [],
        "growth": {name: row[name] for name in _GROWTH},
    }
    return LeadInput(row["lead_id"], values)


def _gate(row: sa.RowMapping, line: Tier) -> str | None:
    if row["suppressed"]:
        return f"suppressed: {row['suppressed_reason']}"
    if row["do_not_contact"]:
        return "suppressed: the file says do not contact"
    if row["analyzed_status"] not in DONE:
        return row["analyzed_reason"] or f"growth analysis {row['analyzed_status']}"
    tier = row["tier"]
    if tier is None or not Tier(tier).reaches(line):
        return f"tier {tier or 'unknown'} is below the line {line} for campaigns"
    return None


def _result(lead_id: str, campaign: Campaign | NoAnswer) -> LeadResult:
    if isinstance(campaign, NoAnswer):
        return LeadResult(
            lead_id, Status.FAILED, campaign.reason, _NOT_CONTACTED, latency_ms=campaign.latency_ms
        )
    if campaign.plan.unreachable:
        return LeadResult(lead_id, Status.SKIPPED, campaign.plan.unreachable, _NOT_CONTACTED)
    result = LeadResult(lead_id, *_outcome(campaign), _columns(campaign))
    result.children = {campaign_messages: [_message(draft) for draft in campaign.drafts]}
    result.engine, result.engine_version = campaign.engine, campaign.engine_version
    result.latency_ms, result.cost_usd = campaign.latency_ms, campaign.cost_usd
    return result


def _outcome(campaign: Campaign) -> tuple[Status, str | None]:
    reason = "; ".join((*campaign.faults, *campaign.notes))[:_MAX_REASON]
    if not campaign.drafts:
        return Status.FAILED, reason or None
    if reason:
        return Status.DEGRADED, reason
    return Status.OK, describe_dropped(campaign.dropped)


def _columns(campaign: Campaign) -> dict[str, Any]:
    plan = campaign.plan
    return {
        "contactable": True,
        "channels": ", ".join(plan.channels),
        "send_day": plan.send_day,
        "send_hour": plan.send_hour,
        "timezone": plan.timezone,
        "message_count": len(campaign.drafts),
        "next_step": next_step(plan),
        "plan": [asdict(step) for step in plan.steps],
        "dropped_claims": len(campaign.dropped),
    }


def _message(draft: Draft) -> dict[str, Any]:
    return {
        "channel": draft.channel,
        "variant": draft.variant,
        "subject": draft.subject,
        "body": draft.body,
        "word_count": len(draft.body.split()),
        "fact_ids": ", ".join(draft.fact_ids),
        "template_version": draft.template,
    }
