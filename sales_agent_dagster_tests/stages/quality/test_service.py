"""Rules on latency, lesser engines and the quality of answers."""

from __future__ import annotations

from dataclasses import asdict, replace
from datetime import timedelta
from typing import Any

import pytest

from sales_agent_dagster.agents.evaluated import evaluation_key
from sales_agent_dagster.domain.calls import CallOutcome, CallScope, Replays
from sales_agent_dagster.domain.evaluation import EvaluationFigures
from sales_agent_dagster.domain.profile import Profile
from sales_agent_dagster.inference.engine import ScorecardEngine
from sales_agent_dagster.settings import Settings, Sla, SlaTable
from sales_agent_dagster.warehouse.calls import WarehouseCalls
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.evaluations import accept_evaluation, store_evaluation
from sales_agent_dagster_tests.calls import call
from sales_agent_dagster_tests.conftest import NOW
from sales_agent_dagster_tests.rows import seed_batch
from sales_agent_dagster_tests.stages.quality.conftest import Judge


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


def asked(lead_id: str, latency_ms: float, **values: Any) -> Any:
    """A call of the run that wrote the rows."""
    values = {"scope": CallScope("run-0", "batch-1"), **values}
    return call(f"key-{lead_id}-{latency_ms}", lead_id=lead_id, latency_ms=latency_ms, **values)


def test_only_leads_whose_answers_were_bought_then_are_measured(warehouse: Warehouse, judge: Judge) -> None:
    ids = seed_batch(warehouse, leads=with_latencies(*range(100, 300)))
    bought, others = (
        ids[:100],
        [
            asked(ids[100], 9e9, scope=CallScope("run-9", "batch-1")),  # a killed run's: replayed by this one
            asked(ids[101], 9e9, agent="growth"),
            asked(ids[102], 9e9, scope=CallScope("run-0", "batch-2")),
        ],
    )
    WarehouseCalls(warehouse).add([*(asked(lead, 50.0 + n) for n, lead in enumerate(bought)), *others])
    found = judge("qualified_leads", "latency_sla", agent="qualification").metadata
    assert found["measured_on"] == "bought answers"
    assert found["leads_measured"] == 100
    assert (found["p50_ms"], found["p95_ms"], found["p99_ms"]) == (149.0, 194.0, 198.0)
    assert (found["call_p50_ms"], found["call_p95_ms"], found["call_p99_ms"]) == (99.0, 144.0, 148.0)


def test_without_bought_answers_all_finished_rows_count(warehouse: Warehouse, judge: Judge) -> None:
    seed_batch(
        warehouse, leads=[*with_latencies(10.0, 20.0), *with_latencies(9e9, status="failed", reason="x")]
    )
    found = judge("qualified_leads", "latency_sla", agent="qualification").metadata
    assert (found["measured_on"], found["leads_measured"], found["p99_ms"]) == ("rows", 2, 20.0)
    assert "call_p95_ms" not in found


def test_shares_and_cost_are_plain_numbers(warehouse: Warehouse, judge: Judge, settings: Settings) -> None:
    leads = [
        *with_latencies(1000.0, 1000.1, cost_usd=0.5),
        *with_latencies(400.0, status="degraded", reason="breaker open"),
        *with_latencies(9.0, status="skipped", reason="duplicate", cost_usd=99.0),
    ]
    ids = seed_batch(warehouse, leads=leads)
    store = WarehouseCalls(warehouse)
    store.add([asked(ids[0], 1.0), asked(ids[1], 2.0), asked(ids[2], 3.0, outcome=CallOutcome.FAILED)])
    scope = CallScope("run-0", "batch-1")
    store.add_replays([Replays(scope, "qualification", "m", "2026-03-01", 1, 0.1)])
    found = judge("qualified_leads", "latency_sla", agent="qualification").metadata
    assert found["share_over_sla"] == 0.3333
    assert found["cost_per_lead_usd"] == round(1 / 3, 8)
    assert found["fallback_share"] == 0.3333
    assert found["replay_share"] == 0.25
    unlimited = settings.model_copy(update={"sla": SlaTable(qualification=Sla())})
    assert (
        "share_over_sla"
        not in judge("qualified_leads", "latency_sla", agent="qualification", settings=unlimited).metadata
    )


