import asyncio
import json
from typing import Any

import pytest

from sales_agent_dagster.agents.qualification import PROMPT
from sales_agent_dagster.agents.qualification.graph import compiled_graph, prompt_for, qualify
from sales_agent_dagster.agents.qualification.state import Judgement, Verdict
from sales_agent_dagster.agents.runtime import AgentContext, ModelPolicy
from sales_agent_dagster.domain.profile import Profile
from sales_agent_dagster.domain.tiers import Tier
from sales_agent_dagster.inference.engine import Engine, NoAnswer, ScorecardEngine
from sales_agent_dagster_tests.agents.engines import SCOPE, FailingEngine, RecordingEngine

COLUMNS = (
    "company_name",
    "contact_name",
    "email",
    "phone_kind",
    "phone_2",
    "website_host",
    "industry",
    "rating",
    "dealer_tier",
    "capabilities",
    "source_resimercial",
    "source_multi_oem",
    "source_mep_r",
    "source_o_and_m",
    "notes",
    "oems",
)


def lead(lead_id: str = "lead-1", **columns: Any) -> dict[str, Any]:
    return dict.fromkeys(COLUMNS) | {"lead_id": lead_id, "company_name": "Example Electric"} | columns


def run(
    leads: list[dict[str, Any]], profile: Profile, engine: Engine | None = None, policy: ModelPolicy = "all"
) -> list[Verdict | NoAnswer]:
    context = AgentContext(engine or ScorecardEngine(), profile, SCOPE, policy=policy)
    return asyncio.run(qualify(leads, context))


def test_verdicts_come_in_the_order_of_the_leads(profile: Profile) -> None:
    verdicts = run(
        [lead(f"lead-{n}", oems=", ".join(["Generac", "Kohler", "Cummins"][:n])) for n in (1, 3, 2)], profile
    )
    assert [v.scored.lead_id for v in verdicts if isinstance(v, Verdict)] == ["lead-1", "lead-3", "lead-2"]
    assert [v.scored.scorecard.dimensions["multi_oem"].value for v in verdicts if isinstance(v, Verdict)] == [
        25.0,
        100.0,
        50.0,
    ]


def test_an_empty_chunk_and_a_chunk_of_one(profile: Profile) -> None:
    assert run([], profile) == []
    (verdict,) = run([lead(oems="Generac")], profile)
    assert isinstance(verdict, Verdict)
    assert verdict.answer.engine == "scorecard"
    assert verdict.qualification.score == verdict.scored.scorecard.score


def test_the_graph_is_compiled_once() -> None:
    assert compiled_graph() is compiled_graph()
    assert "judge" in compiled_graph().get_graph().nodes


def test_an_engine_that_raises_for_one_lead_degrades_that_lead(profile: Profile) -> None:
    first, second = run([lead("lead-1"), lead("lead-2")], profile, FailingEngine("lead-1"))
    assert isinstance(first, Verdict)
    assert isinstance(second, Verdict)
    assert first.answer.degraded_reason == "ConnectionError: the provider is away"
    assert first.answer.engine == "scorecard"
    assert (second.answer.degraded_reason, second.answer.engine) == (None, "failing")
    assert first.qualification.score == second.qualification.score


def test_rules_that_raise_fail_that_lead_only(profile: Profile) -> None:
    bad, good = run([lead("lead-1", rating="five"), lead("lead-2")], profile)
    assert isinstance(bad, NoAnswer)
    assert bad.reason.startswith("rules: TypeError")
    assert isinstance(good, Verdict)


def test_a_lead_no_question_can_be_asked_about_is_scored_by_the_rules(profile: Profile) -> None:
    bad, good = run([lead("lead-1", industry=5), lead("lead-2")], profile, RecordingEngine())
    assert isinstance(bad, Verdict)
    assert (bad.answer.engine, str(bad.answer.degraded_reason)[:14]) == ("scorecard", "AttributeError")
    assert isinstance(good, Verdict)
    assert (good.answer.engine, good.answer.degraded_reason) == ("recording", None)


def judged(rating: str) -> Judgement:
    said = {"factor": "o_and_m", "rating": rating, "evidence": ["name"], "reason": "service work"}
    return Judgement(ratings=[said], summary="", next_steps=[], objections=[])


def test_the_tier_follows_the_score_whoever_moved_it(profile: Profile) -> None:
    # 58 points of the scorecard and 2.25 of the judgement (15 x weight .15) are over the line of 60.
    row = lead(company_name="Example Commercial Electric", oems="Generac, Kohler", website_host="example.com")
    (before,) = run([row], profile)
    (after,) = run([row], profile, RecordingEngine(lambda value: judged("much_higher")))
    assert isinstance(before, Verdict)
    assert isinstance(after, Verdict)
    assert (before.qualification.score, before.qualification.tier) == (58.2, Tier.SILVER)
    assert (after.qualification.score, after.qualification.tier) == (60.5, Tier.GOLD)
    assert after.qualification.judged_points == 2.25
    assert after.qualification.next_steps[0] == "Write this week and call within ten days."


@pytest.mark.parametrize(("policy", "asked"), [("all", 3), ("uncertain", 1), ("none", 0)])
def test_the_policy_says_about_whom_the_engine_is_asked(
    profile: Profile, policy: ModelPolicy, asked: int
) -> None:
    engine = RecordingEngine()
    sure = {"phone_kind": "geographic", "rating": 4.0, "dealer_tier": "Elite"}
    rows = [
        lead(
            "near a line",
            oems="Generac, Kohler",
            company_name="Example Commercial Electric",
            website_host="example.com",
        ),
        lead("far from one", oems="Generac", **sure),
        lead("far, too", oems="Kohler", **sure),
    ]
    found = run(rows, profile, engine, policy)
    assert [task.lead_id for task in engine.tasks] == [row["lead_id"] for row in rows[:asked]]
    assert [one.answer.engine for one in found if isinstance(one, Verdict)] == (
        ["recording"] * asked + ["scorecard"] * (3 - asked)
    )
    assert {one.answer.degraded_reason for one in found if isinstance(one, Verdict)} == {None}


def test_a_chunk_is_asked_about_at_once(profile: Profile) -> None:
    engine = RecordingEngine()
    run([lead(f"lead-{n}") for n in range(20)], profile, engine)
    assert engine.scopes == [SCOPE]
    assert len(engine.tasks) == 20


def test_the_task_holds_no_address_no_phone_and_no_person(profile: Profile) -> None:
    engine = RecordingEngine()
    row = lead(
        contact_name="Jordan Example",
        email="jordan@example.com",
        phone_2="+15550100199",
        phone_kind="geographic",
        industry="Electrical, 555-010-0199",
        notes="Ask jordan@example.com or 555 010 0199 about service",
    )
    run([row], profile, engine)
    payload = json.dumps(engine.tasks[0].payload)
    assert "jordan" not in payload.lower()
    assert "0199" not in payload
    assert "[e-mail]" in payload
    assert json.loads(payload)["scorecard"]["o_and_m"] == "75: named: service"


def test_the_prompt_is_static_but_for_the_profile_s_rubric(profile: Profile) -> None:
    engine = RecordingEngine()
    run([lead("lead-1"), lead("lead-2")], profile, engine)
    first, second = (task.prompt for task in engine.tasks)
    assert first is second
    assert first.agent == "qualification"
    assert first.system.startswith(PROMPT.system.rstrip())
    assert first.system.endswith(profile.icp.rubric.strip() + "\n")
    other = profile.model_copy(
        update={"icp": profile.icp.model_copy(update={"rubric": "Only solar, please."})}
    )
    assert prompt_for(other).version != first.version
