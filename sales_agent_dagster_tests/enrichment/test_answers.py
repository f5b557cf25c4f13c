import asyncio
from dataclasses import replace
from datetime import timedelta

import pytest

from sales_agent_dagster.domain.lookups import CachedAnswer, LookupKey, LookupOutcome, Settlement
from sales_agent_dagster.enrichment.answers import MAX_TEXTS, decode, encode, kept, outcome_of
from sales_agent_dagster.enrichment.facts import fact
from sales_agent_dagster.enrichment.memory import AnswerMemory
from sales_agent_dagster.enrichment.providers import Failed, FailureKind, Found, NotFound
from sales_agent_dagster.inference.flow.clock import SystemClock
from sales_agent_dagster.inference.flow.shared import SharedState
from sales_agent_dagster.settings import EnrichmentSettings
from sales_agent_dagster.stages.fact_service import RedisFront
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.lookups import WarehouseLookups
from sales_agent_dagster_tests.enrichment.scripted import FREE, SCOPE, START, found

KEY = LookupKey("website", "a.example")


def answer_of(outcome: Found | NotFound | Failed) -> CachedAnswer:
    answer = kept(outcome, FREE, EnrichmentSettings(), START)
    assert answer is not None
    return answer


@pytest.mark.parametrize(
    "outcome",
    [
        Found(
            (
                fact("founded", "1990", "web page", 0.8, quote="since 1990 \u00e9", url="http://a.example/"),
                fact("contact_email", "jo@a.example", "apollo", 0.5, number=2, fetched_at="2026-01-02"),
            ),
            {"website home": "since 1990"},
        ),
        NotFound(),
        Failed(FailureKind.SUPPRESSED, "the person asked not to be processed"),
    ],
)
def test_an_answer_is_read_back_as_it_was(outcome: Found | NotFound | Failed) -> None:
    answer = answer_of(outcome)
    assert outcome_of(answer) == outcome
    assert decode(encode(answer)) == answer


def test_what_is_kept_has_its_bounds(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = {f"text {number}": '"' * 50_000 for number in range(MAX_TEXTS + 2)}
    answer = answer_of(Found(found().facts, texts))
    stored = outcome_of(answer)
    assert isinstance(stored, Found)
    assert [len(text) for text in stored.texts.values()] == [4_000] * MAX_TEXTS
    assert answer.payload is not None
    monkeypatch.setattr("sales_agent_dagster.enrichment.answers.MAX_PAYLOAD", len(answer.payload) - 1)
    assert outcome_of(answer_of(Found(found().facts, texts))) == found()  # the facts without the texts


def test_redis_stands_in_front_of_the_warehouse(sqlite_warehouse: Warehouse, redis_url: str) -> None:
    store = WarehouseLookups(sqlite_warehouse)
    answer = answer_of(found())
    fresh = replace(answer, fresh_until=answer.fresh_until + timedelta(days=9999))

    async def through() -> None:
        shared = SharedState(redis_url, SystemClock())
        front = RedisFront(shared)
        try:
            assert await front.find([KEY]) == {}
            await AnswerMemory(store, front).keep(KEY, fresh)
            blind = AnswerMemory(_NoStore(), front)  # type: ignore[arg-type]
            assert await blind.find(KEY) == fresh
            await front.keep({LookupKey("website", "old.example"): answer})
            assert await front.find([LookupKey("website", "old.example"), KEY]) == {KEY: fresh}
            await shared.run(
                "redis.call('SET', KEYS[1], 'nonsense')", [f"sales-agent:answer:{':'.join(KEY)}"], []
            )
            assert await front.find([KEY]) == {}
        finally:
            await shared.close()

    asyncio.run(through())


class _NoStore:
    def find(self, asked: object) -> dict[LookupKey, CachedAnswer]:
        return {}


def test_what_the_warehouse_has_is_put_in_front(sqlite_warehouse: Warehouse, redis_url: str) -> None:
    store = WarehouseLookups(sqlite_warehouse)
    answer = answer_of(found())
    lasting = replace(answer, fresh_until=START + timedelta(days=9999))
    store.settle(
        [Settlement(None, KEY, SCOPE, "lead-1", LookupOutcome.FOUND, 1, 0, 0, 1.0, START, None, lasting)]
    )

    async def through() -> None:
        shared = SharedState(redis_url, SystemClock())
        front = RedisFront(shared)
        try:
            assert await AnswerMemory(store, front).find(KEY) == lasting
            assert await front.find([KEY]) == {KEY: lasting}
        finally:
            await shared.close()

    asyncio.run(through())


def test_losing_redis_loses_no_answer(sqlite_warehouse: Warehouse, caplog: pytest.LogCaptureFixture) -> None:
    store = WarehouseLookups(sqlite_warehouse)

    async def through() -> None:
        shared = SharedState("redis://127.0.0.1:9/0", SystemClock())
        memory = AnswerMemory(store, RedisFront(shared))
        try:
            assert await memory.find(KEY) is None
            await memory.keep(KEY, answer_of(found()))
            assert await memory.find(KEY) == answer_of(found())
        finally:
            await shared.close()

    asyncio.run(through())


def test_the_process_remembers_so_many_and_no_more(
    sqlite_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sales_agent_dagster.enrichment.memory.RECENT", 2)

    async def through() -> None:
        memory = AnswerMemory(WarehouseLookups(sqlite_warehouse), None)
        for name in "abc":
            await memory.keep(LookupKey("website", name), answer_of(found()))
        assert await memory.find(LookupKey("website", "a")) is None
        assert await memory.find(LookupKey("website", "c")) is not None

    asyncio.run(through())
