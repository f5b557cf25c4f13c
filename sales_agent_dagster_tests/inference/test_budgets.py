from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Coroutine
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sales_agent_dagster.domain.calls import CallScope, Spend
from sales_agent_dagster.domain.errors import TransientError
from sales_agent_dagster.inference.budgets import REFRESH_SECONDS, ROUNDING_USD, Budgets, BudgetSpent
from sales_agent_dagster.settings import BudgetSettings

NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
SCOPE = CallScope("run-1", "batch-1")
UNLIMITED: dict[str, Any] = {"lead_usd": None, "batch_usd": None, "run_usd": None, "day_usd": None}


class Book:
    """A ledger in memory: what was spent by whom, and how often it was asked."""

    def __init__(self) -> None:
        self.lines: list[tuple[CallScope, str, date, float]] = []
        self.reads = 0
        self.lead_reads: list[list[str]] = []
        self.fault: Exception | None = None

    def add(self, scope: CallScope, lead_id: str, usd: float, day: date | None = None) -> None:
        self.lines.append((scope, lead_id, day or NOW.date(), usd))

    def spend(self, scope: CallScope, day: date) -> Spend:
        self.reads += 1
        if self.fault:
            raise self.fault
        return Spend(
            sum(usd for line, _, _, usd in self.lines if line.run_id == scope.run_id),
            sum(usd for line, _, _, usd in self.lines if line.batch_id == scope.batch_id),
            sum(usd for _, _, spent_on, usd in self.lines if spent_on == day),
        )

    def lead_spend(self, batch_id: str, lead_ids: Collection[str]) -> dict[str, float]:
        self.lead_reads.append(sorted(lead_ids))
        spent: dict[str, float] = {}
        for scope, lead_id, _, usd in self.lines:
            if scope.batch_id == batch_id and lead_id in lead_ids:
                spent[lead_id] = spent.get(lead_id, 0.0) + usd
        return spent


class Time:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.now = NOW


def make(book: Book, time: Time | None = None, **limits: Any) -> Budgets:
    time = time or Time()
    settings = BudgetSettings(**(UNLIMITED | limits))
    return Budgets(settings, book, clock=lambda: time.seconds, now=lambda: time.now)


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 60))


async def buy(
    budgets: Budgets, book: Book, usd: float, lead_id: str = "lead-1", scope: CallScope = SCOPE
) -> None:
    """A call that costs what was estimated."""
    reservation = await budgets.reserve(scope, lead_id, usd)
    book.add(scope, lead_id, usd)
    reservation.settle(usd)


@pytest.mark.parametrize("name", ["lead", "batch", "run", "day"])
def test_each_budget_stops_calls(name: str) -> None:
    async def main() -> None:
        book = Book()
        budgets = make(book, **{f"{name}_usd": 1.0})
        await buy(budgets, book, 0.6)
        await buy(budgets, book, 0.4)
        wanted = rf"^the {name} budget of \$1 is spent \(SALES_AGENT_BUDGETS__{name.upper()}_USD\)$"
        with pytest.raises(BudgetSpent, match=wanted):
            await budgets.reserve(SCOPE, "lead-1", 0.001)
        await budgets.reserve(SCOPE, "lead-1", 0.0)

    run(main())


@pytest.mark.parametrize("name", ["lead", "batch", "run", "day"])
def test_what_earlier_runs_spent_counts(name: str) -> None:
    async def main() -> None:
        book = Book()
        scope = {"run": CallScope("run-1", "b"), "day": CallScope("r", "b")}.get(
            name, CallScope("r", "batch-1")
        )
        book.add(scope, "lead-1", 0.7)
        budgets = make(book, **{f"{name}_usd": 1.0})
        await buy(budgets, book, 0.3)
        with pytest.raises(BudgetSpent, match=f"the {name} budget"):
            await budgets.reserve(SCOPE, "lead-1", 0.01)

    run(main())


