"""Killed with -9 anywhere, run again: no credit is spent twice, every lead has its row."""

import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from sales_agent_dagster.settings import Settings
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import enriched_leads, enrichment_credits
from sales_agent_dagster_tests.provider_servers.apollo import ApolloApp
from sales_agent_dagster_tests.provider_servers.serving import KEY, served
from sales_agent_dagster_tests.rows import seed_batch
from sales_agent_dagster_tests.stages.enriching import enrich
from sales_agent_dagster_tests.stages.test_kill import PROCESSES, _fork_server  # noqa: F401 - for this module too

LEADS = 4
KILLS = 3


@pytest.fixture(scope="module")
def apollo() -> Iterator[tuple[ApolloApp, str]]:
    app = ApolloApp()
    with served(app) as url:
        yield app, url


def run(home: Path, warehouse: Warehouse, apollo_url: str, kill_at: int | None = None) -> int | None:
    url = warehouse.url.render_as_string(hide_password=False)
    process = PROCESSES.Process(target=enrich, args=(home, url, apollo_url, KEY, kill_at))
    process.start()
    process.join(60)
    return process.exitcode


def seed(warehouse: Warehouse, batch_id: str = "batch-1") -> None:
    leads: list[dict[str, Any]] = [
        {
            "website_host": f"firm{number}.example",
            "contact_first_name": "Jo",
            "contact_last_name": f"Reed{number}",
            "qualified_leads": {"tier": "GOLD", "score": 70.0},
        }
        for number in range(LEADS)
    ]
    seed_batch(warehouse, batch_id, leads=leads)


def rows(warehouse: Warehouse, table: sa.Table) -> list[dict[str, Any]]:
    with warehouse.reading() as connection:
        return [dict(row) for row in connection.execute(sa.select(table)).mappings()]


def clear(warehouse: Warehouse) -> None:
    with warehouse.transaction() as connection:
        for name in ("enrichment_queue", "enriched_leads", "enrichment_credits", "enrichment_cache"):
            connection.execute(sa.text(f"DELETE FROM {name}"))


def test_no_credit_is_spent_twice(
    sqlite_warehouse: Warehouse, settings: Settings, apollo: tuple[ApolloApp, str]
) -> None:
    app, url = apollo
    app.reset()
    seed(sqlite_warehouse)
    assert run(settings.home, sqlite_warehouse, url) == 0
    undisturbed = dict(app.charges)
    assert set(undisturbed.values()) == {1}
    assert len(undisturbed) == 2 * LEADS  # a company and a person each
    sent = int((settings.home / "sent").read_text())
    for kill_at in sorted(random.Random(4).sample(range(sent // 10, sent), KILLS)):
        app.reset()
        clear(sqlite_warehouse)
        assert run(settings.home, sqlite_warehouse, url, kill_at) == -signal.SIGKILL
        assert run(settings.home, sqlite_warehouse, url) == 0
        _check(sqlite_warehouse, app, kill_at)
        asked = len(app.asked)
        assert run(settings.home, sqlite_warehouse, url) == 0
        assert len(app.asked) == asked


def _check(warehouse: Warehouse, app: ApolloApp, kill_at: int) -> None:
    assert set(app.charges.values()) <= {1}, kill_at
    credits_ = rows(warehouse, enrichment_credits)
    # What the ledger holds, settled or not, is at least what was charged: the caps are safe.
    assert sum(row["credits"] for row in credits_) >= sum(app.charges.values()), kill_at
    found = rows(warehouse, enriched_leads)
    assert len(found) == LEADS
    unsettled = {row["lookup_key"] for row in credits_ if row["state"] == "reserved"}
    for row in found:
        told = "another process" in (row["reason"] or "")
        known = row["employees"] is not None and row["contact_email"] is not None
        assert known or told, (kill_at, row["reason"])
    assert bool(unsettled) == any(row["pending_providers"] for row in found), kill_at


def test_killed_while_the_provider_answers(
    postgres_warehouse: Warehouse, settings: Settings, apollo: tuple[ApolloApp, str]
) -> None:
    app, url = apollo
    app.reset()
    seed(postgres_warehouse)
    settings.home.mkdir(parents=True, exist_ok=True)
    app.on_answer = lambda: [os.kill(child.pid or 0, signal.SIGKILL) for child in PROCESSES.active_children()]
    assert run(settings.home, postgres_warehouse, url) == -signal.SIGKILL
    app.on_answer = None
    charged = sum(app.charges.values())
    assert charged > 0
    assert run(settings.home, postgres_warehouse, url) == 0
    assert set(app.charges.values()) == {1}
    found = rows(postgres_warehouse, enriched_leads)
    assert sum("apollo_company" in (row["pending_providers"] or "") for row in found) == charged
