"""How it went with a company: won, lost, replied, unsubscribed. Kept for evaluation.

Close tells an opt-out twice: by an event and by the contact's record. It is one outcome, of the address.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sales_agent_dagster.crm.contract import Event, Record, SuppressionScope
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.domain.hashing import content_hash
from sales_agent_dagster.stages.crm.context import SyncContext
from sales_agent_dagster.stages.crm.stored import links_to, snapshots_of
from sales_agent_dagster.stages.crm.suppressing import token_of
from sales_agent_dagster.stages.known_companies import chunked
from sales_agent_dagster.warehouse.schema import crm_leads, crm_link, crm_outcomes

_ABOUT = ("linked", "gone")
"""States of the link of a company that has the record, or had it when it went."""


def outcome_row(context: SyncContext, record: Record, outcome: str) -> dict[str, Any]:
    """What an opportunity's record tells: its end."""
    closed = record.fields.get("closed_at")
    at = datetime.fromisoformat(str(closed)) if closed else record.modified_at
    return {
        "outcome_id": content_hash(context.crm, record.kind, record.remote_id, outcome),
        "crm": context.crm,
        "kind": record.kind.value,
        "remote_id": record.remote_id,
        "company_id": record.company_id,
        "outcome": outcome,
        "value": record.fields.get("value"),
        "currency": record.fields.get("currency"),
        "happened_at": at if at.tzinfo else record.modified_at,
        "run_id": context.run_id,
    }


def reply_row(context: SyncContext, event: Event, company_id: str | None) -> dict[str, Any]:
    """What an event tells: a reply."""
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


def opt_out_row(
    context: SyncContext, address: str, remote_id: str, company_id: str | None, at: datetime
) -> dict[str, Any]:
    """That somebody with this address opted out; ``remote_id`` is of what tells it."""
    return {
        "outcome_id": content_hash(
            context.crm, "unsubscribed", token_of(context.pepper, SuppressionScope.EMAIL, address)
        ),
        "crm": context.crm,
        "kind": Kind.CONTACT.value,
        "remote_id": remote_id,
        "company_id": company_id,
        "outcome": "unsubscribed",
        "happened_at": at,
        "run_id": context.run_id,
    }


def save_opt_outs(context: SyncContext, connection: sa.Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Write opt-outs, each once: the first time told stands, and the first company."""
    row, known = crm_outcomes.c, dict[str, dict[str, Any]]()
    for some in chunked(sorted({one["outcome_id"] for one in rows})):
        query = sa.select(crm_outcomes).where(row.outcome_id.in_(some))
        known.update((one["outcome_id"], dict(one)) for one in connection.execute(query).mappings())
    changed = {}
    for one in rows:
        before = known.get(one["outcome_id"])
        if before is not None and (before["company_id"] or not one["company_id"]):
            continue
        at = one["happened_at"] if before is None else min(before["happened_at"], one["happened_at"])
        known[one["outcome_id"]] = changed[one["outcome_id"]] = one | {"happened_at": at}
    save_outcomes(context, connection, list(changed.values()))


def save_outcomes(context: SyncContext, connection: sa.Connection, rows: Sequence[dict[str, Any]]) -> None:
    """Write outcomes with the company that they are about, where its record is linked.

    Of a record that was merged away or converted since, that is the company of the one that took its place.
    """
    companies = {row["company_id"] for row in rows if row["company_id"]}
    survivors = _survivors(context, connection, companies)
    links = links_to(connection, context.crm, Kind.COMPANY, set(survivors.values()))
    for row in rows:
        found = links.get(survivors.get(row["company_id"], ""), [])
        about = min(found, key=lambda link: link.state != "linked", default=None)
        row["entity_id"] = about.entity_id if about and about.state in _ABOUT else None
    context.warehouse.upsert(connection, crm_outcomes, rows)


def tell_companies(context: SyncContext, connection: sa.Connection) -> None:
    """Complete outcomes that came before the record of their company was linked."""
    row, lead = crm_outcomes.c, crm_leads.c
    linked = sa.exists().where(
        crm_link.c.crm == row.crm,
        crm_link.c.kind == Kind.COMPANY.value,
        crm_link.c.remote_id == row.company_id,
        crm_link.c.state.in_(_ABOUT),
    )
    merged = sa.exists().where(
        lead.crm == row.crm, lead.remote_id == row.company_id, lead.merged_into.is_not(None)
    )
    query = sa.select(crm_outcomes).where(
        row.crm == context.crm, row.entity_id.is_(None), row.company_id.is_not(None), linked | merged
    )
    save_outcomes(context, connection, [dict(one) for one in connection.execute(query).mappings()])


def _survivors(context: SyncContext, connection: sa.Connection, remote_ids: set[str]) -> dict[str, str]:
    """By record of a company the one that it is by now, through all merges."""
    merged: dict[str, str] = {}
    asked = remote_ids
    while asked:
        known = snapshots_of(connection, context.crm, Kind.COMPANY, asked).values()
        further = {one.remote_id: one.merged_into for one in known if one.merged_into}
        merged |= further
        asked = set(further.values()) - merged.keys()
    found = {}
    for remote_id in remote_ids:
        path = [remote_id]
        while (at := merged.get(path[-1])) is not None and at not in path:
            path.append(at)
        found[remote_id] = path[-1]
    return found
