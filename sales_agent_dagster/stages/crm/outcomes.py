"""How it went with a company: won, lost, replied, unsubscribed. Kept for evaluation."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sales_agent_dagster.crm.contract import Event, Record
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.domain.hashing import content_hash
from sales_agent_dagster.stages.crm.context import SyncContext
from sales_agent_dagster.stages.crm.stored import links_to
from sales_agent_dagster.warehouse.schema import crm_outcomes


def outcome_row(context: SyncContext, record: Record, outcome: str) -> dict[str, Any]:
    """What a record tells: an opportunity's end, or an opt-out."""
    company = record.company_id
    closed = record.fields.get("closed_at")
    at = datetime.fromisoformat(str(closed)) if closed else record.modified_at
    return {
        "outcome_id": content_hash(context.crm, record.kind, record.remote_id, outcome),
        "crm": context.crm,
        "kind": record.kind.value,
        "remote_id": record.remote_id,
        "company_id": company,
        "outcome": outcome,
        "value": record.fields.get("value"),
        "currency": record.fields.get("currency"),
        "happened_at": at if at.tzinfo else record.modified_at,
        "run_id": context.run_id,
    }


def event_outcome_row(context: SyncContext, event: Event, company_id: str | None) -> dict[str, Any]:
    """What an event tells: a reply, or an opt-out."""
    return {
        "outcome_id": content_hash(context.crm, event.kind, event.remote_id, event.action, event.event_id),
        "crm": context.crm,
        "kind": event.kind.value,
        "remote_id": event.remote_id,
        "company_id": company_id,
        "outcome": event.action.value,
        "happened_at": event.updated_at,
        "run_id": context.run_id,
    }


def save_outcomes(context: SyncContext, connection: sa.Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Write outcomes with the company that they are about, where its record is linked."""
    companies = {row["company_id"] for row in rows if row["company_id"]}
    links = links_to(connection, context.crm, Kind.COMPANY, companies)
    for row in rows:
        found = links.get(row["company_id"] or "", [])
        row["entity_id"] = found[0].entity_id if found else None
    context.warehouse.upsert(connection, crm_outcomes, rows)
