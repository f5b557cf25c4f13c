"""``sales-agent run`` with a model: all tables, the same again for nothing, an outage and its healing."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from sales_agent_dagster.cli.demo import SAMPLE
from sales_agent_dagster_tests.cerebras_server.running import RunningServer
from sales_agent_dagster_tests.cli.conftest import Cli

AGENT_TABLES = ("qualified_leads", "enriched_leads", "analyzed_leads", "campaigns")
LEADS = """Company,Contact,Phone,Email,Website,City,State,Zip,Brands,Notes
Example Electric LLC,Jo Doe,(407) 555-0100,jo@example.com,example.com,Orlando,FL,32801,"Generac, Tesla",Busy
Sample Air Conditioning,Al Roe,407-555-0101,al@example.org,example.org,Tampa,FL,33601,Carrier,Wants a demo
Third Power Inc,Cy Poe,407-555-0102,cy@example.net,example.net,Miami,FL,33101,Kohler,Sells generators
"""


@pytest.fixture
def provider(home: Path, cerebras: RunningServer, monkeypatch: pytest.MonkeyPatch) -> RunningServer:
    monkeypatch.setenv("CEREBRAS_BASE_URL", cerebras.url)
    monkeypatch.setenv("SALES_AGENT_CHECKS__LATENCY_SLA", "warn")
    return cerebras


@pytest.fixture
def leads(tmp_path: Path) -> Path:
    file = tmp_path / "leads.csv"
    file.write_text(LEADS)
    return file


def rows(home: Path, query: str) -> list[tuple[Any, ...]]:
    connection = sqlite3.connect(home / "warehouse.db")
    try:
        return connection.execute(query).fetchall()
    finally:
        connection.close()


def engines(home: Path) -> dict[str, set[tuple[str, str]]]:
    return {
        table: set(rows(home, f"select engine, status from {table} where status not in ('skipped')"))
        for table in AGENT_TABLES
    }


def test_two_hundred_leads_and_the_same_again_for_nothing(
    cli: Cli, home: Path, provider: RunningServer
) -> None:
    outcome = cli("run", str(SAMPLE))
    assert outcome.code == 0, outcome.err
    found = engines(home)
    assert {engine for table in AGENT_TABLES for engine, _ in found[table]} == {"cerebras"}
    ((spent, calls),) = rows(home, "select sum(cost_usd), count(*) from agent_calls")
    assert spent > 0
    assert f"Cost       ${spent:.2f}" in outcome.out
    assert calls == provider.stats.requests == provider.stats.billed
    assert provider.stats.duplicate_bills == 0

    again = cli("run", str(SAMPLE))
    assert "0 new rows, 0 agent calls, 0 model calls for $0.00." in again.out
    assert provider.stats.requests == calls


def test_leads_degraded_by_an_outage_are_healed_and_no_others(
    cli: Cli, home: Path, provider: RunningServer, leads: Path
) -> None:
    provider.match("Sample Air", "503")
    outcome = cli("run", str(leads))
    assert outcome.code == 0
    assert "Degraded   1 in qualified_leads" in outcome.out
    ((reason,),) = rows(home, "select reason from qualified_leads where status = 'degraded'")
    assert f"most often: {reason}; run with --retry-degraded" in " ".join(outcome.out.split())
    degraded = "select count(*) from qualified_leads where status = 'degraded'"
    assert rows(home, degraded) == [(1,)]
    requests = provider.stats.requests
    assert "0 new rows" in cli("run", str(leads)).out
    assert provider.stats.requests == requests

    provider.reset()
    times = "select lead_id, created_at from qualified_leads where status != 'degraded'"
    untouched = set(rows(home, times))
    outcome = cli("run", str(leads), "--retry-degraded")
    assert outcome.code == 0
    assert "unfinished, outdated or degraded" in outcome.out
    assert "Degraded" not in outcome.out
    assert rows(home, "select distinct engine, status from qualified_leads") == [("cerebras", "ok")]
    assert untouched <= set(rows(home, times))
    billed = provider.stats.billed
    assert billed > 0
    assert cli("run", str(leads), "--retry-degraded").code == 0
    assert provider.stats.billed == billed


def test_a_model_that_is_not_offered_stops_the_run_with_what_to_do(
    cli: Cli, provider: RunningServer, leads: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SALES_AGENT_CEREBRAS__MODEL", "llama-3.3-70b")
    outcome = cli("run", str(leads))
    assert outcome.code == 1
    assert "SALES_AGENT_CEREBRAS__MODEL names 'llama-3.3-70b'" in outcome.err
    assert provider.stats.requests == 0


def test_an_address_at_which_there_is_no_api_is_told_by_its_setting(
    cli: Cli, provider: RunningServer, leads: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CEREBRAS_BASE_URL", f"{provider.url}/wrong")
    outcome = cli("run", str(leads))
    assert outcome.code == 0
    assert f"check CEREBRAS_BASE_URL, for {provider.url}/wrong has no list of models either" in outcome.out


def test_the_scorecard_by_choice(cli: Cli, home: Path, provider: RunningServer, leads: Path) -> None:
    assert cli("run", str(leads), "--engine", "scorecard").code == 0
    assert {engine for engine, _ in engines(home)["qualified_leads"]} == {"scorecard"}
    assert provider.stats.requests == 0
