import asyncio
from typing import Any

import pytest

from sales_agent_dagster.agents.enrichment.state import ReadFact, Reading
from sales_agent_dagster.agents.qualification.state import Judged, Judgement
from sales_agent_dagster.domain.calls import CallScope
from sales_agent_dagster.domain.profile import Profile
from sales_agent_dagster.evaluation.golden import GoldenCase, load_golden
from sales_agent_dagster.evaluation.run import Evaluation, evaluate
from sales_agent_dagster.inference.engine import Answer, Engine, ScorecardEngine, Task
from sales_agent_dagster.warehouse.evaluations import CallFigures
from sales_agent_dagster_tests.agents.engines import FailingEngine, OneByOne

NO_CALLS = CallFigures(0, 0, 0.0)


def case(number: int, tier: str, **values: Any) -> GoldenCase:
    lead = {"company_name": values.pop("name", "Example Works"), "notes": values.pop("notes", None)}
    lead |= values.pop("lead", {})
    return GoldenCase(id=f"plain-{number:02d}", why="As said.", lead=lead, tiers=[tier], **values)


STRONG = case(
    1,
    "PLATINUM",
    name="Example Electric & Heating",
    notes="Residential and commercial maintenance.",
    lead={"oems": "Generac, Trane, Carrier"},
    facts={
        "trade electrical": "Electric",
        "trade hvac": "Heating",
        "customers homes": "Residential",
        "customers businesses": "commercial",
        "service": "maintenance",
    },
)
WEAK = case(2, "BRONZE", name="Example Roofing", facts={"trade roofing": "Roofing"})
MISLEADING = case(3, "UNQUALIFIED", name="Solar Tavern")


def run(engine: Engine, profile: Profile, *cases: GoldenCase) -> Evaluation:
    return asyncio.run(evaluate(engine, profile, cases, CallScope("eval-1", "eval-1")))


class Reader(OneByOne):
    """A model that reads one true, one false and one ungrounded fact, and rates with and without evidence."""

    name, version = "reader", "m1"

    async def answer(self, task: Task[Any]) -> Answer[Any]:
        if task.output_type is Reading:
            facts = [
                ReadFact(topic="service", value="maintenance", source="notes", quote="maintenance"),
                ReadFact(topic="trade", value="plumbing", source="notes", quote="commercial"),
                ReadFact(topic="trade", value="solar", source="notes", quote="solar panels"),
                ReadFact(topic="brand", value="Generac", source="brands", quote="Generac"),
            ]
            return Answer(Reading(facts=facts), self.name, "m1", 30.0, 0.002, replayed=True)
        ratings = [
            Judged(factor="o_and_m", rating="much_higher", evidence=["notes"], reason="said"),
            Judged(factor="mep_r", rating="much_higher", evidence=["website"], reason="guessed"),
        ]
        value = Judgement(ratings=ratings, summary="Fine.", next_steps=["Call."], objections=[])
        return Answer(value, self.name, "m2", 10.0, 0.001, "m1: away")


def test_rules_are_measured_without_claims_calls_or_cost(profile: Profile) -> None:
    evaluation = run(ScorecardEngine(), profile, STRONG, WEAK, MISLEADING)
    figures = evaluation.figures(NO_CALLS)
    assert [result.tier for result in evaluation.results] == ["PLATINUM", "BRONZE", "BRONZE"]
    assert figures.cases == 3
    assert figures.tier_accuracy == 0.6667
    assert figures.kendall_tau == 0.3333  # of three pairs only tavern and roofer are the wrong way round
    # Read: two trades with customers and service, roofing, and the tavern's solar, which is wrong.
    assert (figures.fact_precision, figures.fact_recall) == (0.8571, 1.0)
    assert figures.grounding_rate is None
    assert (figures.cost_usd, figures.fallback_share, figures.schema_failure_share) == (0.0, 0.0, 0.0)
    assert evaluation.models == ("scorecard 1",)
    assert evaluation.confusion()["UNQUALIFIED"] == {"BRONZE": 1}
    assert evaluation.confusion()["GOLD"] == {}


