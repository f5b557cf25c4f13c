"""Rules on outreach drafts."""

from __future__ import annotations

from collections.abc import Iterable

import sqlalchemy as sa

from sales_agent_dagster.agents.marketing.facts import fact_sheet
from sales_agent_dagster.agents.marketing.lint import House, faults
from sales_agent_dagster.agents.marketing.state import CampaignLead, Draft
from sales_agent_dagster.domain.status import DONE
from sales_agent_dagster.stages.campaigns import Campaigns
from sales_agent_dagster.stages.quality.base import LISTED, CheckOutcome, Subject
from sales_agent_dagster.warehouse.schema import campaign_messages


def campaign_lint(subject: Subject) -> CheckOutcome:
    """Every stored draft passes the lint once more, and every lead that can be contacted has drafts.

    The lint is that of ``agents.marketing.lint``: no unfilled placeholder, no claim without a stored fact,
    legal footer, lengths. Judged by what is stored, so it also finds what was edited or half written.
    """
    messages, house = _messages(subject), House(subject.work.profile)
    leads = {
        item.lead_id: CampaignLead(lead_id=item.lead_id, **item.values)
        for item in Campaigns().load(subject.work, subject.connection, sorted(messages))
        if item.skip is None
    }
    faulty = {lead_id: "drafts for a lead that a gate stops" for lead_id in messages if lead_id not in leads}
    for lead_id, lead in leads.items():
        if found := _lint(lead, messages[lead_id], house):
            faulty[lead_id] = ", ".join(found)
    for lead_id, promised in _promised_messages(subject).items():
        written = len(messages.get(lead_id, ()))
        if written != promised or not promised:
            faulty[lead_id] = f"{written} drafts stored, {promised} promised"
    drafts = sum(map(len, messages.values()))
    listed = dict(sorted(faulty.items())[:LISTED])
    return CheckOutcome(
        not faulty,
        f"{drafts} drafts for {len(messages)} leads, {len(faulty)} leads with faults.",
        {"expected": 0, "actual": len(faulty), "drafts": drafts, "faults": listed},
    )


def _messages(subject: Subject) -> dict[str, list[Draft]]:
    """Stored drafts by lead."""
    columns = campaign_messages.c
    query = sa.select(
        columns.lead_id, columns.channel, columns.variant, columns.subject, columns.body, columns.fact_ids
    ).where(columns.batch_id == subject.batch_id)
    found: dict[str, list[Draft]] = {}
    for lead_id, channel, variant, title, body, fact_ids in subject.connection.execute(query):
        cited = tuple(fact_ids.split(", ")) if fact_ids else ()
        found.setdefault(lead_id, []).append(Draft(channel, variant, title, body, cited))
    return found


def _lint(lead: CampaignLead, drafts: Iterable[Draft], house: House) -> list[str]:
    sheet = fact_sheet(lead)
    return [
        f"{draft.channel} {draft.variant} {fault.partition(':')[0]}"
        for draft in drafts
        for fault in faults(draft, sheet, house, lead.domain)
    ]


def _promised_messages(subject: Subject) -> dict[str, int]:
    """Per contactable lead whose campaign is done, the number of drafts its row states."""
    columns = subject.table.c
    query = sa.select(columns.lead_id, columns.message_count).where(
        subject.rows, columns.contactable, columns.status.in_([status.value for status in DONE])
    )
    return dict(subject.connection.execute(query).tuples().all())
