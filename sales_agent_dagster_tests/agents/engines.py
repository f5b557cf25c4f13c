"""Engines that misbehave for chosen leads, for the tests of agents and stages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from sales_agent_dagster.inference.engine import Answer, OutputT, Task


class FailingEngine:
    """Raises for the leads named, answers the others with their rules."""

    name = "failing"
    version = "7"

    def __init__(self, *lead_ids: str) -> None:
        self.lead_ids = lead_ids

    async def answer(self, task: Task[OutputT]) -> Answer[OutputT]:
        if task.lead_id in self.lead_ids:
            raise ConnectionError("the provider is away")
        return Answer(task.rules(), self.name, self.version, 1.5, 0.002)


class RecordingEngine:
    """Keeps every task and the most calls that were ever in flight; may change the rules' answer."""

    name = "recording"
    version = "1"

    def __init__(self, change: Callable[[object], object] = lambda value: value) -> None:
        self.change = change
        self.tasks: list[Task] = []  # type: ignore[type-arg]
        self.in_flight = 0
        self.most_in_flight = 0

    async def answer(self, task: Task[OutputT]) -> Answer[OutputT]:
        self.tasks.append(task)
        assert task.payload is not None
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        await asyncio.sleep(0)
        self.in_flight -= 1
        return Answer(self.change(task.rules()), self.name, self.version, 0.1)  # type: ignore[arg-type]
