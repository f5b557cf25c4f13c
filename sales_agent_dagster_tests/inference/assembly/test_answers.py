"""What comes back for tasks: bought once, replayed ever after, degraded with a reason where it must be."""

from __future__ import annotations

import asyncio
import logging
import threading
import time

import pytest
import sqlalchemy as sa

from sales_agent_dagster.domain.calls import CallScope
from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.inference.cerebras.client import CerebrasClient
from sales_agent_dagster.inference.cerebras.engine import CerebrasEngine
from sales_agent_dagster.inference.cerebras.errors import ProviderDown, Rejected
from sales_agent_dagster.inference.engine import NoAnswer, Task
from sales_agent_dagster.inference.flow.rates import Limits
from sales_agent_dagster.settings import BudgetSettings, Settings
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import agent_calls
from sales_agent_dagster_tests.cerebras_server import Fault
from sales_agent_dagster_tests.cerebras_server.running import RunningServer
from sales_agent_dagster_tests.inference.assembly.conftest import MakeEngine
from sales_agent_dagster_tests.inference.assembly.judging import (
    BY_RULES,
    MODEL,
    OTHER_MODEL,
    PROMPT,
    SCOPE,
    Judged,
    engines,
    given,
    task,
    tasks,
)


def test_answers_are_bought_once_and_replayed_ever_after(
    make_engine: MakeEngine, cerebras: RunningServer
) -> None:
    first = given(asyncio.run(make_engine().answer_all(tasks(20), SCOPE)))
    assert {(a.engine, a.engine_version, a.degraded_reason, a.replayed) for a in first} == {
        ("cerebras", MODEL, None, False)
    }
    assert all(answer.cost_usd > 0 and answer.latency_ms > 0 for answer in first)
    assert cerebras.stats.billed == 20

    again = given(asyncio.run(make_engine().answer_all(list(reversed(tasks(20))), SCOPE)))
    assert [answer.value for answer in again] == [answer.value for answer in reversed(first)]
    assert all(answer.replayed for answer in again)
    assert sum(a.cost_usd for a in again) == pytest.approx(sum(a.cost_usd for a in first))
    elsewhere = given(asyncio.run(make_engine().answer_all(tasks(20), CallScope("run-2", "batch-2"))))
    assert {answer.cost_usd for answer in elsewhere} == {0.0}
    assert cerebras.stats.requests == 20
    assert cerebras.stats.model_lists == 1, "nothing is opened for replays"


def test_no_tasks_open_nothing(make_engine: MakeEngine, cerebras: RunningServer) -> None:
    assert asyncio.run(make_engine().answer_all([], SCOPE)) == []
    assert cerebras.stats.model_lists == 0


def test_every_finished_call_is_in_the_ledger(
    make_engine: MakeEngine, cerebras: RunningServer, sqlite_warehouse: Warehouse
) -> None:
    (answer,) = given(asyncio.run(make_engine().answer_all(tasks(1), SCOPE)))
    with sqlite_warehouse.reading() as connection:
        row = connection.execute(sa.select(agent_calls)).one()
    assert (row.agent, row.model, row.lead_id, row.run_id, row.batch_id, row.outcome, row.attempts) == (
        *("judge", MODEL, "lead-0000", "run-1", "batch-1", "ok"),
        1,
    )
    assert Judged.model_validate_json(row.response) == answer.value
    assert row.prompt_tokens == cerebras.stats.prompt_tokens
    assert row.completion_tokens == cerebras.stats.completion_tokens
    assert row.cost_usd == answer.cost_usd > 0
    assert row.queue_ms is not None
    assert "company" not in str(row).replace("companies", ""), "prompts are not stored"


def test_identical_questions_in_flight_are_bought_once(
    make_engine: MakeEngine, cerebras: RunningServer
) -> None:
    same: list[Task[Judged]] = [task(f"lead-{n}", lambda: {"company": "Example"}) for n in range(6)]
    answers = given(asyncio.run(make_engine().answer_all(same, SCOPE)))
    assert cerebras.stats.requests == 1
    assert sorted(answer.replayed for answer in answers) == [False, *[True] * 5]
    assert sum(answer.cost_usd > 0 for answer in answers) == 1
    assert len({answer.value.why for answer in answers}) == 1


def test_an_unusable_answer_gets_one_repair_turn(make_engine: MakeEngine, cerebras: RunningServer) -> None:
    cerebras.match("lead-0000", "schema_violation", times=1)
    cerebras.match("lead-0001", "out_of_range", times=2)
    cerebras.match("lead-0002", "length", times=1)
    engine = make_engine()
    repaired, hopeless, longer = given(asyncio.run(engine.answer_all(tasks(3), SCOPE)))
    assert (repaired.engine, longer.engine) == ("cerebras", "cerebras")
    assert (hopeless.engine, hopeless.value) == ("scorecard", BY_RULES)
    assert "invalid answer (schema)" in str(hopeless.degraded_reason)
    assert cerebras.stats.requests == cerebras.stats.billed == 6


