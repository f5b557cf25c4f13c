from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from sales_agent_dagster.domain.calls import CallOutcome, CallScope, Replays, Usage
from sales_agent_dagster.warehouse.calls import WarehouseCalls
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import campaigns, qualified_leads
from sales_agent_dagster.warehouse.spending import (
    Spending,
    asked_share,
    dearest_lead_usd,
    spending,
    spending_by,
    usd_per_lead,
)
from sales_agent_dagster_tests.calls import CALLED, SCOPE, call
from sales_agent_dagster_tests.rows import seed_batch

OTHER = CallScope("run-2", "batch-2")


@pytest.fixture
def spent(warehouse: Warehouse) -> Warehouse:
    """Four calls and three replays in two batches on two days."""
    store = WarehouseCalls(warehouse)
    store.add(
        [
            call("a", usage=Usage(1000, 500, 100, 40), cost_usd=0.25, attempts=1),
            call("b", outcome=CallOutcome.INVALID, usage=Usage(2000, 100, 200, 10), cost_usd=0.5),
            call(
                "c",
                outcome=CallOutcome.FAILED,
                agent="growth",
                usage=Usage(),
                cost_usd=0.0,
                attempts=3,
                called_at=CALLED + timedelta(days=1),
            ),
            call("d", scope=OTHER, model="local", price_date=None, usage=Usage(10, 0, 5, 0), cost_usd=1.0),
        ]
    )
    store.add_replays(
        [
            Replays(SCOPE, "growth", "gpt-oss-120b", "2026-03-03", 2, 0.125),
            Replays(OTHER, "qualification", "local", "2026-03-04", 1, 2.0),
        ]
    )
    return warehouse


def test_everything(spent: Warehouse) -> None:
    with spent.reading() as connection:
        total = spending(connection)
        assert total == Spending(
            calls=4,
            invalid=1,
            failed=1,
            attempts=8,
            prompt_tokens=3010,
            cached_tokens=600,
            completion_tokens=305,
            reasoning_tokens=50,
            cost_usd=1.75,
            assumed_usd=1.0,
            replays=3,
            saved_usd=2.125,
        )
        assert {type(getattr(total, name)) for name in ("calls", "replays", "prompt_tokens")} == {int}
        assert total.cached_share == 600 / 3010


def test_one_batch_and_one_agent(spent: Warehouse) -> None:
    with spent.reading() as connection:
        assert spending(connection, batch_id="batch-1").cost_usd == 0.75
        assert spending(connection, batch_id="batch-1", agent="qualification").calls == 2
        growth = spending(connection, agent="growth")
        assert (growth.calls, growth.failed, growth.replays, growth.saved_usd) == (1, 1, 2, 0.125)
        assert spending(connection, batch_id="batch-3") == Spending()
        assert Spending().cached_share == 0.0


def test_groups_are_in_order(spent: Warehouse) -> None:
    def told(*keys: Any, **only: Any) -> dict[tuple[str, ...], tuple[float, float]]:
        found = spending_by(connection, *keys, **only)
        return {key: (figures.cost_usd, figures.saved_usd) for key, figures in found.items()}

    with spent.reading() as connection:
        assert list(told("day")) == [("2026-03-02",), ("2026-03-03",), ("2026-03-04",)]
        assert told("day")["2026-03-03",] == (0.0, 0.125)
        assert told("batch_id") == {("batch-1",): (0.75, 0.125), ("batch-2",): (1.0, 2.0)}
        assert told("model") == {("gpt-oss-120b",): (0.75, 0.125), ("local",): (1.0, 2.0)}
        assert told("agent", batch_id="batch-2") == {("qualification",): (1.0, 2.0)}
        assert list(told("agent", "model")) == [
            ("growth", "gpt-oss-120b"),
            ("qualification", "gpt-oss-120b"),
            ("qualification", "local"),
        ]


def test_view_has_a_row_per_day_run_batch_agent_and_model(spent: Warehouse) -> None:
    with spent.reading() as connection:
        query = sa.text("SELECT day, run_id, batch_id, agent, model, calls, replays FROM agent_cost")
        assert sorted(tuple(row) for row in connection.execute(query)) == [
            ("2026-03-02", "run-1", "batch-1", "qualification", "gpt-oss-120b", 2, 0),
            ("2026-03-02", "run-2", "batch-2", "qualification", "local", 1, 0),
            ("2026-03-03", "run-1", "batch-1", "growth", "gpt-oss-120b", 1, 2),
            ("2026-03-04", "run-2", "batch-2", "qualification", "local", 0, 1),
        ]


def test_dearest_lead(warehouse: Warehouse) -> None:
    WarehouseCalls(warehouse).add(
        [
            call("a", cost_usd=0.25),
            call("b", cost_usd=0.5),
            call("c", cost_usd=0.625, lead_id="lead-2"),
            call("d", cost_usd=9.0, scope=OTHER),
        ]
    )
    with warehouse.reading() as connection:
        assert dearest_lead_usd(connection, "batch-1") == 0.75
        assert dearest_lead_usd(connection, "batch-3") == 0.0


def test_measured_cost_is_per_lead_that_was_asked_about(warehouse: Warehouse) -> None:
    WarehouseCalls(warehouse).add(
        [
            call("a", agent="marketing", cost_usd=0.25),
            call("b", agent="marketing", cost_usd=0.5),
            call("c", agent="marketing", cost_usd=0.25, lead_id="lead-2"),
            call("d", agent="marketing", cost_usd=0.5, scope=OTHER),
            call("e", agent="growth", cost_usd=0.0, outcome=CallOutcome.FAILED),
            call("f", agent="growth", cost_usd=9.0, model="other"),
        ]
    )
    with warehouse.reading() as connection:
        assert usd_per_lead(connection, "gpt-oss-120b") == {"marketing": 0.5}
        assert usd_per_lead(connection, "unknown") == {}


def test_share_of_leads_that_were_asked_about(warehouse: Warehouse) -> None:
    rows = [{"engine": "cerebras"}, {"engine": "cerebras"}, {"engine": "rules"}, {"status": "skipped"}]
    ids = seed_batch(warehouse, leads=[{"qualified_leads": row} for row in rows])
    seed_batch(warehouse, "batch-2", leads=[{}] * 3, through="qualified_leads")
    WarehouseCalls(warehouse).add([call("a", lead_id=ids[0])])
    with warehouse.reading() as connection:

        def share(table: sa.Table, agent: str, model: str) -> float | None:
            return asked_share(connection, table, agent, model, "cerebras")

        assert share(qualified_leads, "qualification", "gpt-oss-120b") == 0.5
        assert share(qualified_leads, "qualification", "other") is None
        assert share(campaigns, "marketing", "gpt-oss-120b") is None
