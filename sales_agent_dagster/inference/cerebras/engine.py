"""The engine that asks models: replays what was bought before, buys the rest, degrades what it cannot."""

from __future__ import annotations

import asyncio
import atexit
import logging
import random
from collections.abc import Sequence
from functools import partial
from typing import Any, Generic

from pydantic import ValidationError

from sales_agent_dagster.domain.calls import CallRecord, CallScope
from sales_agent_dagster.domain.errors import TransientError
from sales_agent_dagster.domain.hashing import content_hash
from sales_agent_dagster.inference.budgets import Budgets
from sales_agent_dagster.inference.cerebras.asking import Asker, Flow
from sales_agent_dagster.inference.cerebras.buying import Buyer, NotBought, Order
from sales_agent_dagster.inference.cerebras.client import CerebrasClient, check_models
from sales_agent_dagster.inference.cerebras.endpoint import endpoint_of
from sales_agent_dagster.inference.cerebras.errors import NO_LIST, Rejected
from sales_agent_dagster.inference.cerebras.questions import Question, question_of
from sales_agent_dagster.inference.engine import (
    MAX_REASON,
    Answer,
    NoAnswer,
    OutputT,
    Task,
    answer_by_rules,
    describe_error,
)
from sales_agent_dagster.inference.flow.breaker import BreakerRules, Breakers
from sales_agent_dagster.inference.flow.clock import SystemClock
from sales_agent_dagster.inference.flow.concurrency import AdaptiveConcurrency
from sales_agent_dagster.inference.flow.flights import Flights, Leases
from sales_agent_dagster.inference.flow.hedge import Hedging
from sales_agent_dagster.inference.flow.loop_thread import LoopThread
from sales_agent_dagster.inference.flow.rates import Limits, RateLimiter, Window
from sales_agent_dagster.inference.flow.retry import RetryRules
from sales_agent_dagster.inference.flow.shared import SharedState
from sales_agent_dagster.inference.ledger import Ledger, cost_to
from sales_agent_dagster.inference.ports import CallStore
from sales_agent_dagster.inference.prices import load_prices
from sales_agent_dagster.settings import Settings

NAME = "cerebras"
_log = logging.getLogger(__name__)


class _Chunk(Generic[OutputT]):
    """Tasks that were asked together, and their answers so far."""

    def __init__(self, tasks: Sequence[Task[OutputT]], scope: CallScope) -> None:
        self.tasks = tasks
        self.order = Order(scope)
        self.questions: list[Question[OutputT] | str] = []
        self.answers: list[Answer[OutputT] | NoAnswer | None] = [None] * len(tasks)
        self.leads: list[str] = []  # of whom ``spent`` tells what the ledger has
        self.spent: dict[str, float] = {}


