"""``sales-agent run`` killed with -9 in the middle: the next run finishes it and leaves nothing hanging."""

import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import dagster as dg

from sales_agent_dagster.settings import PROJECT_ROOT
from sales_agent_dagster_tests.cli.conftest import clean_environment, run_process

SAMPLE = PROJECT_ROOT / "data" / "samples" / "dealer_leads_sample.csv"


def rows(home: Path, table: str) -> int:
    try:
        with closing(sqlite3.connect(f"file:{home / 'warehouse.db'}?mode=ro", uri=True)) as connection:
            return int(connection.execute(f"select count(*) from {table}").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


def test_the_next_run_finishes_and_no_run_stays_open(home: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "sales_agent_dagster.cli", "run", str(SAMPLE)],
        env=clean_environment(home),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    while not rows(home, "qualified_leads"):
        assert process.poll() is None
        time.sleep(0.02)
    process.kill()
    assert process.wait() == -signal.SIGKILL
    assert not rows(home, "crm_synced_leads")

    assert run_process(home, "run", str(SAMPLE)).code == 0
    assert rows(home, "crm_synced_leads") == rows(home, "imported_leads") == 198
    with dg.DagsterInstance.from_config(str(home / "dagster")) as instance:
        killed, resumed = sorted(instance.get_run_records(), key=lambda record: record.create_timestamp)
    assert killed.dagster_run.status is dg.DagsterRunStatus.FAILURE
    assert resumed.dagster_run.status is dg.DagsterRunStatus.SUCCESS
