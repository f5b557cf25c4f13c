"""What all stages share."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace

import pytest
import sqlalchemy as sa

from sales_agent_dagster.domain.errors import TransientError
from sales_agent_dagster.domain.status import Status
from sales_agent_dagster.inference.engine import Engine, ScorecardEngine
from sales_agent_dagster.settings import CerebrasSettings, Settings
from sales_agent_dagster.stages import base
from sales_agent_dagster.stages.analyzed import AnalyzedLeads
from sales_agent_dagster.stages.base import LeadInput, LeadResult, Stage, StageContext
from sales_agent_dagster.stages.campaigns import Campaigns
from sales_agent_dagster.stages.crm_synced import CrmSyncedLeads
from sales_agent_dagster.stages.enriched import EnrichedLeads
from sales_agent_dagster.stages.qualified import QualifiedLeads
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import qualified_leads
from sales_agent_dagster_tests.agents.engines import RecordingEngine
from sales_agent_dagster_tests.conftest import MakeContext
from sales_agent_dagster_tests.rows import seed_batch


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


class Asking(Timed):
    """Ten leads, each stored with its number; remembers who was computed together."""

    fault_at: str | None = None

    def __init__(self, ids: Sequence[str]) -> None:
        self.ids = ids
        self.computed: list[list[str]] = []

    def load(
        self, context: StageContext, connection: sa.Connection, lead_ids: Sequence[str] | None
    ) -> list[LeadInput]:
        wanted = self.ids if lead_ids is None else lead_ids
        return [LeadInput(lead_id, {}, "skipped" if lead_id == self.ids[3] else None) for lead_id in wanted]

    def bond(self, item: LeadInput) -> str:
        return "first and sixth" if item.lead_id in (self.ids[0], self.ids[5]) else item.lead_id

    async def process(self, context: StageContext, inputs: Sequence[LeadInput]) -> Sequence[LeadResult]:
        self.computed.append([item.lead_id for item in inputs])
        await asyncio.sleep(0)
        if self.fault_at in [item.lead_id for item in inputs]:
            raise TransientError("locked")
        return [LeadResult(item.lead_id, Status.OK, None, QUALIFIED) for item in inputs]


QUALIFIED = {"score": 50.0, "tier": "SILVER", "confidence": 0.5, "icp_score": 50.0}


def stored_ids(warehouse: Warehouse) -> set[str]:
    with warehouse.reading() as connection:
        return set(connection.scalars(sa.select(qualified_leads.c.lead_id)))


@pytest.fixture
def asking(monkeypatch: pytest.MonkeyPatch, sqlite_warehouse: Warehouse) -> Asking:
    monkeypatch.setattr(base, "GROUP", 2)
    return Asking(seed_batch(sqlite_warehouse, leads=[{}] * 10, through="resolved_leads"))


def test_with_a_model_a_chunk_is_groups_that_are_stored_by_themselves(
    asking: Asking, sqlite_warehouse: Warehouse, context: MakeContext
) -> None:
    work = context(sqlite_warehouse, engine=RecordingEngine())
    ids = asking.ids
    asyncio.run(asking.run(work))
    groups = [[ids[0], ids[5]], [ids[1], ids[2]], [ids[4]], [ids[6], ids[7]], [ids[8], ids[9]]]
    assert asking.computed == groups, "the fourth lead is skipped"
    assert stored_ids(sqlite_warehouse) == set(ids)

    by_rules = Asking(ids)
    asyncio.run(by_rules.run(context(sqlite_warehouse)))
    assert by_rules.computed == [[*ids[:3], *ids[4:]]]


def test_a_fault_costs_its_group_only_and_the_rest_is_the_same_groups(
    asking: Asking, sqlite_warehouse: Warehouse, context: MakeContext, settings: Settings
) -> None:
    narrow = settings.model_copy(update={"cerebras": CerebrasSettings(concurrency=1)})
    work = context(sqlite_warehouse, engine=RecordingEngine(), settings=narrow)
    ids = asking.ids
    asking.fault_at = ids[2]
    with pytest.raises(TransientError, match="locked"):
        asyncio.run(asking.run(work))
    # The first group ended before the fault of the second, and the fourth took its place.
    assert len(asking.computed) == base.SPARE_GROUPS + 1, "nothing is begun after it"
    assert stored_ids(sqlite_warehouse) == set(ids) - {ids[1], ids[2], ids[8], ids[9]}
    again = Asking(ids)
    asyncio.run(again.run(work))
    assert again.computed == [[ids[1], ids[2]], [ids[8], ids[9]]]


def test_what_else_is_to_be_done_begins_once_a_model_is_asked(
    asking: Asking, sqlite_warehouse: Warehouse, context: MakeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base, "SENDING_S", 0.0)
    begun: list[str] = []

    def work(engine: Engine, name: str) -> StageContext:
        return replace(context(sqlite_warehouse, engine=engine), meanwhile=lambda: begun.append(name))

    asyncio.run(asking.run(work(ScorecardEngine(), "rules")))
    asyncio.run(asking.run_chunk(work(RecordingEngine(), "nobody is asked"), [asking.ids[3]]))
    assert begun == []
    asyncio.run(asking.run(work(RecordingEngine(), "model")))
    assert begun == ["model"]


def test_groups_share_the_time_they_take_together(
    asking: Asking, sqlite_warehouse: Warehouse, context: MakeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(base.time, "perf_counter", lambda: asking.clock)

    async def process(context: StageContext, inputs: Sequence[LeadInput]) -> Sequence[LeadResult]:
        asking.clock += 0.03
        return [LeadResult(item.lead_id, Status.OK) for item in inputs]

    monkeypatch.setattr(asking, "process", process)
    inputs = [LeadInput(lead_id, {}) for lead_id in asking.ids[:2]]
    results = asyncio.run(asking.compute(context(sqlite_warehouse), inputs, groups=3))
    assert [result.latency_ms for result in results] == pytest.approx([5, 5])