def test_a_models_claims_costs_and_fallbacks_are_counted(profile: Profile) -> None:
    evaluation = run(Reader(), profile, STRONG)
    figures = evaluation.figures(CallFigures(finished=8, invalid=2, saved_usd=0.5))
    (result,) = evaluation.results
    by_rules = {"trade electrical", "trade hvac", "customers homes", "customers businesses", "service"}
    assert result.claims == {*by_rules, "trade plumbing"}
    # Kept: three facts, a rating. Dropped: a quote that is nowhere, evidence that is no fact, its rating.
    assert (result.grounded, result.dropped) == (4, 3)
    assert figures.grounding_rate == round(4 / 7, 4)
    assert (figures.fact_precision, figures.fact_recall) == (0.8333, 1.0)
    assert figures.schema_failure_share == 0.25
    assert (figures.fallback_share, figures.replay_share) == (0.5, 0.5)
    assert (figures.cost_usd, figures.saved_usd) == (0.003, 0.5)
    assert (figures.qualification_p50_ms, figures.enrichment_p95_ms) == (
        0.0,
        30.0,
    )  # a fallback has no latency
    assert evaluation.models == ("reader m1", "reader m2")
    row = result.row()
    assert (
        row["facts_right"] == "customers businesses, customers homes, service, trade electrical, trade hvac"
    )
    assert row["facts_wrong"] == "trade plumbing"
    assert row["facts_missed"] is None
    assert (row["reason"], row["engines"], row["cost_usd"]) == ("m1: away", "reader", 0.003)


def test_optional_facts_count_neither_way(profile: Profile) -> None:
    tavern = MISLEADING.model_copy(update={"optional": ["trade solar"]})
    figures = run(ScorecardEngine(), profile, tavern).figures(NO_CALLS)
    assert (figures.fact_precision, figures.fact_recall) == (None, None)


def test_a_lead_without_any_answer_has_no_tier_and_is_wrong(
    profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sales_agent_dagster.agents.qualification.rules.score", lambda *_: 1 / 0)
    monkeypatch.setattr("sales_agent_dagster.enrichment.offline.offline_facts", lambda *_: 1 / 0)
    evaluation = run(ScorecardEngine(), profile, STRONG)
    figures = evaluation.figures(NO_CALLS)
    assert (figures.tier_accuracy, figures.kendall_tau, figures.fallback_share) == (0.0, 0.0, 1.0)
    row = evaluation.results[0].row()
    assert (row["score"], row["tier"], row["engines"]) == (None, None, "none")
    assert "ZeroDivisionError" in row["reason"]
    assert evaluation.confusion()["PLATINUM"] == {"none": 1}


def test_an_engine_that_fails_falls_back_and_says_so(profile: Profile) -> None:
    figures = run(FailingEngine("plain-01"), profile, STRONG, WEAK).figures(NO_CALLS)
    assert figures.fallback_share == 0.5
    assert figures.tier_accuracy == 1.0


def test_the_key_is_of_engine_prompts_and_scheme_only(profile: Profile) -> None:
    key = run(ScorecardEngine(), profile, WEAK).key
    assert run(ScorecardEngine(), profile, STRONG).key == key
    assert run(Reader(), profile, WEAK).key != key
    icp = profile.icp
    other_rubric = icp.model_copy(update={"rubric": "Only roofers are strong leads, all others weak."})
    other_lines = icp.model_copy(update={"tiers": icp.tiers.model_copy(update={"GOLD": 61})})
    for changed in (other_rubric, other_lines):
        assert run(ScorecardEngine(), profile.model_copy(update={"icp": changed}), WEAK).key != key
    seller = profile.model_copy(update={"name": "another"})
    assert run(ScorecardEngine(), seller, WEAK).key == key


def test_the_scorecard_on_all_golden_leads(profile: Profile) -> None:
    """The baseline that the README states; a changed rule or golden lead must change it knowingly."""
    figures = run(ScorecardEngine(), profile, *load_golden()).figures(NO_CALLS)
    assert figures.tier_accuracy == pytest.approx(0.69, abs=0.02)
    assert figures.kendall_tau == pytest.approx(0.65, abs=0.02)
    assert figures.fact_precision == pytest.approx(0.83, abs=0.03)
    assert figures.fact_recall == pytest.approx(0.89, abs=0.03)
