import asyncio
from collections import Counter
from dataclasses import replace
from typing import Any

import pytest

from sales_agent_dagster.agents.marketing import PROMPT
from sales_agent_dagster.agents.marketing.asking import prompt_for
from sales_agent_dagster.agents.marketing.graph import CHANNELS, compiled_graph, draft_campaigns
from sales_agent_dagster.agents.marketing.state import Campaign, CampaignLead, EmailWords, SocialWords
from sales_agent_dagster.agents.runtime import AgentContext, ModelPolicy
from sales_agent_dagster.domain.profile import Profile
from sales_agent_dagster.inference.engine import Answer, Engine, NoAnswer, OutputT, ScorecardEngine, Task
from sales_agent_dagster_tests.agents.engines import SCOPE, FailingEngine, OneByOne, RecordingEngine
from sales_agent_dagster_tests.agents.marketing.desks import with_outreach
from sales_agent_dagster_tests.agents.marketing.leads import FACTS, bare, lead
from sales_agent_dagster_tests.agents.marketing.test_review import GOOD

LEADS = [lead(lead_id="a"), bare(lead_id="b", phone_kind="geographic"), bare(lead_id="c", company_name="{x}")]


class WritingEngine(OneByOne):
    """Writes good words; for chosen channels bad ones a number of times first; none for some leads."""

    name = "writing"
    version = "1"

    def __init__(self, *failing: str, **bad: int) -> None:
        self.failing = failing
        self.bad = bad
        self.tasks: list[Task[Any]] = []

    async def answer(self, task: Task[OutputT]) -> Answer[OutputT]:
        self.tasks.append(task)
        if task.lead_id in self.failing:
            raise ConnectionError("the provider is away")
        channel = task.prompt.version.rpartition("-")[2]
        said: dict[str, Any] = GOOD[channel]  # type: ignore[index]
        if self.bad.get(channel, 0) > 0:
            self.bad[channel] -= 1
            spoilt = "See https://evil.example today."
            said = (
                {**said, "a": {**said["a"], "text": spoilt}}
                if channel == "email"
                else {**said, "text": spoilt}
            )
        return Answer(task.output_type.model_validate(said), self.name, "m-1", 2.0, 0.001)

    @property
    def asked(self) -> Counter[str]:
        return Counter(task.prompt.version.rpartition("-")[2] for task in self.tasks)


def run(
    leads: list[CampaignLead], engine: Engine, profile: Profile, policy: ModelPolicy = "all"
) -> list[Campaign | NoAnswer]:
    return asyncio.run(draft_campaigns(leads, AgentContext(engine, profile, SCOPE, policy=policy)))


def test_each_lead_gets_drafts_for_its_channels_only(profile: Profile) -> None:
    found = run(LEADS, ScorecardEngine(), profile)
    assert [[f"{draft.channel} {draft.variant}" for draft in one.drafts] for one in found] == [
        ["email A", "email B", "call A", "linkedin A", "social A", "blog A"],
        ["call A", "linkedin A", "social A", "blog A"],
        [],
    ]
    assert found[2].plan.unreachable is not None
    assert (found[2].engine, found[2].cost_usd) == ("scorecard", 0.0)
    assert run(LEADS[:1], ScorecardEngine(), profile)[0].drafts == found[0].drafts
    assert run([], ScorecardEngine(), profile) == []


def test_an_engine_error_on_one_lead_falls_back_to_the_templates(profile: Profile) -> None:
    found = run(LEADS, FailingEngine("b"), profile)
    assert "ConnectionError: the provider is away" in found[1].notes
    assert found[1].engine == "scorecard"
    assert len(found[1].drafts) == 4


def test_a_lead_that_breaks_the_rules_is_a_reason_and_no_exception(profile: Profile) -> None:
    broken = replace(LEADS[0], facts=[{"field": "brands"}])
    for engine in (ScorecardEngine(), WritingEngine()):
        found = run([broken, LEADS[1]], engine, profile)
        assert isinstance(found[0], NoAnswer)
        assert found[0].reason.startswith("rules: KeyError")
        assert isinstance(found[1], Campaign)


