"""Random histories of the CRM sync: nothing doubled, nothing lost, and an end, whatever happens on the way.

``python -m benchmarks.crm_histories [--vendor close hubspot salesforce] [--histories 10000] [--seed 1]
[--workers 2]``. In each history companies are wanted and change, people edit, add, merge, convert and delete
records, answers get lost, the CRM is unavailable, asks to wait or answers with an older state, processes
die at any commit or call and others take over, and what came by pull or webhook comes again. The engine and
the connector are the real ones; the stand-in is asked directly, by its own clock. A history that ends badly
is told with its seed: ``--vendor V --seed S --histories 1 --story`` lives it again.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from multiprocessing import get_context
from pathlib import Path

from rich.console import Console
from rich.table import Table

from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster_tests.crm.histories.history import Outcome
from sales_agent_dagster_tests.crm.histories.running import WORLDS, Lives

VENDORS = ("close", "hubspot", "salesforce")
CHUNK = 20
"""Histories per task of a worker."""

_lives: Lives | None = None
_open = ExitStack()
"""Ends with the worker."""


@contextmanager
def lives() -> Iterator[Lives]:
    """Histories in a warehouse of their own, in memory where the system has a place there."""
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder:
        warehouse = Warehouse(f"sqlite:///{Path(folder) / 'warehouse.db'}")
        warehouse.migrate()
        yield Lives(warehouse)
        warehouse.dispose()


def _some(vendor: str, seeds: range) -> tuple[list[tuple[int, Outcome]], float]:
    """Outcomes of some seeds in this worker, and the CPU seconds that they took."""
    global _lives
    if _lives is None:
        _lives = _open.enter_context(lives())
    before = time.process_time()
    return [(seed, _lives(vendor, seed)) for seed in seeds], time.process_time() - before


def measure(vendor: str, seeds: range, workers: int) -> tuple[dict[int, list[str]], Counter[str]]:
    """Histories of one vendor: what went wrong by seed, and how often what happened."""
    tasks = [seeds[start : start + CHUNK] for start in range(0, len(seeds), CHUNK)]
    faults: dict[int, list[str]] = {}
    events: Counter[str] = Counter()
    started, cpu = time.perf_counter(), 0.0
    with get_context("spawn").Pool(workers) as pool:
        for some, seconds in pool.imap_unordered(partial(_some, vendor), tasks):
            cpu += seconds
            for seed, outcome in some:
                events += outcome.events
                if outcome.faults:
                    faults[seed] = outcome.faults
        pool.close()
        pool.join()
    events |= {"cpu_s": round(cpu), "wall_s": round(time.perf_counter() - started)}
    return faults, events


ROWS = {
    "syncs": ("syncs",),
    "processes that died": ("died",),
    "  with operations planned": ("died-while-planned",),
    "  with operations sending": ("died-while-sending",),
    "  with operations unknown": ("died-while-unknown",),
    "leases taken over from a process that hung": ("taken",),
    "people's edits": ("edited",),
    "people's merges and conversions": ("merged", "converted"),
    "people's deletions": ("deleted",),
    "scripts of faults": ("fault",),
    "webhooks and pages that came again": ("deliver", "replay"),
    "edits within the moment of a write": ("races",),
    "CPU seconds": ("cpu_s",),
    "wall seconds": ("wall_s",),
}


def story(vendor: str, seed: int) -> None:
    """Live one history and tell it."""
    with lives() as living:
        history, outcome = living.history(vendor, seed)
    print(*history.story, *outcome.faults, sep="\n")


def main() -> int:
    """Live them, print a table and what went wrong; 1 when anything did."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--vendor", nargs="+", choices=sorted(WORLDS), default=list(VENDORS))
    parser.add_argument("--histories", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1, help="of the first history; the next ones count up")
    parser.add_argument("--workers", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--story", action="store_true", help="tell what happens in the first history")
    given = parser.parse_args()
    if given.story:
        story(given.vendor[0], given.seed)
        return 0
    seeds = range(given.seed, given.seed + given.histories)
    table = Table(title=f"{given.histories:,} histories each, seeds from {given.seed}")
    table.add_column("")
    found, columns = {}, []
    for vendor in given.vendor:
        found[vendor], events = measure(vendor, seeds, given.workers)
        columns.append(Counter({**events, "failed": len(found[vendor])}))
        table.add_column(vendor, justify="right")
    for title, keys in {"ended badly": ("failed",), **ROWS}.items():
        table.add_row(title, *(f"{sum(events[key] for key in keys):,.0f}" for events in columns))
    Console(width=110).print(table)
    for vendor, faults in found.items():
        for seed, lines in sorted(faults.items()):
            print(f"python -m benchmarks.crm_histories --vendor {vendor} --seed {seed} --histories 1 --story")
            print(*(f"    {line}" for line in lines), sep="\n")
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"Peak memory of a worker: {peak:.0f} MB")
    return 1 if any(found.values()) else 0


if __name__ == "__main__":
    if os.environ.get("PYTHONHASHSEED") != "0":
        # Sets have another order in each process else, and a seed would not tell the same history twice.
        arguments = [sys.executable, "-m", "benchmarks.crm_histories", *sys.argv[1:]]
        os.execve(sys.executable, arguments, {**os.environ, "PYTHONHASHSEED": "0"})
    sys.exit(main())