def test_what_was_paid_for_nothing_is_in_the_ledger_too(
    make_engine: MakeEngine, cerebras: RunningServer, sqlite_warehouse: Warehouse
) -> None:
    cerebras.match("lead-0000", "schema_violation", times=2)
    asyncio.run(make_engine().answer_all(tasks(1), SCOPE))
    with sqlite_warehouse.reading() as connection:
        row = connection.execute(sa.select(agent_calls)).one()
    assert (row.outcome, row.attempts, row.response) == ("invalid", 2, None)
    assert row.prompt_tokens == cerebras.stats.prompt_tokens
    assert row.cost_usd > 0
    assert asyncio.run(make_engine().answer_all(tasks(1), SCOPE))
    assert cerebras.stats.requests == 3, "only good answers are replayed"


@pytest.mark.parametrize("fault", ["500", "503", "reset", "truncated", "empty_object", "html"])
def test_passing_faults_are_tried_again(make_engine: MakeEngine, cerebras: RunningServer, fault: str) -> None:
    cerebras.match("lead-0000", fault, times=3)
    (answer,) = given(asyncio.run(make_engine().answer_all(tasks(1), SCOPE)))
    assert (answer.engine, cerebras.stats.requests) == ("cerebras", 4)


def test_after_the_last_try_the_rules_answer(make_engine: MakeEngine, cerebras: RunningServer) -> None:
    cerebras.match("lead-0000", "500", times=4)
    (answer,) = given(asyncio.run(make_engine().answer_all(tasks(1), SCOPE)))
    assert (answer.engine, cerebras.stats.requests) == ("scorecard", 4)
    assert answer.degraded_reason == "HTTP 500: the provider cannot answer (scripted 500)"


@pytest.mark.parametrize("fault", ["400", "413", "422"])
def test_permanent_faults_are_not(make_engine: MakeEngine, cerebras: RunningServer, fault: str) -> None:
    cerebras.match("lead-0001", fault)
    answers = asyncio.run(make_engine().answer_all(tasks(3), SCOPE))
    assert engines(answers) == {"cerebras": 2, "scorecard": 1}
    assert cerebras.stats.requests == 3
    assert f"HTTP {fault}" in str(given(answers)[1].degraded_reason)


def test_what_the_provider_asks_to_wait_is_waited(make_engine: MakeEngine, cerebras: RunningServer) -> None:
    cerebras.script(Fault("429", retry_after=0.25))
    asyncio.run(make_engine(concurrency=1).answer_all(tasks(3), SCOPE))
    first, second, *_ = cerebras.stats.arrivals
    assert second - first >= 0.25
    assert cerebras.stats.requests == 4


def test_nobody_waits_beyond_its_deadline(make_engine: MakeEngine, cerebras: RunningServer) -> None:
    cerebras.match("lead-0000", Fault("429", retry_after=50))
    cerebras.match("lead-0001", "hang")
    engine = make_engine(deadline_s=0.5, timeout_s=5, concurrency=2)
    refused, hung = given(asyncio.run(engine.answer_all(tasks(2), SCOPE)))
    assert "rate limit reached, free again in 50 s" in str(refused.degraded_reason)
    assert hung.degraded_reason == f"{MODEL}: no answer within 0.5 s"
    assert cerebras.stats.requests == 2


def test_a_slow_request_is_hedged_and_counts_what_it_may_have_cost(
    make_engine: MakeEngine, cerebras: RunningServer, sqlite_warehouse: Warehouse
) -> None:
    cerebras.script("hang")
    engine = make_engine(hedge_after_ms=50, hedge_share=1.0)
    (answer,) = given(asyncio.run(engine.answer_all(tasks(1), SCOPE)))
    assert answer.engine == "cerebras"
    assert cerebras.stats.requests == 2
    with sqlite_warehouse.reading() as connection:
        row = connection.execute(sa.select(agent_calls)).one()
    assert row.attempts == 2
    assert row.prompt_tokens > cerebras.stats.prompt_tokens


def test_no_hedge_beyond_its_share_or_the_budget(make_engine: MakeEngine, cerebras: RunningServer) -> None:
    cerebras.rates({Fault("slow", seconds=0.4): 1.0})
    asyncio.run(make_engine(hedge_after_ms=20, hedge_share=0.25).answer_all(tasks(8), SCOPE))
    assert cerebras.stats.requests == 10
    cerebras.reset()
    cerebras.rates({Fault("slow", seconds=0.15): 1.0})
    tight = {"budgets": BudgetSettings(lead_usd=0.0006)}
    asyncio.run(make_engine(hedge_after_ms=20, hedge_share=1.0, more=tight).answer_all(tasks(8, 100), SCOPE))
    assert cerebras.stats.requests == 8


