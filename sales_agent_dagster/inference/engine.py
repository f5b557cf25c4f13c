"""The seam between agents and whatever answers them."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from pydantic import BaseModel

OutputT = TypeVar("OutputT", bound=BaseModel)


@dataclass(frozen=True, slots=True)
class Prompt:
    """The static part of a question: same for every lead, so that providers can cache it."""

    agent: str
    version: str
    system: str


@dataclass(frozen=True, slots=True)
class Task(Generic[OutputT]):
    """One question about one lead.

    Attributes:
        describe: makes ``payload``; called only by engines that read it.
        rules: the deterministic answer, computed when called; every task has one, so every engine
            has something to fall back on.
    """

    prompt: Prompt
    lead_id: str
    describe: Callable[[], dict[str, object]]
    output_type: type[OutputT]
    rules: Callable[[], OutputT]

    @property
    def payload(self) -> dict[str, object]:
        """The facts the answer may use, as JSON-ready values; no e-mail addresses, no phones."""
        return self.describe()


@dataclass(frozen=True, slots=True)
class Answer(Generic[OutputT]):
    """What came back for one task.

    Attributes:
        latency_ms: wall time of the call as the lead saw it.
        degraded_reason: why a lesser engine answered; None when the asked one did.
    """

    value: OutputT
    engine: str
    engine_version: str
    latency_ms: float
    cost_usd: float = 0.0
    degraded_reason: str | None = None


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Neither the engine nor the rules could answer: the lead's row says so."""

    reason: str
    latency_ms: float


class Engine(Protocol):
    """Answers tasks. Implementations bound their own retries; callers never retry."""

    name: str
    version: str

    async def answer(self, task: Task[OutputT]) -> Answer[OutputT]:
        """Answer one task, or raise; the caller falls back to the task's rules."""
        ...


async def answer_all(
    engine: Engine, tasks: Sequence[Task[OutputT]], concurrency: int
) -> list[Answer[OutputT] | NoAnswer]:
    """Answer every task, in order, at most ``concurrency`` at a time; never raises for one lead.

    An engine's error on a task becomes the rules' answer with ``degraded_reason``; an error in the
    rules too becomes ``NoAnswer``. Reasons carry the error's type and text, cut to 200 characters.
    """
    answers: list[Answer[OutputT] | NoAnswer | None] = [None] * len(tasks)
    waiting = iter(enumerate(tasks))

    async def worker() -> None:
        # Few long-lived workers, not a coroutine a task: an engine that never waits is done by the first.
        for position, task in waiting:
            answers[position] = await _answer(engine, task)

    await asyncio.gather(*(worker() for _ in range(min(concurrency, len(tasks)))))
    return [answer for answer in answers if answer is not None]


async def _answer(engine: Engine, task: Task[OutputT]) -> Answer[OutputT] | NoAnswer:
    started = time.perf_counter()
    try:
        return await engine.answer(task)
    except Exception as error:  # noqa: BLE001 - one lead's failure is data, whatever it is
        reason = _describe(error)
    try:
        value = task.rules()
    except Exception as error:  # noqa: BLE001
        return NoAnswer(f"{reason}; rules: {_describe(error)}", _since(started))
    return Answer(value, "scorecard", SCORECARD_VERSION, _since(started), 0.0, reason)


def _describe(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:200]


def _since(started: float) -> float:
    return (time.perf_counter() - started) * 1000


SCORECARD_VERSION = "1"


class ScorecardEngine:
    """Answers with the task's own rules: deterministic, explained, free. The no-key default."""

    name = "scorecard"
    version = SCORECARD_VERSION

    async def answer(self, task: Task[OutputT]) -> Answer[OutputT]:
        """The rules' answer. Raises whatever the rules raise."""
        started = time.perf_counter()
        value = task.rules()
        return Answer(value, self.name, self.version, _since(started))
