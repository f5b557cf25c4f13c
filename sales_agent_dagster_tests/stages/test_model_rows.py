"""Rows of the four agents' tables when a model answers, and again without buying anything."""

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from sales_agent_dagster.domain.errors import TransientError
from sales_agent_dagster.inference.cerebras.engine import CerebrasEngine
from sales_agent_dagster.stages import base
from sales_agent_dagster.stages.analyzed import AnalyzedLeads
from sales_agent_dagster.stages.base import Stage, StageContext
from sales_agent_dagster.stages.campaigns import Campaigns
from sales_agent_dagster.stages.enriched import EnrichedLeads
from sales_agent_dagster.stages.qualified import QualifiedLeads
from sales_agent_dagster.warehouse.calls import WarehouseCalls
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import campaign_messages
from sales_agent_dagster_tests.cerebras_server.running import RunningServer
from sales_agent_dagster_tests.conftest import MakeContext
from sales_agent_dagster_tests.inference.assembly.judging import LockedCalls
from sales_agent_dagster_tests.rows import seed_batch

STAGES = (QualifiedLeads, EnrichedLeads, AnalyzedLeads, Campaigns)
LEADS = [
    {
        "company_name": "Example Heating",
        "notes": "There is no service work. Founded in 1987 by the family.",
        "email": "info@example.com",
        "phone": "+15125550100",
        "phone_kind": "geographic",
        "oems": "Generac, Kohler",
    },
    {
        "company_name": "Example Electric",
        "phone_kind": "toll_free",
        "oems": "Generac",
        "website_host": "e.com",
    },
]


@pytest.fixture
def work(
    cerebras: RunningServer, sqlite_warehouse: Warehouse, context: MakeContext, settings: Any
) -> Iterator[StageContext]:
    asked = settings.model_copy(update={"cerebras_base_url": cerebras.url})
    engine = CerebrasEngine(asked, WarehouseCalls(sqlite_warehouse))
    seed_batch(sqlite_warehouse, leads=LEADS, through="resolved_leads")
    yield context(sqlite_warehouse, engine=engine, settings=asked)
    engine.close()


def run(work: StageContext) -> dict[str, list[dict[str, Any]]]:
    """Run the four stages; rows by table."""
    for stage in STAGES:
        asyncio.run(stage().run(work))
    return {stage.name: rows(work, stage.table) for stage in STAGES}


def rows(work: StageContext, table: sa.Table) -> list[dict[str, Any]]:
    with work.warehouse.reading() as connection:
        return [dict(row) for row in connection.execute(sa.select(table)).mappings()]


def test_a_models_answers_fill_the_rows_and_are_never_bought_twice(
    work: StageContext, cerebras: RunningServer
) -> None:
    found = run(work)
    for table in found.values():
        assert {(row["engine"], row["engine_version"]) for row in table} == {("cerebras", "gpt-oss-120b")}
        assert all(row["cost_usd"] > 0 and row["latency_ms"] > 0 for row in table)
    judged = found["qualified_leads"][0]
    assert judged["judged_points"] == -2.25  # no service: o_and_m much lower, 15 x its weight .15
    assert judged["score"] == round(judged["icp_score"] + judged["signal_points"] - 2.25, 1)
    assert judged["summary"].startswith(f"{judged['tier']} at {judged['score']:g}: Strongest in ")
    assert judged["factors"][-1]["name"] == "o_and_m_judged"
    read = found["enriched_leads"][0]
    assert read["read_count"] >= 3
    facts = {fact["id"]: fact for fact in read["facts"]}
    assert facts["founded.model.1"] == {
        "id": "founded.model.1",
        "field": "founded",
        "value": "1987",
        "source": "model",
        "confidence": 0.5,
        "quote": "Founded in 1987",
        "read_in": "notes",
    }
    assert found["analyzed_leads"][0]["plays"][0]["text"].startswith("Ask how they see ")
    messages = {
        (row["lead_id"], row["channel"], row["variant"]): row for row in rows(work, campaign_messages)
    }
    assert len(messages) == 6 + 4  # an e-mail has two variants; the second lead has no address
    assert {row["template_version"].partition("-")[0] for row in messages.values()} == {"prompt"}
    bought = cerebras.stats.billed
    spent = sum(row["cost_usd"] for table in found.values() for row in table)
    with work.warehouse.reading() as connection:
        ledger = connection.execute(sa.text("SELECT count(*), sum(cost_usd) FROM agent_calls")).one()
    assert tuple(ledger) == (bought, pytest.approx(spent))

    with work.warehouse.transaction() as connection:
        for stage in reversed(STAGES):
            for child in stage.child_tables:
                connection.execute(sa.delete(child))
            connection.execute(sa.delete(stage.table))
    again = run(work)
    assert cerebras.stats.billed == bought
    # A row says what its answers cost, whenever they were bought for this lead and batch.
    assert sum(row["cost_usd"] for table in again.values() for row in table) == pytest.approx(spent)
    assert [row["score"] for row in again["qualified_leads"]] == [
        row["score"] for row in found["qualified_leads"]
    ]


