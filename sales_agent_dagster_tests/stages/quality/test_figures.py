from __future__ import annotations

from typing import Any

import pytest

from sales_agent_dagster.domain.calls import CallOutcome, CallScope
from sales_agent_dagster.settings import BudgetSettings, Settings
from sales_agent_dagster.warehouse.calls import WarehouseCalls
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster_tests.calls import call
from sales_agent_dagster_tests.rows import seed_batch
from sales_agent_dagster_tests.stages.quality.conftest import Judge


def scored(*scores: tuple[float | None, str | None]) -> list[dict[str, Any]]:
    return [{"qualified_leads": {"score": score, "tier": tier}} for score, tier in scores]


def limited(settings: Settings, **limits: float | None) -> Settings:
    unlimited: dict[str, Any] = {"lead_usd": None, "batch_usd": None, "run_usd": None, "day_usd": None}
    return settings.model_copy(update={"budgets": BudgetSettings(**(unlimited | limits))})


def test_the_ledgers_spend_on_the_batch_is_judged(
    warehouse: Warehouse, judge: Judge, settings: Settings
) -> None:
    WarehouseCalls(warehouse).add(
        [
            call("a", cost_usd=0.25),
            call("b", cost_usd=0.5, agent="growth", lead_id="lead-2", outcome=CallOutcome.INVALID),
            call("c", cost_usd=99.0, scope=CallScope("run-1", "batch-2")),
        ]
    )
    outcome = judge("enriched_leads", "cost_budget", settings=limited(settings, batch_usd=0.75, lead_usd=0.5))
    assert outcome.passed
    assert outcome.description == "$0.7500 spent of $0.75, $0.5000 on the dearest lead of $0.5."
    assert outcome.metadata == {
        "expected": "batch <= 0.75, lead <= 0.5",
        "actual": 0.75,
        "dearest_lead_usd": 0.5,
        "by_agent": {"growth": 0.5, "qualification": 0.25},
    }
    outcome = judge("enriched_leads", "cost_budget", settings=limited(settings, batch_usd=0.74))
    assert not outcome.passed
    assert outcome.description.endswith("of no limit. Over SALES_AGENT_BUDGETS__BATCH_USD.")
    outcome = judge("enriched_leads", "cost_budget", settings=limited(settings, lead_usd=0.49))
    assert not outcome.passed
    assert outcome.description.endswith("Over SALES_AGENT_BUDGETS__LEAD_USD.")
    assert judge("enriched_leads", "cost_budget", settings=limited(settings)).passed


def test_a_batch_without_calls_is_within_any_budget(
    warehouse: Warehouse, judge: Judge, settings: Settings
) -> None:
    seed_batch(warehouse, through="qualified_leads")
    outcome = judge("qualified_leads", "cost_budget", settings=limited(settings, batch_usd=0.0, lead_usd=0.0))
    assert outcome.passed
    assert outcome.metadata["actual"] == 0.0


VARIED = [(float(score), "GOLD" if score > 10 else "SILVER") for score in range(1, 21)]


@pytest.mark.parametrize(
    ("scores", "passed"),
    [
        (VARIED, True),
        ([(50.0, "GOLD")] * 19, True),
        ([(50.0, "GOLD")] * 20, False),
        ([(50.0, "GOLD")] * 10 + [(40.0, "SILVER")] * 10, False),
        ([(50.0, "GOLD")] * 18 + [(40.0, "SILVER"), (41.0, "SILVER")], True),
        ([(50.0, "GOLD")] * 28 + [(40.0, "SILVER"), (41.0, "SILVER")], False),
        ([(score, "GOLD") for score, _ in VARIED], False),
        ([(50.0, "GOLD")] * 19 + [(None, None)] * 5, True),
    ],
    ids=["varied", "few", "one", "two scores", "90 %", "over 90 %", "one tier", "unscored do not count"],
)
def test_degenerate_scores_are_found(
    warehouse: Warehouse, judge: Judge, scores: list[tuple[float | None, str | None]], passed: bool
) -> None:
    seed_batch(warehouse, leads=scored(*scores))
    assert judge("qualified_leads", "score_distribution").passed is passed


def test_score_distribution_tells_the_tiers(warehouse: Warehouse, judge: Judge) -> None:
    seed_batch(warehouse, leads=scored(*VARIED))
    actual = judge("qualified_leads", "score_distribution").metadata["actual"]
    assert actual == {"distinct_scores": 20, "largest_share": 0.05, "tiers": {"SILVER": 10, "GOLD": 10}}


def test_no_scored_lead_is_nothing_to_judge(warehouse: Warehouse, judge: Judge) -> None:
    seed_batch(warehouse, leads=scored((None, None)))
    assert judge("qualified_leads", "score_distribution").passed


@pytest.mark.parametrize(
    ("deltas", "passed", "share"),
    [
        ([None, None], True, 1.0),
        ([0.1, -0.1, 0.0], True, 1.0),
        ([0.0] * 9 + [0.2], True, 0.9),
        ([0.0] * 8 + [0.2, -5.0], False, 0.8),
    ],
)
def test_icp_agreement(
    warehouse: Warehouse, judge: Judge, deltas: list[float | None], passed: bool, share: float
) -> None:
    seed_batch(warehouse, leads=[{"qualified_leads": {"icp_delta": delta}} for delta in deltas])
    outcome = judge("qualified_leads", "icp_agreement")
    assert outcome.passed is passed
    assert outcome.metadata["actual"] == pytest.approx(share)
    assert ("icp.assumed_dealer_tier" in outcome.description) is not passed
    assert outcome.metadata["stated"] == sum(delta is not None for delta in deltas)


def test_icp_agreement_tells_the_mean_difference(warehouse: Warehouse, judge: Judge) -> None:
    seed_batch(warehouse, leads=[{"qualified_leads": {"icp_delta": delta}} for delta in (-3.0, 1.0)])
    assert judge("qualified_leads", "icp_agreement").metadata["mean_delta"] == 2.0
