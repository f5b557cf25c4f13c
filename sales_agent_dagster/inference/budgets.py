"""Budgets: checked before money is spent, with what the calls in flight may cost set aside.

A call reserves the most it can cost; once it is recorded, what it did cost takes the place of that. So one
process goes over a budget only by what calls cost more than they reserved. Processes that share a budget
see each other's calls when these are recorded, and look every ``REFRESH_SECONDS``: together they can go over
by what the others spend in that time and have in flight.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Protocol

from sales_agent_dagster.domain.calls import CallScope, Spend
from sales_agent_dagster.domain.errors import PermanentError
from sales_agent_dagster.settings import BudgetSettings

REFRESH_SECONDS = 2.0
"""What other processes spent is read from the ledger at most this often."""

ROUNDING_USD = 1e-9
"""Sums of floats may be off by this much and still fit."""

_log = logging.getLogger(__name__)


class BudgetSpent(PermanentError):
    """A call would go over a budget; the message names budget and setting and is fit for a lead's row."""


class SpendSource(Protocol):
    """What budgets ask the ledger; blocking."""

    def spend(self, scope: CallScope, day: date) -> Spend:
        """What the run, the batch and the UTC day have spent so far."""
        ...

    def lead_spend(self, batch_id: str, lead_ids: Collection[str]) -> dict[str, float]:
        """US dollars spent on each lead in the batch; leads without spend are left out."""
        ...


@dataclass(slots=True)
class _Account:
    """Spend against one budget.

    Attributes:
        name: run, batch, day or lead.
        recorded: what the ledger said when it was read last, in reading number ``readings``.
        own: settled in this process, ever; ``own_recorded`` of it before that reading began, so the ledger
            had it.
        unsure: settled later, by calls that were in flight while it was read: it may count twice.
        reserved: what calls in flight may cost.
    """

    name: str
    limit: float
    recorded: float = 0.0
    own: float = 0.0
    own_recorded: float = 0.0
    unsure: float = 0.0
    readings: int = 0
    reserved: float = 0.0
    warned: bool = False
    stopped: bool = False

    @property
    def spent(self) -> float:
        return self.recorded + self.own - self.own_recorded

    def fits(self, usd: float) -> bool:
        """True when there is room now."""
        return self.spent + self.reserved + usd <= self.limit + ROUNDING_USD

    def may_fit(self, usd: float) -> bool:
        """True when there is room if what is in flight costs nothing and nothing counts twice."""
        return self.spent - self.unsure + usd <= self.limit + ROUNDING_USD

    def settle(self, estimate_usd: float, cost_usd: float, readings: int) -> None:
        """A call that reserved after so many readings has ended."""
        self.reserved = max(0.0, self.reserved - estimate_usd)
        self.own += cost_usd
        if readings != self.readings:
            self.unsure += cost_usd

    def read(self, recorded: float, own_before: float) -> None:
        """Take what the ledger says; ``own_before`` was settled when the reading began."""
        self.recorded, self.own_recorded = recorded, own_before
        self.unsure = self.own - own_before
        self.readings += 1

    @property
    def setting(self) -> str:
        return f"SALES_AGENT_BUDGETS__{self.name.upper()}_USD"


class Reservation:
    """Money set aside for one call. Settle it in any case."""

    __slots__ = ("_accounts", "_budgets", "estimate_usd")

    def __init__(self, budgets: Budgets, accounts: Collection[_Account], estimate_usd: float) -> None:
        self.estimate_usd = estimate_usd
        self._budgets = budgets
        self._accounts = [(account, account.readings) for account in accounts]
        for account in accounts:
            account.reserved += estimate_usd

    def settle(self, cost_usd: float) -> None:
        """Replace the estimate by the cost, 0 for a call that was not billed; the first time counts.

        To be called once the call is in the ledger.
        """
        accounts, self._accounts = self._accounts, []
        for account, readings in accounts:
            account.settle(self.estimate_usd, cost_usd, readings)
            self._budgets.settled(account)


@dataclass(slots=True)
class _Reading:
    """When a scope's spend was last read, and the reading that is going on."""

    at: float | None = None
    task: asyncio.Task[None] | None = None