@pytest.mark.parametrize("stage", STAGES)
def test_another_policy_is_another_row(work: StageContext, stage: type[Stage]) -> None:
    other = work.settings.model_copy(update={"model_policy": "none"})
    changed = StageContext(work.warehouse, other, work.profile, work.engine, work.batch_id, work.run_id)
    assert stage().fingerprint(changed) != stage().fingerprint(work)


def test_rows_are_the_same_in_groups_of_any_size(
    cerebras: RunningServer,
    sqlite_warehouse: Warehouse,
    context: MakeContext,
    settings: Any,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked = settings.model_copy(update={"cerebras_base_url": cerebras.url})
    leads = [{**LEADS[number % 2], "company_name": f"Example {number} Heating"} for number in range(5)]
    seed_batch(sqlite_warehouse, leads=leads, through="resolved_leads")
    engine = CerebrasEngine(asked, WarehouseCalls(sqlite_warehouse))
    work = context(sqlite_warehouse, engine=engine, settings=asked)

    def outcome() -> dict[str, list[dict[str, Any]]]:
        found = {**run(work), "campaign_messages": rows(work, campaign_messages)}
        for table in found.values():
            for row in table:
                row.pop("latency_ms", None)
        return {name: sorted(table, key=repr) for name, table in found.items()}

    together = outcome()
    bought = cerebras.stats.billed
    assert {row["status"] for row in together["campaigns"]} == {"ok"}
    posts = {row["body"] for row in together["campaign_messages"] if row["channel"] == "social"}
    assert 1 <= len(posts) < len(leads), "leads share posts"
    with sqlite_warehouse.transaction() as connection:
        for stage in reversed(STAGES):
            for table in (*stage.child_tables, stage.table):
                connection.execute(sa.delete(table))
    monkeypatch.setattr(base, "GROUP", 1)
    assert outcome() == together
    assert cerebras.stats.billed == bought
    engine.close()


def test_no_row_is_there_before_the_calls_it_was_made_of(
    work: StageContext, cerebras: RunningServer, sqlite_warehouse: Warehouse
) -> None:
    calls = LockedCalls(sqlite_warehouse)
    engine = CerebrasEngine(work.settings, calls)
    locked = replace(work, engine=engine)
    try:
        calls.locked = True
        with pytest.raises(TransientError, match="locked"):
            asyncio.run(QualifiedLeads().run(locked))
        assert rows(work, QualifiedLeads.table) == []
        calls.locked = False
        asyncio.run(QualifiedLeads().run(locked))
    finally:
        engine.close()
    assert len(rows(work, QualifiedLeads.table)) == len(LEADS)
    assert (cerebras.stats.billed, cerebras.stats.duplicate_bills) == (len(LEADS), 0)
