"""PostgreSQL is stopped in the middle of a stage that buys answers, and started again."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest
import sqlalchemy as sa

from sales_agent_dagster.domain.errors import TransientError
from sales_agent_dagster.inference.cerebras.engine import CerebrasEngine
from sales_agent_dagster.settings import CerebrasSettings, Settings
from sales_agent_dagster.stages.qualified import QualifiedLeads
from sales_agent_dagster.warehouse.calls import WarehouseCalls
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import agent_calls, qualified_leads
from sales_agent_dagster_tests.cerebras_server.running import RunningServer
from sales_agent_dagster_tests.conftest import MakeContext
from sales_agent_dagster_tests.postgres_server import PostgresServer, postgres_server
from sales_agent_dagster_tests.rows import seed_batch

LEADS = [{"company_name": f"Example Heating {number}"} for number in range(40)]
IN_FLIGHT = 4


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    with postgres_server() as own:
        yield own


def test_a_run_over_a_restart_loses_nothing_and_pays_nothing_twice(
    server: PostgresServer, cerebras: RunningServer, context: MakeContext, settings: Settings
) -> None:
    cerebras.reset(latency_ms=40)
    chosen = {"cerebras_base_url": cerebras.url, "cerebras": CerebrasSettings(concurrency=IN_FLIGHT)}
    asked = settings.model_copy(update=chosen)
    warehouse = Warehouse(server.url)
    warehouse.migrate()
    seed_batch(warehouse, leads=LEADS, through="resolved_leads")
    engine = CerebrasEngine(asked, WarehouseCalls(warehouse))
    work = context(warehouse, engine=engine, settings=asked)

    async def stopped_midway() -> None:
        running = asyncio.create_task(QualifiedLeads().run(work))
        await asyncio.to_thread(_wait_for_calls, cerebras, 12)
        await asyncio.to_thread(server.stop)
        await running

    try:
        with pytest.raises(TransientError, match="The warehouse is not available"):
            asyncio.run(stopped_midway())
        bought = cerebras.stats.billed
        assert 12 <= bought < len(LEADS), "without its ledger nothing more is bought"
        with pytest.raises(TransientError, match="The warehouse is not available"):
            asyncio.run(QualifiedLeads().run(work))
        assert cerebras.stats.billed == bought
        server.start()
        asyncio.run(QualifiedLeads().run(work))
        with warehouse.reading() as connection:
            query = sa.select(qualified_leads.c.status, sa.func.count()).group_by(qualified_leads.c.status)
            assert connection.execute(query).tuples().all() == [("ok", len(LEADS))]
            calls = connection.scalar(sa.select(sa.func.count()).select_from(agent_calls))
    finally:
        engine.close()
        warehouse.dispose()
    assert (cerebras.stats.billed, cerebras.stats.duplicate_bills, calls) == (len(LEADS), 0, len(LEADS))


def _wait_for_calls(cerebras: RunningServer, calls: int) -> None:
    deadline = time.monotonic() + 30
    while cerebras.stats.billed < calls:
        assert time.monotonic() < deadline, "it did not happen"
        time.sleep(0.002)
