from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from sales_agent_dagster.domain.profile import Profile
from sales_agent_dagster.domain.tiers import Tier
from sales_agent_dagster.stages.base import Plan, StageContext
from sales_agent_dagster.stages.crm_synced import CrmSyncedLeads
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import (
    crm_outbox,
    crm_preview_records,
    crm_synced_leads,
    imported_leads,
    qualified_leads,
    resolved_leads,
)
from sales_agent_dagster_tests.conftest import MakeContext
from sales_agent_dagster_tests.rows import seed_batch

ACME: dict[str, Any] = {"company_name": "Acme", "resolved_leads": {"entity_id": "E1", "oems": "Generac"}}
AGAIN: dict[str, Any] = {
    "company_name": "Acme Inc",
    "resolved_leads": {
        "entity_id": "E1",
        "oems": "Generac, Kohler",
        "is_duplicate": True,
        "duplicate_of": "batch-1-1",
    },
    "qualified_leads": {"status": "skipped", "reason": "duplicate", "tier": None, "score": None},
}


def seed(warehouse: Warehouse, batch_id: str, leads: Sequence[Mapping[str, Any]]) -> list[str]:
    return seed_batch(warehouse, batch_id, leads, through="campaigns")


def sync(context: StageContext) -> Plan:
    return asyncio.run(CrmSyncedLeads().run(context))


def rows(warehouse: Warehouse, table: sa.Table = crm_synced_leads) -> list[dict[str, Any]]:
    key = list(table.primary_key)
    with warehouse.reading() as connection:
        return [dict(row) for row in connection.execute(sa.select(table).order_by(*key)).mappings()]


def change(warehouse: Warehouse, table: sa.Table, lead_id: str, **values: Any) -> None:
    with warehouse.transaction() as connection:
        connection.execute(sa.update(table).where(table.c.lead_id == lead_id).values(**values))


def everything(warehouse: Warehouse) -> list[Any]:
    return [rows(warehouse, table) for table in (crm_synced_leads, crm_outbox, crm_preview_records)]


def test_a_new_company_is_to_be_created(warehouse: Warehouse, context: MakeContext) -> None:
    lead = ACME | {
        "phone": "+13305550101",
        "enriched_leads": {"trades": "generator, electrical"},
        "campaigns": {"next_step": "Call first."},
    }
    [lead_id] = seed(warehouse, "batch-1", [lead])
    sync(context(warehouse))
    fields = {
        "company": "Acme",
        "phone": "+13305550101",
        "tier": "GOLD",
        "score": 65.0,
        "expansion_score": 50.0,
        "brands": "Generac",
        "trades": "generator, electrical",
        "next_step": "Call first.",
    }
    [row], [outbox], [record] = everything(warehouse)
    assert (row["status"], row["operation"], row["crm"]) == ("ok", "create", "preview")
    assert row["reason"] == "The CRM has no record of the company."
    assert set(row["changed_fields"].split(", ")) == fields.keys()
    assert row["diff"]["score"] == {"before": None, "after": 65.0}
    assert (outbox["operation"], outbox["state"], outbox["entity_id"]) == ("create", "planned", "E1")
    assert (outbox["payload"], outbox["lead_id"]) == (fields, lead_id)
    assert (record["entity_id"], record["fields"]) == ("E1", fields)
    assert record["crm_record_id"] == row["crm_record_id"] == "preview-E1"


@pytest.mark.parametrize(
    ("lead", "reason"),
    [
        (
            {"resolved_leads": {"suppressed": True, "suppressed_reason": "opted out"}},
            "suppressed: opted out",
        ),
        (
            {"qualified_leads": {"tier": "UNQUALIFIED"}},
            "tier UNQUALIFIED is below the line BRONZE for the CRM",
        ),
        (
            {"qualified_leads": {"status": "failed", "reason": "no answer", "tier": None}},
            "qualification failed: no answer",
        ),
        (
            {"qualified_leads": {"status": "skipped", "reason": "identity failed", "tier": None}},
            "qualification skipped: identity failed",
        ),
        (AGAIN, "duplicate of batch-1-1, whose company is not in the CRM"),
    ],
)
def test_gates_skip_with_their_reason(
    warehouse: Warehouse, context: MakeContext, lead: dict[str, Any], reason: str
) -> None:
    seed(warehouse, "batch-1", [lead])
    sync(context(warehouse))
    [row], outbox, records = everything(warehouse)
    assert (row["status"], row["operation"], row["reason"]) == ("skipped", "skip", reason)
    assert (row["crm_record_id"], row["diff"], outbox, records) == (None, None, [], [])


def test_the_line_is_the_profiles(warehouse: Warehouse, context: MakeContext, profile: Profile) -> None:
    seed(warehouse, "batch-1", [{"qualified_leads": {"tier": "SILVER", "status": "degraded"}}])
    for line, operation in ((Tier.GOLD, "skip"), (Tier.SILVER, "create"), (Tier.GOLD, "skip")):
        gates = profile.gates.model_copy(update={"crm": line})
        sync(context(warehouse, profile=profile.model_copy(update={"gates": gates})))
        assert rows(warehouse)[0]["operation"] == operation
        planned = int(operation == "create")
        assert len(rows(warehouse, crm_outbox)) == len(rows(warehouse, crm_preview_records)) == planned


