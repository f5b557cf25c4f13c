"""The stages in the order of the flow, and the whole flow for one batch without Dagster."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import dataclass
from functools import lru_cache

from sales_agent_dagster.stages.analyzed import AnalyzedLeads
from sales_agent_dagster.stages.base import Plan, Stage, StageContext
from sales_agent_dagster.stages.campaigns import Campaigns
from sales_agent_dagster.stages.crm_synced import CrmSyncedLeads
from sales_agent_dagster.stages.enriched import EnrichedLeads
from sales_agent_dagster.stages.imported import ImportSummary, import_batch
from sales_agent_dagster.stages.qualified import QualifiedLeads
from sales_agent_dagster.stages.resolved import ResolvedLeads

STAGES: tuple[type[Stage], ...] = (
    ResolvedLeads,
    QualifiedLeads,
    EnrichedLeads,
    AnalyzedLeads,
    Campaigns,
    CrmSyncedLeads,
)
"""Every stage after the import; each reads only tables of those before it."""


@lru_cache(maxsize=1)
def load_ahead() -> threading.Thread:
    """Begin to load, in the background, what each stage's first leads would wait for; once per process."""

    def load() -> None:
        for stage in STAGES:
            stage().warm_up()

    thread = threading.Thread(target=load, name="load-ahead")
    thread.start()
    return thread


@dataclass(frozen=True, slots=True)
class BatchRun:
    """What a run did.

    Attributes:
        plans: per stage name, the leads of the batch and those that had to be computed.
    """

    imported: ImportSummary
    plans: dict[str, Plan]

    @property
    def computed(self) -> int:
        """Rows computed over all stages; 0 when everything was there already."""
        return sum(len(plan.todo) for plan in self.plans.values())


def run_batch(context: StageContext) -> BatchRun:
    """Import one registered batch and take it through every stage, in this process.

    Raises:
        UnknownRecord: no such batch.
        TransientError: the warehouse was not available.
    """
    imported = import_batch(context)

    async def flow() -> dict[str, Plan]:
        return {stage.name: await stage().run(context) for stage in STAGES}

    return BatchRun(imported, asyncio.run(flow()))
