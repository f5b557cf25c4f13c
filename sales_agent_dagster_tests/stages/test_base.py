"""What all stages share."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
import sqlalchemy as sa

from sales_agent_dagster.domain.status import Status
from sales_agent_dagster.stages import base
from sales_agent_dagster.stages.analyzed import AnalyzedLeads
from sales_agent_dagster.stages.base import LeadInput, LeadResult, Stage, StageContext
from sales_agent_dagster.stages.campaigns import Campaigns
from sales_agent_dagster.stages.crm_synced import CrmSyncedLeads
from sales_agent_dagster.stages.enriched import EnrichedLeads
from sales_agent_dagster.stages.qualified import QualifiedLeads
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


def test_an_edit_of_the_profile_counts_only_for_the_stages_that_read_the_section(
    context: MakeContext, sqlite_warehouse: Warehouse
) -> None:
    work = context(warehouse=sqlite_warehouse, batch_id="batch")
    profile = work.profile
    seller = profile.seller.model_copy(update={"company": "Somebody Else"})
    icp = profile.icp.model_copy(update={"target_trades": ["solar"]})
    for stage, reads_seller, reads_icp in (
        (QualifiedLeads(), False, True),
        (EnrichedLeads(), False, False),
        (AnalyzedLeads(), False, False),
        (Campaigns(), True, False),
        (CrmSyncedLeads(), False, False),
    ):
        before = stage.fingerprint(work)
        for update, reads in (({"seller": seller}, reads_seller), ({"icp": icp}, reads_icp)):
            edited = replace(work, profile=profile.model_copy(update=update))
            assert (stage.fingerprint(edited) != before) is reads, (stage.name, update.keys())
