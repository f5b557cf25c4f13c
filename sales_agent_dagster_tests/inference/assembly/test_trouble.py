"""Things that go away in the middle: the provider, Redis, the database, the process, the run."""

from __future__ import annotations

import asyncio
import logging
import signal
import subprocess
import sys
import threading
import time

import pytest
from pydantic import SecretStr

from sales_agent_dagster.domain.errors import TransientError
from sales_agent_dagster.inference.flow.breaker import BreakerRules
from sales_agent_dagster.inference.flow.clock import SystemClock
from sales_agent_dagster.inference.flow.retry import RetryRules
from sales_agent_dagster.settings import PROJECT_ROOT, Settings
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster_tests.cerebras_server import Fault
from sales_agent_dagster_tests.cerebras_server.running import RunningServer
from sales_agent_dagster_tests.inference.assembly.conftest import MakeEngine
from sales_agent_dagster_tests.inference.assembly.judging import (
    SCOPE,
    LockedCalls,
    engines,
    given,
    tasks,
)
from sales_agent_dagster_tests.redis_server import RedisServer, redis_server


def wait_for(requests: int, server: RunningServer) -> None:
    deadline = time.monotonic() + 30
    while server.stats.requests < requests:
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.002)


def test_a_mix_of_faults_costs_little_and_nobody_goes_without(
    make_engine: MakeEngine, cerebras: RunningServer
) -> None:
    # Failures come back at once, answers after 100 ms: the first outcomes are mostly failures.
    cerebras.reset(latency_ms=100)
    cerebras.rates({"500": 0.10, Fault("429", retry_after=0.02): 0.05, "hang": 0.02}, seed=1)
    engine = make_engine(hedge_after_ms=400, hedge_share=0.1, timeout_s=2.0, deadline_s=20)
    answers = asyncio.run(engine.answer_all(tasks(200), SCOPE))
    by = engines(answers)
    assert by["cerebras"] + by.get("scorecard", 0) == 200
    # Four faults in a row meet one lead in 1,700: more than three of 200 is no bad luck any more.
    assert by["cerebras"] >= 197
    assert cerebras.stats.billed <= 240
    assert cerebras.stats.faults["500"] > 10


def test_a_provider_that_dies_is_noticed_quickly(make_engine: MakeEngine, cerebras: RunningServer) -> None:
    engine = make_engine(concurrency=16, breaker=BreakerRules(open_s=60))
    assert engines(asyncio.run(engine.answer_all(tasks(100), SCOPE))) == {"cerebras": 100}
    cerebras.rates({"reset": 1.0})
    before = cerebras.stats.requests
    answers = asyncio.run(engine.answer_all(tasks(400, first=100), SCOPE))
    assert engines(answers) == {"scorecard": 400}
    assert cerebras.stats.requests - before <= 60, "half of the last 50 calls, and those in flight"
    assert sum("circuit breaker open" in str(answer.degraded_reason) for answer in given(answers)) > 300


def test_failures_before_the_first_answer_are_no_outage(
    make_engine: MakeEngine, cerebras: RunningServer
) -> None:
    cerebras.reset(latency_ms=300)
    cerebras.script(*[Fault("503")] * 24)  # at once; later they are less than half of the last 50
    engine = make_engine(
        concurrency=64, breaker=BreakerRules(open_s=60), retries=RetryRules(base_s=0.01, attempts=9)
    )
    assert engines(asyncio.run(engine.answer_all(tasks(80), SCOPE))) == {"cerebras": 80}


def test_a_provider_that_hangs_costs_one_timeout_not_one_per_lead(
    make_engine: MakeEngine, cerebras: RunningServer
) -> None:
    cerebras.rates({"hang": 1.0})
    engine = make_engine(concurrency=16, timeout_s=0.2, deadline_s=1, breaker=BreakerRules(open_s=60))
    answers = asyncio.run(engine.answer_all(tasks(200), SCOPE))
    assert engines(answers) == {"scorecard": 200}
    assert cerebras.stats.requests <= 40


