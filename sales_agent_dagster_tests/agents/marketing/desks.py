"""Desks and profiles for tests of drafts, lint and review."""

from typing import Any

from sales_agent_dagster.agents.marketing.angles import angles_for
from sales_agent_dagster.agents.marketing.facts import fact_sheet
from sales_agent_dagster.agents.marketing.review import tools_for
from sales_agent_dagster.agents.marketing.schedule import plan_for
from sales_agent_dagster.agents.marketing.state import CampaignLead, Desk, Draft
from sales_agent_dagster.domain.profile import Channel, Profile


def desk(lead: CampaignLead, profile: Profile) -> Desk:
    sheet = fact_sheet(lead)
    plan = plan_for(lead, sheet.company is not None, profile.outreach)
    return Desk(lead, sheet, angles_for(sheet, lead.lead_id), plan)


def written(this: Desk, profile: Profile, channel: Channel, *, plain: bool = False) -> list[Draft]:
    """The template's drafts of a channel."""
    letters = tools_for(profile).drafter.letters(this)
    return [linted.draft for linted in letters.write(channel, plain=plain)]


def with_outreach(profile: Profile, **changes: Any) -> Profile:
    return profile.model_copy(update={"outreach": profile.outreach.model_copy(update=changes)})


def with_seller(profile: Profile, **changes: Any) -> Profile:
    return profile.model_copy(update={"seller": profile.seller.model_copy(update=changes)})