def test_a_lead_without_campaign_still_syncs(warehouse: Warehouse, context: MakeContext) -> None:
    skipped = {"status": "skipped", "reason": "not contactable"}
    seed(
        warehouse,
        "batch-1",
        [{"campaigns": skipped, "qualified_leads": {"next_steps": "Find a phone.\nCall."}}],
    )
    sync(context(warehouse))
    assert rows(warehouse)[0]["operation"] == "create"
    assert rows(warehouse, crm_outbox)[0]["payload"]["next_step"] == "Find a phone. Call."


def test_one_lead_of_a_batch_stands_for_its_company(warehouse: Warehouse, context: MakeContext) -> None:
    first, second = seed(warehouse, "batch-1", [ACME, AGAIN | {"email": "pat@acme.example"}])
    sync(context(warehouse))
    standing, duplicate = rows(warehouse)
    assert (standing["lead_id"], standing["operation"]) == (first, "create")
    assert (duplicate["lead_id"], duplicate["operation"]) == (second, "skip")
    assert duplicate["reason"] == f"duplicate: the company is synced as {first} (Acme)"
    [outbox] = rows(warehouse, crm_outbox)
    assert (outbox["payload"]["company"], outbox["payload"]["email"]) == ("Acme", "pat@acme.example")


def test_a_later_batch_updates_what_it_adds(warehouse: Warehouse, context: MakeContext) -> None:
    seed(warehouse, "batch-1", [ACME | {"city": "Akron"}])
    seed(warehouse, "batch-2", [AGAIN | {"email": "pat@acme.example"}])
    seed(warehouse, "batch-3", [AGAIN])
    for batch_id in ("batch-1", "batch-2", "batch-3"):
        sync(context(warehouse, batch_id))
    create, update, unchanged = rows(warehouse)
    assert [row["operation"] for row in (create, update, unchanged)] == ["create", "update", "unchanged"]
    assert update["status"] == "ok"
    assert update["changed_fields"] == "company, email, brands"
    assert update["diff"] == {
        "company": {"before": "Acme", "after": "Acme Inc"},
        "email": {"before": None, "after": "pat@acme.example"},
        "brands": {"before": "Generac", "after": "Generac, Kohler"},
    }
    assert (unchanged["diff"], unchanged["reason"]) == (None, "preview-E1 already says all of it.")
    assert [row["operation"] for row in rows(warehouse, crm_outbox)] == ["create", "update"]
    [record] = rows(warehouse, crm_preview_records)
    assert (record["fields"]["city"], record["fields"]["email"]) == ("Akron", "pat@acme.example")
    assert record["fields"]["score"] == 65.0


def test_a_rerun_changes_nothing(warehouse: Warehouse, context: MakeContext) -> None:
    seed(warehouse, "batch-1", [ACME, AGAIN, {"company_name": "Zenith"}])
    seed(warehouse, "batch-2", [AGAIN])
    for batch_id in ("batch-1", "batch-2"):
        sync(context(warehouse, batch_id))
    before = everything(warehouse)
    for batch_id in ("batch-2", "batch-1"):
        later = context(warehouse, batch_id, run_id="run-2", now=lambda: datetime(2030, 1, 1, tzinfo=UTC))
        assert sync(later).todo == ()
    assert everything(warehouse) == before


def test_a_changed_lead_is_planned_anew_as_what_it_was(warehouse: Warehouse, context: MakeContext) -> None:
    [lead_id] = seed(warehouse, "batch-1", [ACME])
    seed(warehouse, "batch-2", [AGAIN])
    for batch_id in ("batch-1", "batch-2"):
        sync(context(warehouse, batch_id))
    change(warehouse, imported_leads, lead_id, city="Kent")
    assert sync(context(warehouse, "batch-1")).todo == (lead_id,)
    assert rows(warehouse)[0]["operation"] == "create"
    [record] = rows(warehouse, crm_preview_records)
    assert (record["fields"]["city"], record["fields"]["company"]) == ("Kent", "Acme Inc")
    assert sync(context(warehouse, "batch-2")).todo == ("batch-2-1",)
    assert rows(warehouse)[1]["operation"] == "update"
    assert "city" not in rows(warehouse)[1]["diff"]


def test_what_is_no_longer_planned_leaves_outbox_and_preview(
    warehouse: Warehouse, context: MakeContext
) -> None:
    first, second = seed(warehouse, "batch-1", [ACME, {"company_name": "Zenith"}])
    sync(context(warehouse))
    assert len(rows(warehouse, crm_outbox)) == 2
    change(warehouse, qualified_leads, second, tier="UNQUALIFIED")
    change(warehouse, resolved_leads, first, entity_id="E9")
    sync(context(warehouse))
    assert [row["entity_id"] for row in rows(warehouse, crm_outbox)] == ["E9"]
    assert [row["entity_id"] for row in rows(warehouse, crm_preview_records)] == ["E9"]


def test_chunks_see_the_whole_batch(warehouse: Warehouse, context: MakeContext) -> None:
    first, second, third = seed(warehouse, "batch-1", [ACME, {"company_name": "Zenith"}, AGAIN])
    stage = CrmSyncedLeads()
    for lead_id in (third, second, first):
        assert asyncio.run(stage.run_chunk(context(warehouse), [lead_id])) == 1
    assert [row["operation"] for row in rows(warehouse)] == ["create", "create", "skip"]
    assert stage.plan(context(warehouse)).todo == ()
