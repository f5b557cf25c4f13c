"""The enrichment graph: collect (offline facts) -> extract (engine) -> reconcile (rules)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from sales_agent_dagster.agents.enrichment import PROMPT, reading, rules
from sales_agent_dagster.agents.enrichment.state import (
    NOTHING_READ,
    EnrichedLead,
    EnrichmentState,
    Reading,
)
from sales_agent_dagster.agents.runtime import AgentContext, ask, attempt, run_graph
from sales_agent_dagster.enrichment.facts import Fact
from sales_agent_dagster.enrichment.offline import offline_facts
from sales_agent_dagster.inference.engine import Answer, NoAnswer, Task

MAX_COMPLETION_TOKENS = 900
"""About 250 for eight facts; the rest is room for a reasoning model's thoughts at low effort."""


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
    """Asks the engine what the words of each lead add, for the leads that the policy names."""
    context = runtime.context
    pairs = list(zip(state["leads"], state["collected"], strict=True))
    tasks = [facts if isinstance(facts, NoAnswer) else _task(lead) for lead, facts in pairs]
    wanted = [
        not isinstance(facts, NoAnswer) and context.wants(partial(reading.has_unread_words, lead, facts))
        for lead, facts in pairs
    ]
    return {"answers": await ask(tasks, context, wanted)}


async def reconcile(state: EnrichmentState) -> EnrichmentState:
    """Keeps what holds of the engine's answers and settles each lead's facts."""
    parts = zip(state["leads"], state["collected"], state["answers"], strict=True)
    return {
        "enriched": [
            facts
            if isinstance(facts, NoAnswer)
            else answer
            if isinstance(answer, NoAnswer)
            else attempt(partial(_settled, lead, facts, answer))
            for lead, facts, answer in parts
        ]
    }


def _settled(lead: Mapping[str, Any], facts: list[Fact], answer: Answer[Reading]) -> EnrichedLead:
    if not answer.value.facts:
        return rules.reconcile(facts, (), (), answer)
    read, dropped = reading.verified(answer.value.facts, reading.texts_of(lead))
    return rules.reconcile(facts, read, dropped, answer)


def _task(lead: Mapping[str, Any]) -> Task[Reading]:
    return Task(
        prompt=PROMPT,
        lead_id=lead["lead_id"],
        describe=partial(reading.payload_of, lead),
        output_type=Reading,
        rules=lambda: NOTHING_READ,
        max_completion_tokens=MAX_COMPLETION_TOKENS,
    )
