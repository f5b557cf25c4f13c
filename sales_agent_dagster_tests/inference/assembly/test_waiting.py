"""What counts as whose time and money: waiting for the provider's limits, and requests after the first."""

import asyncio

import pytest
import sqlalchemy as sa

from sales_agent_dagster.inference.flow.breaker import BreakerRules
from sales_agent_dagster.inference.flow.rates import Window
from sales_agent_dagster.settings import BudgetSettings
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import agent_calls
from sales_agent_dagster_tests.cerebras_server import Fault
from sales_agent_dagster_tests.cerebras_server.limits import Bucket
from sales_agent_dagster_tests.cerebras_server.running import RunningServer
from sales_agent_dagster_tests.inference.assembly.conftest import MakeEngine
from sales_agent_dagster_tests.inference.assembly.judging import SCOPE, engines, given, tasks


def test_waiting_for_the_limits_again_is_not_the_lead_s_time_and_no_outage(
    make_engine: MakeEngine, cerebras: RunningServer
) -> None:
    cerebras.script("500", "500")
    engine = make_engine(
        requests_per_minute=2,
        window=Window(0.3, 0.0),
        deadline_s=0.2,
        breaker=BreakerRules(ratio=0.9, least=3, open_s=60),
    )
    answers = asyncio.run(engine.answer_all(tasks(2), SCOPE))
    assert engines(answers) == {"cerebras": 2}
    assert cerebras.stats.requests == 4


def test_a_provider_that_says_only_when_to_come_back_gets_every_call_in_time(
    make_engine: MakeEngine, cerebras: RunningServer
) -> None:
    cerebras.reset(latency_ms=2)
    cerebras.app.limits.minute = Bucket(10, 0.2)
    answers = asyncio.run(make_engine(concurrency=64).answer_all(tasks(60), SCOPE))
    assert engines(answers) == {"cerebras": 60}
    assert cerebras.stats.billed == 60


@pytest.mark.parametrize("fault", ["schema_violation", "length", "html"])
def test_money_for_another_request_is_set_aside_before_it_is_sent(
    make_engine: MakeEngine, cerebras: RunningServer, sqlite_warehouse: Warehouse, fault: str
) -> None:
    cerebras.rates({fault: 1.0})
    tight = {"budgets": BudgetSettings(lead_usd=0.0006)}  # one request may cost 0.0005
    answers = given(asyncio.run(make_engine(more=tight).answer_all(tasks(3), SCOPE)))
    assert cerebras.stats.requests == 3
    assert engines(answers) == {"scorecard": 3}
    reasons = {str(answer.degraded_reason) for answer in answers}
    assert all("invalid answer" in reason and "lead budget" in reason for reason in reasons)
    with sqlite_warehouse.reading() as connection:
        rows = connection.execute(sa.select(agent_calls)).all()
    assert {(row.outcome, row.attempts, row.cost_usd > 0) for row in rows} == {("invalid", 1, True)}


def test_what_may_have_been_billed_counts_when_a_call_is_tried_again(
    make_engine: MakeEngine, cerebras: RunningServer
) -> None:
    cerebras.rates({Fault("hang"): 1.0})
    tight = {"budgets": BudgetSettings(lead_usd=0.0006)}
    engine = make_engine(more=tight, timeout_s=0.05)
    (answer,) = given(asyncio.run(engine.answer_all(tasks(1), SCOPE)))
    assert (answer.engine, cerebras.stats.requests) == ("scorecard", 1)


def test_what_was_not_billed_needs_no_more_money(make_engine: MakeEngine, cerebras: RunningServer) -> None:
    cerebras.script("500", Fault("429", retry_after=0.01), "503")
    tight = {"budgets": BudgetSettings(lead_usd=0.0006)}
    answers = asyncio.run(make_engine(more=tight).answer_all(tasks(1), SCOPE))
    assert (engines(answers), cerebras.stats.requests) == ({"cerebras": 1}, 4)