@pytest.mark.parametrize(
    ("name", "scope", "lead_id", "day"),
    [
        ("lead", SCOPE, "lead-2", NOW.date()),
        ("lead", CallScope("run-1", "batch-2"), "lead-1", NOW.date()),
        ("batch", CallScope("run-1", "batch-2"), "lead-1", NOW.date()),
        ("run", CallScope("run-2", "batch-1"), "lead-1", NOW.date()),
        ("day", SCOPE, "lead-1", NOW.date() - timedelta(days=1)),
    ],
)
def test_what_others_spent_does_not_count(name: str, scope: CallScope, lead_id: str, day: date) -> None:
    async def main() -> None:
        book = Book()
        book.add(scope, lead_id, 100.0, day)
        await buy(make(book, **{f"{name}_usd": 1.0}), book, 1.0)

    run(main())


def test_runs_and_batches_of_one_process_are_told_apart() -> None:
    async def main() -> None:
        book = Book()
        budgets = make(book, run_usd=1.0, batch_usd=2.0)
        await buy(budgets, book, 0.5, scope=CallScope("run-1", "batch-1"))
        await buy(budgets, book, 0.5, scope=CallScope("run-1", "batch-2"))
        with pytest.raises(BudgetSpent, match="the run budget"):
            await budgets.reserve(CallScope("run-1", "batch-3"), "lead-1", 0.1)
        await buy(budgets, book, 1.0, scope=CallScope("run-2", "batch-1"))
        await buy(budgets, book, 0.5, scope=CallScope("run-3", "batch-1"))
        with pytest.raises(BudgetSpent, match="the batch budget"):
            await budgets.reserve(CallScope("run-3", "batch-1"), "lead-1", 0.1)

    run(main())


def test_without_limits_nothing_is_read() -> None:
    async def main() -> None:
        book = Book()
        await buy(make(book), book, 1e9)
        assert (book.reads, book.lead_reads) == (0, [])

    run(main())


def test_calls_in_flight_count_with_their_estimate_until_they_are_settled() -> None:
    async def main() -> None:
        budgets = make(Book(), batch_usd=1.0)
        first = await budgets.reserve(SCOPE, "lead-1", 0.7)
        with pytest.raises(BudgetSpent, match="no room in the batch budget beside the calls in flight"):
            await budgets.reserve(SCOPE, "lead-2", 0.4, wait=False)
        first.settle(0.1)
        first.settle(0.9)  # only the first time counts
        (await budgets.reserve(SCOPE, "lead-2", 0.9, wait=False)).settle(0.0)
        await budgets.reserve(SCOPE, "lead-2", 0.9, wait=False)

    run(main())


def test_a_call_waits_for_what_those_in_flight_leave() -> None:
    async def main() -> None:
        budgets = make(Book(), batch_usd=1.0)
        first = await budgets.reserve(SCOPE, "lead-1", 0.7)
        waiting = [asyncio.ensure_future(budgets.reserve(SCOPE, "lead-2", 0.4)) for _ in range(3)]
        await asyncio.sleep(0.01)
        assert not any(task.done() for task in waiting)
        waiting[0].cancel()
        first.settle(0.5)
        second = await waiting[1]
        assert not waiting[2].done()
        second.settle(0.4)
        with pytest.raises(BudgetSpent, match="is spent"):
            await waiting[2]

    run(main())


def test_a_call_that_never_fits_does_not_wait() -> None:
    async def main() -> None:
        budgets = make(Book(), batch_usd=1.0)
        await budgets.reserve(SCOPE, "lead-1", 0.1)
        with pytest.raises(BudgetSpent, match="is spent"):
            await budgets.reserve(SCOPE, "lead-1", 1.1)

    run(main())


def test_a_new_day_has_its_own_budget() -> None:
    async def main() -> None:
        book, time = Book(), Time()
        budgets = make(book, time, day_usd=1.0)
        await buy(budgets, book, 1.0)
        time.now += timedelta(days=1)
        await budgets.reserve(SCOPE, "lead-1", 1.0)

    run(main())


