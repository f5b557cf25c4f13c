"""Rules on identity: each passes on sound rows and fails on the fault it is for."""

from __future__ import annotations

from typing import Any

import pytest

from sales_agent_dagster.matching import judged
from sales_agent_dagster.matching.judged import BlockRecall
from sales_agent_dagster.stages.quality import RULES, CheckOutcome, Subject
from sales_agent_dagster.stages.quality.identity import MAX_CLUSTER, MIN_JUDGED
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import identity_reviews, resolved_leads
from sales_agent_dagster_tests.conftest import MakeContext
from sales_agent_dagster_tests.rows import PROVENANCE, seed_batch

EXPLAINED = {
    "parts": [{"bits": 4.0, "tf_bits": 0.5}, {"bits": -1.0, "tf_bits": 0.0}],
    "prior": -2.0,
    "total": 1.5,
}


def judge(warehouse: Warehouse, context: MakeContext, rule: str, rows: list[dict[str, Any]]) -> CheckOutcome:
    seed_batch(warehouse, leads=[{"resolved_leads": row} for row in rows])
    with warehouse.reading() as connection:
        return RULES["resolved_leads"][rule](Subject(context(warehouse), connection, resolved_leads))


@pytest.mark.parametrize(("size", "passed"), [(MAX_CLUSTER, True), (MAX_CLUSTER + 1, False)])
def test_a_company_of_very_many_leads_is_suspicious(
    warehouse: Warehouse, context: MakeContext, size: int, passed: bool
) -> None:
    rows = [{"entity_id": "E1", "cluster_size": size}, {"entity_id": "E1"}, {"entity_id": "E2"}]
    found = judge(warehouse, context, "largest_cluster", rows)
    assert (found.passed, found.metadata["actual"]) == (passed, size)
    assert found.metadata["largest"] == {"E1": size}


@pytest.mark.parametrize(
    ("reviews", "leads", "passed"), [(2, 20, True), (3, 20, False), (3, MIN_JUDGED - 1, True), (0, 1, True)]
)
def test_few_leads_wait_for_a_person(
    sqlite_warehouse: Warehouse, context: MakeContext, reviews: int, leads: int, passed: bool
) -> None:
    rows = [{"decision": "review" if number < reviews else "new"} for number in range(leads)]
    found = judge(sqlite_warehouse, context, "review_share", rows)
    assert found.passed is passed
    assert found.metadata["actual"] == round(reviews / leads, 4)
    assert found.metadata.get("decision/review", 0) == reviews


@pytest.mark.parametrize(("reached", "passed"), [(985, True), (984, False)])
def test_keys_must_bring_nearly_all_true_pairs_together(
    sqlite_warehouse: Warehouse,
    context: MakeContext,
    monkeypatch: pytest.MonkeyPatch,
    reached: int,
    passed: bool,
) -> None:
    found = BlockRecall(rows=500, true_pairs=1000, reached=reached, candidates=1200)
    monkeypatch.setattr(judged, "block_recall", lambda leads: found)
    verdict = judge(sqlite_warehouse, context, "block_recall", [{}])
    assert (verdict.passed, verdict.metadata["actual"]) == (passed, reached / 1000)
    assert verdict.metadata["candidates_per_lead"] == 2.4


@pytest.mark.parametrize(
    ("bits", "total", "passed"),
    [(1.5, 1.5, True), (1.505, 1.5, True), (1.6, 1.5, False), (1.6, 1.6, False)],
)
def test_parts_must_sum_to_the_bits(
    warehouse: Warehouse, context: MakeContext, bits: float, total: float, passed: bool
) -> None:
    rows = [{}, {"bits": bits, "explanation": {**EXPLAINED, "total": total}}]
    found = judge(warehouse, context, "explanations_add_up", rows)
    assert (found.passed, found.metadata["actual"]) == (passed, 0 if passed else 1)


def test_reviews_must_add_up_too(warehouse: Warehouse, context: MakeContext) -> None:
    seed_batch(warehouse, through="resolved_leads")
    row = {
        "review_id": "R1",
        "batch_id": "batch-1",
        "lead_id": "batch-1-1",
        "other_lead_id": "other",
        "other_entity_id": "E",
        "bits": 2.0,
        "probability": 0.8,
        "reason": "why",
        "state": "open",
        "explanation": EXPLAINED,
        **PROVENANCE,
    }
    with warehouse.transaction() as connection:
        warehouse.upsert(connection, identity_reviews, [row])
        subject = Subject(context(warehouse), connection, resolved_leads)
        assert RULES["resolved_leads"]["explanations_add_up"](subject).metadata["leads"] == ["batch-1-1"]
        assert RULES["resolved_leads"]["review_share"](subject).metadata["open_reviews"] == 1


@pytest.mark.parametrize(
    ("found", "passed"),
    [
        ([("merge", 9.0), ("merge", 1.0), ("merge", 8.0), ("review", 3.0)], True),
        ([("merge", 2.0), ("review", 3.0)], False),
        ([("merge", 3.0), ("review", 3.0)], False),
        ([("review", 3.0), ("new", -3.0)], True),
        ([], True),
    ],
)
def test_merges_have_more_evidence_than_reviews(
    sqlite_warehouse: Warehouse, context: MakeContext, found: list[tuple[str, float]], passed: bool
) -> None:
    rows = [{"decision": decision, "bits": bits} for decision, bits in found]
    assert judge(sqlite_warehouse, context, "bits_distribution", [*rows, {}]).passed is passed
