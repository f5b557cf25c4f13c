from __future__ import annotations

from typing import Any

import pytest

from sales_agent_dagster.settings import Settings, Sla, SlaTable
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster_tests.rows import seed_batch
from sales_agent_dagster_tests.stages.quality.conftest import Judge


def scored(*scores: tuple[float | None, str | None]) -> list[dict[str, Any]]:
    return [{"qualified_leads": {"score": score, "tier": tier}} for score, tier in scores]


def with_latencies(*latencies: float, **columns: Any) -> list[dict[str, Any]]:
    return [{"qualified_leads": {"latency_ms": latency, **columns}} for latency in latencies]


@pytest.mark.parametrize(
    ("latencies", "late"),
    [
        ([633.0] * 10 + [1000.0], []),
        ([633.1] * 10, ["p50_ms"]),
        ([10.0] * 10 + [1000.1] * 5, ["p95_ms"]),
        ([2000.0] * 3, ["p50_ms", "p95_ms"]),
    ],
)
def test_latency_against_both_limits(
    warehouse: Warehouse, judge: Judge, latencies: list[float], late: list[str]
) -> None:
    seed_batch(warehouse, leads=with_latencies(*latencies))
    outcome = judge("qualified_leads", "latency_sla", agent="qualification")
    assert outcome.passed is not bool(late)
    assert outcome.metadata["expected"] == "p50 <= 633 ms, p95 <= 1000 ms"
    assert outcome.metadata["actual"].startswith(f"p50 {latencies[0]:.1f} ms, p95 ")
    assert outcome.metadata["p50_ms"] == latencies[0]
    assert outcome.metadata["p95_ms"] == latencies[-1]
    if late:
        assert f"Over the limit: {', '.join(late)}." in outcome.description
        assert f"SALES_AGENT_SLA__QUALIFICATION__{late[0].upper()}" in outcome.description


def test_an_unset_limit_is_no_limit(warehouse: Warehouse, judge: Judge, settings: Settings) -> None:
    seed_batch(warehouse, leads=with_latencies(9e9))
    unlimited = settings.model_copy(update={"sla": SlaTable(qualification=Sla())})
    outcome = judge("qualified_leads", "latency_sla", agent="qualification", settings=unlimited)
    assert outcome.passed
    assert outcome.metadata["expected"] == ""


def test_skipped_leads_have_no_latency(warehouse: Warehouse, judge: Judge) -> None:
    seed_batch(warehouse, leads=with_latencies(9e9, status="skipped", reason="duplicate"))
    assert judge("qualified_leads", "latency_sla", agent="qualification").passed


def test_cost_of_all_stages_counts(warehouse: Warehouse, judge: Judge, settings: Settings) -> None:
    lead = {"qualified_leads": {"cost_usd": 0.25}, "enriched_leads": {"cost_usd": 0.5}}
    seed_batch(warehouse, leads=[lead, {}])
    seed_batch(warehouse, "batch-2", leads=[{"qualified_leads": {"cost_usd": 99.0}}])
    outcome = judge("enriched_leads", "cost_budget")
    assert outcome.passed
    assert outcome.metadata["actual"] == 0.75
    assert outcome.metadata["by_stage"] == {"qualified_leads": 0.25, "enriched_leads": 0.5}
    tight = settings.model_copy(update={"batch_budget_usd": 0.74})
    assert not judge("enriched_leads", "cost_budget", settings=tight).passed


def test_the_budget_itself_may_be_spent(warehouse: Warehouse, judge: Judge, settings: Settings) -> None:
    seed_batch(warehouse, leads=[{"qualified_leads": {"cost_usd": 0.5}}])
    exact = settings.model_copy(update={"batch_budget_usd": 0.5})
    assert judge("qualified_leads", "cost_budget", settings=exact).passed


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
