"""What every agent's graph runs with: its prompt file, its context, its invocation."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

from sales_agent_dagster.agents.checkpoints import CheckpointStore, Resumption, run_resumable
from sales_agent_dagster.domain.calls import CallScope
from sales_agent_dagster.domain.hashing import content_hash
from sales_agent_dagster.domain.profile import Profile
from sales_agent_dagster.inference.engine import (
    SCORECARD,
    Answer,
    Engine,
    NoAnswer,
    OutputT,
    Prompt,
    Task,
    answer_by_rules,
    describe_error,
)

ModelPolicy = Literal["all", "uncertain", "none"]
"""Which leads an engine is asked about; the rules answer for the others."""

ValueT = TypeVar("ValueT")
AbsentT = TypeVar("AbsentT", NoAnswer, None, NoAnswer | None)


@dataclass(frozen=True, slots=True)
class AgentContext:
    """What an agent works with besides its leads.

    Attributes:
        scope: for whom the engine is asked; its spend is counted there.
        checkpoints: where graphs of several model steps keep their progress; None keeps none.
        policy: ``uncertain`` asks where the rules are unsure, which each agent says of itself: scores near
            a tier line, words that rules could not read. Texts are never unsure, so none are asked for.
    """

    engine: Engine
    profile: Profile
    scope: CallScope
    checkpoints: CheckpointStore | None = None
    policy: ModelPolicy = "all"

    def wants(self, unsure: Callable[[], bool]) -> bool:
        """True when the engine is to be asked about a lead; ``unsure`` says whether the rules are."""
        return self.policy == "all" or (self.policy == "uncertain" and unsure())


def load_prompt(agent: str, path: Path) -> Prompt:
    """The prompt in a file; its version is the content's hash, so an edit recomputes what it answered."""
    system = path.read_text(encoding="utf-8")
    return Prompt(agent, content_hash(system)[:12], system)


def extend_prompt(prompt: Prompt, text: str) -> Prompt:
    """A prompt with the profile's own text at its end, under a version of both."""
    system = f"{prompt.system.rstrip()}\n\n{text.strip()}\n"
    return Prompt(prompt.agent, content_hash(system)[:12], system)


def attempt(rule: Callable[[], ValueT]) -> ValueT | NoAnswer:
    """What a rule gives for one lead, or why it could not: one lead's failure is data, never a chunk's."""
    try:
        return rule()
    except Exception as error:  # noqa: BLE001 - whatever it is
        return NoAnswer(f"rules: {describe_error(error)}", 0.0)


async def ask(
    tasks: Sequence[Task[OutputT] | AbsentT], context: AgentContext, wanted: Sequence[bool] | None = None
) -> list[Answer[OutputT] | NoAnswer | AbsentT]:
    """Answers to the tasks in order; what is no task, such as a lead without a question, stays as it is.

    A task that is not ``wanted`` is answered by its rules: no lesser answer, the policy asks for it.
    """
    wanted = wanted or [True] * len(tasks)
    asked = [task for task, want in zip(tasks, wanted, strict=True) if want and isinstance(task, Task)]
    answers = iter(await context.engine.answer_all(asked, context.scope, stored=False) if asked else ())
    return [
        task if not isinstance(task, Task) else next(answers) if want else answer_by_rules(task)
        for task, want in zip(tasks, wanted, strict=True)
    ]


async def run_graph(
    graph: Any, state: dict[str, Any], context: AgentContext, resumption: Resumption | None = None
) -> dict[str, Any]:
    """Run a compiled LangGraph graph over a chunk of leads and return its final state.

    Its calls may still be being stored: who keeps what is made of the state lets the engine ``settle`` first.
    With a ``resumption``, a place for checkpoints and a model as the engine, a run that was killed goes on
    after its last finished step. LangSmith tracing is off whatever the environment says: leads never leave
    the process.
    """
    from langsmith.run_helpers import tracing_context

    with tracing_context(enabled=False):
        if resumption and context.checkpoints and context.engine.name != SCORECARD:
            return await run_resumable(graph, state, context, context.checkpoints, resumption)
        result: dict[str, Any] = await graph.ainvoke(state, context=context)
        return result
