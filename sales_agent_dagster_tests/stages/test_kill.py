"""Killed with -9 anywhere, run again: the tables are those of a run that nobody disturbed."""

import multiprocessing
import os
import random
import signal
from multiprocessing import forkserver
from pathlib import Path

import pytest
import sqlalchemy as sa

from sales_agent_dagster.settings import PROJECT_ROOT
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import METADATA, STAGE_TABLES
from sales_agent_dagster_tests.stages.killing import run_pipeline

KILLS = 20
SAMPLE = PROJECT_ROOT / "data" / "samples" / "dealer_leads_sample.csv"
# A server process forks the runs: each starts warm, in milliseconds, and none inherits our connections.
PROCESSES = multiprocessing.get_context("forkserver")
PROCESSES.set_forkserver_preload(["sales_agent_dagster_tests.stages.warmed"])


@pytest.fixture(scope="module", autouse=True)
def _fork_server() -> None:
    """Started without coverage's variables: the runs measure nothing and take half the time."""
    kept = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("COVERAGE_")}
    forkserver.ensure_running()
    os.environ.update(kept)


def run(csv: Path, home: Path, url: str, kill_at: int | None = None) -> int | None:
    process = PROCESSES.Process(target=run_pipeline, args=(csv, home, url, kill_at))
    process.start()
    process.join(120)
    return process.exitcode


def contents(warehouse: Warehouse) -> dict[str, list[tuple[object, ...]]]:
    """All rows of all tables, without how long they took."""
    with warehouse.reading() as connection:
        return {
            table.name: sorted(
                (
                    tuple(map(repr, row))
                    for row in connection.execute(
                        sa.select(*(column for column in table.columns if column.name != "latency_ms"))
                    )
                ),
            )
            for table in METADATA.sorted_tables
        }


def empty(warehouse: Warehouse) -> None:
    with warehouse.transaction() as connection:
        for table in reversed(METADATA.sorted_tables):
            connection.execute(sa.delete(table))


@pytest.fixture
def leads(tmp_path: Path) -> Path:
    """30 leads of the sample: two batches of several chunks each."""
    lines = SAMPLE.read_text(encoding="utf-8").splitlines(keepends=True)
    file = tmp_path / "leads.csv"
    file.write_text("".join(lines[:31]), encoding="utf-8")
    return file


@pytest.mark.timeout(900)  # 42 processes, one after the other
def test_kill_minus_nine_loses_nothing_and_repeats_nothing(
    warehouse: Warehouse, leads: Path, tmp_path: Path
) -> None:
    url = warehouse.engine.url.render_as_string(hide_password=False)
    warehouse.dispose()
    assert run(leads, tmp_path / "undisturbed", url) == 0
    undisturbed = contents(warehouse)
    assert all(undisturbed[table.name] for table in STAGE_TABLES)
    sent = int((tmp_path / "undisturbed" / "sent").read_text())

    assert run(leads, tmp_path / "undisturbed", url) == 0
    assert contents(warehouse) == undisturbed, "a second run changed something"

    spread = random.Random(7)
    width = sent / KILLS
    for number in range(KILLS):
        empty(warehouse)
        warehouse.dispose()
        home = tmp_path / f"killed-{number}"
        kill_at = 1 + int(number * width + spread.random() * width)
        assert run(leads, home, url, min(kill_at, sent)) == -signal.SIGKILL
        assert run(leads, home, url) == 0
        assert contents(warehouse) == undisturbed, f"killed at statement {kill_at} of {sent}"
