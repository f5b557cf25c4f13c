import asyncio
from dataclasses import replace
from typing import Any

import pytest

from sales_agent_dagster.domain.errors import TransientError
from sales_agent_dagster.enrichment.desk import Desk
from sales_agent_dagster.enrichment.providers import Failed, FailureKind, NotFound
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.lookups import WarehouseLookups
from sales_agent_dagster.warehouse.schema import (
    enrichment_cache,
    enrichment_suppressions,
)
from sales_agent_dagster_tests.enrichment.asking import lead
from sales_agent_dagster_tests.enrichment.scripted import (
    FREE,
    PAID,
    SCOPE,
    Scripted,
    Time,
    around,
    ask,
    desk,
    found,
    kind,
    rows,
)


def test_an_answer_is_asked_for_once_and_kept(warehouse: Warehouse) -> None:
    provider = Scripted()

    async def twice() -> None:
        for _ in range(2):  # the second time with nothing in memory
            async with desk(provider, around(warehouse)) as at:
                assert (await ask(at, "a.example")).outcome == found()

    asyncio.run(twice())
    assert provider.keys == ["a.example"]
    assert provider.closed == 2
    (row,) = rows(warehouse)
    assert (row["state"], row["outcome"], row["facts"], row["credits"]) == ("settled", "found", 1, 0.0)
    (kept,) = rows(warehouse, enrichment_cache)
    assert (kept["provider"], kept["lookup_key"], kept["outcome"]) == ("website", "a.example", "found")


def test_leads_of_one_company_share_a_lookup_in_flight(sqlite_warehouse: Warehouse) -> None:
    provider = Scripted(PAID, waits={"a.example": 0.02})

    async def together() -> list[float]:
        async with desk(provider, around(sqlite_warehouse)) as at:
            replies = await asyncio.gather(*(ask(at, "a.example", f"lead-{n}") for n in range(5)))
            return [reply.outcome.credits for reply in replies]

    assert sorted(asyncio.run(together())) == [0.0, 0.0, 0.0, 0.0, 1.0]
    assert provider.keys == ["a.example"]


def test_questions_that_come_together_are_one_call(sqlite_warehouse: Warehouse) -> None:
    provider = Scripted(PAID)

    async def many() -> None:
        async with desk(provider, around(sqlite_warehouse)) as at:
            await asyncio.gather(*(ask(at, f"{n}.example", f"lead-{n}") for n in range(12)))

    asyncio.run(many())
    assert [len(batch) for batch in provider.batches] == [10, 2]
    assert sum(row["credits"] for row in rows(sqlite_warehouse)) == 12


@pytest.mark.parametrize(
    ("answer", "spec", "days"),
    [(found(), FREE, 90), (found(), replace(FREE, cache="email"), 30), (NotFound(), FREE, 14),
     (replace(found(), lasting=False), FREE, 14)],
)  # fmt: skip
def test_answers_are_good_for_their_days_then_stale_then_gone(
    sqlite_warehouse: Warehouse, answer: Any, spec: Any, days: float
) -> None:
    provider, utc = Scripted(spec, {"a.example": answer}), Time()

    async def once() -> bool:
        async with desk(provider, around(sqlite_warehouse, utc)) as at:
            reply = await ask(at, "a.example")
            assert isinstance(reply.outcome, type(answer))
            await asyncio.gather(*at._flights.values())
            return reply.stale

    assert asyncio.run(once()) is False
    utc.pass_days(days - 0.01)
    assert asyncio.run(once()) is False
    assert len(provider.keys) == 1
    utc.pass_days(0.02)
    assert asyncio.run(once()) is True  # used, and asked again behind the lead's back
    assert len(provider.keys) == 2
    assert asyncio.run(once()) is False
    assert len(provider.keys) == 2
    utc.pass_days(days + 31)
    assert asyncio.run(once()) is False
    assert len(provider.keys) == 3


@pytest.mark.parametrize("spec", [FREE, PAID])
def test_an_answer_that_was_read_by_other_rules_is_none(sqlite_warehouse: Warehouse, spec: Any) -> None:
    async def once(provider: Scripted) -> int:
        async with desk(provider, around(sqlite_warehouse)) as at:
            await ask(at, "a.example")
        return len(provider.keys)

    asked = [asyncio.run(once(Scripted(replace(spec, version=version)))) for version in ("1", "2", "2")]
    assert asked == [1, 1, 0]


@pytest.mark.parametrize(
    "answer",
    [
        Failed(FailureKind.TRANSIENT, "away"),
        Failed(FailureKind.BLOCKED, "not public"),
    ],
)
def test_what_says_nothing_of_the_next_time_is_not_kept(sqlite_warehouse: Warehouse, answer: Any) -> None:
    provider = Scripted(answers={"a.example": answer})

    async def twice() -> None:
        async with desk(provider, around(sqlite_warehouse)) as at:
            for _ in range(2):
                assert (await ask(at, "a.example")).outcome == answer

    asyncio.run(twice())
    assert len(provider.keys) == 2
    assert rows(sqlite_warehouse, enrichment_cache) == []


def test_a_lead_does_not_wait_past_its_deadline(sqlite_warehouse: Warehouse) -> None:
    provider = Scripted(waits={"slow.example": 60})

    async def late() -> None:
        async with desk(provider, around(sqlite_warehouse)) as at:
            waiting = asyncio.create_task(ask(at, "slow.example", wait_s=0.3))
            assert kind((await ask(at, "b.example", wait_s=0)).outcome) is FailureKind.LATE
            assert (await ask(at, "c.example")).outcome == found()
            assert kind((await waiting).outcome) is FailureKind.LATE

    asyncio.run(late())
    assert sorted(provider.keys) == ["c.example", "slow.example"]
    assert {row["reason"] for row in rows(sqlite_warehouse)} == {None, "no answer in time"}


