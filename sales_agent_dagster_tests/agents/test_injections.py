"""Leads full of orders, and a model that obeys every one of them: what reaches the tables all the same."""

import asyncio
import json
from typing import Any

import pytest
import sqlalchemy as sa

from sales_agent_dagster.agents.marketing.drafts import OPT_OUT
from sales_agent_dagster.agents.untrusted import is_order, links_in, numbers_in
from sales_agent_dagster.domain.profile import Gates, Profile
from sales_agent_dagster.domain.tiers import Tier
from sales_agent_dagster.inference.cerebras.engine import CerebrasEngine
from sales_agent_dagster.settings import BudgetSettings, Settings
from sales_agent_dagster.stages.analyzed import AnalyzedLeads
from sales_agent_dagster.stages.campaigns import Campaigns
from sales_agent_dagster.stages.enriched import EnrichedLeads
from sales_agent_dagster.stages.qualified import QualifiedLeads
from sales_agent_dagster.stages.quality.base import Subject
from sales_agent_dagster.stages.quality.drafts import campaign_lint
from sales_agent_dagster.warehouse.calls import WarehouseCalls
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import (
    analyzed_leads,
    campaign_messages,
    campaigns,
    enriched_leads,
    qualified_leads,
)
from sales_agent_dagster_tests.agents.injections import EVIL, INJECTIONS
from sales_agent_dagster_tests.cerebras_server.repliers.obeying import Obedience
from sales_agent_dagster_tests.cerebras_server.running import RunningServer
from sales_agent_dagster_tests.conftest import MakeContext
from sales_agent_dagster_tests.rows import seed_batch

TABLES = (qualified_leads, enriched_leads, analyzed_leads, campaigns, campaign_messages)
LEADS = [
    {
        "lead_id": f"L{number}",
        # Every other one also as its name: then drafts do not use it.
        "company_name": text[:200] if number % 2 else f"Example {number} Electric",
        "notes": text,
        "industry": text[:100] if number % 3 == 0 else None,
        "oems": "Generac, Kohler",
        "email": f"info@example{number}.com",
        "phone_kind": "geographic",
        "phone": "+15125550100",
    }
    for number, text in enumerate(INJECTIONS)
]
BRANDS = [
    {**lead, "lead_id": f"B{number}", "company_name": "Example Works", "notes": None, "oems": text[:100]}
    for number, (lead, text) in enumerate(zip(LEADS, INJECTIONS[::4], strict=False))
]
"""Leads whose brands are orders: brands are kept as the file has them, and written nowhere else."""


def _leads(obedience: Obedience) -> list[dict[str, Any]]:
    """All of them where the answers fit the schema; what they say does not count where they do not."""
    return [*LEADS, *BRANDS] if obedience == "within" else LEADS[::5]


def test_there_are_many_of_them() -> None:
    assert len(set(INJECTIONS)) >= 50


@pytest.fixture(params=["within", "beyond"])
def rows(
    request: pytest.FixtureRequest,
    cerebras: RunningServer,
    settings: Settings,
    sqlite_warehouse: Warehouse,
    context: MakeContext,
    profile: Profile,
) -> dict[str, list[dict[str, Any]]]:
    """All rows of the four agents' tables, by table, after a run with the real engine."""
    obedience: Obedience = request.param
    cerebras.reset(obedience=obedience)
    seed_batch(sqlite_warehouse, leads=_leads(obedience), through="resolved_leads")
    asked = settings.model_copy(update={"cerebras_base_url": cerebras.url, "budgets": BudgetSettings()})
    engine = CerebrasEngine(asked, WarehouseCalls(sqlite_warehouse))
    gates = Gates(**dict.fromkeys(Gates.model_fields, Tier.UNQUALIFIED))
    open_to_all = profile.model_copy(update={"gates": gates})
    work = context(sqlite_warehouse, engine=engine, settings=asked, profile=open_to_all)
    try:
        for stage in (QualifiedLeads(), EnrichedLeads(), AnalyzedLeads(), Campaigns()):
            asyncio.run(stage.run(work))
    finally:
        engine.close()
    with sqlite_warehouse.reading() as connection:
        lint = campaign_lint(Subject(work, connection, campaigns))
        assert lint.passed, lint.metadata
        return {
            table.name: [dict(row) for row in connection.execute(sa.select(table)).mappings()]
            for table in TABLES
        }


def test_what_a_model_was_made_to_say_reaches_no_row(
    rows: dict[str, list[dict[str, Any]]], cerebras: RunningServer, profile: Profile
) -> None:
    beyond = cerebras.options.obedience == "beyond"
    assert cerebras.stats.billed > 3 * len(_leads(cerebras.options.obedience or "within"))
    _rows_are_whole(rows, beyond)
    _scores_hold(rows["qualified_leads"], profile, beyond)
    _drafts_hold(rows["campaign_messages"], profile)
    for table in rows.values():
        for row in table:
            kept = KEPT if row["lead_id"].startswith("B") else frozenset()
            said = json.dumps({column: row[column] for column in row.keys() - kept}, default=str)
            assert not is_order(said), said
            assert EVIL not in said.lower(), said
            # A company may be called a number; its drafts then hold it as its name, which the lint saw to.
            assert table is rows["campaign_messages"] or not {"1066600", "1,066,600"} & set(numbers_in(said))


KEPT = frozenset({"brands", "facts", "factors"})
"""Columns that repeat the file's brands, as the data they are."""


def _rows_are_whole(rows: dict[str, list[dict[str, Any]]], beyond: bool) -> None:
    for table in TABLES[:-1]:
        found = rows[table.name]
        assert len(found) == len(_leads("beyond" if beyond else "within"))
        assert {row["status"] for row in found} <= {"ok", "degraded"}
        # An answer beyond the schema is none: the rules answer, and the row says so.
        assert {row["engine"] for row in found} == {"scorecard" if beyond else "cerebras"}
        assert all(row["reason"] for row in found if beyond)


def _scores_hold(rows: list[dict[str, Any]], profile: Profile, beyond: bool) -> None:
    for row in rows:
        unmoved = min(100.0, max(0.0, row["icp_score"] + row["signal_points"]))
        assert 0 <= row["score"] <= 100
        assert abs(row["score"] - unmoved) <= 15.06
        assert abs(row["judged_points"]) <= (0 if beyond else 15)
        assert Tier(row["tier"]) is profile.icp.tiers.tier_of(row["score"])
    assert beyond or any(row["dropped_claims"] for row in rows)


def _drafts_hold(rows: list[dict[str, Any]], profile: Profile) -> None:
    assert {row["channel"] for row in rows} == {"email", "linkedin", "call", "social", "blog"}
    for row in rows:
        text = f"{row['subject']}\n{row['body']}"
        assert links_in(text) == []  # the seller's texts have none
        assert not is_order(text)
        assert not set("{}<>[]\x1a\x1b") & set(text)
        assert not any(char in text for char in "\u200b\u202e\u00ad\u2028")
        if row["channel"] == "email":
            assert profile.seller.postal_address in row["body"]
            assert row["body"].endswith(OPT_OUT)
            assert len(row["subject"]) <= 60