def test_a_model_that_fails_is_replaced_by_the_next(make_engine: MakeEngine, cerebras: RunningServer) -> None:
    cerebras.match(f'"model":"{MODEL}"', "422")
    engine = make_engine(fallback_models=[OTHER_MODEL])
    answers = given(asyncio.run(engine.answer_all(tasks(3), SCOPE)))
    assert {(a.engine, a.engine_version) for a in answers} == {("cerebras", OTHER_MODEL)}
    assert all("HTTP 422" in str(answer.degraded_reason) for answer in answers)
    again = given(asyncio.run(make_engine(fallback_models=[OTHER_MODEL]).answer_all(tasks(3), SCOPE)))
    assert all(answer.replayed and answer.degraded_reason for answer in again)
    assert cerebras.stats.models[OTHER_MODEL] == 3


def test_a_model_that_nobody_gets_is_asked_no_more(make_engine: MakeEngine, cerebras: RunningServer) -> None:
    cerebras.match(f'"model":"{MODEL}"', "404")
    engine = make_engine(fallback_models=[OTHER_MODEL], concurrency=2)
    answers = given(asyncio.run(engine.answer_all(tasks(10), SCOPE)))
    assert {answer.engine_version for answer in answers} == {OTHER_MODEL}
    assert cerebras.stats.models[MODEL] <= 2


def test_unknown_models_are_told_before_the_first_call(
    make_engine: MakeEngine, cerebras: RunningServer
) -> None:
    with pytest.raises(ConfigurationError, match=r"llama-3\.3-70b"):
        asyncio.run(make_engine(model="llama-3.3-70b").answer_all(tasks(3), SCOPE))
    assert cerebras.stats.requests == 0


def test_a_wrong_key_is_told_before_the_first_call(make_engine: MakeEngine, cerebras: RunningServer) -> None:
    cerebras.reset(api_key="right")
    with pytest.raises(Rejected, match="CEREBRAS_API_KEY"):
        asyncio.run(make_engine().answer_all(tasks(3), SCOPE))
    assert cerebras.stats.requests == 0


