"""The seam: answers by rules, in order, and never stopped by one lead."""

from __future__ import annotations

import asyncio

from pydantic import BaseModel

from sales_agent_dagster.domain.calls import CallScope
from sales_agent_dagster.inference.engine import (
    MAX_REASON,
    Answer,
    NoAnswer,
    Prompt,
    ScorecardEngine,
    Task,
    answer_by_rules,
    describe_error,
)

SCOPE = CallScope("run-1", "batch-1")


class Number(BaseModel):
    value: int


def task(number: int, broken: bool = False) -> Task[Number]:
    def rules() -> Number:
        if broken:
            raise ValueError("no rule for it")
        return Number(value=number)

    return Task(Prompt("test", "1", "system"), str(number), lambda: {"number": number}, Number, rules)


def test_the_scorecard_answers_in_order_with_the_rules_for_nothing() -> None:
    answers = asyncio.run(ScorecardEngine().answer_all([task(n) for n in range(9)], SCOPE))
    assert [answer.value.value for answer in answers if isinstance(answer, Answer)] == list(range(9))
    assert {
        (a.engine, a.cost_usd, a.degraded_reason, a.replayed) for a in answers if isinstance(a, Answer)
    } == {("scorecard", 0.0, None, False)}


def test_no_tasks_no_answers() -> None:
    assert asyncio.run(ScorecardEngine().answer_all([], SCOPE)) == []


def test_a_lead_without_a_rule_gets_no_answer_and_the_others_theirs() -> None:
    bad, good = asyncio.run(ScorecardEngine().answer_all([task(1, broken=True), task(2)], SCOPE))
    assert isinstance(bad, NoAnswer)
    assert bad.reason == "rules: ValueError: no rule for it"
    assert bad.latency_ms >= 0
    assert isinstance(good, Answer)


def test_a_fallback_says_why() -> None:
    answer = answer_by_rules(task(3), "breaker open")
    assert isinstance(answer, Answer)
    assert (answer.value.value, answer.engine, answer.degraded_reason) == (3, "scorecard", "breaker open")
    none = answer_by_rules(task(3, broken=True), "breaker open")
    assert isinstance(none, NoAnswer)
    assert none.reason == "breaker open; rules: ValueError: no rule for it"


def test_reasons_are_bounded() -> None:
    assert describe_error(ConnectionError("x" * 500)) == ("ConnectionError: " + "x" * 500)[:MAX_REASON]


def test_the_payload_is_made_only_for_engines_that_read_it() -> None:
    made: list[int] = []
    lazy = Task(Prompt("test", "1", ""), "1", lambda: {"n": made.append(1)}, Number, lambda: Number(value=1))
    asyncio.run(ScorecardEngine().answer_all([lazy], SCOPE))
    assert made == []
    assert lazy.payload == {"n": None}
    assert made == [1]
