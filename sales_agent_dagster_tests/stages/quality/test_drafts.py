from __future__ import annotations

from typing import Any

import pytest

from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import campaign_messages
from sales_agent_dagster_tests.rows import PROVENANCE, seed_batch
from sales_agent_dagster_tests.stages.quality.conftest import Judge

CLEAN = "Hello, would a short call about service contracts be useful to you?"


def seed(warehouse: Warehouse, *bodies: str, **campaign: Any) -> str:
    """One contactable lead with a LinkedIn note per body; returns its id."""
    row = {"contactable": True, "message_count": len(bodies)} | campaign
    (lead_id,) = seed_batch(warehouse, leads=[{"campaigns": row}])
    messages = [
        {
            "batch_id": "batch-1",
            "lead_id": lead_id,
            "channel": "linkedin",
            "variant": variant,
            "body": body,
            "word_count": len(body.split()),
            "fact_ids": "",
            "template_version": "test",
            **PROVENANCE,
        }
        for variant, body in zip("AB", bodies, strict=False)
    ]
    with warehouse.transaction() as connection:
        warehouse.upsert(connection, campaign_messages, messages)
    return lead_id


def test_clean_drafts_pass(warehouse: Warehouse, judge: Judge) -> None:
    seed(warehouse, CLEAN, CLEAN)
    outcome = judge("campaigns", "campaign_lint")
    assert outcome.passed
    assert outcome.metadata == {"expected": 0, "actual": 0, "drafts": 2, "faults": {}}


@pytest.mark.parametrize(
    ("body", "fault"),
    [
        ("Hello {{ first_name }}, would a short call be useful?", "linkedin A placeholder"),
        ("Hello, you serve 4711 homes; would a short call be useful?", "linkedin A number"),
        ("Hello, see https://elsewhere.example/offer for more.", "linkedin A link"),
    ],
)
def test_a_bad_draft_is_named(warehouse: Warehouse, judge: Judge, body: str, fault: str) -> None:
    lead_id = seed(warehouse, body, CLEAN)
    outcome = judge("campaigns", "campaign_lint")
    assert not outcome.passed
    assert fault in outcome.metadata["faults"][lead_id]


def test_the_draft_itself_is_not_in_the_verdict(warehouse: Warehouse, judge: Judge) -> None:
    seed(warehouse, "Hello {{ first_name }} Doe, call me.")
    outcome = judge("campaigns", "campaign_lint")
    assert "Doe" not in outcome.description + str(outcome.metadata)


@pytest.mark.parametrize(("bodies", "promised"), [((), 0), ((), 2), ((CLEAN,), 2)])
def test_a_contactable_lead_has_the_drafts_its_row_promises(
    warehouse: Warehouse, judge: Judge, bodies: tuple[str, ...], promised: int
) -> None:
    lead_id = seed(warehouse, *bodies, message_count=promised)
    outcome = judge("campaigns", "campaign_lint")
    assert not outcome.passed
    assert outcome.metadata["faults"] == {lead_id: f"{len(bodies)} drafts stored, {promised} promised"}


def test_a_failed_campaign_owes_no_drafts(warehouse: Warehouse, judge: Judge) -> None:
    seed(warehouse, status="failed", reason="every draft had a fault")
    assert judge("campaigns", "campaign_lint").passed


def test_drafts_for_a_lead_behind_a_gate_are_named(warehouse: Warehouse, judge: Judge) -> None:
    (lead_id,) = seed_batch(
        warehouse,
        leads=[{"qualified_leads": {"tier": "UNQUALIFIED"}, "campaigns": {"contactable": False}}],
    )
    message = {
        "batch_id": "batch-1",
        "lead_id": lead_id,
        "channel": "linkedin",
        "variant": "A",
        "body": CLEAN,
        "word_count": 12,
        "fact_ids": "",
        "template_version": "test",
        **PROVENANCE,
    }
    with warehouse.transaction() as connection:
        warehouse.upsert(connection, campaign_messages, [message])
    assert judge("campaigns", "campaign_lint").metadata["faults"] == {
        lead_id: "drafts for a lead that a gate stops"
    }
