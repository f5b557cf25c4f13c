"""The qualification graph: score (rules) -> judge (engine) -> reconcile (tier follows score)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from sales_agent_dagster.agents.qualification import PROMPT, rules
from sales_agent_dagster.agents.qualification.state import (
    Qualification,
    QualificationState,
    ScoredLead,
    Verdict,
)
from sales_agent_dagster.agents.runtime import AgentContext, ask, attempt, extend_prompt, run_graph
from sales_agent_dagster.domain.profile import Icp, Profile, TierLines
from sales_agent_dagster.inference.engine import Answer, NoAnswer, Prompt, Task


async def qualify(leads: Sequence[Mapping[str, Any]], context: AgentContext) -> list[Verdict | NoAnswer]:
    """Verdicts on a chunk of leads, in order; never raises for one lead."""
    state = await run_graph(compiled_graph(), {"leads": leads}, context)
    verdicts: list[Verdict | NoAnswer] = state["verdicts"]
    return verdicts


@lru_cache(maxsize=1)
def compiled_graph() -> Any:
    """The compiled graph, once per process."""
    builder = StateGraph(QualificationState, context_schema=AgentContext)
    builder.add_node("score", score)
    builder.add_node("judge", judge)
    builder.add_node("reconcile", reconcile)
    builder.add_edge(START, "score")
    builder.add_edge("score", "judge")
    builder.add_edge("judge", "reconcile")
    builder.add_edge("reconcile", END)
    return builder.compile(name="qualification")


async def score(state: QualificationState, runtime: Runtime[AgentContext]) -> QualificationState:
    """Deterministic: features and scorecard of every lead; a lead that breaks a rule becomes its reason."""
    icp = runtime.context.profile.icp
    return {"scored": [attempt(partial(rules.score, lead, icp)) for lead in state["leads"]]}


async def judge(state: QualificationState, runtime: Runtime[AgentContext]) -> QualificationState:
    """Asks the engine about every scored lead, bounded; the rules answer where the engine cannot."""
    context = runtime.context
    prompt, icp = prompt_for(context.profile), context.profile.icp
    tasks = [lead if isinstance(lead, NoAnswer) else _task(lead, prompt, icp) for lead in state["scored"]]
    return {"answers": await ask(tasks, context)}


async def reconcile(state: QualificationState, runtime: Runtime[AgentContext]) -> QualificationState:
    """The tier follows from the score by the profile's lines, whoever gave the score."""
    lines = runtime.context.profile.icp.tiers
    return {
        "verdicts": [
            _verdict(scored, answer, lines)
            for scored, answer in zip(state["scored"], state["answers"], strict=True)
        ]
    }


def _verdict(
    scored: ScoredLead | NoAnswer, answer: Answer[Qualification] | NoAnswer, lines: TierLines
) -> Verdict | NoAnswer:
    if isinstance(scored, NoAnswer):
        return scored
    if isinstance(answer, NoAnswer):
        return answer
    return Verdict(scored, answer, lines.tier_of(answer.value.score))


def _task(lead: ScoredLead, prompt: Prompt, icp: Icp) -> Task[Qualification]:
    return Task(
        prompt=prompt,
        lead_id=lead.lead_id,
        describe=partial(rules.payload_of, lead, icp),
        output_type=Qualification,
        rules=partial(rules.qualify_by_rules, lead, icp),
    )


@lru_cache(maxsize=8)
def _prompt_with(rubric: str) -> Prompt:
    return extend_prompt(PROMPT, f"What makes a strong lead:\n{rubric}")


def prompt_for(profile: Profile) -> Prompt:
    """The static prompt with the profile's rubric."""
    return _prompt_with(profile.icp.rubric)
