"""The growth graph: measure (rules) -> interpret (engine) -> verify (words follow the figures)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from sales_agent_dagster.agents.growth import PROMPT, rules
from sales_agent_dagster.agents.growth.market import Figures
from sales_agent_dagster.agents.growth.state import (
    GrowthAnalysis,
    GrowthLead,
    GrowthNarrative,
    GrowthState,
    Measures,
)
from sales_agent_dagster.agents.growth.verify import faults
from sales_agent_dagster.agents.runtime import AgentContext, ask, attempt, run_graph
from sales_agent_dagster.inference.engine import (
    SCORECARD_VERSION,
    Answer,
    NoAnswer,
    ScorecardEngine,
    Task,
)


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
    """Ask the engine to put each lead's figures into words."""
    tasks = [
        _task(lead, measures) if isinstance(measures, Measures) else measures
        for lead, measures in zip(state["leads"], state["measures"], strict=True)
    ]
    return {"answers": await ask(tasks, runtime.context)}


async def verify(state: GrowthState) -> GrowthState:
    """Put the rules' words in place of words that claim what was not computed."""
    parts = zip(state["leads"], state["measures"], state["answers"], strict=True)
    return {"analyses": [_analysis(*part) for part in parts]}


def _task(lead: GrowthLead, measures: Measures) -> Task[GrowthNarrative]:
    rule = partial(rules.narrate, lead, measures)
    return Task(PROMPT, lead.lead_id, partial(_payload, lead, measures), GrowthNarrative, rule)


def _analysis(
    lead: GrowthLead, measures: Measures | NoAnswer, answer: Answer[GrowthNarrative] | NoAnswer
) -> GrowthAnalysis | NoAnswer:
    if isinstance(measures, NoAnswer):
        return measures
    return answer if isinstance(answer, NoAnswer) else _verified(lead, measures, answer)


def _verified(lead: GrowthLead, measures: Measures, answer: Answer[GrowthNarrative]) -> GrowthAnalysis:
    # What the rules say is made of the figures; checking it again would be a third of the agent's time.
    found = [] if answer.engine == ScorecardEngine.name else faults(answer.value, lead, measures)
    if found:
        answer = replace(
            answer,
            value=rules.narrate(lead, measures),
            engine=ScorecardEngine.name,
            engine_version=SCORECARD_VERSION,
            degraded_reason=f"{answer.engine} answered with {'; '.join(found)}"[:200],
        )
    return GrowthAnalysis(lead, measures, answer)


def _payload(lead: GrowthLead, measures: Measures) -> dict[str, object]:
    # Not dataclasses.asdict: it copies deeply, which costs more than the whole analysis.
    figures = {name: getattr(lead.figures, name) for name in Figures.__slots__}
    return {
        "company_name": lead.company_name,
        "figures": figures,
        "components": {part.name: part.figure for part in measures.components},
        "expansion_score": measures.expansion_score,
        "market_position": measures.market_position,
    }
