"""Asking an engine about many leads: in order, bounded, and never stopped by one of them."""

from __future__ import annotations

import asyncio

import pytest
from pydantic import BaseModel

from sales_agent_dagster.inference.engine import (
    Answer,
    NoAnswer,
    OutputT,
    Prompt,
    ScorecardEngine,
    Task,
    answer_all,
)


class Number(BaseModel):
    value: int


class SlowEngine:
    """Waits, counts what is in flight, and refuses lead 3."""

    name = "slow"
    version = "9"

    def __init__(self) -> None:
        self.in_flight = 0
        self.most_in_flight = 0

    async def answer(self, task: Task[OutputT]) -> Answer[OutputT]:
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        await asyncio.sleep(0.001 * (int(task.lead_id) % 3))
        self.in_flight -= 1
        if task.lead_id == "3":
            raise ConnectionError("x" * 500)
        return Answer(task.rules(), self.name, self.version, 1.0)


def task(number: int, broken: bool = False) -> Task[Number]:
    def rules() -> Number:
        if broken:
            raise ValueError("no rule for it")
        return Number(value=number)

    prompt = Prompt("test", "1", "system")
    return Task(prompt, str(number), lambda: {"number": number}, Number, rules)


def test_answers_come_in_the_order_of_the_tasks_and_never_too_many_at_once() -> None:
    engine = SlowEngine()
    answers = asyncio.run(answer_all(engine, [task(n) for n in range(20) if n != 3], 4))
    assert [a.value.value for a in answers if isinstance(a, Answer)] == [n for n in range(20) if n != 3]
    assert engine.most_in_flight == 4


def test_an_engine_error_becomes_the_rules_answer_and_says_so() -> None:
    answers = asyncio.run(answer_all(SlowEngine(), [task(2), task(3), task(4)], 2))
    failed = answers[1]
    assert isinstance(failed, Answer)
    assert (failed.value.value, failed.engine) == (3, "scorecard")
    assert failed.degraded_reason == ("ConnectionError: " + "x" * 500)[:200]
    assert [a.degraded_reason for a in (answers[0], answers[2]) if isinstance(a, Answer)] == [None, None]


def test_no_rules_either_is_no_answer_for_that_lead_only() -> None:
    answers = asyncio.run(answer_all(SlowEngine(), [task(3, broken=True), task(4)], 2))
    assert isinstance(answers[0], NoAnswer)
    assert answers[0].reason.endswith("rules: ValueError: no rule for it")
    assert answers[0].latency_ms >= 0
    assert isinstance(answers[1], Answer)


def test_no_tasks_no_answers() -> None:
    assert asyncio.run(answer_all(ScorecardEngine(), [], 4)) == []


def test_the_scorecard_answers_with_the_rules_for_nothing() -> None:
    (answer,) = asyncio.run(answer_all(ScorecardEngine(), [task(7)], 1))
    assert isinstance(answer, Answer)
    assert (answer.value.value, answer.engine, answer.cost_usd, answer.degraded_reason) == (
        7,
        "scorecard",
        0.0,
        None,
    )


def test_the_payload_is_made_only_for_engines_that_read_it() -> None:
    made: list[int] = []
    lazy = Task(Prompt("test", "1", ""), "1", lambda: {"n": made.append(1)}, Number, lambda: Number(value=1))
    asyncio.run(answer_all(ScorecardEngine(), [lazy], 1))
    assert made == []
    assert lazy.payload == {"n": None}
    assert made == [1]


@pytest.mark.parametrize("concurrency", [1, 3, 100])
def test_every_task_is_answered_whatever_the_concurrency(concurrency: int) -> None:
    answers = asyncio.run(answer_all(ScorecardEngine(), [task(n) for n in range(10)], concurrency))
    assert [a.value.value for a in answers if isinstance(a, Answer)] == list(range(10))
