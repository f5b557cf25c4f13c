"""``sales-agent run``: files in, batches materialized, a summary per file."""

from __future__ import annotations

import glob
import time
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from sales_agent_dagster.cli.cost import foresee, print_forecast
from sales_agent_dagster.cli.dagster_home import prepare_dagster_home
from sales_agent_dagster.cli.exits import ExitCode
from sales_agent_dagster.cli.figures import batch_progress, count_figures, count_work
from sales_agent_dagster.cli.opening import open_warehouse
from sales_agent_dagster.cli.progress import showing_progress
from sales_agent_dagster.cli.summary import print_summary
from sales_agent_dagster.cli.terminal import complain, err, gap, interactive, money, say
from sales_agent_dagster.domain.counted import count
from sales_agent_dagster.domain.profile import load_profile
from sales_agent_dagster.inference.build import build_engine, engine_name
from sales_agent_dagster.settings import Settings
from sales_agent_dagster.stages.base import StageContext
from sales_agent_dagster.stages.crm.batch_modes import sent_batches_go_to
from sales_agent_dagster.stages.imported import import_is_current
from sales_agent_dagster.stages.intake.register import Registration, register_file
from sales_agent_dagster.stages.pipeline import STAGES
from sales_agent_dagster.stages.quality import RULES, open_checks
from sales_agent_dagster.warehouse.calls import WarehouseCalls
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.spending import spent_since

if TYPE_CHECKING:
    from sales_agent_dagster.defs.failures import StepFailure

SUFFIXES = frozenset({".csv", ".tsv", ".txt"})
"""Files that are taken from a folder; any file may be named by itself."""

INTERRUPTED = "DagsterExecutionInterruptedError"
"""What Dagster, which takes SIGINT for itself while it runs, makes of Ctrl-C."""


@dataclass
class FileRun:
    """What came of one file.

    Attributes:
        started: UTC time it was begun.
        wall_seconds: how long it took.
        failed: batches that did not get through.
    """

    registration: Registration
    started: datetime
    wall_seconds: float = 0.0
    failed: list[str] = field(default_factory=list)

    @property
    def exit_code(self) -> ExitCode:
        """The file's own exit code."""
        if self.registration.outcome == "quarantined":
            return ExitCode.QUARANTINED
        return ExitCode.FAILED if self.failed else ExitCode.OK


def run_files(settings: Settings, patterns: Sequence[Path], *, retry_degraded: bool = False) -> ExitCode:
    """Run every file; one that fails or is refused does not stop the others.

    ``retry_degraded`` computes the rows again that a lesser engine had to answer, and what follows of them.

    Raises:
        typer.BadParameter: a file does not exist or a folder holds no CSV; nothing was run.
        ConfigurationError: the profile or a setting is wrong; nothing was run.
    """
    files = expand(patterns)
    load_profile(settings.profile_path)
    with open_warehouse(settings) as warehouse:
        runs = [run_file(settings, warehouse, file, retry_degraded=retry_degraded) for file in files]
    codes = {run.exit_code for run in runs}
    if len(runs) > 1:
        _print_total(runs)
    return next((code for code in (ExitCode.FAILED, ExitCode.QUARANTINED) if code in codes), ExitCode.OK)


def expand(patterns: Iterable[Path]) -> list[Path]:
    """Files for the given files, folders (their ``*.csv``) and patterns, each once, in order.

    Raises:
        typer.BadParameter: naming everything that was not found.
    """
    found: dict[Path, None] = {}
    missing = []
    for pattern in patterns:
        if pattern.is_dir():
            inside = (path for path in pattern.iterdir() if path.suffix.lower() in SUFFIXES)
            matches = sorted(path for path in inside if path.is_file())
        elif pattern.exists():
            matches = [pattern]
        else:
            matches = sorted(path for path in map(Path, glob.glob(str(pattern))) if path.is_file())
        if not matches:
            missing.append(_absent(pattern))
        found.update(dict.fromkeys(matches))
    if missing:
        raise typer.BadParameter(" ".join(missing))
    return list(found)


def _absent(pattern: Path) -> str:
    """What is wrong with a path that leads to no file, and which was perhaps meant."""
    if pattern.is_dir():
        return f"{pattern} holds no {', '.join(sorted(SUFFIXES))} file."
    if not pattern.parent.is_dir():
        return f"{pattern} does not exist, and there is no folder {pattern.parent}."
    try:
        there = [path.name for path in pattern.parent.iterdir()]
    except OSError:
        there = []
    near = get_close_matches(pattern.name, there, n=1)
    return f"{pattern} does not exist." + (f" Did you mean {pattern.with_name(near[0])}?" if near else "")


