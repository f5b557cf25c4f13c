"""What every agent's graph runs with: its prompt file, its context, its invocation."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from sales_agent_dagster.domain.hashing import content_hash
from sales_agent_dagster.domain.profile import Profile
from sales_agent_dagster.inference.engine import (
    Answer,
    Engine,
    NoAnswer,
    OutputT,
    Prompt,
    Task,
    answer_all,
)

ValueT = TypeVar("ValueT")

_SUSPECT = re.compile(r"[@\d]")
_EMAIL = re.compile(r"[^\s@]+@[^\s@]+")
_PHONE = re.compile(r"(?<!\d)\+?\(?\d(?:[ ().-]{0,3}\d){6,14}(?!\d)")


@dataclass(frozen=True, slots=True)
class AgentContext:
    """What an agent works with besides its leads.

    Attributes:
        concurrency: most engine calls in flight at once.
    """

    engine: Engine
    profile: Profile
    concurrency: int


def load_prompt(agent: str, path: Path) -> Prompt:
    """The prompt in a file; its version is the content's hash, so an edit recomputes what it answered."""
    system = path.read_text(encoding="utf-8")
    return Prompt(agent, content_hash(system)[:12], system)


def extend_prompt(prompt: Prompt, text: str) -> Prompt:
    """A prompt with the profile's own text at its end, under a version of both."""
    system = f"{prompt.system.rstrip()}\n\n{text.strip()}\n"
    return Prompt(prompt.agent, content_hash(system)[:12], system)


def redact(text: str, limit: int) -> str:
    """Free text cut to ``limit`` characters, e-mail addresses and phone numbers replaced by their kind."""
    if _SUSPECT.search(text):
        text = _PHONE.sub("[phone]", _EMAIL.sub("[e-mail]", text))
    return text[:limit]


def attempt(rule: Callable[[], ValueT]) -> ValueT | NoAnswer:
    """What a rule gives for one lead, or why it could not: one lead's failure is data, never a chunk's."""
    try:
        return rule()
    except Exception as error:  # noqa: BLE001 - whatever it is
        return NoAnswer(f"rules: {type(error).__name__}: {error}"[:200], 0.0)


async def ask(
    tasks: Sequence[Task[OutputT] | NoAnswer], context: AgentContext
) -> list[Answer[OutputT] | NoAnswer]:
    """Answers to the tasks in order, bounded by the context; what is no task stays what it is."""
    asked = [task for task in tasks if isinstance(task, Task)]
    answers = iter(await answer_all(context.engine, asked, context.concurrency))
    return [next(answers) if isinstance(task, Task) else task for task in tasks]


async def run_graph(graph: Any, state: dict[str, Any], context: AgentContext) -> dict[str, Any]:
    """Run a compiled LangGraph graph over a chunk of leads and return its final state.

    LangSmith tracing is off whatever the environment says: leads never leave the process.
    """
    from langsmith.run_helpers import tracing_context

    with tracing_context(enabled=False):
        result: dict[str, Any] = await graph.ainvoke(state, context=context)
    return result
