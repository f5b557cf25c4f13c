"""The seam between agents and whatever answers them."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from pydantic import BaseModel

from sales_agent_dagster.domain.calls import CallScope

OutputT = TypeVar("OutputT", bound=BaseModel)

MAX_REASON = 200
"""Characters of a reason that a row keeps."""


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
        max_completion_tokens: longest answer, with the thoughts of a reasoning model at low effort.
            Providers count it against their tokens per minute before the call, so it is as small as the
            output type allows.
    """

    prompt: Prompt
    lead_id: str
    describe: Callable[[], dict[str, object]]
    output_type: type[OutputT]
    rules: Callable[[], OutputT]
    max_completion_tokens: int = 1024

    @property
    def payload(self) -> dict[str, object]:
        """The facts the answer may use, as JSON-ready values; no e-mail addresses, no phones."""
        return self.describe()


@dataclass(frozen=True, slots=True)
class Answer(Generic[OutputT]):
    """What came back for one task.

    Attributes:
        engine_version: the model that answered, or the version of the rules.
        latency_ms: wall time of the call as the lead saw it, also when replayed.
        cost_usd: what the call cost; 0 when it was bought for another lead or batch.
        degraded_reason: why a lesser engine answered; None when the asked one did.
        replayed: the answer was bought earlier and comes from the ledger.
    """

    value: OutputT
    engine: str
    engine_version: str
    latency_ms: float
    cost_usd: float = 0.0
    degraded_reason: str | None = None
    replayed: bool = False


@dataclass(frozen=True, slots=True)
class NoAnswer:
    """Neither the engine nor the rules could answer: the lead's row says so."""

    reason: str
    latency_ms: float


class Engine(Protocol):
    """Answers tasks. How many at once, what is tried again and when to give up is its own matter.

    Attributes:
        name, version: rows answered under another name or version are recomputed.
    """

    name: str
    version: str

    async def answer_all(
        self, tasks: Sequence[Task[OutputT]], scope: CallScope, *, stored: bool = True
    ) -> list[Answer[OutputT] | NoAnswer]:
        """Answers in the order of the tasks; one lead's failure is its answer, never an exception.

        It returns when what was paid for is stored or, if not ``stored``, as soon as all is answered: then
        who stores what was made of the answers has to ``settle`` first.

        Raises:
            TransientError: what was paid for could not be stored; nothing is paid twice after a retry.
        """
        ...

    def check(self) -> None:
        """Return when it is known that the engine can answer, as far as it can be told without a question.

        Raises:
            ConfigurationError: a setting names what the provider does not have.
            PermanentError: the provider does not let us in.
        """
        ...

    async def settle(self) -> None:
        """Return when all that was paid for up to now is stored.

        Raises:
            TransientError: it could not be; nothing is paid twice after a retry.
        """
        ...

    def close(self) -> None:
        """Release what the engine holds, such as connections; it is not used any more."""
        ...


SCORECARD = "scorecard"
SCORECARD_VERSION = "1"


def answer_by_rules(task: Task[OutputT], degraded_reason: str | None = None) -> Answer[OutputT] | NoAnswer:
    """The rules' answer, or why there is none, as a row's ``reason``."""
    started = time.perf_counter()
    try:
        value = task.rules()
    except Exception as error:  # noqa: BLE001 - one lead's failure is data, whatever it is
        reasons = [degraded_reason] if degraded_reason else []
        return NoAnswer("; ".join([*reasons, f"rules: {describe_error(error)}"]), _since(started))
    return Answer(value, SCORECARD, SCORECARD_VERSION, _since(started), 0.0, degraded_reason)


def describe_error(error: Exception) -> str:
    """An error's type and text, as a row's ``reason``."""
    return f"{type(error).__name__}: {error}"[:MAX_REASON]


def _since(started: float) -> float:
    return (time.perf_counter() - started) * 1000


class ScorecardEngine:
    """Answers with the task's own rules: deterministic, explained, free. The no-key default."""

    name = SCORECARD
    version = SCORECARD_VERSION

    async def answer_all(
        self, tasks: Sequence[Task[OutputT]], scope: CallScope, *, stored: bool = True
    ) -> list[Answer[OutputT] | NoAnswer]:
        """The rules' answers, one after the other."""
        return [answer_by_rules(task) for task in tasks]

    def check(self) -> None:
        """Nothing to check."""

    async def settle(self) -> None:
        """Nothing is paid for."""

    def close(self) -> None:
        """Nothing to release."""
