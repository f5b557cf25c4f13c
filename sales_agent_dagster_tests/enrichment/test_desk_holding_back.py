import asyncio
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from sales_agent_dagster.domain.calls import CallScope
from sales_agent_dagster.enrichment.pacing import Pace
from sales_agent_dagster.enrichment.providers import Failed, FailureKind, Found
from sales_agent_dagster.enrichment.waterfall import Budget, StepCaps
from sales_agent_dagster.inference.flow.breaker import BreakerRules
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster_tests.enrichment.scripted import (
    FREE,
    PAID,
    Scripted,
    Time,
    around,
    ask,
    desk,
    kind,
    rows,
)

DAY_LEFT_S = 14.5 * 3600  # of the day of START


@pytest.mark.parametrize(
    ("step", "budget", "reason", "wait_s"),
    [
        ({"caps": StepCaps(run_credits=2)}, Budget(), "the run's credits are used up: 2 of 2", None),
        ({"caps": StepCaps(day_credits=2)}, Budget(), "the day's credits are used up: 2 of 2", DAY_LEFT_S),
        ({}, Budget(run_usd=1.2), "the run's dollars are used up: 1 of 1.2", None),
        ({}, Budget(day_usd=1.2), "the day's dollars are used up: 1 of 1.2", DAY_LEFT_S),
        (
            {"usd_per_credit": 0.6},
            Budget(day_usd=1.2),
            "the day's dollars are used up: 1.2 of 1.2",
            DAY_LEFT_S,
        ),
    ],
)
def test_caps_are_never_passed(
    warehouse: Warehouse, step: dict[str, Any], budget: Budget, reason: str, wait_s: float | None
) -> None:
    provider = Scripted(PAID)

    async def many() -> list[object]:
        async with desk(provider, around(warehouse, budget=budget), **step) as at:
            replies = await asyncio.gather(*(ask(at, f"{n}.example", f"lead-{n}") for n in range(5)))
            return [reply.outcome for reply in replies]

    outcomes = asyncio.run(many())
    refused = [outcome for outcome in outcomes if isinstance(outcome, Failed)]
    assert len(provider.keys) == 2
    assert refused == [Failed(FailureKind.QUOTA, reason, wait_s)] * 3


def test_caps_of_a_run_are_its_own_and_those_of_a_day_end_with_it(sqlite_warehouse: Warehouse) -> None:
    provider, utc = Scripted(PAID), Time()

    async def one(host: str, run_id: str, **caps: float) -> bool:
        async with desk(provider, around(sqlite_warehouse, utc), caps=StepCaps(**caps)) as at:
            scope = CallScope(run_id, "batch-1")
            return isinstance((await ask(at, host, scope=scope)).outcome, Found)

    assert asyncio.run(one("a.example", "run-1", run_credits=1))
    assert not asyncio.run(one("b.example", "run-1", run_credits=1))
    assert asyncio.run(one("b.example", "run-2", run_credits=1))
    assert not asyncio.run(one("c.example", "run-3", day_credits=2))
    utc.pass_days(1)
    assert asyncio.run(one("c.example", "run-3", day_credits=2))


def test_a_failing_provider_is_left_alone(sqlite_warehouse: Warehouse) -> None:
    away = Failed(FailureKind.TRANSIENT, "away")
    provider = Scripted(answers={f"{n}.example": away for n in range(9)})
    rules = BreakerRules(calls=4, least=4)

    async def many() -> list[str]:
        async with desk(provider, around(sqlite_warehouse, rules=rules)) as at:
            outcomes = [(await ask(at, f"{n}.example")).outcome for n in range(6)]
            assert [kind(outcome) for outcome in outcomes[4:]] == [FailureKind.HELD] * 2
            return [outcome.reason for outcome in outcomes if isinstance(outcome, Failed)]

    left_alone = "left alone for now: too many of its lookups failed"
    assert asyncio.run(many()) == ["away"] * 4 + [left_alone] * 2
    assert len(provider.keys) == 4


