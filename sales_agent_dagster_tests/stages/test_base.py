"""What all stages share."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest
import sqlalchemy as sa

from sales_agent_dagster.domain.status import Status
from sales_agent_dagster.stages import base
from sales_agent_dagster.stages.base import LeadInput, LeadResult, Stage, StageContext
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import qualified_leads
from sales_agent_dagster_tests.conftest import MakeContext


class Timed(Stage):
    """Takes a minute to load and ten milliseconds to judge a chunk, by its own clock."""

    name = "qualified_leads"
    table = qualified_leads
    upstream = "resolved_leads"
    version = "1"
    clock = 0.0

    def load(
        self, context: StageContext, connection: sa.Connection, lead_ids: Sequence[str] | None
    ) -> list[LeadInput]:
        return []

    def warm_up(self) -> None:
        self.clock += 60

    async def process(self, context: StageContext, inputs: Sequence[LeadInput]) -> Sequence[LeadResult]:
        self.clock += 0.01
        return [LeadResult(item.lead_id, Status.OK) for item in inputs]


def test_loading_is_no_leads_latency(
    monkeypatch: pytest.MonkeyPatch, sqlite_warehouse: Warehouse, context: MakeContext
) -> None:
    stage = Timed()
    monkeypatch.setattr(base.time, "perf_counter", lambda: stage.clock)
    (result,) = asyncio.run(stage.compute(context(sqlite_warehouse), [LeadInput("lead-1", {})]))
    assert result.latency_ms == pytest.approx(10)
