"""From a question to a checked answer of one model: tried again, repaired, hedged, within all limits."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field

from sales_agent_dagster.domain.calls import Usage
from sales_agent_dagster.domain.errors import TransientError
from sales_agent_dagster.inference.budgets import BudgetSpent
from sales_agent_dagster.inference.cerebras.client import CerebrasClient
from sales_agent_dagster.inference.cerebras.dialects import Dialects
from sales_agent_dagster.inference.cerebras.errors import (
    Fault,
    InvalidAnswer,
    ProviderDown,
    RateLimited,
    RateLimitHeaders,
    Rejected,
)
from sales_agent_dagster.inference.cerebras.questions import Question
from sales_agent_dagster.inference.cerebras.replies import Completion, read_answer
from sales_agent_dagster.inference.cerebras.request import CompletionRequest
from sales_agent_dagster.inference.engine import OutputT
from sales_agent_dagster.inference.flow.breaker import Breakers, Permit
from sales_agent_dagster.inference.flow.clock import Clock
from sales_agent_dagster.inference.flow.concurrency import AdaptiveConcurrency
from sales_agent_dagster.inference.flow.flights import Leases
from sales_agent_dagster.inference.flow.hedge import Hedging, first_answer
from sales_agent_dagster.inference.flow.rates import Limits, RateLimiter
from sales_agent_dagster.inference.flow.retry import RetryRules


@dataclass(frozen=True, slots=True)
class Flow:
    """The rules that all calls of a process share."""

    clock: Clock
    gate: AdaptiveConcurrency
    limiter: RateLimiter
    breakers: Breakers
    leases: Leases
    hedging: Hedging
    retries: RetryRules
    dice: random.Random


@dataclass(slots=True)
class Progress:
    """What one call has come to.

    Attributes:
        began: seconds of the clock.
        limit: its deadline; it begins with the first request and stands still while the provider's limits
            are waited for.
        pay: sets money aside for one more request; raises BudgetSpent.
        usage: billed, or likely billed: a request that was given up counts its input.
        attempts: requests sent.
        unaffordable: why the last further request was not sent, when the budgets did not allow it.
    """

    began: float
    limit: asyncio.Timeout
    pay: Callable[[CompletionRequest], Awaitable[None]]
    usage: Usage = field(default_factory=Usage)
    attempts: int = 0
    completion: Completion | None = None
    unaffordable: str | None = None

    def start(self, deadline_s: float) -> None:
        """Begin the deadline, once."""
        if self.limit.when() is None:
            self.limit.reschedule(asyncio.get_running_loop().time() + deadline_s)

    def left_s(self) -> float:
        """Seconds until the deadline; it has begun."""
        return (self.limit.when() or 0.0) - asyncio.get_running_loop().time()

    @contextmanager
    def on_hold(self) -> Iterator[None]:
        """Time that does not count: a call waits for its turn, not for an answer."""
        begun, left = self.limit.when() is not None, self.left_s()
        if begun:
            self.limit.reschedule(None)
        try:
            yield
        finally:
            if begun:
                self.limit.reschedule(asyncio.get_running_loop().time() + left)

    async def afford(self, request: CompletionRequest) -> bool:
        """Set money aside for one more request, if the budgets allow it.

        Not knowing them is no reason to lose the call, which has cost something already.
        """
        try:
            await self.pay(request)
        except (BudgetSpent, TransientError) as refusal:
            self.unaffordable = str(refusal)
            return False
        return True


class BreakerOpen(Exception):
    """The model failed too often just now; it is left alone."""


@dataclass(slots=True)
class _Tries:
    """What one call has tried.

    Attributes:
        failed: requests that count against the most that are allowed.
        answered: how many calls the provider had answered when this one was refused last.
    """

    request: CompletionRequest
    answered: int
    failed: int = 0
    repaired: bool = False

    def refused(self, answered: int) -> None:
        """Too many requests: counts when nobody was let through since the last time; else it is a queue."""
        self.failed += answered == self.answered
        self.answered = answered


class Asker:
    """Asks models. For use in one event loop."""

    def __init__(self, client: CerebrasClient, flow: Flow, timeout_s: float, deadline_s: float) -> None:
        self._client = client
        self._flow = flow
        self._dialects = Dialects()
        self._timeout_s = timeout_s
        self._deadline_s = deadline_s

    async def ask(self, question: Question[OutputT], progress: Progress) -> OutputT:
        """The model's answer; ``progress`` tells what it took, also when there is none.

        The only place where anything is tried again.

        Raises:
            Rejected, RateLimited, ProviderDown, InvalidAnswer: the last error, when trying again is no use.
            BreakerOpen, RateExceeded: the model may not be asked.
        """
        tries = _Tries(self._dialects.spoken(question.request), self._flow.gate.answered)
        while True:
            try:
                progress.completion = await self._request(tries.request, progress)
                return read_answer(progress.completion, question.task.output_type)
            except Rejected as refusal:
                spoken = self._dialects.learn(tries.request, refusal)
                if spoken is None:
                    raise
                tries.request = spoken
            except (InvalidAnswer, RateLimited, ProviderDown) as error:
                await self._prepare_next(error, tries, progress)

    async def _prepare_next(
        self, error: InvalidAnswer | RateLimited | ProviderDown, tries: _Tries, progress: Progress
    ) -> None:
        """Wait, or change the request; raises the error when there is no next one."""
        if isinstance(error, InvalidAnswer) and error.fault is not Fault.BODY:
            if tries.repaired:
                raise error
            tries.repaired = True
            tries.request = tries.request.repaired(error)
            wait = 0.0
        else:
            wait = self._wait_after(error, tries, progress)
        if _is_billed(error) and not await progress.afford(tries.request):
            raise error
        # Refused for being too many: the call waits for its turn again.
        with progress.on_hold() if isinstance(error, RateLimited) else nullcontext():
            await self._flow.clock.sleep(wait)

    def _wait_after(
        self, error: InvalidAnswer | RateLimited | ProviderDown, tries: _Tries, progress: Progress
    ) -> float:
        """Seconds to wait after a failed try; raises the error when it was the last one."""
        asked = None
        if isinstance(error, RateLimited):
            tries.refused(self._flow.gate.answered)
            asked = error.retry_after_s
        else:
            tries.failed += 1
        wait = self._flow.retries.wait_after(tries.failed, asked, self._flow.dice)
        if wait is None or wait >= progress.left_s():
            raise error
        return wait

    async def _request(self, request: CompletionRequest, progress: Progress) -> Completion:
        """One request under the breaker and the limits, or two of which the first answer counts."""
        flow, model = self._flow, request.model
        permit = await flow.breakers.admit(model)
        if permit is Permit.REFUSED:
            raise BreakerOpen(f"{model}: circuit breaker open, the provider failed too often")
        up: bool | None = None
        try:
            with progress.on_hold():
                await flow.limiter.admit(model, request.reserved_tokens)
            progress.start(self._deadline_s)
            completion = await self._answered(request, progress)
            up = True
            return completion
        except (Rejected, RateLimited, ProviderDown, InvalidAnswer) as error:
            up = _is_up(error)
            raise
        finally:
            if up is None and progress.limit.expired():
                up = False
            if up is None:
                await flow.breakers.release(model, permit)
            else:
                await flow.breakers.record(model, permit, ok=up, in_flight=flow.gate.in_flight)

    async def _answered(self, request: CompletionRequest, progress: Progress) -> Completion:
        flow = self._flow
        sent_in = flow.gate.round

        async def send() -> Completion:
            return await self._send(request, progress)

        async def send_again() -> Completion:
            await flow.limiter.admit(request.model, request.reserved_tokens)
            return await self._send(request, progress)

        async def take() -> bool:
            return flow.hedging.take() and await progress.afford(request)

        try:
            completion, _ = await first_answer(send, send_again, flow.hedging.begin(), take, flow.clock)
        except RateLimited as error:
            flow.gate.refused(sent_in)
            await self._slow_down(request.model, error)
            raise
        flow.gate.succeeded()
        self._learn(request.model, completion.limits)
        return completion

    async def _send(self, request: CompletionRequest, progress: Progress) -> Completion:
        began = self._flow.clock.now()
        progress.attempts += 1
        try:
            completion = await self._client.complete(request, self._timeout_s)
        except InvalidAnswer as error:
            progress.usage += error.usage
            raise
        except ProviderDown as error:
            if error.timed_out:
                progress.usage += Usage(prompt=request.prompt_tokens)
            raise
        except asyncio.CancelledError:
            progress.usage += Usage(prompt=request.prompt_tokens)
            raise
        progress.usage += completion.usage
        self._flow.hedging.observe(self._flow.clock.now() - began)
        return completion

    async def _slow_down(self, model: str, error: RateLimited) -> None:
        self._learn(model, error.limits)
        pause = error.retry_after_s
        if error.limits.remaining_requests_day == 0 and error.limits.reset_requests_day_s is not None:
            pause = max(pause or 0.0, error.limits.reset_requests_day_s)
        if pause:
            await self._flow.limiter.pause(model, pause)

    def _learn(self, model: str, limits: RateLimitHeaders) -> None:
        requests, tokens = limits.limit_requests_minute, limits.limit_tokens_minute
        if requests or tokens:
            self._flow.limiter.learn(model, Limits(int(requests or 0) or None, int(tokens or 0) or None))


def _is_billed(error: InvalidAnswer | RateLimited | ProviderDown) -> bool:
    """Whether the request has, or may have, used up the money that was set aside for it."""
    return isinstance(error, InvalidAnswer) or (isinstance(error, ProviderDown) and error.timed_out)


def _is_up(error: Rejected | RateLimited | ProviderDown | InvalidAnswer) -> bool:
    """Whether the provider is there: it answered, if only with a refusal or with nonsense in good form."""
    if isinstance(error, InvalidAnswer):
        return error.fault is not Fault.BODY
    return not isinstance(error, ProviderDown)