class CerebrasEngine:
    """Answers with a model of the Cerebras API, or of any server that speaks it.

    Its connections, limits, breakers and ledger live in one event loop in a thread of its own, so they
    outlast the loops of its callers: Dagster runs every op in a new one. Making one is cheap; nothing is
    opened before the first answer that has to be bought.

    Args:
        settings: which model, where, and within which limits.
        store: the ledger.
        breaker_rules, retry_rules, window: of ``flow``.

    Raises:
        ConfigurationError: no endpoint is set, or a setting of it cannot be used.
    """

    name = NAME

    def __init__(
        self,
        settings: Settings,
        store: CallStore,
        *,
        breaker_rules: BreakerRules = BreakerRules(),  # noqa: B008 - frozen, as are the next ones
        retry_rules: RetryRules = RetryRules(),  # noqa: B008
        window: Window = Window(),  # noqa: B008
    ) -> None:
        chosen = settings.cerebras
        self._settings = settings
        self._models = (chosen.model, *chosen.fallback_models)
        self.version = f"{chosen.model} {chosen.reasoning_effort}"
        endpoint = endpoint_of(settings)
        # Every call may be hedged: then it takes two connections.
        self._client = CerebrasClient(endpoint, connections=2 * chosen.concurrency)
        self._ledger = Ledger(store, chosen.retention_days)
        self._thread = LoopThread("cerebras-engine")
        self._flights: Flights[tuple[CallRecord, bool]] = Flights()
        self._checked: asyncio.Task[None] | None = None
        self._late = False  # the list of models did not come
        self._storing: set[asyncio.Task[tuple[CallRecord, bool]]] = set()
        self._refused: list[BaseException] = []  # by the database, what was paid for
        clock = SystemClock()
        url = settings.redis_url
        self._shared = SharedState(url.get_secret_value(), clock) if url else None
        owner = content_hash(endpoint.url, endpoint.api_key.get_secret_value())
        self.limiter = RateLimiter(
            Limits(chosen.requests_per_minute, chosen.tokens_per_minute),
            chosen.share,
            clock,
            shared=self._shared,
            owner=owner,
            window=window,
        )
        flow = Flow(
            clock=clock,
            gate=AdaptiveConcurrency(chosen.concurrency),
            limiter=self.limiter,
            breakers=Breakers(breaker_rules, clock, shared=self._shared, owner=owner),
            leases=Leases(clock, self._shared),
            hedging=Hedging(chosen.hedge_after_ms, chosen.hedge_share),
            retries=retry_rules,
            dice=random.Random(),  # noqa: S311 - spreads retries, keeps no secret
        )
        self._budgets = Budgets(settings.budgets, self._ledger)
        self._buyer = Buyer(
            Asker(self._client, flow, chosen.timeout_s, chosen.deadline_s),
            flow,
            self._ledger,
            self._budgets,
            load_prices(settings.prices_path),
            chosen.deadline_s,
        )

    async def answer_all(
        self, tasks: Sequence[Task[OutputT]], scope: CallScope, *, stored: bool = True
    ) -> list[Answer[OutputT] | NoAnswer]:
        """See ``Engine``: replays in one query, then as many calls at once as the provider takes.

        Raises:
            ConfigurationError: the server does not offer the models.
            Rejected: it does not let us in.
            TransientError: the database does not answer; finished calls are kept until it does.
        """
        if not tasks:
            return []
        self._close_at_exit()
        chunk = _Chunk(tasks, scope)
        chunk.questions = [self._question(task) for task in tasks]
        # In the caller's loop, which has nothing to wait for but this.
        await self._replay(chunk)
        if None in chunk.answers:
            return await self._thread.run(self._answer_chunk(chunk, stored))
        return [answer for answer in chunk.answers if answer is not None]

    def check(self) -> None:
        """See ``Engine``: the server's list has the models. When it does not answer, the calls will tell."""
        self._close_at_exit()
        self._thread.result(self._check_models())

    async def settle(self) -> None:
        """See ``Engine``. Costs nothing when all is stored, as it mostly is."""
        if self._storing or self._refused or self._ledger.has_unsaved:
            await self._thread.run(self._settle())

    def warm_up(self) -> None:
        """Begin in the background what the first question waits for: the SDK's import, the models' check."""
        self._close_at_exit()
        self._thread.begin(self._begin_check)

    def close(self) -> None:
        """Cancel calls in flight, store what is finished, close all connections."""
        atexit.unregister(self.close)
        self._thread.close(self._disconnect)
        self._ledger.close()

    def _close_at_exit(self) -> None:
        atexit.unregister(self.close)
        atexit.register(self.close)

    async def _disconnect(self) -> None:
        await self._client.close()
        if self._shared is not None:
            await self._shared.close()

    async def _answer_chunk(self, chunk: _Chunk[OutputT], stored: bool) -> list[Answer[OutputT] | NoAnswer]:
        self._budgets.learn(chunk.order.scope, chunk.leads, chunk.spent)
        missing = [number for number, answer in enumerate(chunk.answers) if answer is None]
        if missing:
            await self._check_models()
            # Calls in flight end before a fault is raised: what they bring is paid for.
            faults = await asyncio.gather(
                *(self._answer(chunk, number) for number in missing), return_exceptions=True
            )
            for fault in faults:
                if fault is not None:
                    raise fault
        if stored:
            await self._settle()
        return [answer for answer in chunk.answers if answer is not None]

    def _question(self, task: Task[OutputT]) -> Question[OutputT] | str:
        """The question, or why there is none."""
        try:
            return question_of(task, self._models[0], self._settings.cerebras.reasoning_effort)
        except Exception as error:  # noqa: BLE001 - one lead's failure is data, whatever it is
            return describe_error(error)

    async def _replay(self, chunk: _Chunk[OutputT]) -> None:
        scope = chunk.order.scope
        keys = [question.key for question in chunk.questions if isinstance(question, Question)]
        chunk.leads = self._budgets.unread(scope, {task.lead_id for task in chunk.tasks})
        found, chunk.spent = await self._ledger.recall_for(keys, scope, chunk.leads)
        for number, question in enumerate(chunk.questions):
            if isinstance(question, Question) and question.key in found:
                chunk.answers[number] = _answer_of(question, found[question.key], scope)

    async def _answer(self, chunk: _Chunk[OutputT], number: int) -> None:
        question = chunk.questions[number]
        reasons: list[str] = []
        if isinstance(question, str):
            reasons.append(question)
        else:
            for model in self._models:
                try:
                    answer = await self._from(model, question, chunk.order, "; ".join(reasons) or None)
                except NotBought as error:
                    reasons.append(str(error))
                else:
                    chunk.answers[number] = answer
                    return
        chunk.answers[number] = answer_by_rules(chunk.tasks[number], "; ".join(reasons)[:MAX_REASON])

    async def _from(
        self, model: str, question: Question[OutputT], order: Order, degraded_reason: str | None
    ) -> Answer[OutputT]:
        """One model's answer. Raises NotBought, and TransientError when the database does not answer."""
        read_earlier = model == question.request.model
        question = question if read_earlier else question.to(model)
        found: dict[str, CallRecord] = {}
        if not read_earlier or self._flights.has_ended(question.key):
            found = await self._ledger.recall([question.key], order.scope)
        if found and (answer := _answer_of(question, found[question.key], order.scope, degraded_reason)):
            return answer
        record, replayed = await self._bought(question, order)
        answer = _answer_of(question, record, order.scope, degraded_reason, replayed=replayed)
        if answer is None:
            raise NotBought("a recorded answer does not fit its type")
        return answer

    async def _bought(self, question: Question[OutputT], order: Order) -> tuple[CallRecord, bool]:
        """The finished call, which may still be being stored; says whether somebody else bought it."""
        answered: asyncio.Future[CallRecord] = asyncio.get_running_loop().create_future()
        buying = asyncio.create_task(self._buy(question, order, answered))
        either: set[asyncio.Future[Any]] = {answered, buying}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            if not answered.done():
                buying.cancel()
            raise
        finally:
            if not buying.done():
                self._storing.add(buying)
                buying.add_done_callback(self._stored)
        return buying.result() if buying.done() else (answered.result(), False)

    async def _buy(
        self, question: Question[OutputT], order: Order, answered: asyncio.Future[CallRecord]
    ) -> tuple[CallRecord, bool]:
        (record, elsewhere), follows = await self._flights.once(
            question.key, partial(self._buyer.buy, question, order, answered)
        )
        return record, elsewhere or follows

    def _stored(self, buying: asyncio.Task[tuple[CallRecord, bool]]) -> None:
        self._storing.discard(buying)
        fault = _error_of(buying)
        # What an unavailable database could not take is in the ledger's memory, and cancelled calls too.
        if fault is not None and not isinstance(fault, TransientError | NotBought | asyncio.CancelledError):
            self._refused.append(fault)

    async def _settle(self) -> None:
        if self._storing:
            await asyncio.wait(set(self._storing))
        if self._refused:
            refused, self._refused = self._refused, []
            raise refused[0]
        if self._ledger.has_unsaved:
            await asyncio.to_thread(self._ledger.save_late)

    def _begin_check(self) -> asyncio.Task[None]:
        if self._checked is None or (self._checked.done() and _error_of(self._checked)):
            self._checked = asyncio.create_task(check_models(self._client, self._settings))
            self._checked.add_done_callback(_error_of)  # when nobody asks anything, nobody else looks at it
        return self._checked

    async def _check_models(self) -> None:
        """Once: the models are there; what can change by itself, such as an outage, is a warning.

        A list that did not come once is waited for no more: what it says is told by a later question.
        """
        late, checking = self._late, self._checked
        if checking is None or not late:
            checking = self._begin_check()
        elif not checking.done():
            return
        self._late = False
        try:
            await asyncio.shield(checking)
        except Rejected as error:
            if error.status not in NO_LIST:
                raise
            _log.warning("The server gives no list of models (%s); whether it has ours is seen later.", error)
            self._checked = asyncio.create_task(asyncio.sleep(0))
        except TransientError as error:
            if late:
                self._begin_check()
            elif not self._late:
                _log.warning("The models could not be checked: %s", error)
            self._late = True


def _error_of(task: asyncio.Task[Any]) -> BaseException | None:
    return asyncio.CancelledError() if task.cancelled() else task.exception()


def _answer_of(
    question: Question[OutputT],
    record: CallRecord,
    scope: CallScope,
    degraded_reason: str | None = None,
    *,
    replayed: bool = True,
) -> Answer[OutputT] | None:
    """The answer in a record; None when it does not fit its type."""
    task = question.task
    try:
        value = task.output_type.model_validate_json(record.response or "")
    except ValidationError:
        return None
    cost_usd = cost_to(record, scope.batch_id, task.lead_id) if replayed else record.cost_usd
    return Answer(value, NAME, record.model, record.latency_ms, cost_usd, degraded_reason, replayed)
