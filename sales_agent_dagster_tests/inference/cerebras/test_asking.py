"""What is whose time: a call's own until its deadline, the provider's limits' without end."""

from __future__ import annotations

import asyncio
import random
from contextlib import suppress
from dataclasses import replace

import pytest

from sales_agent_dagster.inference.cerebras.asking import Asker, BreakerOpen, Flow, Progress
from sales_agent_dagster.inference.cerebras.errors import (
    Fault,
    InvalidAnswer,
    ProviderDown,
    RateLimited,
    RateLimitHeaders,
    Rejected,
)
from sales_agent_dagster.inference.cerebras.questions import Question
from sales_agent_dagster.inference.cerebras.replies import Completion
from sales_agent_dagster.inference.cerebras.request import CompletionRequest
from sales_agent_dagster.inference.engine import Prompt, Task
from sales_agent_dagster.inference.flow.breaker import BreakerRules, Breakers, Permit
from sales_agent_dagster.inference.flow.clock import SystemClock
from sales_agent_dagster.inference.flow.concurrency import AdaptiveConcurrency
from sales_agent_dagster.inference.flow.flights import Leases
from sales_agent_dagster.inference.flow.hedge import Hedging
from sales_agent_dagster.inference.flow.rates import Limits, RateLimiter
from sales_agent_dagster.inference.flow.retry import RetryRules
from sales_agent_dagster_tests.inference.cerebras.questions import Opinion, request
from sales_agent_dagster_tests.inference.cerebras.test_replies import GOOD, OPINION, USAGE

DEADLINE_S = 0.3
LONGER_S = 0.35
DOWN = ProviderDown("HTTP 500", 500)
ANSWER = Completion(GOOD, USAGE, "m", "stop", None, None, None, RateLimitHeaders())


class Scripted:
    """A client that answers at once what it was told to; for None, and then, never."""

    def __init__(self, *outcomes: Completion | Exception | None) -> None:
        self.outcomes = list(outcomes)

    async def complete(self, request: CompletionRequest, timeout_s: float) -> Completion:
        outcome = self.outcomes.pop(0) if self.outcomes else None
        if outcome is None:
            await asyncio.sleep(60)
        if isinstance(outcome, Exception):
            raise outcome
        assert outcome is not None
        return outcome


class Crowded(RateLimiter):
    """Whose turns come late, but for the first."""

    def __init__(self, late_s: float = LONGER_S) -> None:
        super().__init__(Limits(), 1.0, SystemClock())
        self.turns: list[int] = []
        self.late_s = late_s

    async def admit(self, model: str, tokens: int) -> None:
        self.turns.append(tokens)
        if len(self.turns) > 1:
            await asyncio.sleep(self.late_s)


def flow_of(limiter: RateLimiter, breakers: Breakers) -> Flow:
    clock = SystemClock()
    return Flow(
        clock,
        AdaptiveConcurrency(4),
        limiter,
        breakers,
        Leases(clock, None),
        Hedging(None, 0.0),
        RetryRules(base_s=0.001),
        random.Random(0),
    )


async def ask(
    flow: Flow, *outcomes: Completion | Exception | None, deadline_s: float = DEADLINE_S
) -> Opinion:
    async def pay(_: CompletionRequest) -> None:
        """Everything is affordable."""

    task = Task(Prompt("judge", "1", ""), "lead-1", dict, Opinion, lambda: OPINION)
    question = Question(task, request(), "key", "hash")
    progress = Progress(0.0, asyncio.timeout(None), pay)
    async with progress.limit:
        return await Asker(Scripted(*outcomes), flow, 10.0, deadline_s).ask(question, progress)  # type: ignore[arg-type]


def test_waiting_for_another_turn_is_not_the_call_s_time_and_no_outage() -> None:
    async def scene() -> Permit:
        breakers = Breakers(BreakerRules(ratio=0.6, calls=2, least=2), SystemClock())
        assert await ask(flow_of(Crowded(), breakers), DOWN, ANSWER) == OPINION
        return await breakers.admit(request().model)

    assert asyncio.run(scene()) is Permit.PASSES


def test_waiting_as_long_as_the_provider_asks_is_not_either() -> None:
    async def scene() -> Opinion:
        clock = SystemClock()
        flow = flow_of(RateLimiter(Limits(), 1.0, clock), Breakers(BreakerRules(), clock))
        soon = RateLimited(0.6 * DEADLINE_S, RateLimitHeaders())
        return await ask(flow, soon, soon, ANSWER)

    assert asyncio.run(scene()) == OPINION


def test_longer_than_all_of_its_time_nobody_waits() -> None:
    async def scene() -> Opinion:
        clock = SystemClock()
        flow = flow_of(RateLimiter(Limits(), 1.0, clock), Breakers(BreakerRules(), clock))
        return await ask(flow, RateLimited(50.0, RateLimitHeaders()), ANSWER)

    with pytest.raises(RateLimited):
        asyncio.run(scene())


def test_a_call_s_own_waiting_counts() -> None:
    async def scene() -> Opinion:
        clock = SystemClock()
        flow = flow_of(RateLimiter(Limits(), 1.0, clock), Breakers(BreakerRules(), clock))
        return await ask(flow, DOWN, ANSWER, deadline_s=0.0001)

    with pytest.raises((ProviderDown, TimeoutError)):
        asyncio.run(scene())


def test_no_answer_until_the_deadline_is_an_outage() -> None:
    async def scene() -> Permit:
        clock = SystemClock()
        breakers = Breakers(BreakerRules(ratio=1.0, calls=1, least=1), clock)
        with pytest.raises(TimeoutError):
            await ask(flow_of(RateLimiter(Limits(), 1.0, clock), breakers), deadline_s=0.02)
        return await breakers.admit(request().model)

    assert asyncio.run(scene()) is Permit.REFUSED


@pytest.mark.parametrize(
    ("outcome", "permit"),
    [
        (ANSWER, Permit.PASSES),
        (InvalidAnswer(Fault.EMPTY, "empty", USAGE), Permit.PASSES),
        (InvalidAnswer(Fault.LENGTH, "cut off", USAGE), Permit.PASSES),
        (InvalidAnswer(Fault.BODY, "HTML", USAGE), Permit.REFUSED),
        (Rejected(404), Permit.PASSES),
        (RateLimited(None, RateLimitHeaders()), Permit.PASSES),
        (DOWN, Permit.REFUSED),
    ],
)
def test_only_no_answer_and_nonsense_are_an_outage(outcome: Completion | Exception, permit: Permit) -> None:
    async def scene() -> Permit:
        clock = SystemClock()
        breakers = Breakers(BreakerRules(ratio=1.0, calls=1, least=1), clock)
        flow = flow_of(RateLimiter(Limits(), 1.0, clock), breakers)
        with suppress(InvalidAnswer, Rejected, RateLimited, ProviderDown, BreakerOpen):
            await ask(flow, *[outcome] * 4)
        return await breakers.admit(request().model)

    assert asyncio.run(scene()) is permit


def test_a_second_request_takes_its_turn_too() -> None:
    async def scene() -> Crowded:
        limiter = Crowded(late_s=0.0)
        breakers = Breakers(BreakerRules(), SystemClock())
        flow = replace(flow_of(limiter, breakers), hedging=Hedging(5.0, 1.0))
        assert await ask(flow, None, ANSWER, deadline_s=30) == OPINION
        return limiter

    assert asyncio.run(scene()).turns == [request().reserved_tokens] * 2
