import asyncio
from dataclasses import replace

import pytest

from sales_agent_dagster.agents.growth import PROMPT
from sales_agent_dagster.agents.growth.graph import analyze
from sales_agent_dagster.agents.growth.state import GrowthAnalysis, Narrative
from sales_agent_dagster.agents.runtime import AgentContext, ModelPolicy
from sales_agent_dagster.domain.profile import Profile
from sales_agent_dagster.inference.engine import Engine, NoAnswer, ScorecardEngine
from sales_agent_dagster_tests.agents.engines import SCOPE, FailingEngine, RecordingEngine
from sales_agent_dagster_tests.agents.growth.companies import company, figures, lead

FIGURES = figures(company(), *[company(more=("solar",))] * 5)
LEADS = [lead(FIGURES, f"lead-{number}") for number in range(3)]


def run(leads: list[object], engine: Engine, profile: Profile) -> list[GrowthAnalysis | NoAnswer]:
    return asyncio.run(analyze(leads, AgentContext(engine, profile, SCOPE)))  # type: ignore[arg-type]


def test_a_chunk_gives_one_analysis_per_lead_in_order(profile: Profile) -> None:
    found = run(LEADS, ScorecardEngine(), profile)
    assert [one.lead.lead_id for one in found] == ["lead-0", "lead-1", "lead-2"]
    assert {one.answer.engine for one in found} == {"scorecard"}
    assert run(LEADS[:1], ScorecardEngine(), profile)[0].words == found[0].words
    assert run([], ScorecardEngine(), profile) == []


def test_an_engine_error_on_one_lead_falls_back_to_the_rules(profile: Profile) -> None:
    found = run(LEADS, FailingEngine("lead-1"), profile)
    assert [one.answer.engine for one in found] == ["failing", "scorecard", "failing"]
    assert found[1].answer.degraded_reason == "ConnectionError: the provider is away"


def test_a_lead_that_breaks_the_rules_is_a_reason_and_no_exception(profile: Profile) -> None:
    broken = replace(LEADS[1], o_and_m="much")
    found = run([LEADS[0], broken, LEADS[2]], ScorecardEngine(), profile)
    assert isinstance(found[1], NoAnswer)
    assert found[1].reason.startswith("rules: TypeError: ")
    assert [type(one) for one in found] == [GrowthAnalysis, NoAnswer, GrowthAnalysis]


def test_words_that_claim_what_was_not_computed_are_replaced(profile: Profile) -> None:
    engine = RecordingEngine(lambda value: Narrative(summary="They won 99 awards.", plays=[]))
    (found,) = run(LEADS[:1], engine, profile)
    by_rules = run(LEADS[:1], ScorecardEngine(), profile)[0].words
    assert (found.words.summary, found.words.plays) == (by_rules.summary, by_rules.plays)
    assert found.words.dropped == ("summary: unknown number",)
    assert (found.answer.engine, found.answer.degraded_reason) == ("recording", None)


def test_words_that_cite_figures_are_kept_with_their_values(profile: Profile) -> None:
    said = Narrative(summary="[rivals] others in [territory]; not seen: [gap_1].", plays=[])
    (found,) = run(LEADS[:1], RecordingEngine(lambda value: said), profile)
    assert found.words.summary == "5 others in TX; not seen: solar at 5 of 5 others in TX."
    assert found.words.dropped == ()


@pytest.mark.parametrize(("policy", "asked"), [("all", 3), ("uncertain", 0), ("none", 0)])
def test_words_are_bought_for_all_leads_or_for_none(
    profile: Profile, policy: ModelPolicy, asked: int
) -> None:
    engine = RecordingEngine()
    found = asyncio.run(analyze(LEADS, AgentContext(engine, profile, SCOPE, policy=policy)))
    assert len(engine.tasks) == asked
    assert {one.answer.engine for one in found} == {"recording" if asked else "scorecard"}


def test_the_engine_is_told_figures_and_no_contact_data(profile: Profile) -> None:
    engine = RecordingEngine()
    run(LEADS, engine, profile)
    assert engine.scopes == [SCOPE]
    task = engine.tasks[0]
    assert (task.prompt, task.lead_id) == (PROMPT, "lead-0")
    assert set(task.payload) == {"figures"}
    assert task.payload["figures"]["rivals"] == "5"  # type: ignore[index]
