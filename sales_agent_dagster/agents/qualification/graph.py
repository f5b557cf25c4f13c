"""The qualification graph, of one step: scorecard, engine, and what both make together (tier follows score).

The rules are no steps of their own: a step takes LangGraph 0.4 ms, for which a lead waits, and 1.0 ms in a
process that has just waited for an answer; scorecard and reconciliation take 0.1 ms.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache, partial
from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from sales_agent_dagster.agents.qualification import PROMPT, judging, rules
from sales_agent_dagster.agents.qualification.state import (
    NO_JUDGEMENT,
    Judgement,
    QualificationState,
    ScoredLead,
    Verdict,
)
from sales_agent_dagster.agents.runtime import AgentContext, ask, attempt, extend_prompt, run_graph
from sales_agent_dagster.domain.profile import Icp, Profile
from sales_agent_dagster.inference.engine import SCORECARD, Answer, NoAnswer, Prompt, Task

MAX_COMPLETION_TOKENS = 900
"""About 200 for the answer; the rest is room for a reasoning model's thoughts at low effort."""


async def qualify(leads: Sequence[Mapping[str, Any]], context: AgentContext) -> list[Verdict | NoAnswer]:
    """Verdicts on a chunk of leads, in order; never raises for one lead."""
    state = await run_graph(compiled_graph(), {"leads": leads}, context)
    verdicts: list[Verdict | NoAnswer] = state["verdicts"]
    return verdicts


@lru_cache(maxsize=1)
def compiled_graph() -> Any:
    """The compiled graph, once per process."""
    builder = StateGraph(QualificationState, context_schema=AgentContext)
    builder.add_node("judge", judge)
    builder.add_edge(START, "judge")
    builder.add_edge("judge", END)
    return builder.compile(name="qualification")


async def judge(state: QualificationState, runtime: Runtime[AgentContext]) -> QualificationState:
    """Features and scorecard of every lead, the engine's answers on those that the policy names, verdicts.

    A lead that breaks a rule becomes its reason. The tier follows from the score, whoever moved it.
    """
    context = runtime.context
    icp = context.profile.icp
    scored = [attempt(partial(rules.score, lead, icp)) for lead in state["leads"]]
    prompt = prompt_for(context.profile)
    tasks = [lead if isinstance(lead, NoAnswer) else _task(lead, prompt) for lead in scored]
    wanted = [
        isinstance(lead, ScoredLead) and context.wants(partial(judging.is_uncertain, lead, icp))
        for lead in scored
    ]
    answers = await ask(tasks, context, wanted)
    return {"verdicts": [_outcome(*both, icp) for both in zip(scored, answers, strict=True)]}


def _outcome(
    scored: ScoredLead | NoAnswer, answer: Answer[Judgement] | NoAnswer, icp: Icp
) -> Verdict | NoAnswer:
    if isinstance(scored, NoAnswer):
        return scored
    return answer if isinstance(answer, NoAnswer) else attempt(partial(_verdict, scored, answer, icp))


def _verdict(scored: ScoredLead, answer: Answer[Judgement], icp: Icp) -> Verdict:
    if answer.engine == SCORECARD:
        card = scored.scorecard
        return Verdict(scored, answer, rules.qualify(scored, icp, card.score, card.tier))
    return Verdict(scored, answer, judging.reconcile(scored, answer.value, icp))


def _task(lead: ScoredLead, prompt: Prompt) -> Task[Judgement]:
    return Task(
        prompt=prompt,
        lead_id=lead.lead_id,
        describe=partial(judging.payload_of, lead),
        output_type=Judgement,
        rules=lambda: NO_JUDGEMENT,
        max_completion_tokens=MAX_COMPLETION_TOKENS,
    )


@lru_cache(maxsize=8)
def _prompt_with(rubric: str) -> Prompt:
    return extend_prompt(PROMPT, f"What makes a strong lead:\n{rubric}")


def prompt_for(profile: Profile) -> Prompt:
    """The static prompt with the profile's rubric."""
    return _prompt_with(profile.icp.rubric)