def run_file(
    settings: Settings, warehouse: Warehouse, file: Path, *, retry_degraded: bool = False
) -> FileRun:
    """Register one file, run those of its batches that are not complete, print what came of it."""
    clock = time.perf_counter()
    registration = register_file(file, warehouse, settings, datetime.now(UTC))
    run = FileRun(registration, datetime.now(UTC))
    say((str(_shown(file)), "bold"))
    if registration.outcome == "quarantined":
        complain(f"{_shown(file)} is quarantined. {registration.reason}")
        return run
    pending = unfinished(settings, warehouse, registration.batch_ids, retry_degraded=retry_degraded)
    if registration.outcome == "known":
        say(registration.reason or "", indent=2)
        if pending:
            why = "unfinished, outdated or degraded" if retry_degraded else "unfinished or outdated"
            batches = count(len(pending), "batch", "batches")
            say(f"{batches} {why}: computing what is missing.", indent=2)
    if pending:
        with warehouse.reading() as connection:
            leads, expected = foresee(connection, settings, pending, datetime.now(UTC))
        print_forecast(settings, leads, expected)
    for number, batch_id in enumerate(pending):
        if number and not unfinished(settings, warehouse, [batch_id], retry_degraded=retry_degraded):
            continue  # somebody else, such as the sensor, has done it meanwhile
        _run_batch(settings, warehouse, run, batch_id, retry_degraded)
    run.wall_seconds = time.perf_counter() - clock
    _print_outcome(settings, warehouse, run)
    return run


def _shown(file: Path) -> Path:
    """The path as short as it can be said from here."""
    here = Path.cwd()
    return file.relative_to(here) if file.is_relative_to(here) else file


def unfinished(
    settings: Settings, warehouse: Warehouse, batch_ids: Sequence[str], *, retry_degraded: bool = False
) -> list[str]:
    """Those batches that lack rows, that a check stopped, or that an edit or a newer version outdated.

    With ``retry_degraded`` also those that have degraded rows.
    """
    profile = load_profile(settings.profile_path)
    engine = build_engine(settings, WarehouseCalls(warehouse))

    def is_current(batch_id: str) -> bool:
        with warehouse.reading() as connection:
            if not batch_progress(connection, batch_id).complete:
                return False
            if open_checks(connection, batch_id, RULES, settings.checks):
                return False
        context = StageContext(
            warehouse, settings, profile, engine, batch_id, run_id="", retry_degraded=retry_degraded
        )
        return import_is_current(context) and not any(stage().plan(context).todo for stage in STAGES)

    return [batch_id for batch_id in batch_ids if not is_current(batch_id)]


def _run_batch(
    settings: Settings, warehouse: Warehouse, run: FileRun, batch_id: str, retry_degraded: bool
) -> None:
    """Materialize one batch in Dagster; a failure is told and kept, not raised."""
    prepare_dagster_home(settings)
    with showing_progress(warehouse, batch_id), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Dagster's notes to developers
        # Two seconds to import: only who has work to do pays for it.
        from sales_agent_dagster.defs.run import materialize_batch

        result = materialize_batch(batch_id, settings, retry_degraded=retry_degraded)
    if any(INTERRUPTED in failure.message for failure in result.failures):
        say("Interrupted. What is done is stored; run the same file again and it goes on there.")
        raise KeyboardInterrupt
    if result.failures:
        run.failed.append(batch_id)
        _print_failures(batch_id, result.failures)


def _print_failures(batch_id: str, failures: Iterable[StepFailure]) -> None:
    """One line per cause, with the first step it stopped; then what to do."""
    steps: dict[str, list[str]] = {}
    for failure in failures:
        steps.setdefault(failure.message, []).append(failure.step)
    for message, names in steps.items():
        more = f" and {count(len(names) - 1, 'more step')}" if len(names) > 1 else ""
        complain(f"batch {batch_id} failed at {names[0]}{more}: {message}")
    say("What is done is stored. Remove the cause, then run the same file again: it goes on there.", indent=2)


def _print_outcome(settings: Settings, warehouse: Warehouse, run: FileRun) -> None:
    with warehouse.reading() as connection:
        work = count_work(connection, run.registration.batch_ids, run.started)
        calls, usd = spent_since(connection, run.registration.batch_ids, run.started)
        figures = count_figures(connection, run.registration.batch_ids)
        sent_to = sent_batches_go_to(connection, settings.crm, run.registration.batch_ids)
    if work.rows and not run.failed:
        if not interactive(err()):
            gap()  # after the progress lines; bars are gone by now
        print_summary(figures, run.wall_seconds, sent_to)
        gap()
    models = (
        f", {count(calls, 'model call')} for {money(usd)}" if engine_name(settings) != "scorecard" else ""
    )
    say(f"{count(work.rows, 'new row')}, {count(work.agent_calls, 'agent call')}{models}.", indent=2)


def _print_total(runs: Sequence[FileRun]) -> None:
    by = {code: sum(run.exit_code is code for run in runs) for code in ExitCode}
    parts = [count(len(runs), "file"), f"{by[ExitCode.OK]} done"]
    parts += [f"{by[ExitCode.FAILED]} failed"] if by[ExitCode.FAILED] else []
    parts += [f"{by[ExitCode.QUARANTINED]} quarantined"] if by[ExitCode.QUARANTINED] else []
    gap()
    say((f"{parts[0]}: {', '.join(parts[1:])}.", "bold"))