def test_other_processes_are_seen_when_the_ledger_is_read_again() -> None:
    async def main() -> None:
        book, time = Book(), Time()
        mine, theirs = make(book, time, day_usd=1.0), make(book, time, day_usd=1.0)
        await buy(mine, book, 0.2)
        await buy(theirs, book, 0.7)
        time.seconds = REFRESH_SECONDS - 0.01
        (await mine.reserve(SCOPE, "lead-1", 0.2)).settle(0.0)
        assert book.reads == 2
        time.seconds = REFRESH_SECONDS
        with pytest.raises(BudgetSpent, match="the day budget"):
            await mine.reserve(SCOPE, "lead-1", 0.2)
        (await mine.reserve(SCOPE, "lead-1", 0.1)).settle(0.0)
        assert book.reads == 3

    run(main())


def test_many_calls_at_once_read_the_ledger_once() -> None:
    async def main() -> None:
        book = Book()
        budgets = make(book, batch_usd=5.0, run_usd=5.0, day_usd=5.0, lead_usd=1.0)
        leads = [f"lead-{number}" for number in range(50)]
        assert budgets.unread(SCOPE, leads) == leads
        budgets.learn(SCOPE, leads, {"lead-7": 0.995})
        assert budgets.unread(SCOPE, [*leads, "lead-50"]) == ["lead-50"]
        others = [lead for lead in leads if lead != "lead-7"]
        await asyncio.gather(*(buy(budgets, book, 0.01, lead) for lead in others))
        with pytest.raises(BudgetSpent, match="lead budget"):
            await budgets.reserve(SCOPE, "lead-7", 0.01)
        assert (book.reads, book.lead_reads) == (1, [])

    run(main())


def test_a_call_that_was_recorded_but_not_settled_when_the_ledger_was_read_counts_once() -> None:
    async def main() -> None:
        book, time = Book(), Time()
        budgets = make(book, time, batch_usd=1.0)
        first = await budgets.reserve(SCOPE, "lead-1", 0.5)
        book.add(SCOPE, "lead-1", 0.5)
        time.seconds = REFRESH_SECONDS
        second = asyncio.ensure_future(budgets.reserve(SCOPE, "lead-1", 0.5))
        await asyncio.sleep(0.01)
        assert not second.done()  # it cannot be told yet whether there is room
        first.settle(0.5)
        await second
        assert book.reads == 3

    run(main())


def test_spend_that_is_not_known_is_an_error() -> None:
    async def main() -> None:
        book = Book()
        budgets = make(book, batch_usd=5.0)
        book.fault = TransientError("gone")
        outcomes = await asyncio.gather(
            *(budgets.reserve(SCOPE, "lead-1", 0.1) for _ in range(3)), return_exceptions=True
        )
        assert [type(outcome) for outcome in outcomes] == [TransientError] * 3
        book.fault = None
        await budgets.reserve(SCOPE, "lead-1", 0.1)

    run(main())