def test_spent_budgets_degrade(
    make_engine: MakeEngine, cerebras: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    engine = make_engine(more={"budgets": BudgetSettings(run_usd=0.002)}, concurrency=2)
    with caplog.at_level(logging.WARNING):
        answers = asyncio.run(engine.answer_all(tasks(60), SCOPE))
    counts = engines(answers)
    assert counts["cerebras"] == cerebras.stats.requests >= 1
    assert counts["scorecard"] > 1
    assert sum(answer.cost_usd for answer in given(answers)) <= 0.002
    reasons = {answer.degraded_reason for answer in given(answers) if answer.engine == "scorecard"}
    assert all("the run budget of $0.002 is spent" in str(reason) for reason in reasons)


def test_a_lead_that_cannot_be_described_or_answered_is_its_own_matter(
    make_engine: MakeEngine, cerebras: RunningServer
) -> None:
    def fail() -> dict[str, object]:
        raise ValueError("no such fact")

    def no_rule() -> Judged:
        raise ValueError("no rule")

    neither = Task(PROMPT, "lead-x", fail, Judged, no_rule)
    answers = asyncio.run(make_engine().answer_all([task("a", fail), neither, task("b")], SCOPE))
    assert given([answers[0]])[0].degraded_reason == "ValueError: no such fact"
    assert isinstance(answers[1], NoAnswer)
    assert answers[1].reason == "ValueError: no such fact; rules: ValueError: no rule"
    assert engines([answers[2]]) == {"cerebras": 1}


def test_tokens_per_minute_are_learned(make_engine: MakeEngine, cerebras: RunningServer) -> None:
    cerebras.reset(tokens_minute=300_000)
    engine = make_engine()
    asyncio.run(engine.answer_all(tasks(1), SCOPE))
    assert engine.limiter.limits_of(MODEL) == Limits(tokens=300_000)


def test_a_server_without_a_list_of_models_is_asked_all_the_same(
    make_engine: MakeEngine, cerebras: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    engine = make_engine(more={"cerebras_base_url": f"{cerebras.url}/nowhere"})
    answers = asyncio.run(engine.answer_all(tasks(2), SCOPE))
    assert "gives no list of models" in caplog.text
    assert engines(answers) == {"scorecard": 2}
    told = f"HTTP 404: check CEREBRAS_BASE_URL, for {cerebras.url}/nowhere has no list of models either"
    assert all(str(answer.degraded_reason).startswith(told) for answer in given(answers))


def test_of_a_server_with_a_list_of_models_the_address_is_not_suspected(
    make_engine: MakeEngine, cerebras: RunningServer
) -> None:
    cerebras.match(f'"model":"{MODEL}"', "404")
    [answer] = given(asyncio.run(make_engine().answer_all(tasks(1), SCOPE)))
    assert str(answer.degraded_reason).startswith("HTTP 404: no such model or path")


def test_a_warm_engine_has_checked_the_models_before_the_first_question(
    make_engine: MakeEngine, cerebras: RunningServer
) -> None:
    engine = make_engine()
    engine.warm_up()
    deadline = time.monotonic() + 30
    while cerebras.stats.model_lists < 1:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    assert engines(asyncio.run(engine.answer_all(tasks(2), SCOPE))) == {"cerebras": 2}
    assert cerebras.stats.model_lists == 1


def test_what_a_warm_up_finds_is_told_with_the_first_question(make_engine: MakeEngine) -> None:
    engine = make_engine(model="no-such-model")
    engine.warm_up()
    for _ in range(2):
        with pytest.raises(ConfigurationError, match="no-such-model"):
            asyncio.run(engine.answer_all(tasks(1), SCOPE))


@pytest.mark.parametrize("warm", [True, False])
def test_a_model_that_is_not_there_is_told_before_any_question(
    make_engine: MakeEngine, cerebras: RunningServer, warm: bool
) -> None:
    engine = make_engine(model="no-such-model")
    if warm:
        engine.warm_up()
    with pytest.raises(ConfigurationError, match="no-such-model"):
        engine.check()
    assert cerebras.stats.model_lists == 1


def test_a_key_that_is_not_let_in_is_told_before_any_question(
    make_engine: MakeEngine, cerebras: RunningServer
) -> None:
    cerebras.reset(api_key="right")
    with pytest.raises(Rejected, match="set CEREBRAS_API_KEY"):
        make_engine().check()


def test_models_that_are_there_are_checked_once(make_engine: MakeEngine, cerebras: RunningServer) -> None:
    engine = make_engine()
    engine.check()
    engine.check()
    assert engines(asyncio.run(engine.answer_all(tasks(2), SCOPE))) == {"cerebras": 2}
    assert cerebras.stats.model_lists == 1


def test_models_that_could_not_be_checked_are_checked_later(
    make_engine: MakeEngine, cerebras: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    engine = make_engine(more={"cerebras_base_url": "http://127.0.0.1:1"})
    engine.check()
    answers = asyncio.run(engine.answer_all(tasks(2), SCOPE))
    assert engines(answers) == {"scorecard": 2}
    assert caplog.text.count("The models could not be checked") == 1


def check_until_it_raises(engine: CerebrasEngine) -> None:
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        engine.check()


def test_a_list_of_models_that_did_not_come_is_not_waited_for_again(
    make_engine: MakeEngine,
    cerebras: RunningServer,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    came, begun = threading.Event(), list[int]()

    async def slow(client: CerebrasClient, settings: Settings) -> None:
        begun.append(len(begun))
        if len(begun) == 1:
            raise ProviderDown("no answer")
        while not came.is_set():
            await asyncio.sleep(0.001)
        if len(begun) == 2:
            raise ConfigurationError("no such model")

    monkeypatch.setattr("sales_agent_dagster.inference.cerebras.engine.check_models", slow)
    engine = make_engine()
    for _ in range(3):
        engine.check()
    assert engines(asyncio.run(engine.answer_all(tasks(2), SCOPE))) == {"cerebras": 2}
    assert len(begun) == 2
    came.set()
    with pytest.raises(ConfigurationError, match="no such model"):
        check_until_it_raises(engine)
    engine.check()
    engine.check()
    assert len(begun) == 3, "it is asked for anew, and waited for"
    assert caplog.text.count("The models could not be checked") == 1


def test_when_the_day_s_requests_are_spent_nobody_waits_for_tomorrow(
    make_engine: MakeEngine, cerebras: RunningServer
) -> None:
    cerebras.reset(requests_day=2)
    answers = asyncio.run(make_engine(concurrency=1).answer_all(tasks(6), SCOPE))
    assert engines(answers) == {"cerebras": 2, "scorecard": 4}
    assert cerebras.stats.requests == 3, "one is refused, the others know"
    assert "no call is allowed for" in str(given(answers)[-1].degraded_reason)


def test_a_stored_answer_that_no_longer_fits_is_bought_again(
    make_engine: MakeEngine, cerebras: RunningServer, sqlite_warehouse: Warehouse
) -> None:
    asyncio.run(make_engine().answer_all(tasks(1), SCOPE))
    with sqlite_warehouse.transaction() as connection:
        connection.execute(sa.update(agent_calls).values(response='{"points": "many"}'))
    (answer,) = given(asyncio.run(make_engine().answer_all(tasks(1), SCOPE)))
    assert (answer.engine, answer.replayed, cerebras.stats.requests) == ("cerebras", False, 2)