def test_after_the_outage_one_probe_brings_it_back(
    make_engine: MakeEngine, cerebras: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    later = 0.0
    monkeypatch.setattr(SystemClock, "now", lambda _: time.monotonic() + later)
    engine = make_engine(concurrency=8, breaker=BreakerRules(open_s=60))
    cerebras.rates({"503": 1.0})
    assert engines(asyncio.run(engine.answer_all(tasks(60), SCOPE))) == {"scorecard": 60}
    before = cerebras.stats.requests
    assert engines(asyncio.run(engine.answer_all(tasks(20, 60), SCOPE))) == {"scorecard": 20}
    assert cerebras.stats.requests == before
    cerebras.rates({})
    later = 61.0
    counts = engines(asyncio.run(engine.answer_all(tasks(20, 80), SCOPE)))
    assert counts["cerebras"] >= 1
    assert engines(asyncio.run(engine.answer_all(tasks(20, 100), SCOPE))) == {"cerebras": 20}


def test_refusals_are_no_outage(make_engine: MakeEngine, cerebras: RunningServer) -> None:
    cerebras.rates({"422": 1.0})
    engine = make_engine(concurrency=4)
    answers = given(asyncio.run(engine.answer_all(tasks(40), SCOPE)))
    assert all("HTTP 422" in str(answer.degraded_reason) for answer in answers)
    assert cerebras.stats.requests == 40


def test_a_database_that_goes_away_loses_nothing_and_pays_nothing_twice(
    make_engine: MakeEngine, cerebras: RunningServer, sqlite_warehouse: Warehouse
) -> None:
    cerebras.reset(latency_ms=5)
    calls = LockedCalls(sqlite_warehouse)
    engine = make_engine(calls, concurrency=8)
    assert engines(asyncio.run(engine.answer_all(tasks(10), SCOPE))) == {"cerebras": 10}

    async def scene() -> None:
        working = asyncio.create_task(engine.answer_all(tasks(60), SCOPE))
        await asyncio.to_thread(wait_for, 20, cerebras)
        calls.locked = True
        await working

    with pytest.raises(TransientError, match="locked"):
        asyncio.run(scene())
    bought = cerebras.stats.billed
    assert 20 <= bought < 60, "nothing more is bought than was in flight"
    with pytest.raises(TransientError, match="locked"):
        asyncio.run(engine.answer_all(tasks(60), SCOPE))
    assert cerebras.stats.billed == bought
    calls.locked = False
    assert engines(asyncio.run(engine.answer_all(tasks(60), SCOPE))) == {"cerebras": 60}
    assert (cerebras.stats.billed, cerebras.stats.duplicate_bills) == (60, 0)


def test_while_what_was_paid_cannot_be_stored_nobody_buys(
    make_engine: MakeEngine, cerebras: RunningServer, sqlite_warehouse: Warehouse
) -> None:
    cerebras.reset(latency_ms=20)
    calls = LockedCalls(sqlite_warehouse)
    engine = make_engine(calls, concurrency=4)
    orders = [tasks(8, first) for first in range(0, 80, 8)]

    async def side_by_side() -> list[object]:
        answering = [engine.answer_all(order, SCOPE) for order in orders]
        calls.locked = True
        return await asyncio.gather(*answering, return_exceptions=True)

    found = asyncio.run(side_by_side())
    assert all(isinstance(fault, TransientError) for fault in found)
    assert cerebras.stats.billed <= 4, "at most what was in flight, over all that was asked"
    calls.locked = False
    for order in orders:
        assert engines(asyncio.run(engine.answer_all(order, SCOPE))) == {"cerebras": 8}
    assert (cerebras.stats.billed, cerebras.stats.duplicate_bills) == (80, 0)


def test_redis_that_goes_away_is_told_once_and_missed_by_nobody(
    make_engine: MakeEngine, cerebras: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    cerebras.reset(latency_ms=20)
    with redis_server() as redis, caplog.at_level(logging.WARNING):
        engine = make_engine(
            more={"redis_url": SecretStr(redis.url)}, concurrency=8, requests_per_minute=1000
        )

        async def scene() -> list[object]:
            working = asyncio.create_task(engine.answer_all(tasks(120), SCOPE))
            await asyncio.to_thread(wait_for, 30, cerebras)
            redis.kill()
            return list(await working)

        answers = asyncio.run(scene())
    assert engines(answers) == {"cerebras": 120}  # type: ignore[arg-type]
    assert cerebras.stats.duplicate_bills == 0
    assert caplog.text.count("Redis does not answer") == 1


def test_redis_that_comes_back_is_used_again(
    make_engine: MakeEngine, cerebras: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sales_agent_dagster.inference.flow.shared.RETRY_S", 0.05)
    with redis_server() as redis:
        engine = make_engine(more={"redis_url": SecretStr(redis.url)}, requests_per_minute=1000)
        asyncio.run(engine.answer_all(tasks(3), SCOPE))
        redis.kill()
        asyncio.run(engine.answer_all(tasks(3, 3), SCOPE))
        redis.start()
        assert not _keys(redis)
        time.sleep(0.06)
        asyncio.run(engine.answer_all(tasks(3, 6), SCOPE))
        assert _keys(redis)


def test_a_cancelled_run_cancels_its_calls(make_engine: MakeEngine, cerebras: RunningServer) -> None:
    cerebras.rates({Fault("slow", seconds=20): 1.0})
    engine = make_engine(concurrency=4)

    async def scene() -> None:
        working = asyncio.create_task(engine.answer_all(tasks(50), SCOPE))
        await asyncio.to_thread(wait_for, 4, cerebras)
        working.cancel()
        with pytest.raises(asyncio.CancelledError):
            await working

    asyncio.run(scene())
    cerebras.rates({})
    assert engines(asyncio.run(engine.answer_all(tasks(10, 100), SCOPE))) == {"cerebras": 10}
    assert cerebras.stats.requests == 4 + 10


def test_closing_ends_calls_and_threads(make_engine: MakeEngine, cerebras: RunningServer) -> None:
    cerebras.rates({Fault("slow", seconds=20): 1.0})
    engine = make_engine(concurrency=4)
    before = threading.active_count()

    async def scene() -> None:
        working = asyncio.create_task(engine.answer_all(tasks(50), SCOPE))
        await asyncio.to_thread(wait_for, 4, cerebras)
        engine.close()
        with pytest.raises(asyncio.CancelledError):
            await working

    asyncio.run(scene())
    assert threading.active_count() <= before
    engine.close()


def test_loops_come_and_go_and_connections_stay(make_engine: MakeEngine, cerebras: RunningServer) -> None:
    engine = make_engine(concurrency=1)
    for first in range(0, 12, 3):
        asyncio.run(engine.answer_all(tasks(3, first), SCOPE))
    assert cerebras.stats.connections == 1
    assert cerebras.stats.model_lists == 1


_PROCESS = """
import asyncio, sys
from pathlib import Path
from sales_agent_dagster.inference.build import build_engine
from sales_agent_dagster.settings import load_settings
from sales_agent_dagster.warehouse.calls import WarehouseCalls
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster_tests.inference.assembly.judging import SCOPE, engines, tasks
home, url, redis, concurrency, count = sys.argv[1:]
settings = load_settings(
    _env_file=None, home=Path(home), cerebras_base_url=url, redis_url=redis or None,
    cerebras={"concurrency": int(concurrency)},
)
engine = build_engine(settings, WarehouseCalls(Warehouse(settings.warehouse_url.get_secret_value())))
print(engines(asyncio.run(engine.answer_all(tasks(int(count)), SCOPE))))
"""


def process(settings: Settings, url: str, redis: str, concurrency: int, count: int) -> subprocess.Popen[str]:
    """Another process that asks the same questions; it never closes its engine."""
    arguments = [str(settings.home), url, redis, str(concurrency), str(count)]
    return subprocess.Popen(
        [sys.executable, "-c", _PROCESS, *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        cwd=PROJECT_ROOT,
    )


def test_a_killed_process_loses_no_more_than_its_calls_in_flight(
    make_engine: MakeEngine, cerebras: RunningServer, settings: Settings
) -> None:
    cerebras.reset(latency_ms=30)
    with process(settings, cerebras.url, "", 6, 100) as killed:
        wait_for(50, cerebras)
        killed.send_signal(signal.SIGKILL)
    assert engines(asyncio.run(make_engine().answer_all(tasks(100), SCOPE))) == {"cerebras": 100}
    assert 100 <= cerebras.stats.billed <= 106
    assert cerebras.stats.billed - cerebras.stats.duplicate_bills == 100


def test_two_processes_with_redis_buy_every_call_once(
    cerebras: RunningServer, settings: Settings, sqlite_warehouse: Warehouse, redis_url: str
) -> None:
    cerebras.reset(latency_ms=10)
    pair = [process(settings, cerebras.url, redis_url, 8, 60) for _ in range(2)]
    try:
        said = [one.communicate(timeout=200)[0].strip() for one in pair]
    finally:
        for one in pair:  # what still runs would disturb the tests that follow
            one.kill()
    assert said == ["{'cerebras': 60}"] * 2, "nothing else is printed, also not at exit"
    assert (cerebras.stats.requests, cerebras.stats.duplicate_bills) == (60, 0)


def _keys(server: RedisServer) -> list[bytes]:
    import redis

    with redis.Redis.from_url(server.url) as client:
        return list(client.keys("sales-agent:*"))  # type: ignore[arg-type]