def test_channels_are_asked_side_by_side_and_posts_once_per_segment(profile: Profile) -> None:
    engine = WritingEngine()
    leads = [replace(LEADS[0], lead_id=f"{number}") for number in range(3)]
    leads.append(replace(LEADS[0], lead_id="ohio", facts=FACTS[:2]))
    found = run(leads, engine, profile)
    assert engine.asked == {"email": 4, "linkedin": 4, "call": 4, "social": 2, "blog": 2}
    # 3 channels of its own, and its share of two posts: a third for the first three, the whole for the last.
    costs = [one.cost_usd for one in found if isinstance(one, Campaign)]
    assert costs == pytest.approx([0.003 + 0.002 / 3] * 3 + [0.005])
    assert sum(costs) == pytest.approx(0.001 * len(engine.tasks))
    graph = compiled_graph().get_graph()
    assert {edge.target for edge in graph.edges if edge.source == "prepare"} == {
        f"draft_{c}" for c in CHANNELS
    }


@pytest.mark.parametrize(
    ("bad", "calls", "notes"),
    [
        ({}, 5, ()),
        ({"email": 1}, 6, ()),
        ({"email": 1, "social": 1}, 7, ()),
        ({"email": 9}, 6, ("email A: link; template used",)),
    ],
)
def test_faults_are_given_back_once_and_then_the_template_wins(
    profile: Profile, bad: dict[str, int], calls: int, notes: tuple[str, ...]
) -> None:
    engine = WritingEngine(**bad)
    (found,) = run(LEADS[:1], engine, profile)
    assert len(engine.tasks) == calls
    assert isinstance(found, Campaign)
    assert found.notes == notes
    assert (found.engine, found.engine_version, len(found.drafts)) == ("writing", "m-1", 6)
    assert found.latency_ms == (4.0 if bad else 2.0)
    assert not any("evil" in draft.body for draft in found.drafts)
    revisions = [task.payload for task in engine.tasks if "faults" in task.payload]
    assert len(revisions) == len(bad)
    if "email" in bad:
        assert revisions[0]["faults"] == ["a: link: https://evil.example"]
        assert revisions[0]["draft"]["a"]["text"] == "See https://evil.example today."  # type: ignore[index]


def test_only_the_leads_with_faults_are_asked_again(profile: Profile) -> None:
    engine = WritingEngine(call=1)
    run([LEADS[0], LEADS[1]], engine, profile)
    again = [task.lead_id for task in engine.tasks if "faults" in task.payload]
    assert again == []  # the spoilt text is no field of a call's words: nothing was wrong
    engine = WritingEngine(linkedin=1)
    run([LEADS[0], LEADS[1]], engine, profile)
    assert [task.lead_id for task in engine.tasks if "faults" in task.payload] == ["a"]


@pytest.mark.parametrize(
    ("policy", "engine_name"), [("all", "writing"), ("uncertain", "scorecard"), ("none", "scorecard")]
)
def test_words_are_bought_for_all_leads_or_for_none(
    profile: Profile, policy: ModelPolicy, engine_name: str
) -> None:
    (found,) = run(LEADS[:1], WritingEngine(), profile, policy)
    assert isinstance(found, Campaign)
    assert (found.engine, found.notes) == (engine_name, ())


def test_the_engine_is_told_facts_and_no_person_or_address(profile: Profile) -> None:
    engine = RecordingEngine()
    run([replace(LEADS[0], contact_first_name="Maria")], engine, profile)
    by_type = {task.output_type: task for task in engine.tasks if "faults" not in task.payload}
    facts = by_type[EmailWords].payload["facts"]
    assert facts["brands.file"] == "Generac, Cummins"  # type: ignore[index]
    assert "Maria" not in str([task.payload for task in engine.tasks])
    assert by_type[SocialWords].payload == {"segment": {"brand": "Generac", "state": "Texas"}}
    assert all(400 <= task.max_completion_tokens <= 1000 for task in engine.tasks)


def test_a_channels_prompt_is_static_and_holds_seller_tone_and_brief(profile: Profile) -> None:
    briefed = with_outreach(profile, tone="friendly", brief="Talk about winter storms.")
    for channel in CHANNELS:
        prompt = prompt_for(channel, briefed)
        assert (prompt.agent, prompt.version) == ("marketing", f"{PROMPT.version}-{channel}")
        assert prompt.system.startswith(PROMPT.system[:200])
        assert prompt.system.endswith("Tone: friendly. Talk about winter storms.\n")
        assert profile.seller.offering in prompt.system
        assert "## " not in prompt.system
        assert prompt is prompt_for(channel, briefed.model_copy())
        assert prompt.system != prompt_for(channel, profile).system
    systems = {prompt_for(channel, profile).system for channel in CHANNELS}
    assert len(systems) == len(CHANNELS)
