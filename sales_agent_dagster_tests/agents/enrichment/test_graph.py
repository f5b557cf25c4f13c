import asyncio
import json
from typing import Any

from sales_agent_dagster.agents.enrichment import PROMPT
from sales_agent_dagster.agents.enrichment.graph import compiled_graph, enrich
from sales_agent_dagster.agents.enrichment.state import EnrichedLead
from sales_agent_dagster.agents.runtime import AgentContext
from sales_agent_dagster.domain.profile import Profile
from sales_agent_dagster.enrichment.facts import fact
from sales_agent_dagster.inference.engine import Engine, NoAnswer, ScorecardEngine
from sales_agent_dagster_tests.agents.engines import FailingEngine, RecordingEngine

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
    return asyncio.run(enrich(leads, AgentContext(engine or ScorecardEngine(), profile, 8)))


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


def test_a_model_may_add_a_trade_but_not_change_a_fact(profile: Profile) -> None:
    def change(value: Any) -> Any:
        kept = [item.model_copy(update={"value": "CA"}) for item in value.facts]
        return value.model_copy(update={"facts": [*kept, fact("trades", "plumbing, sorcery", "model", 0.9)]})

    (found,) = run([lead(zip="10001")], profile, RecordingEngine(change))
    assert isinstance(found, EnrichedLead)
    assert found.region.state == "NY"
    assert found.trades == ("electrical", "plumbing")
    assert (found.facts[-1].id, found.facts[-1].value, found.facts[-1].confidence) == (
        "trades.model",
        "plumbing",
        0.5,
    )


def test_what_else_a_model_adds_is_dropped(profile: Profile) -> None:
    def change(value: Any) -> Any:
        made_up = [
            fact("region_city", "Paris", "model", 0.9),
            fact("trades", "sorcery", "model", 0.4),
            fact("trades", "roofing", "website", 0.9),
        ]
        return value.model_copy(update={"facts": [*value.facts, *made_up]})

    (found,) = run([lead()], profile, RecordingEngine(change))
    assert isinstance(found, EnrichedLead)
    assert [item.id for item in found.facts] == ["trades.name"]


def test_the_task_holds_no_address_and_no_phone(profile: Profile) -> None:
    engine = RecordingEngine()
    row = lead(
        email="jordan@example.com", phone="+12128675309", notes="Write jordan@example.com, call 212 867 5309"
    )
    run([row], profile, engine)
    payload = json.dumps(engine.tasks[0].payload)
    assert "jordan" not in payload
    assert "5309" not in payload
    assert "New York" in payload
    assert engine.tasks[0].prompt is PROMPT
