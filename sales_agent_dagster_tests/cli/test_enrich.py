import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from sales_agent_dagster.cli.enrich import Request, run_enrich
from sales_agent_dagster.cli.exits import ExitCode
from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.enrichment.providers import Failed, FailureKind
from sales_agent_dagster.enrichment.registry import FACTORIES
from sales_agent_dagster.settings import Settings
from sales_agent_dagster.stages.base import StageContext
from sales_agent_dagster.stages.enriched import EnrichedLeads
from sales_agent_dagster.stages.fact_service import build_fact_service
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import analyzed_leads, enriched_leads, enrichment_credits
from sales_agent_dagster_tests.conftest import MakeContext
from sales_agent_dagster_tests.enrichment.scripted import Scripted, found
from sales_agent_dagster_tests.rows import seed_batch


@pytest.fixture
def website(monkeypatch: pytest.MonkeyPatch) -> Scripted:
    """Stands for the website provider wherever it is made."""
    provider = Scripted()
    made = {**FACTORIES, "website": lambda settings: provider}
    monkeypatch.setattr("sales_agent_dagster.enrichment.registry.FACTORIES", made)
    return provider


@pytest.fixture
def networked(settings: Settings, tmp_path: Path) -> Settings:
    path = tmp_path / "waterfall.yaml"
    path.write_text("steps: [{provider: offline}, {provider: website}]")
    given = {"waterfall_path": path, "enrichment": {"deadline_ms": 20_000}}
    return Settings.model_validate(settings.model_dump() | given)


def rows(warehouse: Warehouse, table: sa.Table) -> list[dict[str, Any]]:
    with warehouse.reading() as connection:
        return [dict(row) for row in connection.execute(sa.select(table)).mappings()]


def enrich(context: StageContext, settings: Settings) -> None:
    facts = build_fact_service(settings, context.warehouse)
    try:
        asyncio.run(EnrichedLeads().run(replace(context, facts=facts)))
    finally:
        facts.close()


def test_nothing_asked_is_told(
    sqlite_warehouse: Warehouse, settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run_enrich(settings, Request()) is ExitCode.OK
    assert "No provider on the network was asked yet" in capsys.readouterr().out
    assert run_enrich(settings, Request(pending=True, as_json=True)) is ExitCode.OK
    told = json.loads(capsys.readouterr().out)
    assert told == {"providers": [], "pending": [], "asked_again": 0, "released": 0}


@pytest.mark.parametrize("request_", [Request(), Request(pending=True)])
def test_a_fault_of_the_waterfall_is_told_though_nothing_is_owed(
    sqlite_warehouse: Warehouse, networked: Settings, request_: Request
) -> None:
    networked.waterfall_path.write_text("steps: [{provider: offline}, {provider: clearbit}]")
    with pytest.raises(ConfigurationError, match="unknown: clearbit"):
        run_enrich(networked, request_)


def test_what_is_owed_is_asked_for_and_what_rests_on_it_computed_again(
    sqlite_warehouse: Warehouse,
    context: MakeContext,
    networked: Settings,
    website: Scripted,
    capsys: pytest.CaptureFixture[str],
) -> None:
    website.answers["a.example"] = Failed(FailureKind.TRANSIENT, "away")
    seed_batch(
        sqlite_warehouse,
        leads=[
            {"website_host": host, "website": f"https://{host}/", "qualified_leads": {"tier": "GOLD"}}
            for host in ("a.example", "b.example")
        ],
    )
    enrich(context(sqlite_warehouse, settings=networked), networked)
    run_enrich(networked, Request())
    out = capsys.readouterr().out
    assert "website" in out
    assert "away" in out
    assert "sales-agent enrich --pending asks again." in out
    website.answers["a.example"] = found("1990")
    run_enrich(networked, Request(pending=True))
    out = capsys.readouterr().out
    assert "1 lead asked about again; nothing still to answer." in out
    assert [row["founded"] for row in rows(sqlite_warehouse, enriched_leads)] == ["1990", "1990"]
    assert len(rows(sqlite_warehouse, analyzed_leads)) == 2
    run_enrich(networked, Request(as_json=True))
    told = json.loads(capsys.readouterr().out)
    assert told["pending"] == []
    (figures,) = told["providers"]
    assert (figures["lookups"], figures["found"], figures["failed"], figures["hit_rate"]) == (3, 2, 1, 1.0)


def test_each_call_of_the_command_has_a_runs_whole_budget(
    sqlite_warehouse: Warehouse, context: MakeContext, networked: Settings, website: Scripted
) -> None:
    networked.waterfall_path.write_text(
        "steps: [{provider: offline}, {provider: website, caps: {run_credits: 1}}]"
    )
    website.spec = replace(website.spec, credits=1.0)
    seed_batch(
        sqlite_warehouse,
        leads=[
            {"website_host": host, "website": f"https://{host}/", "qualified_leads": {"tier": "GOLD"}}
            for host in ("a.example", "b.example", "c.example")
        ],
    )
    enrich(context(sqlite_warehouse, settings=networked), networked)
    for asked in (2, 3):
        run_enrich(networked, Request(pending=True))
        assert len(website.keys) == asked
    runs = {row["run_id"] for row in rows(sqlite_warehouse, enrichment_credits)}
    assert len(runs) == 3
    assert sum(run.startswith("command line ") for run in runs) == 2


def test_what_was_cut_off_is_asked_for_again_on_demand(
    sqlite_warehouse: Warehouse,
    context: MakeContext,
    networked: Settings,
    website: Scripted,
    capsys: pytest.CaptureFixture[str],
) -> None:
    website.spec = replace(website.spec, credits=1.0)
    website.answers["a.example"] = Failed(FailureKind.TRANSIENT, "the reply was lost", credits=1.0)
    lead = {"website_host": "a.example", "website": "https://a.example/", "qualified_leads": {"tier": "GOLD"}}
    seed_batch(sqlite_warehouse, leads=[lead])
    enrich(context(sqlite_warehouse, settings=networked), networked)
    long_ago = datetime.now(UTC) - timedelta(hours=1)
    with sqlite_warehouse.transaction() as connection:
        connection.execute(sa.update(enrichment_credits).values(reserved_at=long_ago))
    website.answers.clear()
    run_enrich(networked, Request(pending=True))
    assert len(website.keys) == 1
    assert "cut off" in rows(sqlite_warehouse, enriched_leads)[0]["reason"]
    capsys.readouterr()
    run_enrich(networked, Request(pending=True, ask_again=True))
    assert "1 lookup that had been cut off was given up and asked again." in capsys.readouterr().out
    assert rows(sqlite_warehouse, enriched_leads)[0]["founded"] == "1990"
    assert [row["credits"] for row in rows(sqlite_warehouse, enrichment_credits)] == [1.0, 1.0]
