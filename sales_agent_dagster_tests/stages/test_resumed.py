"""Killed with -9 while a model writes: the next process goes on after the channels that were done."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa

from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import agent_calls, agent_replays, campaign_messages, campaigns
from sales_agent_dagster_tests.cerebras_server import Fault, running_server
from sales_agent_dagster_tests.rows import seed_batch
from sales_agent_dagster_tests.stages.resuming import run_campaigns
from sales_agent_dagster_tests.stages.test_campaigns import lead

PROCESSES = multiprocessing.get_context("spawn")
NAMES = ("Quarrel Electric", "Tamber Heating", "Ovalford Solar")
CHANNELS_DONE = 4
CALL_SCRIPTS = "first_question"
"""A property of the answers asked for call scripts only."""

UNLIKE = ("latency_ms", "cost_usd", "run_id")
"""What differs between runs: time, and cost by how the provider's prompt cache was met."""


def contents(warehouse: Warehouse) -> dict[str, list[str]]:
    with warehouse.reading() as connection:
        return {
            table.name: sorted(
                map(
                    repr,
                    connection.execute(
                        sa.select(*(column for column in table.columns if column.name not in UNLIKE))
                    ),
                )
            )
            for table in (campaigns, campaign_messages)
        }


def empty(warehouse: Warehouse) -> None:
    with warehouse.transaction() as connection:
        for table in (campaign_messages, campaigns, agent_calls, agent_replays):
            connection.execute(sa.delete(table))


def kept_channels(warehouse: Warehouse, home: Path) -> int:
    """Channels whose answers are in a checkpoint."""
    names = "channel IN ('email', 'linkedin', 'call', 'social', 'blog')"
    query = f"SELECT count(DISTINCT channel) FROM {{}} WHERE {names}"
    try:
        if warehouse.url.get_backend_name() == "sqlite":
            with closing(sqlite3.connect(f"file:{home / 'checkpoints.db'}?mode=ro", uri=True)) as connection:
                return int(connection.execute(query.format("writes")).fetchone()[0])
        with warehouse.reading() as connection:
            return int(connection.scalar(sa.text(query.format("agent_checkpoints.checkpoint_writes"))))
    except (sqlite3.OperationalError, sa.exc.ProgrammingError):
        return 0  # not there yet


def wait_for(done: Callable[[], bool], process: multiprocessing.process.BaseProcess) -> None:
    deadline = time.monotonic() + 60
    while not done():
        assert process.is_alive()
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_killed_chunk_goes_on_after_its_last_finished_step(warehouse: Warehouse, tmp_path: Path) -> None:
    seed_batch(warehouse, leads=[lead(company_name=name) for name in NAMES], through="analyzed_leads")
    url = warehouse.url.render_as_string(hide_password=False)
    with running_server() as server:
        server.match(CALL_SCRIPTS, Fault("hang", seconds=60))
        killed = PROCESSES.Process(target=run_campaigns, args=(tmp_path, url, server.url, "run-1"))
        killed.start()
        wait_for(lambda: kept_channels(warehouse, tmp_path) == CHANNELS_DONE, killed)
        os.kill(killed.pid, signal.SIGKILL)
        killed.join()
        asked = server.stats.requests
        assert killed.exitcode == -signal.SIGKILL
        assert contents(warehouse) == {"campaigns": [], "campaign_messages": []}

        server.reset()
        run_campaigns(tmp_path, url, server.url, "run-2")
        assert server.stats.requests == len(NAMES), "only the calls in flight are made again"
        with warehouse.reading() as connection:
            replays = connection.scalar(sa.select(sa.func.count()).select_from(agent_replays))
            models = set(connection.scalars(sa.select(campaigns.c.engine)))
        assert replays == 0, "what the checkpoint holds is not even looked up"
        assert models == {"cerebras"}
        found = contents(warehouse)
        assert kept_channels(warehouse, tmp_path) == 0

        empty(warehouse)
        server.reset()
        run_campaigns(tmp_path, url, server.url, "run-3")
        assert server.stats.requests == asked
        assert server.stats.duplicate_bills == 0
    assert contents(warehouse) == found
