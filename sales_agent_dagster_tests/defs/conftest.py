from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from sales_agent_dagster.defs.resources import build_resources
from sales_agent_dagster.domain.profile import Profile
from sales_agent_dagster.domain.status import Status
from sales_agent_dagster.settings import Settings
from sales_agent_dagster.stages.base import LeadInput, LeadResult, Stage, StageContext
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import qualified_leads, resolved_leads
from sales_agent_dagster_tests.rows import seed_batch

BATCH = "batch-1"


class TinyStage(Stage):
    """``qualified_leads`` without an agent: every lead scores 50. ``faults`` are raised first, one a call."""

    name = "qualified_leads"
    table = qualified_leads
    upstream = "resolved_leads"
    version = "1"
    agent = "qualification"

    def __init__(self, *faults: Exception) -> None:
        self.faults = list(faults)
        self.chunks: list[list[str]] = []

    def load(
        self, context: StageContext, connection: sa.Connection, lead_ids: Sequence[str] | None
    ) -> list[LeadInput]:
        query = sa.select(resolved_leads.c.lead_id).where(resolved_leads.c.batch_id == context.batch_id)
        if lead_ids is not None:
            query = query.where(resolved_leads.c.lead_id.in_(lead_ids))
        return [LeadInput(lead_id, {}) for lead_id in connection.scalars(query.order_by(sa.text("lead_id")))]

    async def process(self, context: StageContext, inputs: Sequence[LeadInput]) -> Sequence[LeadResult]:
        self.chunks.append([item.lead_id for item in inputs])
        if self.faults:
            raise self.faults.pop(0)
        values = {"score": 50.0, "tier": "SILVER", "confidence": 1.0, "icp_score": 50.0, "summary": "Fine."}
        return [LeadResult(item.lead_id, Status.OK, None, values, engine="tiny") for item in inputs]


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    """A Dagster instance in memory that knows the batch's partition."""
    with dg.DagsterInstance.ephemeral() as instance:
        instance.add_dynamic_partitions("lead_batches", [BATCH])
        yield instance


@pytest.fixture
def resources(settings: Settings, sqlite_warehouse: Warehouse, profile: Profile) -> dict[str, Any]:
    """The pipeline's resources around the test's own warehouse."""
    return dict(build_resources(settings, warehouse=sqlite_warehouse, profile=profile))


@pytest.fixture
def five_leads(sqlite_warehouse: Warehouse) -> list[str]:
    """Ids of five leads that are resolved."""
    return seed_batch(sqlite_warehouse, BATCH, [{}] * 5, through="resolved_leads")