@pytest.mark.parametrize(("degraded", "passed"), [(1, True), (2, False)])
def test_too_many_lesser_answers_are_told(
    warehouse: Warehouse, judge: Judge, degraded: int, passed: bool
) -> None:
    away = with_latencies(*[1.0] * degraded, status="degraded", reason="away")
    skipped = with_latencies(*[1.0] * 20, status="skipped", reason="duplicate")
    seed_batch(warehouse, leads=[*with_latencies(*[1.0] * (10 - degraded)), *away, *skipped])
    outcome = judge("qualified_leads", "fallback_share", agent="qualification")
    assert outcome.passed is passed
    assert outcome.metadata == {"expected": "<= 0.1", "actual": degraded / 10, "fallbacks": degraded}
    assert ("--retry-degraded" in outcome.description) is not passed


def test_no_finished_lead_is_no_fallback(warehouse: Warehouse, judge: Judge) -> None:
    seed_batch(warehouse, leads=with_latencies(1.0, status="skipped", reason="duplicate"))
    assert judge("qualified_leads", "fallback_share", agent="qualification").passed
    found = judge("qualified_leads", "latency_sla", agent="qualification").metadata
    assert (found["share_over_sla"], found["cost_per_lead_usd"], found["replay_share"]) == (0.0, 0.0, 0.0)


FIGURES = EvaluationFigures(
    **dict.fromkeys(EvaluationFigures.__slots__, 0.5) | {"cases": 129}  # type: ignore[arg-type]
)


def evaluated(
    warehouse: Warehouse,
    profile: Profile,
    number: int,
    *,
    accept: bool = False,
    golden: str = "g1",
    key: dict[str, str] | None = None,
    **figures: float | None,
) -> None:
    run = {
        **asdict(evaluation_key(ScorecardEngine(), profile)),
        **(key or {}),
        **asdict(replace(FIGURES, **figures)),  # type: ignore[arg-type]
        "evaluation_id": f"eval-{number}",
        "golden_version": golden,
        "models": "scorecard 1",
        "source": "rules",
        "confusion": {},
        "accepted": False,
        "created_at": NOW + timedelta(days=number),
    }
    store_evaluation(warehouse, run, [])
    if accept:
        accept_evaluation(warehouse, f"eval-{number}")


def test_quality_is_compared_with_what_was_accepted(
    warehouse: Warehouse, judge: Judge, profile: Profile
) -> None:
    def judged() -> tuple[bool, str]:
        outcome = judge("qualified_leads", "answer_quality", agent="qualification")
        assert {"expected", "actual"} <= outcome.metadata.keys()
        return outcome.passed, outcome.description

    assert judged() == (True, "No figures of scorecard are accepted: sales-agent eval --accept.")
    evaluated(warehouse, profile, 1)
    assert judged()[0], "measured and not accepted is no standard"

    evaluated(warehouse, profile, 2, accept=True, key={"prompt_versions": "old"}, tier_accuracy=0.7)
    passed, told = judged()
    assert not passed
    assert told == "Worse than accepted: tier_accuracy 0.500, accepted 0.700."
    evaluated(warehouse, profile, 3, tier_accuracy=0.67)
    assert judged() == (True, "Evaluated 2026-03-05: as good as accepted.")
    evaluated(warehouse, profile, 4, tier_accuracy=0.669, fallback_share=0.6, fact_recall=None)
    passed, told = judged()
    assert not passed
    assert "fallback_share 0.600, accepted 0.500" in told
    assert "fact_recall" not in told
    evaluated(warehouse, profile, 5, accept=True, golden="g2")
    assert judged()[0]
    evaluated(warehouse, profile, 6, golden="g1", tier_accuracy=0.1)
    assert judged()[0], "figures on other leads are no comparison"


@pytest.mark.parametrize("name", ["engine", "engine_version", "prompt_versions", "scheme_version"])
def test_only_an_evaluation_of_the_very_same_counts(
    warehouse: Warehouse, judge: Judge, profile: Profile, name: str
) -> None:
    evaluated(warehouse, profile, 1, accept=True, key={"prompt_versions": "old"})
    evaluated(warehouse, profile, 2, key={name: "other"})
    outcome = judge("qualified_leads", "answer_quality", agent="qualification")
    assert not outcome.passed
    assert outcome.description.startswith("scorecard was not evaluated with its present prompts")
    evaluated(warehouse, profile, 3)
    assert judge("qualified_leads", "answer_quality", agent="qualification").passed


def test_another_engines_figures_are_no_standard(
    warehouse: Warehouse, judge: Judge, profile: Profile
) -> None:
    evaluated(warehouse, profile, 1, accept=True, key={"engine": "cerebras"}, tier_accuracy=1.0)
    evaluated(warehouse, profile, 2)
    assert judge("qualified_leads", "answer_quality", agent="qualification").passed
