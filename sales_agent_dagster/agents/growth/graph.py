"""The growth graph: measure (rules) -> interpret (engine) -> verify (words follow the figures)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from sales_agent_dagster.agents.growth import PROMPT, rules
from sales_agent_dagster.agents.growth.state import (
    NO_NARRATIVE,
    GrowthAnalysis,
    GrowthLead,
    GrowthState,
    Measures,
    Narrative,
)
from sales_agent_dagster.agents.growth.verify import payload_of, verified
from sales_agent_dagster.agents.runtime import AgentContext, ask, attempt, run_graph
from sales_agent_dagster.inference.engine import SCORECARD, Answer, NoAnswer, Task

MAX_COMPLETION_TOKENS = 900
"""About 150 for the answer; the rest is room for a reasoning model's thoughts at low effort."""


async def analyze(leads: Sequence[GrowthLead], context: AgentContext) -> list[GrowthAnalysis | NoAnswer]:
    """Analyses of a chunk of leads, in order; never raises for one lead."""
    state = await run_graph(compiled_graph(), {"leads": leads}, context)
    analyses: list[GrowthAnalysis | NoAnswer] = state["analyses"]
    return analyses


@lru_cache(maxsize=1)
def compiled_graph() -> Any:
    """The compiled graph, once per process."""
    builder = StateGraph(GrowthState, context_schema=AgentContext)
    builder.add_node("measure", measure)
    builder.add_node("interpret", interpret)
    builder.add_node("verify", verify)
    builder.add_edge(START, "measure")
    builder.add_edge("measure", "interpret")
    builder.add_edge("interpret", "verify")
    builder.add_edge("verify", END)
    return builder.compile(name="growth")


async def measure(state: GrowthState) -> GrowthState:
    """Expansion score and market position of every lead."""
    return {"measures": [attempt(partial(rules.measure, lead)) for lead in state["leads"]]}


async def interpret(state: GrowthState, runtime: Runtime[AgentContext]) -> GrowthState:
    """Asks the engine to put each lead's figures into words."""
    tasks = [
        _task(lead, measures) if isinstance(measures, Measures) else measures
        for lead, measures in zip(state["leads"], state["measures"], strict=True)
    ]
    # The figures are computed: there is nothing in them to be unsure of.
    wanted = [runtime.context.wants(lambda: False)] * len(tasks)
    return {"answers": await ask(tasks, runtime.context, wanted)}


async def verify(state: GrowthState) -> GrowthState:
    """Put the rules' words in place of words that claim what was not computed."""
    parts = zip(state["leads"], state["measures"], state["answers"], strict=True)
    return {
        "analyses": [
            measures
            if isinstance(measures, NoAnswer)
            else answer
            if isinstance(answer, NoAnswer)
            else attempt(partial(_analysis, lead, measures, answer))
            for lead, measures, answer in parts
        ]
    }


def _analysis(lead: GrowthLead, measures: Measures, answer: Answer[Narrative]) -> GrowthAnalysis:
    if answer.engine == SCORECARD:
        return GrowthAnalysis(lead, measures, answer, rules.narrate(lead, measures))
    return GrowthAnalysis(lead, measures, answer, verified(answer.value, lead, measures))


def _task(lead: GrowthLead, measures: Measures) -> Task[Narrative]:
    return Task(
        prompt=PROMPT,
        lead_id=lead.lead_id,
        describe=partial(payload_of, lead, measures),
        output_type=Narrative,
        rules=lambda: NO_NARRATIVE,
        max_completion_tokens=MAX_COMPLETION_TOKENS,
    )
