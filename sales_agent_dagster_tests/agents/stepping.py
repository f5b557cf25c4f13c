"""A small graph of two steps side by side, whose runs can be stopped, for the tests of checkpoints."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypedDict

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from sales_agent_dagster.agents.checkpoints import Resumption
from sales_agent_dagster.domain.errors import TransientError
from sales_agent_dagster.domain.profile import Profile
from sales_agent_dagster_tests.agents.engines import RecordingEngine


@dataclass(frozen=True)
class Part:
    numbers: tuple[int, ...]


class Parts(TypedDict, total=False):
    leads: list[str]
    first: Part
    left: list[Part]
    right: list[Part]


@dataclass
class Course:
    """Context of a run.

    Attributes:
        stop: node that raises a TransientError, as an engine whose ledger is away does.
        during: called once in the last of the two steps side by side.
        visited: nodes in the order they began.
    """

    profile: Profile
    stop: str | None = None
    visited: list[str] = field(default_factory=list)
    engine: RecordingEngine = field(default_factory=RecordingEngine)
    during: Callable[[], None] | None = None
    policy: str = "all"


def visit(name: str, runtime: Runtime[Course]) -> None:
    runtime.context.visited.append(name)
    if runtime.context.stop == name:
        raise TransientError("away")


async def first(state: Parts, runtime: Runtime[Course]) -> Parts:
    visit("first", runtime)
    return {"first": Part((1, len(state["leads"])))}


async def left(state: Parts, runtime: Runtime[Course]) -> Parts:
    visit("left", runtime)
    return {"left": [state["first"]]}


async def right(state: Parts, runtime: Runtime[Course]) -> Parts:
    await asyncio.sleep(0.01)  # left is done by then
    visit("right", runtime)
    during, runtime.context.during = runtime.context.during, None
    if during is not None:
        during()
    return {"right": [state["first"], Part(())]}


async def last(state: Parts, runtime: Runtime[Course]) -> Parts:
    visit("last", runtime)
    return {"left": [*state["left"], *state["right"]]}


async def forget(state: Parts, runtime: Runtime[Course]) -> Parts:
    return {"right": []}


def stepping(*, forgetful: bool = False) -> Any:
    """The graph; a ``forgetful`` one is an older version whose steps left out what the new ones need."""
    builder = StateGraph(Parts, context_schema=Course)
    for node in (first, left, right, last):
        builder.add_node(node.__name__, forget if forgetful and node is not right else node)
    builder.add_edge(START, "first")
    builder.add_edge("first", "left")
    builder.add_edge("first", "right")
    builder.add_edge(["left", "right"], "last")
    builder.add_edge("last", END)
    return builder.compile(name="stepping")


RESUMPTION = Resumption(Parts, "1")
UNDISTURBED = {
    "leads": ["a", "b"],
    "first": Part((1, 2)),
    "left": [Part((1, 2)), Part((1, 2)), Part(())],
    "right": [Part((1, 2)), Part(())],
}
