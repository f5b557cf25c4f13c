import asyncio
import json
from typing import Any

import pytest

from sales_agent_dagster.agents.enrichment import PROMPT
from sales_agent_dagster.agents.enrichment.graph import compiled_graph, enrich
from sales_agent_dagster.agents.enrichment.state import EnrichedLead, Reading
from sales_agent_dagster.agents.runtime import AgentContext, ModelPolicy
from sales_agent_dagster.domain.profile import Profile
from sales_agent_dagster.inference.engine import Engine, NoAnswer, ScorecardEngine
from sales_agent_dagster_tests.agents.engines import SCOPE, FailingEngine, RecordingEngine

COLUMNS = (
    "email",
    "phone",
    "website_host",
    "city",
    "state",
    "zip",
    "industry",
    "capabilities",
    "notes",
    "oems",
)


def lead(lead_id: str = "lead-1", **columns: Any) -> dict[str, Any]:
    return dict.fromkeys(COLUMNS) | {"lead_id": lead_id, "company_name": "Example Electric"} | columns


def run(
    leads: list[dict[str, Any]], profile: Profile, engine: Engine | None = None
) -> list[EnrichedLead | NoAnswer]:
    return asyncio.run(enrich(leads, AgentContext(engine or ScorecardEngine(), profile, SCOPE)))


def test_a_chunk_keeps_its_order(profile: Profile) -> None:
    found = run([lead("lead-1", zip="10001"), lead("lead-2", zip="78701"), lead("lead-3")], profile)
    assert [item.region.state for item in found if isinstance(item, EnrichedLead)] == ["NY", "TX", None]
    assert run([], profile) == []
    assert compiled_graph() is compiled_graph()


def test_an_engine_that_raises_for_one_lead_keeps_its_offline_facts(profile: Profile) -> None:
    first, second = run(
        [lead("lead-1", zip="10001"), lead("lead-2", zip="10001")], profile, FailingEngine("lead-1")
    )
    assert isinstance(first, EnrichedLead)
    assert isinstance(second, EnrichedLead)
    assert first.answer.degraded_reason == "ConnectionError: the provider is away"
    assert second.answer.degraded_reason is None
    assert first.facts == second.facts
    assert len(first.facts) == 5


def test_rules_that_raise_fail_that_lead_only(profile: Profile) -> None:
    provider, good = run([lead("lead-1", phone=7), lead("lead-3")], profile)
    assert isinstance(provider, NoAnswer)
    assert provider.reason.startswith("rules: AttributeError")
    assert isinstance(good, EnrichedLead)


def reading(*facts: tuple[str, str, str, str]) -> Reading:
    names = ("topic", "value", "source", "quote")
    return Reading.model_validate({"facts": [dict(zip(names, fact, strict=True)) for fact in facts]})


def test_what_a_model_reads_adds_to_the_facts_and_changes_none(profile: Profile) -> None:
    said = reading(("trade", "plumbing", "notes", "drains"), ("trade", "solar", "notes", "panels"))
    (found,) = run([lead(zip="10001", notes="Drains and such")], profile, RecordingEngine(lambda value: said))
    assert isinstance(found, EnrichedLead)
    assert found.region.state == "NY"
    assert found.trades == ("electrical", "plumbing")
    assert (found.read_count, found.dropped) == (1, ("trade: quote not in the text",))
    last = found.facts[-1]
    assert (last.id, last.value, last.source, last.confidence) == ("trades.model.1", "plumbing", "model", 0.5)
    assert (last.quote, last.read_in) == ("drains", "notes")


@pytest.mark.parametrize(
    ("policy", "asked"),
    [("all", ["plain", "notes", "silent"]), ("uncertain", ["notes", "silent"]), ("none", [])],
)
def test_the_policy_says_whose_texts_are_read(
    profile: Profile, policy: ModelPolicy, asked: list[str]
) -> None:
    engine = RecordingEngine()
    leads = [lead("plain"), lead("notes", notes="Ask."), lead("silent", company_name="Example Works")]
    found = asyncio.run(enrich(leads, AgentContext(engine, profile, SCOPE, policy=policy)))
    assert [task.lead_id for task in engine.tasks] == asked
    assert [one.answer.engine == "recording" for one in found if isinstance(one, EnrichedLead)] == [
        one["lead_id"] in asked for one in leads
    ]


def test_the_task_holds_no_address_and_no_phone(profile: Profile) -> None:
    engine = RecordingEngine()
    row = lead(
        email="jordan@example.com", phone="+12128675309", notes="Write jordan@example.com, call 212 867 5309"
    )
    run([row], profile, engine)
    payload = json.dumps(engine.tasks[0].payload)
    assert "jordan" not in payload
    assert "5309" not in payload
    assert "[e-mail]" in payload
    assert engine.tasks[0].prompt is PROMPT
