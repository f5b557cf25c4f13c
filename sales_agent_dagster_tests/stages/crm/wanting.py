"""Leads that want something of the CRM, and syncs of them, for tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sales_agent_dagster.crm.contract import Connector
from sales_agent_dagster.crm.ownership import load_ownership
from sales_agent_dagster.domain.profile import Suppress
from sales_agent_dagster.domain.suppression import SuppressionList
from sales_agent_dagster.matching.model import load_model
from sales_agent_dagster.settings import PROJECT_ROOT, CrmSettings
from sales_agent_dagster.stages.crm.context import SyncContext
from sales_agent_dagster.stages.crm.syncing import sync
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import campaign_messages, campaigns, crm_wanted
from sales_agent_dagster_tests.rows import PROVENANCE, seed_batch

RULES = load_ownership(PROJECT_ROOT / "data" / "crm.yaml")
MODEL = load_model(None)
NOBODY = SuppressionList(Suppress())

Company = Mapping[str, Any]


def company(entity_id: str = "E1", **fields: Any) -> dict[str, Any]:
    """A company named ``Acme <entity>`` with the given fields; ``contacts`` is a list of their fields."""
    contacts = fields.pop("contacts", [])
    return {
        "entity_id": entity_id,
        "company": {"company": f"Acme {entity_id}", **fields},
        "contacts": contacts,
    }


def want(
    warehouse: Warehouse,
    batch_id: str,
    companies: Sequence[Company],
    *,
    at: datetime | None = None,
    **lead: Any,
) -> list[str]:
    """A batch whose leads want these companies in the CRM; returns the lead ids."""
    leads = [{"resolved_leads": {"entity_id": one["entity_id"]}, **lead} for one in companies]
    ids = seed_batch(warehouse, batch_id, leads, through="crm_synced_leads")
    rewant(warehouse, batch_id, ids, companies, at=at)
    return ids


def campaign(
    warehouse: Warehouse, batch_id: str, ids: Sequence[str], *, call: str = "Ask for the owner."
) -> None:
    """Each lead has a campaign: a call, which becomes a note, and an e-mail, which becomes a draft."""
    words = {"call": (None, call), "email": ("Generators", "Would a short call be useful?")}
    messages = [
        {
            "batch_id": batch_id,
            "lead_id": lead_id,
            "channel": channel,
            "variant": "A",
            "subject": subject,
            "body": body,
            "word_count": len(body.split()),
            "fact_ids": "",
            "template_version": "test",
            **PROVENANCE,
        }
        for lead_id in ids
        for channel, (subject, body) in words.items()
    ]
    planned = {"contactable": True, "next_step": "Call.", "channels": "call, email", "message_count": 2}
    row = campaigns.c
    with warehouse.transaction() as connection:
        named = sa.update(campaigns).where(row.batch_id == batch_id, row.lead_id.in_(ids))
        connection.execute(named.values(planned))
        warehouse.upsert(connection, campaign_messages, messages)


def rewant(
    warehouse: Warehouse,
    batch_id: str,
    ids: Sequence[str],
    companies: Sequence[Company],
    *,
    at: datetime | None = None,
) -> None:
    """The same leads want something else."""
    stamp = PROVENANCE | ({"created_at": at} if at else {})
    rows = [
        {"batch_id": batch_id, "lead_id": lead, **one, **stamp}
        for lead, one in zip(ids, companies, strict=True)
    ]
    with warehouse.transaction() as connection:
        warehouse.upsert(connection, crm_wanted, rows)


def context_of(
    warehouse: Warehouse,
    connector: Connector,
    now: Callable[[], datetime],
    *,
    live: bool = True,
    run_id: str = "run-1",
    suppress: SuppressionList = NOBODY,
    **settings: Any,
) -> SyncContext:
    """A sync of its own."""
    return SyncContext(
        warehouse=warehouse,
        connector=connector,
        settings=CrmSettings(mode="live", **settings),
        ownership=RULES,
        suppress=suppress,
        pepper="pepper",
        model=MODEL,
        run_id=run_id,
        live=live,
        now=now,
    )


def run_sync(warehouse: Warehouse, crm: Any, **options: Any) -> dict[str, Any]:
    """A whole sync with the fake, by its clock; the report card."""
    return sync(context_of(warehouse, crm, lambda: crm.now, **options))