class Budgets:
    """The budgets per lead, run, batch and UTC day of one process. For use in one event loop.

    Args:
        settings: the limits; a budget of None is never asked for.
        source: the ledger.
        clock: seconds; ``now``: UTC time.
    """

    def __init__(
        self,
        settings: BudgetSettings,
        source: SpendSource,
        *,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._settings = settings
        self._source = source
        self._clock = clock
        self._now = now
        self._accounts: dict[tuple[str, ...], _Account] = {}
        self._readings: dict[CallScope, _Reading] = {}
        self._waiters: list[asyncio.Future[None]] = []

    def unread(self, scope: CallScope, lead_ids: Collection[str]) -> list[str]:
        """Leads of which ``learn`` has to be told; ``reserve`` reads the rest of them one by one."""
        if self._settings.lead_usd is None:
            return []
        batch_id, known = scope.batch_id, self._accounts
        return [lead_id for lead_id in lead_ids if ("lead", batch_id, lead_id) not in known]

    def learn(self, scope: CallScope, lead_ids: Collection[str], spent: Mapping[str, float]) -> None:
        """Take what the ledger says was spent on leads that were unread; nothing for those left out."""
        limit = self._settings.lead_usd
        if limit is not None:
            for lead_id in lead_ids:
                account = _Account("lead", limit, spent.get(lead_id, 0.0))
                self._accounts.setdefault(("lead", scope.batch_id, lead_id), account)

    async def reserve(
        self, scope: CallScope, lead_id: str, estimate_usd: float, *, wait: bool = True
    ) -> Reservation:
        """Set money aside for a call that costs at most ``estimate_usd``.

        While calls in flight may still leave room, this waits for them. Do not wait with another
        reservation in hand; what is not needed, such as a hedge, should not wait at all.

        Raises:
            BudgetSpent: there is no room, or none now and ``wait`` is false.
            TransientError: the database does not answer, so what was spent is not known.
        """
        while True:
            accounts = await self._current(scope, lead_id)
            if spent := next((account for account in accounts if not account.may_fit(estimate_usd)), None):
                raise self._stop(spent)
            full = next((account for account in accounts if not account.fits(estimate_usd)), None)
            if full is None:
                return Reservation(self, accounts, estimate_usd)
            if full.unsure:
                self._readings[scope].at = None
            elif not wait:
                raise BudgetSpent(f"no room in the {full.name} budget beside the calls in flight")
            else:
                await self._change()

    def settled(self, account: _Account) -> None:
        """A call that counts against the account has ended."""
        self._warn(account)
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            if not waiter.done():
                waiter.set_result(None)

    async def _change(self) -> None:
        """Wait until some call has ended."""
        waiter = asyncio.get_running_loop().create_future()
        self._waiters.append(waiter)
        await waiter

    async def _current(self, scope: CallScope, lead_id: str) -> list[_Account]:
        """The budgets a call of the lead counts against, with spend that is not too old."""
        if new := self.unread(scope, [lead_id]):
            self.learn(scope, new, await asyncio.to_thread(self._source.lead_spend, scope.batch_id, new))
        shared = [account for account in self._shared(scope, self._now().date()) if account]
        if shared:
            await self._refresh(scope)
        lead = self._accounts.get(("lead", scope.batch_id, lead_id))
        return [*shared, *([lead] if lead else [])]

    def _shared(self, scope: CallScope, day: date) -> Iterator[_Account | None]:
        """Accounts of run, batch and day, in the order of ``Spend``; None where there is no limit."""
        limits = self._settings
        for name, of, limit in (
            ("run", scope.run_id, limits.run_usd),
            ("batch", scope.batch_id, limits.batch_usd),
            ("day", day.isoformat(), limits.day_usd),
        ):
            yield None if limit is None else self._accounts.setdefault((name, of), _Account(name, limit))

    async def _refresh(self, scope: CallScope) -> None:
        reading = self._readings.setdefault(scope, _Reading())
        if reading.task is None:
            if reading.at is not None and self._clock() - reading.at < REFRESH_SECONDS:
                return
            reading.task = asyncio.create_task(self._read(scope, reading))
            reading.task.add_done_callback(_look_at)
        await asyncio.shield(reading.task)  # others may wait for it too

    async def _read(self, scope: CallScope, reading: _Reading) -> None:
        day = self._now().date()
        accounts = list(self._shared(scope, day))
        own = [account.own if account else 0.0 for account in accounts]
        try:
            spend = await asyncio.to_thread(self._source.spend, scope, day)
        finally:
            reading.task = None
        reading.at = self._clock()
        recorded = (spend.run_usd, spend.batch_usd, spend.day_usd)
        for account, before, total in zip(accounts, own, recorded, strict=True):
            if account:
                account.read(total, before)
                self._warn(account)

    def _warn(self, account: _Account) -> None:
        """Say once that a budget nears its end. A lead's own is told on its row, when it is spent."""
        near = account.spent >= self._settings.warn_at * account.limit > 0
        if near and not account.warned and account.name != "lead":
            account.warned = True
            _log.warning(
                "The %s has spent $%.4f of its budget of $%g (%s).",
                account.name,
                account.spent,
                account.limit,
                account.setting,
            )

    def _stop(self, account: _Account) -> BudgetSpent:
        """The refusal; the first one of a budget that leads share is logged."""
        told = f"the {account.name} budget of ${account.limit:g} is spent ({account.setting})"
        if not account.stopped and account.name != "lead":
            account.stopped = True
            _log.warning("From here on %s: leads are answered without a model.", told)
        return BudgetSpent(told)


def _look_at(task: asyncio.Task[None]) -> None:
    """Take note of a reading's error: when all that wait for it are cancelled, nobody else does."""
    with suppress(asyncio.CancelledError):
        task.exception()
