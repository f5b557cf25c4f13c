"""Import of a 9-column CSV into SQLite: seconds, rows per second, peak memory.

    python -m benchmarks.import_csv --rows 100000 --rows 1000000
    python -m benchmarks.import_csv --rows 100000 --parts

Each figure comes from a process of its own, timed from its start to its exit: interpreter, imports,
migration, registration and the import of every batch. With ``--processes 2`` the batches are shared out
between two processes, as Dagster does when it runs two partitions at a time; memory is the sum of all.
Names, numbers, addresses and notes differ from row to row, so that no cache helps more than it would with
a real list. ``--parts`` adds where the CPU time goes.
"""

from __future__ import annotations

import argparse
import csv
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table

if TYPE_CHECKING:
    from sales_agent_dagster.domain.profile import Profile
    from sales_agent_dagster.settings import Settings
    from sales_agent_dagster.warehouse.database import Warehouse

HEADER = [
    "company_name",
    "company_website",
    "company_size",
    "industry",
    "contact_name",
    "contact_email",
    "contact_phone",
    "contact_title",
    "notes",
]


def main() -> None:
    options = _options()
    if options.worker:
        work = _parts if options.parts else partial(_import, processes=options.processes[0])
        print(json.dumps(work(options.worker)))
        return
    table = Table(title="CSV import into SQLite")
    for column in ("rows", "processes", "file", "seconds", "of CPU", "rows/s", "peak RSS"):
        table.add_column(column, justify="right")
    for rows in options.rows or [100_000]:
        with tempfile.TemporaryDirectory() as folder:
            path = Path(folder) / "leads.csv"
            write_leads(path, rows)
            for processes in options.processes or [1, 2]:
                _add_run(table, path, rows, processes)
            if options.parts:
                _add_parts(table, path, rows)
    Console().print(table)


def _add_run(table: Table, path: Path, rows: int, processes: int) -> None:
    run = _measured(path, "--processes", str(processes))
    table.add_row(
        f"{rows:,}",
        str(processes),
        f"{path.stat().st_size / 1e6:,.0f} MB",
        f"{run.seconds:.2f}",
        f"{run.cpu:.2f}",
        f"{rows / run.seconds:,.0f}",
        f"{run.output['rss_mb']:,.0f} MB",
    )


def _add_parts(table: Table, path: Path, rows: int) -> None:
    for name, seconds in _measured(path, "--parts").output.items():
        table.add_row(name, "", "", "", f"{seconds:.2f}", f"{rows / seconds:,.0f}", "")


def write_leads(path: Path, rows: int) -> None:
    """Write ``rows`` made-up leads: 3 in 4 with a website, 1 in 50 with an e-mail address."""
    forms = ("LLC", "INC", "Inc.", "CO", "")
    brands = ("Generac", "Briggs & Stratton", "Cummins, Generac", "Kohler")
    with path.open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(HEADER)
        for number in range(rows):
            code = f"{number:07d}"
            name = f"{_word(number)} {_word(number * 7 + 3)} ELECTRIC {forms[number % 5]}".strip()
            domain = f"lead{code}.example" if number % 4 else ""
            site = f"https://www.{domain}/" if domain else ""
            email = f"info@{domain}" if domain and number % 50 == 1 else ""
            phone = (
                f"({2 + number % 7}{number // 7 % 8}{number % 10}) {555 + number % 400}-{number % 10_000:04d}"
            )
            stated = f" | Domain: {domain}" if domain else ""
            notes = f"ICP Score: {40 + number % 400 / 10} | Tier: SILVER{stated} | OEMs: {brands[number % 4]}"
            writer.writerow((name, site, "", "Generator/Electrical Services", "", email, phone, "", notes))


def _word(number: int) -> str:
    """A pronounceable word, another one for each of the first 4 million numbers."""
    syllables = []
    for _ in range(4):
        number, rest = divmod(number, 45)
        syllables.append("BDFGKLMNR"[rest % 9] + "AEIOU"[rest // 9])
    return "".join(syllables)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, action="append", help="rows of the file; may be repeated")
    parser.add_argument("--processes", type=int, action="append", help="processes that import batches")
    parser.add_argument("--parts", action="store_true", help="show where the time goes")
    parser.add_argument("--worker", type=Path, help=argparse.SUPPRESS)
    return parser.parse_args()


@dataclass(frozen=True)
class _Run:
    """A finished process: wall and CPU seconds, what it printed."""

    seconds: float
    cpu: float
    output: dict[str, float]


def _measured(path: Path, *arguments: str) -> _Run:
    command = [sys.executable, "-m", "benchmarks.import_csv", "--worker", str(path), *arguments]
    started = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    output = process.stdout.read() if process.stdout else ""
    _, status, usage = os.wait4(process.pid, 0)
    seconds = time.perf_counter() - started
    if status:
        raise SystemExit(f"The import failed with status {status}.")
    return _Run(seconds, usage.ru_utime + usage.ru_stime, json.loads(output))


def _import(path: Path, processes: int = 1) -> dict[str, float]:
    """Register and import the file into a new warehouse beside it."""
    from sales_agent_dagster.domain.profile import load_profile
    from sales_agent_dagster.settings import load_settings
    from sales_agent_dagster.stages.intake.register import register_file
    from sales_agent_dagster.warehouse.database import Warehouse

    home = tempfile.mkdtemp(dir=path.parent)
    settings = load_settings(_env_file=None, home=home)
    warehouse = Warehouse(settings.warehouse_url.get_secret_value())
    warehouse.migrate()
    batch_ids = register_file(path, warehouse, settings, datetime.now(UTC)).batch_ids
    work = partial(_import_one, warehouse, settings, load_profile(settings.profile_path))
    if processes == 1:
        rows = sum(map(work, batch_ids))
    else:
        with ProcessPoolExecutor(processes) as pool:
            rows = sum(pool.map(work, batch_ids, chunksize=4))
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    each = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss if processes > 1 else 0
    unit = 1e6 if sys.platform == "darwin" else 1e3
    return {"rows": rows, "rss_mb": (own + processes * each) / unit}


def _import_one(warehouse: Warehouse, settings: Settings, profile: Profile, batch_id: str) -> int:
    from sales_agent_dagster.inference.engine import ScorecardEngine
    from sales_agent_dagster.stages.base import StageContext
    from sales_agent_dagster.stages.imported import import_batch

    context = StageContext(warehouse, settings, profile, ScorecardEngine(), batch_id, "benchmark")
    return import_batch(context).written


def _parts(path: Path) -> dict[str, float]:
    """CPU seconds of each part of the work by itself, over all rows, in one process."""
    from sales_agent_dagster.domain.headers import map_header
    from sales_agent_dagster.domain.rows import RowReader
    from sales_agent_dagster.stages.intake.reader import CsvTable

    def timed(work: Callable[[], object]) -> float:
        started = time.process_time()
        work()
        return time.process_time() - started

    table = CsvTable.detect(path)
    reader = RowReader(map_header(table.header))
    parsing = timed(lambda: sum(1 for _ in table.rows()))
    reading = timed(lambda: sum(len(reader.read(record.cells)) for record in table.rows()))
    everything = timed(lambda: _import(path))
    # Rows are parsed twice: when the file is registered, and when its batches are imported.
    normalising = reading - parsing
    return {"parse": parsing, "normalise": normalising, "store": everything - 2 * parsing - normalising}


if __name__ == "__main__":
    main()
