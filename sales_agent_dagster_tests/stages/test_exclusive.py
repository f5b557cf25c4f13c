from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Sequence

import pytest
import sqlalchemy as sa

from sales_agent_dagster.domain.status import Status
from sales_agent_dagster.stages.base import LeadInput, LeadResult, StageContext
from sales_agent_dagster.stages.exclusive import ExclusiveStage
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import resolved_leads
from sales_agent_dagster_tests.conftest import MakeContext
from sales_agent_dagster_tests.rows import seed_batch


class _Counting(ExclusiveStage):
    """Numbers its rows by the rows that all batches have already: any overlap repeats a number."""

    name = "counting"
    table = resolved_leads
    upstream = "imported_leads"
    version = "1"

    def load(
        self, context: StageContext, connection: sa.Connection, lead_ids: Sequence[str] | None
    ) -> list[LeadInput]:
        count = connection.scalar(sa.select(sa.func.count()).select_from(resolved_leads))
        return [LeadInput(lead_id, {"count": count}) for lead_id in lead_ids or ()]

    async def process(self, context: StageContext, inputs: Sequence[LeadInput]) -> Sequence[LeadResult]:
        time.sleep(0.02)  # long enough for another run to slip in, if it could
        return [
            LeadResult(
                item.lead_id,
                Status.OK,
                values={
                    "entity_id": "E",
                    "account_id": "A",
                    "decision": "new",
                    "is_duplicate": False,
                    "suppressed": False,
                    "oem_count": 0,
                    "cluster_size": item.values["count"],
                },
            )
            for item in inputs
        ]


def test_runs_on_different_batches_do_not_overlap(warehouse: Warehouse, context: MakeContext) -> None:
    batches = [f"batch-{number}" for number in range(1, 6)]
    leads = {batch_id: seed_batch(warehouse, batch_id) for batch_id in batches}
    threads = [
        threading.Thread(
            target=lambda batch_id=batch_id: asyncio.run(
                _Counting().run_chunk(context(warehouse, batch_id), leads[batch_id])
            )
        )
        for batch_id in batches
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with warehouse.reading() as connection:
        seen = connection.scalars(sa.select(resolved_leads.c.cluster_size)).all()
    assert sorted(seen) == [0, 1, 2, 3, 4]


def test_a_failure_leaves_nothing_behind(warehouse: Warehouse, context: MakeContext) -> None:
    [lead_id] = seed_batch(warehouse)
    stage = _Counting()
    with pytest.raises(sa.exc.IntegrityError):
        asyncio.run(stage.run_chunk(context(warehouse), [lead_id, "not imported"]))
    with warehouse.reading() as connection:
        assert connection.scalar(sa.select(sa.func.count()).select_from(resolved_leads)) == 0
    assert asyncio.run(stage.run_chunk(context(warehouse), [lead_id])) == 1