def test_a_reading_that_nobody_waits_for_any_more_leaves_no_noise(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        book = Book()
        book.fault = TransientError("gone")
        waiting = asyncio.ensure_future(make(book, batch_usd=5.0).reserve(SCOPE, "lead-1", 0.1))
        await asyncio.sleep(0)
        waiting.cancel()
        await asyncio.sleep(0.05)

    run(main())
    assert caplog.text == ""


def test_a_budget_that_nears_its_end_is_told_once_and_so_is_its_end(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def main() -> None:
        book = Book()
        budgets = make(book, batch_usd=1.0, warn_at=0.5, lead_usd=1.0)
        await buy(budgets, book, 0.49)
        assert caplog.text == ""
        await buy(budgets, book, 0.01)
        await buy(budgets, book, 0.4)
        assert [record.message for record in caplog.records] == [
            "The batch has spent $0.5000 of its budget of $1 (SALES_AGENT_BUDGETS__BATCH_USD)."
        ]
        caplog.clear()
        for lead in ("lead-1", "lead-2", "lead-3"):
            with pytest.raises(BudgetSpent):
                await budgets.reserve(SCOPE, lead, 0.2)
        assert [record.message for record in caplog.records] == [
            "From here on the batch budget of $1 is spent (SALES_AGENT_BUDGETS__BATCH_USD): "
            "leads are answered without a model."
        ]

    with caplog.at_level(logging.WARNING):
        run(main())


def test_a_budget_of_nothing_allows_only_what_is_free(caplog: pytest.LogCaptureFixture) -> None:
    async def main() -> None:
        budgets = make(Book(), batch_usd=0.0)
        (await budgets.reserve(SCOPE, "lead-1", 0.0)).settle(0.0)
        assert caplog.text == ""
        with pytest.raises(BudgetSpent):
            await budgets.reserve(SCOPE, "lead-1", 0.0001)

    run(main())


CENTS = st.integers(0, 40).map(lambda cents: cents / 100)
CALLS = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 2), CENTS, CENTS, st.integers(0, 4), st.booleans()),
    min_size=1,
    max_size=25,
)
LIMIT = st.none() | st.integers(0, 200).map(lambda cents: cents / 100)


@given(calls=CALLS, lead=LIMIT, batch=LIMIT, run_limit=LIMIT, day=LIMIT, scopes=st.integers(1, 3))
def test_no_budget_is_exceeded_by_more_than_calls_cost_above_their_estimates(
    calls: list[tuple[int, int, float, float, int, bool]],
    lead: float | None,
    batch: float | None,
    run_limit: float | None,
    day: float | None,
    scopes: int,
) -> None:
    """Any calls, in any number in flight, settled in any order, by any number of runs in one process."""
    limits = {"lead_usd": lead, "batch_usd": batch, "run_usd": run_limit, "day_usd": day}
    book, time = Book(), Time()
    budgets = make(book, time, **limits)
    overruns: list[tuple[CallScope, str, float]] = []
    refused: list[tuple[CallScope, str, float]] = []

    async def one(scope_no: int, lead_no: int, estimate: float, cost: float, turns: int, late: bool) -> None:
        scope = CallScope(f"run-{scope_no % scopes}", f"batch-{scope_no % scopes}")
        lead_id = f"lead-{lead_no}"
        try:
            reservation = await budgets.reserve(scope, lead_id, estimate)
        except BudgetSpent:
            refused.append((scope, lead_id, estimate))
            return
        if late:
            time.seconds += REFRESH_SECONDS
        for _ in range(turns):
            await asyncio.sleep(0)
        book.add(scope, lead_id, cost)
        overruns.append((scope, lead_id, max(0.0, cost - estimate)))
        reservation.settle(cost)

    async def main() -> None:
        await asyncio.gather(*(one(*call) for call in calls))

    run(main())
    spent = [(scope, lead_id, usd) for scope, lead_id, _, usd in book.lines]
    keys = {
        "lead_usd": lambda scope, lead_id: (scope.batch_id, lead_id),
        "batch_usd": lambda scope, _: scope.batch_id,
        "run_usd": lambda scope, _: scope.run_id,
        "day_usd": lambda *_: "today",
    }
    for name, key in keys.items():
        limit = limits[name]
        for group in {key(scope, lead_id) for scope, lead_id, _ in spent}:
            total = sum(usd for scope, lead_id, usd in spent if key(scope, lead_id) == group)
            overrun = sum(usd for scope, lead_id, usd in overruns if key(scope, lead_id) == group)
            assert limit is None or total <= limit + overrun + 100 * ROUNDING_USD
    for scope, lead_id, estimate in refused:
        rooms = [
            limits[name] - sum(usd for line, who, usd in spent if key(line, who) == key(scope, lead_id))
            for name, key in keys.items()
            if limits[name] is not None
        ]
        assert min(rooms) < estimate  # what was refused would not fit at the end either