@pytest.mark.parametrize(("spec", "asked"), [(FREE, 6), (replace(PAID, credits=0.0), 4)])
def test_a_slow_website_says_nothing_of_others_but_a_slow_service_does(
    sqlite_warehouse: Warehouse, spec: Any, asked: int
) -> None:
    provider = Scripted(spec, {f"{n}.example": Failed(FailureKind.LATE, "slow") for n in range(9)})
    rules = BreakerRules(calls=4, least=4)

    async def many() -> None:
        async with desk(provider, around(sqlite_warehouse, rules=rules)) as at:
            for n in range(6):
                await ask(at, f"{n}.example")

    asyncio.run(many())
    assert len(provider.keys) == asked


def test_a_provider_rests_as_long_as_it_asks(sqlite_warehouse: Warehouse) -> None:
    limited = Failed(FailureKind.TRANSIENT, "too many calls", retry_after_s=60)
    provider = Scripted(PAID, {"a.example": limited})

    async def many() -> None:
        async with desk(provider, around(sqlite_warehouse)) as at:
            await ask(at, "a.example")
            reply = await ask(at, "b.example")
            assert isinstance(reply.outcome, Failed)
            assert (reply.outcome.kind, reply.outcome.reason) == (
                FailureKind.HELD,
                "left alone for now, as it asked",
            )
            assert reply.outcome.retry_after_s is not None
            assert 0 < reply.outcome.retry_after_s <= 60

    asyncio.run(many())
    assert provider.keys == ["a.example"]
    assert [row["credits"] for row in rows(sqlite_warehouse)] == [0.0]


def test_calls_per_minute_are_kept(sqlite_warehouse: Warehouse) -> None:
    provider = Scripted(replace(PAID, max_batch=1, per_minute=2))

    async def many() -> list[object]:
        async with desk(provider, around(sqlite_warehouse)) as at:
            return [(await ask(at, f"{n}.example")).outcome for n in range(3)]

    assert [isinstance(outcome, Found) for outcome in asyncio.run(many())] == [True, True, False]
    assert [row["credits"] for row in rows(sqlite_warehouse)] == [1.0, 1.0, 0.0]


def test_what_our_own_pacing_holds_back_says_nothing_of_the_provider(sqlite_warehouse: Warehouse) -> None:
    provider = Scripted(replace(PAID, max_batch=1, per_minute=2, credits=0.0))
    rules = BreakerRules(calls=4, least=4)

    async def many() -> list[object]:
        async with desk(provider, around(sqlite_warehouse, rules=rules)) as at:
            return [(await ask(at, f"{n}.example")).outcome for n in range(8)]

    assert asyncio.run(many())[2:] == [Failed(FailureKind.HELD, "its calls per minute are used up")] * 6


def test_a_call_about_several_leads_counts_as_a_full_batch(sqlite_warehouse: Warehouse) -> None:
    provider = Scripted(replace(PAID, max_batch=10, per_minute=12))

    async def many() -> list[FailureKind | None]:
        async with desk(provider, around(sqlite_warehouse)) as at:
            outcomes = []
            for hosts in (("a", "b"), ("c",), ("d",), ("e",), ("f", "g")):
                replies = await asyncio.gather(*(ask(at, f"{host}.example") for host in hosts))
                outcomes += [reply.outcome for reply in replies]
            return [outcome.kind if isinstance(outcome, Failed) else None for outcome in outcomes]

    # Two leads together are ten turns; then two are left, for one lead each.
    assert asyncio.run(many()) == [None] * 4 + [FailureKind.HELD] * 3
    assert [len(batch) for batch in provider.batches] == [2, 1, 1]


@pytest.mark.parametrize(
    ("turns", "at"), [((10, 10, 10), (0.0, 0.0, 60.0)), ((10, 1, 10, 10), (0.0, 0.0, 60.0, 60.0))]
)
def test_turns_come_when_enough_others_are_a_minute_ago(
    turns: tuple[int, ...], at: tuple[float, ...]
) -> None:
    now, begun = [0.0], []

    async def run() -> None:
        pace = Pace(20, lambda: now[0])
        for count in turns:
            before = now[0]
            assert await pace.turn(1e9, count)
            begun.append(max(before, pace._begun[-1]))
            now[0] = begun[-1]

    async def no_wait(seconds: float) -> None:
        return None

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("sales_agent_dagster.enrichment.pacing.asyncio", SimpleNamespace(sleep=no_wait))
        asyncio.run(run())
    assert tuple(begun) == at
