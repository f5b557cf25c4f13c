"""The enrichment graph: collect (offline facts) -> extract (engine) -> reconcile (rules)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from sales_agent_dagster.agents.enrichment import PROMPT, rules
from sales_agent_dagster.agents.enrichment.state import EnrichedLead, Enrichment, EnrichmentState
from sales_agent_dagster.agents.runtime import AgentContext, ask, attempt, run_graph
from sales_agent_dagster.enrichment.facts import Fact
from sales_agent_dagster.enrichment.offline import offline_facts
from sales_agent_dagster.inference.engine import Answer, NoAnswer, Task


async def enrich(leads: Sequence[Mapping[str, Any]], context: AgentContext) -> list[EnrichedLead | NoAnswer]:
    """Facts about a chunk of leads, in order; never raises for one lead."""
    state = await run_graph(compiled_graph(), {"leads": leads}, context)
    enriched: list[EnrichedLead | NoAnswer] = state["enriched"]
    return enriched


@lru_cache(maxsize=1)
def compiled_graph() -> Any:
    """The compiled graph, once per process."""
    builder = StateGraph(EnrichmentState, context_schema=AgentContext)
    builder.add_node("collect", collect)
    builder.add_node("extract", extract)
    builder.add_node("reconcile", reconcile)
    builder.add_edge(START, "collect")
    builder.add_edge("collect", "extract")
    builder.add_edge("extract", "reconcile")
    builder.add_edge("reconcile", END)
    return builder.compile(name="enrichment")


async def collect(state: EnrichmentState) -> EnrichmentState:
    """Offline facts of every lead; a lead that breaks a provider becomes its reason."""
    return {"collected": [attempt(partial(offline_facts, lead)) for lead in state["leads"]]}


async def extract(state: EnrichmentState, runtime: Runtime[AgentContext]) -> EnrichmentState:
    """Asks the engine what the words of each lead add, bounded; the rules add nothing."""
    tasks = [
        facts if isinstance(facts, NoAnswer) else _task(lead, facts)
        for lead, facts in zip(state["leads"], state["collected"], strict=True)
    ]
    return {"answers": await ask(tasks, runtime.context)}


async def reconcile(state: EnrichmentState) -> EnrichmentState:
    """Settles each lead's facts: region, brands, trades, completeness."""
    return {
        "enriched": [
            _settled(facts, answer)
            for facts, answer in zip(state["collected"], state["answers"], strict=True)
        ]
    }


def _settled(facts: list[Fact] | NoAnswer, answer: Answer[Enrichment] | NoAnswer) -> EnrichedLead | NoAnswer:
    if isinstance(facts, NoAnswer):
        return facts
    return answer if isinstance(answer, NoAnswer) else rules.reconcile(facts, answer)


def _task(lead: Mapping[str, Any], facts: list[Fact]) -> Task[Enrichment]:
    return Task(
        prompt=PROMPT,
        lead_id=lead["lead_id"],
        describe=partial(rules.payload_of, lead, facts),
        output_type=Enrichment,
        rules=partial(Enrichment, facts=facts),
    )
