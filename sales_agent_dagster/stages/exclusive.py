"""Stages whose rows depend on what other batches wrote."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from sales_agent_dagster.stages.base import LeadInput, LeadResult, Stage, StageContext


class ExclusiveStage(Stage):
    """Reads and writes in one transaction that no other run of the same stage overlaps.

    So two runs on different batches cannot both find a company missing and create it twice.
    """

    async def run_chunk(self, context: StageContext, lead_ids: Sequence[str]) -> int:
        """Compute and store the rows of some leads under the stage's lock; returns the number written."""
        with context.warehouse.transaction() as connection:
            context.warehouse.exclusive(connection, self.name)
            inputs = self.load(context, connection, lead_ids)
            results = await self.compute(context, inputs)
            if inputs:
                self.write(context, connection, inputs, results)
        return len(results)

    def write(
        self,
        context: StageContext,
        connection: sa.Connection,
        inputs: Sequence[LeadInput],
        results: Sequence[LeadResult],
    ) -> None:
        """Write the rows; stages that write more of what they read in the same transaction extend it."""
        self.store(context, connection, results, self.hashes(context, inputs))
