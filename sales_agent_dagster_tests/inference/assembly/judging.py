"""An agent of one question, for the tests of the engine."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from pydantic import BaseModel, Field

from sales_agent_dagster.domain.calls import CallRecord, CallScope
from sales_agent_dagster.domain.errors import TransientError
from sales_agent_dagster.inference.engine import Answer, NoAnswer, Prompt, Task
from sales_agent_dagster.warehouse.calls import WarehouseCalls

SCOPE = CallScope("run-1", "batch-1")
MODEL = "gpt-oss-120b"
OTHER_MODEL = "qwen-3.8-27b"


class Judged(BaseModel):
    points: float = Field(ge=0, le=100)
    why: str


BY_RULES = Judged(points=1, why="rules")
PROMPT = Prompt("judge", "1", "You judge companies by what is known of them.")


def task(lead_id: str, describe: Callable[[], dict[str, object]] | None = None) -> Task[Judged]:
    return Task(PROMPT, lead_id, describe or (lambda: {"company": lead_id}), Judged, lambda: BY_RULES, 500)


def tasks(count: int, first: int = 0) -> list[Task[Judged]]:
    return [task(f"lead-{number:04}") for number in range(first, first + count)]


def given(answers: Sequence[Answer[Judged] | NoAnswer]) -> list[Answer[Judged]]:
    """All of them, each an answer."""
    found = [answer for answer in answers if isinstance(answer, Answer)]
    assert len(found) == len(answers)
    return found


def engines(answers: Sequence[Answer[Judged] | NoAnswer]) -> Mapping[str, int]:
    names = [answer.engine for answer in given(answers)]
    return {name: names.count(name) for name in names}


class LockedCalls(WarehouseCalls):
    """A ledger whose database can be locked against writing."""

    locked = False

    def add(self, records: Sequence[CallRecord]) -> None:
        if self.locked and records:
            raise TransientError("database is locked")
        super().add(records)
