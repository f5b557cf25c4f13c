"""One finished call: a place, money, the only one of its key, a deadline, and a line in the ledger.

Whoever asked goes on as soon as there is an answer, while it is being stored. What came of a call is in the
ledger before its place is free again: a killed process loses at most as many calls as may be in flight.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import BaseModel

from sales_agent_dagster.domain.calls import CallOutcome, CallRecord, CallScope
from sales_agent_dagster.domain.errors import TransientError
from sales_agent_dagster.inference.budgets import Budgets, BudgetSpent, Reservation
from sales_agent_dagster.inference.cerebras.asking import Asker, BreakerOpen, Flow, Progress
from sales_agent_dagster.inference.cerebras.errors import InvalidAnswer, ProviderDown, RateLimited, Rejected
from sales_agent_dagster.inference.cerebras.questions import Question
from sales_agent_dagster.inference.cerebras.request import CompletionRequest
from sales_agent_dagster.inference.engine import MAX_REASON, OutputT
from sales_agent_dagster.inference.flow.rates import RateExceeded
from sales_agent_dagster.inference.ledger import Ledger
from sales_agent_dagster.inference.prices import PriceList

_log = logging.getLogger(__name__)

HOPELESS = frozenset({401, 402, 403, 404})
"""Refusals that every other call to the model would get too: key, credit, permission, model."""


class NotBought(Exception):
    """There is no answer from this model; the message is fit for a lead's row.

    Attributes:
        hopeless: the model will not answer other leads either.
    """

    def __init__(self, reason: str, *, hopeless: bool = False) -> None:
        super().__init__(reason[:MAX_REASON])
        self.hopeless = hopeless


@dataclass(slots=True)
class Order:
    """For whom a chunk of calls is made.

    Attributes:
        fault: why nothing more is bought: what was paid for could not be stored.
    """

    scope: CallScope
    fault: TransientError | None = None


class _Purse:
    """Money set aside for the requests of one call: each that may be billed has its own."""

    def __init__(
        self, budgets: Budgets, scope: CallScope, lead_id: str, most: Callable[[CompletionRequest], float]
    ) -> None:
        self._budgets = budgets
        self._for = (scope, lead_id)
        self._most = most
        self._reservations: list[Reservation] = []
        self.cost_usd = 0.0

    async def pay(self, request: CompletionRequest) -> None:
        """Set money aside for a request; only the first one waits for it. Raises BudgetSpent."""
        reserve = self._budgets.reserve(*self._for, self._most(request), wait=not self._reservations)
        self._reservations.append(await reserve)

    def close(self) -> None:
        """What the call really cost takes the place of what was set aside."""
        cost_usd = self.cost_usd
        for reservation in self._reservations:
            reservation.settle(cost_usd)
            cost_usd = 0.0


class Buyer:
    """Buys answers. For use in one event loop."""

    def __init__(
        self, asker: Asker, flow: Flow, ledger: Ledger, budgets: Budgets, prices: PriceList, deadline_s: float
    ) -> None:
        self._asker = asker
        self._flow = flow
        self._ledger = ledger
        self._budgets = budgets
        self._prices = prices
        self._deadline_s = deadline_s
        self._hopeless: dict[str, str] = {}

    async def buy(
        self, question: Question[OutputT], order: Order, answered: asyncio.Future[CallRecord]
    ) -> tuple[CallRecord, bool]:
        """The finished call, stored; says whether another process had bought it meanwhile.

        ``answered`` gets it as soon as it has an answer, before it is stored.

        Raises:
            NotBought: the model gave no usable answer, or may not be asked.
            TransientError: the database does not answer.
        """
        async with self._flow.gate.slot():
            # Also what was paid for in other orders: each would else buy once more than can be stored.
            if fault := order.fault or self._ledger.fault:
                raise fault
            if refusal := self._hopeless.get(question.request.model):
                raise NotBought(refusal)
            purse = _Purse(self._budgets, order.scope, question.task.lead_id, self._most)
            try:
                await purse.pay(question.request)
                return await self._pay(question, order, purse, answered)
            except BudgetSpent as spent:
                raise NotBought(str(spent)) from None
            except TransientError as fault:
                order.fault = fault
                raise
            finally:
                purse.close()

    async def _pay(
        self,
        question: Question[OutputT],
        order: Order,
        purse: _Purse,
        answered: asyncio.Future[CallRecord],
    ) -> tuple[CallRecord, bool]:
        progress = Progress(self._flow.clock.now(), asyncio.timeout(None), purse.pay)
        found: dict[str, CallRecord] = {}

        async def stored() -> bool:
            found.update(await self._ledger.recall([question.key], order.scope))
            return bool(found)

        async with self._flow.leases.hold(question.key, stored) as lease:
            if not lease.ours:
                return found[question.key], True
            record, refusal = await self._make(question, order, progress)
            if refusal is None:
                answered.set_result(record)
            if progress.attempts:
                purse.cost_usd = record.cost_usd
                await self._ledger.record(record)
            lease.bought = refusal is None
        if refusal is not None:
            raise self._noted(question.request.model, refusal)
        return record, False

    async def _make(
        self, question: Question[OutputT], order: Order, progress: Progress
    ) -> tuple[CallRecord, NotBought | None]:
        """The call as the ledger keeps it, and why it brought no answer."""
        try:
            async with progress.limit:
                value = await self._asker.ask(question, progress)
        except TimeoutError:
            error: Exception = ProviderDown(
                f"{question.request.model}: no answer within {self._deadline_s:g} s", timed_out=True
            )
        except (BreakerOpen, InvalidAnswer, ProviderDown, RateExceeded, RateLimited, Rejected) as fault:
            error = fault
        else:
            return self._record(question, order, progress, CallOutcome.OK, value), None
        outcome = CallOutcome.INVALID if isinstance(error, InvalidAnswer) else CallOutcome.FAILED
        hopeless = isinstance(error, Rejected) and error.status in HOPELESS
        told = str(error) if progress.unaffordable is None else f"{error}; {progress.unaffordable}"
        record = self._record(question, order, progress, outcome, error=told)
        return record, NotBought(told, hopeless=hopeless)

    def _noted(self, model: str, refusal: NotBought) -> NotBought:
        """Remember a refusal that every other call to the model would get too."""
        if refusal.hopeless and model not in self._hopeless:
            self._hopeless[model] = str(refusal)
            _log.warning("%s is not asked again in this run: %s", model, refusal)
        return refusal

    def _most(self, request: CompletionRequest) -> float:
        limit = request.parameters.max_completion_tokens
        return self._prices.estimate(request.model, request.prompt_tokens, limit, datetime.now(UTC).date())

    def _record(
        self,
        question: Question[Any],
        order: Order,
        progress: Progress,
        outcome: CallOutcome,
        value: BaseModel | None = None,
        error: str | None = None,
    ) -> CallRecord:
        request, prompt, now = question.request, question.task.prompt, datetime.now(UTC)
        cost = self._prices.cost(request.model, progress.usage, now.date())
        completion = progress.completion
        return CallRecord(
            call_key=question.key,
            agent=prompt.agent,
            prompt_version=prompt.version,
            model=request.model,
            parameters_hash=request.parameters.hash,
            schema_hash=request.schema.hash,
            input_hash=question.input_hash,
            scope=order.scope,
            lead_id=question.task.lead_id,
            outcome=outcome,
            response=value.model_dump_json(by_alias=True) if value is not None else None,
            error=error,
            usage=progress.usage,
            cost_usd=cost.usd,
            price_date=cost.price_date,
            latency_ms=(self._flow.clock.now() - progress.began) * 1000,
            queue_ms=completion.queue_ms if completion else None,
            prompt_ms=completion.prompt_ms if completion else None,
            completion_ms=completion.completion_ms if completion else None,
            attempts=progress.attempts,
            called_at=now,
        )
