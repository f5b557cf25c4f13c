"""Engines that misbehave for chosen leads, for the tests of agents and stages."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence

from sales_agent_dagster.domain.calls import CallScope
from sales_agent_dagster.inference.engine import (
    Answer,
    NoAnswer,
    OutputT,
    Task,
    answer_by_rules,
    describe_error,
)

SCOPE = CallScope("run-1", "batch-1")


class OneByOne(ABC):
    """Base of engines that answer each task by itself; an error of one becomes its rules' answer."""

    @abstractmethod
    async def answer(self, task: Task[OutputT]) -> Answer[OutputT]: ...

    async def answer_all(
        self, tasks: Sequence[Task[OutputT]], scope: CallScope, *, stored: bool = True
    ) -> list[Answer[OutputT] | NoAnswer]:
        answers: list[Answer[OutputT] | NoAnswer] = []
        for task in tasks:
            try:
                answers.append(await self.answer(task))
            except Exception as error:
                answers.append(answer_by_rules(task, describe_error(error)))
        return answers

    def check(self) -> None:  # noqa: B027 - most need nothing
        """Nothing to check."""

    async def settle(self) -> None:  # noqa: B027 - most pay for nothing
        """Nothing to store."""

    def close(self) -> None:  # noqa: B027 - most hold nothing
        """Nothing to release."""


class FailingEngine(OneByOne):
    """Raises for the leads named, answers the others with their rules."""

    name = "failing"
    version = "7"

    def __init__(self, *lead_ids: str) -> None:
        self.lead_ids = lead_ids

    async def answer(self, task: Task[OutputT]) -> Answer[OutputT]:
        if task.lead_id in self.lead_ids:
            raise ConnectionError("the provider is away")
        return Answer(task.rules(), self.name, self.version, 1.5, 0.002)


class RecordingEngine(OneByOne):
    """Keeps every task and scope; may change the rules' answer."""

    name = "recording"
    version = "1"

    def __init__(self, change: Callable[[object], object] = lambda value: value) -> None:
        self.change = change
        self.tasks: list[Task] = []  # type: ignore[type-arg]
        self.scopes: list[CallScope] = []

    async def answer_all(
        self, tasks: Sequence[Task[OutputT]], scope: CallScope, *, stored: bool = True
    ) -> list[Answer[OutputT] | NoAnswer]:
        self.scopes.append(scope)
        return await super().answer_all(tasks, scope)

    async def answer(self, task: Task[OutputT]) -> Answer[OutputT]:
        self.tasks.append(task)
        assert task.payload is not None
        return Answer(self.change(task.rules()), self.name, self.version, 0.1)  # type: ignore[arg-type]
