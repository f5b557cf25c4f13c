"""A whole run on a list of 200 leads: `sales-agent run`, process start to exit, and Dagster's share.

``python -m benchmarks.run_200 [FILE] [--repeat 5]``; FILE defaults to the made-up sample list.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from sales_agent_dagster.settings import PROJECT_ROOT

SAMPLE = PROJECT_ROOT / "data" / "samples" / "dealer_leads_sample.csv"

_PLAIN = """
import json, sys, time
from datetime import UTC, datetime
from pathlib import Path
from sales_agent_dagster.domain.profile import load_profile
from sales_agent_dagster.inference.engine import ScorecardEngine
from sales_agent_dagster.settings import load_settings
from sales_agent_dagster.stages.base import StageContext
from sales_agent_dagster.stages.intake.register import register_file
from sales_agent_dagster.stages.pipeline import run_batch
from sales_agent_dagster.warehouse.database import Warehouse
settings = load_settings(home=Path(sys.argv[2]))
warehouse = Warehouse(settings.warehouse_url.get_secret_value())
warehouse.migrate()
registration = register_file(Path(sys.argv[1]), warehouse, settings, datetime.now(UTC))
profile = load_profile(settings.profile_path)
started = time.perf_counter()
for batch_id in registration.batch_ids:
    run_batch(StageContext(warehouse, settings, profile, ScorecardEngine(), batch_id, "benchmark"))
print(json.dumps(time.perf_counter() - started))
"""


def once(file: Path) -> dict[str, float]:
    """One run in a new home, the same again, and the stages alone: seconds of wall time each."""
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder) / "home"
        environment = {"SALES_AGENT_HOME": str(home), "PATH": "/usr/bin:/bin"}
        command = [str(Path(sys.executable).with_name("sales-agent")), "run", str(file.resolve())]
        walls = []
        for _ in range(2):
            started = time.perf_counter()
            subprocess.run(command, env=environment, check=True, capture_output=True)
            walls.append(time.perf_counter() - started)
        from dagster import DagsterInstance

        with DagsterInstance.from_config(str(home / "dagster")) as instance:
            records = instance.get_run_records()
            in_run = sum(r.end_time - r.start_time for r in records if r.end_time and r.start_time)
        plain = subprocess.run(
            [sys.executable, "-c", _PLAIN, str(file.resolve()), str(Path(folder) / "plain")],
            env=environment,
            check=True,
            capture_output=True,
            text=True,
            cwd=PROJECT_ROOT,
        )
    stages = json.loads(plain.stdout)
    return {
        "first run, start to exit": walls[0],
        "second run, nothing to do": walls[1],
        "Dagster run, start to end": in_run,
        "the same stages without Dagster": stages,
        "Dagster's own share": in_run - stages,
    }


def main() -> None:
    """Measure and print a table of medians."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("file", nargs="?", type=Path, default=SAMPLE)
    parser.add_argument("--repeat", type=int, default=5)
    arguments = parser.parse_args()
    figures = [once(arguments.file) for _ in range(arguments.repeat)]
    table = Table(title=f"{arguments.file.name}, median of {arguments.repeat} (seconds)")
    for column in ("what", "median", "min", "max"):
        table.add_column(column, justify="left" if column == "what" else "right")
    for name in figures[0]:
        values = [figure[name] for figure in figures]
        table.add_row(name, *(f"{f(values):.2f}" for f in (statistics.median, min, max)))
    Console().print(table)


if __name__ == "__main__":
    main()
