"""Campaigns as the CRM gets them: per lead one note and its first e-mail, as a draft. Never sent."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from sales_agent_dagster.crm.contract import Value
from sales_agent_dagster.crm.fields import FIELDS, Kind
from sales_agent_dagster.stages.known_companies import LOOKUP_SIZE
from sales_agent_dagster.warehouse.schema import campaign_messages, campaigns

Lead = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Activity:
    """A note or a draft.

    Attributes:
        key: our id of it.
    """

    kind: Kind
    key: str
    fields: dict[str, Value]


def activity_key(kind: Kind, entity_id: str, lead: Lead) -> str:
    """Our id of a lead's note or draft. Lead ids are unique over all batches."""
    return f"{entity_id}-{kind.value}-{lead[1]}"


def activities_of(
    connection: sa.Connection, wanted: Mapping[Lead, str], kinds: Iterable[Kind]
) -> dict[str, list[Activity]]:
    """Notes and drafts by company.

    Args:
        connection: to the warehouse.
        wanted: company by lead: whose campaigns to take.
        kinds: NOTE, EMAIL_DRAFT or both.
    """
    found: dict[str, list[Activity]] = {}
    leads = list(wanted)
    asked = frozenset(kinds)
    for start in range(0, len(leads), LOOKUP_SIZE):
        some = leads[start : start + LOOKUP_SIZE]
        drafts = _messages(connection, some)
        for lead, messages in drafts.items():
            entity_id = wanted[lead]
            for kind, fields in ((Kind.NOTE, _note(messages)), (Kind.EMAIL_DRAFT, _draft(messages))):
                if fields and kind in asked:
                    activity = Activity(kind, activity_key(kind, entity_id, lead), fields)
                    found.setdefault(entity_id, []).append(activity)
    return found


def _messages(connection: sa.Connection, leads: Sequence[Lead]) -> dict[Lead, list[Mapping[str, Any]]]:
    message, campaign = campaign_messages.c, campaigns.c
    query = (
        sa.select(
            message.batch_id,
            message.lead_id,
            message.channel,
            message.variant,
            message.subject,
            message.body,
            campaign.next_step,
            campaign.channels,
        )
        .join(campaigns, sa.and_(campaign.batch_id == message.batch_id, campaign.lead_id == message.lead_id))
        .where(
            message.lead_id.in_([lead_id for _, lead_id in leads]),
            message.variant == "A",
            campaign.contactable.is_(True),
        )
        .order_by(message.batch_id, message.lead_id, message.channel)
    )
    asked = frozenset(leads)
    found: dict[Lead, list[Mapping[str, Any]]] = {}
    for row in connection.execute(query).mappings():
        lead = (row["batch_id"], row["lead_id"])
        if lead in asked:
            found.setdefault(lead, []).append(dict(row))
    return found


def _note(messages: Sequence[Mapping[str, Any]]) -> dict[str, Value]:
    """Plan and talking points; social and blog posts are for nobody in particular and left out."""
    parts = [f"Next step: {messages[0]['next_step']}", f"Channels: {messages[0]['channels']}"]
    parts += [
        f"{row['channel'].capitalize()}:\n{row['body']}"
        for row in messages
        if row["channel"] in ("call", "linkedin")
    ]
    return {"body": _bounded(Kind.NOTE, "body", "\n\n".join(parts))}


def _draft(messages: Sequence[Mapping[str, Any]]) -> dict[str, Value]:
    for row in messages:
        if row["channel"] == "email":
            return {
                "subject": _bounded(Kind.EMAIL_DRAFT, "subject", row["subject"] or ""),
                "body": _bounded(Kind.EMAIL_DRAFT, "body", row["body"]),
            }
    return {}


def _bounded(kind: Kind, name: str, text: str) -> str:
    return text[: FIELDS[kind][name].length]
