"""Which channels, in which order, and when: decided by what contact data there is."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import NamedTuple
from zlib import crc32

from sales_agent_dagster.agents.marketing.state import CampaignLead, Plan, Step
from sales_agent_dagster.domain.profile import Channel, Outreach

DAY_OFFSETS = (0, 2, 5)
"""Business days between the first step and each step that reaches the lead itself."""

POST_DAYS: Mapping[Channel, int] = {"social": 1, "blog": 3}
"""Business days between the first step and a post on the seller's own page."""

_EMAIL_KINDS = {"personal": "personal e-mail", "role": "shared mailbox", "free_mail": "free mailbox"}
_FOUND = {
    "web page": "on its website",
    "apollo": "found by Apollo",
    "hunter": "found by Hunter",
    "linkedin": "in the LinkedIn export",
}
_PHONE_KINDS = {"geographic": "phone", "toll_free": "toll-free number", "international": "phone abroad"}


def plan_for(lead: CampaignLead, company_known: bool, outreach: Outreach) -> Plan:
    """The channel plan of a lead.

    Channels with an address of the lead's own come first, those that need a search after them, each in
    the profile's order, public posts last. The send time is one of the profile's hours on one of its
    days, spread evenly over the leads and always the same for one lead.

    ``company_known`` says whether there is a name to search for.
    """
    contact = _Contact(
        lead.email_kind,
        lead.email_source,
        lead.phone_kind,
        lead.has_linkedin_url,
        lead.contact_name is not None,
        company_known,
    )
    steps = _steps(tuple(outreach.channels), contact)
    slots = [(day, hour) for day in outreach.preferred_days for hour in outreach.preferred_hours]
    day, hour = slots[crc32(lead.lead_id.encode()) % len(slots)]
    reachable = bool(steps) and steps[0].channel not in POST_DAYS
    if not reachable:
        return Plan((), day, hour, lead.timezone, _unreachable(outreach))
    return Plan(steps, day, hour, lead.timezone, None)


def next_step(plan: Plan) -> str:
    """The first thing to do, in words."""
    first = plan.steps[0]
    zone = plan.timezone or "the lead's local time; its time zone is not known"
    what = {
        "email": f"send e-mail A or B ({first.address})",
        "linkedin": f"send the LinkedIn note ({first.address})",
        "call": f"call ({first.address}), script at hand",
    }[first.channel]
    return f"{plan.send_day} {plan.send_hour:02d}:00 ({zone}): {what}."


class _Contact(NamedTuple):
    email_kind: str | None
    email_source: str | None
    phone_kind: str | None
    has_linkedin_url: bool
    person_known: bool
    company_known: bool


@lru_cache(maxsize=1024)
def _steps(channels: tuple[Channel, ...], contact: _Contact) -> tuple[Step, ...]:
    found = [(channel, address) for channel in channels if (address := _address(channel, contact))]
    found.sort(key=lambda step: (step[0] in POST_DAYS, step[1].startswith("search")))
    return tuple(
        Step(
            channel,
            number + 1,
            POST_DAYS[channel] if channel in POST_DAYS else DAY_OFFSETS[number],
            address,
            _reason(channel, contact),
        )
        for number, (channel, address) in enumerate(found)
    )


def _address(channel: Channel, contact: _Contact) -> str | None:
    if channel == "email":
        kind = _EMAIL_KINDS.get(contact.email_kind or "")
        return f"{kind} {_FOUND[contact.email_source]}" if kind and contact.email_source else kind
    if channel == "call":
        return _PHONE_KINDS.get(contact.phone_kind or "")
    if channel in POST_DAYS:
        return "the seller's own page"
    if contact.has_linkedin_url:
        return "LinkedIn page"
    if not contact.company_known:
        return None
    return "search: contact and company name" if contact.person_known else "search: company name"


def _reason(channel: Channel, contact: _Contact) -> str:
    if channel == "email":
        return "an e-mail address was found" if contact.email_source else "has an e-mail address"
    if channel == "call":
        return "has a phone number"
    if channel in POST_DAYS:
        return "one post for all leads of its segment"
    return "has a LinkedIn page" if contact.has_linkedin_url else "no LinkedIn page known, has to be searched"


def _unreachable(outreach: Outreach) -> str:
    missing = {
        "email": "no e-mail address",
        "call": "no phone number",
        "linkedin": "no LinkedIn page and no name to search for",
    }
    return "no way to reach it: " + ", ".join(
        missing[channel] for channel in outreach.channels if channel in missing
    )
