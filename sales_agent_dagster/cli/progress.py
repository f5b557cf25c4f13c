"""Progress of a batch, read from the tables while the pipeline fills them.

A bar per stage on a terminal, a line per finished stage elsewhere. The tables are the truth, so this
needs nothing from Dagster and shows a resumed batch where it stands.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import sqlalchemy as sa
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from sales_agent_dagster.cli.figures import BatchProgress, batch_progress
from sales_agent_dagster.cli.terminal import err, interactive, say
from sales_agent_dagster.domain.counted import count
from sales_agent_dagster.domain.errors import SalesAgentError
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import STAGE_TABLES

POLL_SECONDS = 0.3
NAME_WIDTH = max(len(table.name) for table in STAGE_TABLES)


class _Display(Protocol):
    def update(self, now: BatchProgress) -> None:
        """Show how far the batch is."""

    def close(self, last: BatchProgress) -> None:
        """Show the last state."""


@contextmanager
def showing_progress(warehouse: Warehouse, batch_id: str) -> Iterator[None]:
    """Show the batch's progress while the body runs, and its last state when it ends."""
    display: _Display = _Bars() if interactive(err()) else _Lines()
    stop = threading.Event()

    def read() -> BatchProgress:
        with warehouse.reading() as connection:
            return batch_progress(connection, batch_id)

    def poll() -> None:
        while not stop.wait(POLL_SECONDS):
            try:
                display.update(read())
            except (SalesAgentError, sa.exc.SQLAlchemyError):
                continue  # only a display: whoever does the work meets the same error and reports it

    watcher = threading.Thread(target=poll, name="progress", daemon=True)
    watcher.start()
    try:
        yield
    finally:
        stop.set()
        watcher.join()
        display.close(read())


class _Bars:
    """A bar per stage on standard error; gone when the batch ends."""

    def __init__(self) -> None:
        self._progress = Progress(
            TextColumn("  {task.description}"),
            BarColumn(bar_width=30),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=err(),
            transient=True,
        )
        self._tasks = {
            table.name: self._progress.add_task(table.name.ljust(NAME_WIDTH), total=None, start=False)
            for table in STAGE_TABLES
        }
        self._progress.start()

    def update(self, now: BatchProgress) -> None:
        previous_done = True
        for stage, task in self._tasks.items():
            rows = now.rows[stage]
            if previous_done and not self._progress.tasks[task].started:
                self._progress.start_task(task)
            self._progress.update(task, completed=rows, total=now.expected)
            previous_done = rows >= now.expected

    def close(self, last: BatchProgress) -> None:
        self.update(last)
        self._progress.stop()


class _Lines:
    """A line per stage once it is complete; at the end also for those that are not."""

    def __init__(self) -> None:
        self._said: set[str] = set()

    def update(self, now: BatchProgress) -> None:
        for stage, rows in now.rows.items():
            if stage not in self._said and rows >= now.expected:
                self._say(stage, now)

    def close(self, last: BatchProgress) -> None:
        for stage in last.rows:
            if stage not in self._said:
                self._say(stage, last)

    def _say(self, stage: str, now: BatchProgress) -> None:
        self._said.add(stage)
        say(f"{stage:<{NAME_WIDTH}}  {now.rows[stage]:,} of {count(now.expected, 'row')}", indent=2)
