import asyncio
from dataclasses import replace

from sales_agent_dagster.agents.marketing import PROMPT
from sales_agent_dagster.agents.marketing.graph import draft_campaigns
from sales_agent_dagster.agents.marketing.state import Campaign, CampaignLead
from sales_agent_dagster.agents.runtime import AgentContext
from sales_agent_dagster.domain.profile import Profile
from sales_agent_dagster.inference.engine import Engine, NoAnswer, ScorecardEngine
from sales_agent_dagster_tests.agents.engines import FailingEngine, RecordingEngine
from sales_agent_dagster_tests.agents.marketing.leads import bare, lead

LEADS = [lead(lead_id="a"), bare(lead_id="b", phone_kind="geographic"), bare(lead_id="c", company_name="{x}")]


def run(leads: list[CampaignLead], engine: Engine, profile: Profile) -> list[Campaign | NoAnswer]:
    return asyncio.run(draft_campaigns(leads, AgentContext(engine, profile, 6)))


def test_each_lead_gets_drafts_for_its_channels_only(profile: Profile) -> None:
    found = run(LEADS, ScorecardEngine(), profile)
    assert [[f"{draft.channel} {draft.variant}" for draft in one.drafts] for one in found] == [
        ["email A", "email B", "call A", "linkedin A"],
        ["call A", "linkedin A"],
        [],
    ]
    assert found[2].plan.unreachable is not None
    assert found[2].answers == ()
    assert run(LEADS[:1], ScorecardEngine(), profile)[0].drafts == found[0].drafts
    assert run([], ScorecardEngine(), profile) == []


def test_an_engine_error_on_one_lead_falls_back_to_the_templates(profile: Profile) -> None:
    found = run(LEADS, FailingEngine("b"), profile)
    assert found[0].notes == ()
    assert found[1].notes == ("ConnectionError: the provider is away",)
    assert {answer.engine for answer in found[1].answers} == {"scorecard"}
    assert len(found[1].drafts) == 2


def test_a_lead_that_breaks_the_rules_is_a_reason_and_no_exception(profile: Profile) -> None:
    broken = replace(LEADS[0], facts=[{"field": "brands"}])
    found = run([broken, LEADS[1]], ScorecardEngine(), profile)
    assert isinstance(found[0], NoAnswer)
    assert found[0].reason.startswith("rules: KeyError")
    assert isinstance(found[1], Campaign)


def test_the_engine_is_told_facts_limits_and_the_seller_and_no_address(profile: Profile) -> None:
    engine = RecordingEngine()
    run([replace(LEADS[0], lead_id=f"{number}") for number in range(9)], engine, profile)
    assert engine.most_in_flight <= 6  # the three branches share the six
    assert {task.payload["channel"] for task in engine.tasks} == {"email", "linkedin", "call"}
    by_channel = {task.payload["channel"]: task for task in engine.tasks}
    assert all(task.prompt == PROMPT for task in engine.tasks)
    assert by_channel["email"].payload["max_words"] == profile.outreach.email_max_words
    assert by_channel["linkedin"].payload["max_characters"] == 300
    assert by_channel["call"].payload["max_words"] == profile.outreach.call_max_words
    assert by_channel["email"].payload["facts"]["brands.file"] == "Generac, Cummins"  # type: ignore[index]
    assert profile.seller.postal_address in str(by_channel["email"].payload["footer"])
    assert by_channel["call"].payload["footer"] is None
