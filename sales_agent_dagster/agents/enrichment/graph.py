"""The enrichment graph: collect (offline facts) -> extract (engine) -> reconcile (rules)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from sales_agent_dagster.agents.enrichment import PROMPT, rules
from sales_agent_dagster.agents.enrichment.state import EnrichedLead, Enrichment, EnrichmentState
from sales_agent_dagster.agents.runtime import AgentContext, run_graph
from sales_agent_dagster.enrichment.facts import Fact
from sales_agent_dagster.enrichment.offline import offline_facts
from sales_agent_dagster.inference.engine import Answer, NoAnswer, Task, answer_all


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
    return {"collected": [_collect_one(lead) for lead in state["leads"]]}


async def extract(state: EnrichmentState, runtime: Runtime[AgentContext]) -> EnrichmentState:
    """Asks the engine what the words of each lead add, bounded; the rules add nothing."""
    tasks = [
        Task(
            PROMPT,
            lead["lead_id"],
            rules.payload_of(lead, facts),
            Enrichment,
            partial(Enrichment, facts=list(facts)),
        )
        for lead, facts in zip(state["leads"], state["collected"], strict=True)
        if not isinstance(facts, NoAnswer)
    ]
    answers = iter(await answer_all(runtime.context.engine, tasks, runtime.context.concurrency))
    return {"answers": [item if isinstance(item, NoAnswer) else next(answers) for item in state["collected"]]}


async def reconcile(state: EnrichmentState) -> EnrichmentState:
    """Settles each lead's facts: region, brands, trades, completeness."""
    return {
        "enriched": [
            _reconcile_one(facts, answer)
            for facts, answer in zip(state["collected"], state["answers"], strict=True)
        ]
    }


def _collect_one(lead: Mapping[str, Any]) -> tuple[Fact, ...] | NoAnswer:
    try:
        return tuple(offline_facts(lead))
    except Exception as error:  # noqa: BLE001 - one lead's failure is data, whatever it is
        return NoAnswer(f"rules: {type(error).__name__}: {error}"[:200], 0.0)


def _reconcile_one(
    facts: tuple[Fact, ...] | NoAnswer, answer: Answer[Enrichment] | NoAnswer
) -> EnrichedLead | NoAnswer:
    if isinstance(facts, NoAnswer):
        return facts
    return answer if isinstance(answer, NoAnswer) else rules.reconcile(facts, answer)