def test_a_paid_lookup_goes_on_without_its_lead_and_is_kept(sqlite_warehouse: Warehouse) -> None:
    provider = Scripted(PAID, waits={"a.example": 0.0})

    async def late() -> None:
        async with desk(provider, around(sqlite_warehouse)) as at:
            assert kind((await ask(at, "a.example", wait_s=0.5)).outcome) is FailureKind.LATE
            provider.gate.set()
        async with desk(provider, around(sqlite_warehouse)) as at:
            assert (await ask(at, "a.example")).outcome == found(cost=0.0)

    asyncio.run(late())
    assert provider.keys == ["a.example"]
    (row,) = rows(sqlite_warehouse)
    assert (row["state"], row["credits"], row["cost_usd"]) == ("settled", 1.0, 0.5)


def test_what_may_have_been_billed_is_not_asked_again(warehouse: Warehouse) -> None:
    lost = Failed(FailureKind.TRANSIENT, "the reply was lost", credits=1.0)
    provider, utc = Scripted(PAID, {"a.example": lost}), Time()

    async def again() -> FailureKind:
        async with desk(provider, around(warehouse, utc)) as at:
            return kind((await ask(at, "a.example")).outcome)

    assert asyncio.run(again()) is FailureKind.TRANSIENT
    assert asyncio.run(again()) is FailureKind.HELD  # perhaps another process is at it
    utc.pass_days(1)
    assert asyncio.run(again()) is FailureKind.PERMANENT
    assert provider.keys == ["a.example"]
    (row,) = rows(warehouse)
    assert (row["state"], row["credits"]) == ("reserved", 1.0)
    provider.answers.clear()
    assert WarehouseLookups(warehouse).release_cut_off(utc()) == [("batch-1", "lead-1")]
    assert WarehouseLookups(warehouse).release_cut_off(utc()) == []

    async def answered() -> object:
        async with desk(provider, around(warehouse, utc)) as at:
            return (await ask(at, "a.example")).outcome

    assert asyncio.run(answered()) == found(cost=1.0)
    assert sum(row["credits"] for row in rows(warehouse)) == 2.0


def test_an_answer_that_another_process_bought_meanwhile_is_taken(sqlite_warehouse: Warehouse) -> None:
    provider = Scripted(PAID)

    async def race() -> None:
        async with (
            desk(provider, around(sqlite_warehouse)) as one,
            desk(provider, around(sqlite_warehouse)) as two,
        ):
            lookups = two._around.store
            held = lookups.find
            # The other process reads the cache before the first has written it.
            two._around.memory._store = type("Blind", (), {"find": staticmethod(lambda asked: {})})()
            await ask(one, "a.example")
            reply = await ask(two, "a.example")
            assert reply.outcome == found()
            assert held is not None

    asyncio.run(race())
    assert provider.keys == ["a.example"]


def test_a_provider_that_raises_or_miscounts_fails_that_call_only(sqlite_warehouse: Warehouse) -> None:
    provider = Scripted(answers={"a.example": ValueError("jo@acme.example")})

    async def many() -> None:
        async with desk(provider, around(sqlite_warehouse)) as at:
            assert (await ask(at, "a.example")).outcome == Failed(FailureKind.TRANSIENT, "ValueError")
            assert (await ask(at, "broken")).outcome == Failed(FailureKind.TRANSIENT, "KeyError")
            assert (await ask(at, "b.example")).outcome == found()
            assert await at.ask("lead-1", SCOPE, lead(), {}, 1e9) is None

    asyncio.run(many())


def test_who_asked_not_to_be_processed_is_stored_and_not_asked_about_again(warehouse: Warehouse) -> None:
    provider = Scripted(PAID, {"a.example": Failed(FailureKind.SUPPRESSED, "asked not to be")})

    async def twice() -> None:
        for _ in range(2):
            async with desk(provider, around(warehouse)) as at:
                assert kind((await ask(at, "a.example")).outcome) is FailureKind.SUPPRESSED

    asyncio.run(twice())
    assert provider.keys == ["a.example"]
    assert [row["value"] for row in rows(warehouse, enrichment_suppressions)] == ["a.example"]


class _Locked(WarehouseLookups):
    def settle(self, settlements: Any) -> None:
        raise TransientError("locked")


def test_an_answer_that_cannot_be_kept_reaches_its_lead_and_stays_reserved(
    sqlite_warehouse: Warehouse,
) -> None:
    provider = Scripted(PAID)

    async def once() -> None:
        shared = replace(around(sqlite_warehouse), store=_Locked(sqlite_warehouse))
        async with desk(provider, shared) as at:
            assert (await ask(at, "a.example")).outcome == found(cost=1.0)

    asyncio.run(once())
    assert [row["state"] for row in rows(sqlite_warehouse)] == ["reserved"]


def test_a_cancelled_free_lookup_leaves_nothing_open(sqlite_warehouse: Warehouse) -> None:
    provider = Scripted(waits={"a.example": 60})

    async def once() -> Desk:
        async with desk(provider, around(sqlite_warehouse)) as at:
            task = asyncio.create_task(ask(at, "a.example", wait_s=60))
            while not provider.keys:
                await asyncio.sleep(0.005)
        assert kind((await task).outcome) is FailureKind.LATE
        return at

    assert asyncio.run(once())._flights == {}
