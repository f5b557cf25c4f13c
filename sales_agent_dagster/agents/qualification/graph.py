"""The qualification graph: score (rules) -> judge (engine) -> reconcile (tier follows score)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
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
from sales_agent_dagster.agents.runtime import AgentContext, extend_prompt, run_graph
from sales_agent_dagster.domain.profile import Icp, Profile
from sales_agent_dagster.inference.engine import NoAnswer, Prompt, Task, answer_all


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
    return {"scored": [_attempt(partial(rules.score, lead, icp)) for lead in state["leads"]]}


async def judge(state: QualificationState, runtime: Runtime[AgentContext]) -> QualificationState:
    """Asks the engine about every scored lead, bounded; the rules answer where the engine cannot."""
    context = runtime.context
    prompt = prompt_for(context.profile)
    tasks = [
        _task(lead, prompt, context.profile.icp) for lead in state["scored"] if isinstance(lead, ScoredLead)
    ]
    answers = iter(await answer_all(context.engine, tasks, context.concurrency))
    return {"answers": [lead if isinstance(lead, NoAnswer) else next(answers) for lead in state["scored"]]}


async def reconcile(state: QualificationState, runtime: Runtime[AgentContext]) -> QualificationState:
    """The tier follows from the score by the profile's lines, whoever gave the score."""
    lines = runtime.context.profile.icp.tiers
    verdicts: list[Verdict | NoAnswer] = []
    for scored, answer in zip(state["scored"], state["answers"], strict=True):
        if isinstance(scored, NoAnswer):
            verdicts.append(scored)
        elif isinstance(answer, NoAnswer):
            verdicts.append(answer)
        else:
            verdicts.append(Verdict(scored, answer, lines.tier_of(answer.value.score)))
    return {"verdicts": verdicts}


def _attempt(rule: Callable[[], ScoredLead]) -> ScoredLead | NoAnswer:
    try:
        return rule()
    except Exception as error:  # noqa: BLE001 - one lead's failure is data, whatever it is
        return NoAnswer(f"rules: {type(error).__name__}: {error}"[:200], 0.0)


def _task(lead: ScoredLead, prompt: Prompt, icp: Icp) -> Task[Qualification]:
    return Task(
        prompt=prompt,
        lead_id=lead.lead_id,
        payload=rules.payload_of(lead, icp),
        output_type=Qualification,
        rules=partial(rules.qualify_by_rules, lead, icp),
    )


@lru_cache(maxsize=8)
def _prompt_with(rubric: str) -> Prompt:
    return extend_prompt(PROMPT, f"What makes a strong lead:\n{rubric}")


def prompt_for(profile: Profile) -> Prompt:
    """The static prompt with the profile's rubric."""
    return _prompt_with(profile.icp.rubric)
