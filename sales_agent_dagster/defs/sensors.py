"""Sensors: files dropped into the incoming folder become runs; failed runs are written down.

Belongs here: turning what happened into Dagster requests. Does not belong here: what a file means
(``stages.intake``) or how a failure is told (``alerts.py``).
"""

import stat
import time
from collections.abc import Collection, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import dagster as dg
import sqlalchemy as sa
from pydantic import BaseModel

from sales_agent_dagster.defs.alerts import report_failure
from sales_agent_dagster.defs.failures import run_failures
from sales_agent_dagster.defs.jobs import LEAD_PIPELINE
from sales_agent_dagster.defs.partitions import LEAD_BATCHES, PARTITION_TAG
from sales_agent_dagster.domain.counted import count
from sales_agent_dagster.domain.errors import SalesAgentError
from sales_agent_dagster.settings import Settings
from sales_agent_dagster.stages.intake.register import register_file
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import lead_batches

SUFFIXES = frozenset({".csv", ".tsv", ".txt"})
TEMPORARY_PREFIXES = (".", "~")
"""Hidden files, rsync's and editors' unfinished copies."""

BATCHES_PER_TICK = 200
TICK_SECONDS = 30.0
"""No further file is begun after this long: Dagster gives up on a tick after 60 seconds."""

LEFT_BEHIND = timedelta(seconds=60)
"""A batch that another process registered is that process's to run, until it is this old."""


class Cursor(BaseModel):
    """What the sensor knows from its last tick.

    Attributes:
        files: name to modification time, change time and size of every file dealt with; an unchanged one
            is not read. Being given permissions changes a file too.
        batch_seq: batches up to this one are settled: requested here, or run by somebody else.
        batch_id: which batch that is. When the warehouse has another one at ``batch_seq``, or none, it is
            not the same warehouse any more and counting starts afresh.
    """

    files: dict[str, str] = {}
    batch_seq: int = 0
    batch_id: str = ""


@dg.sensor(
    name="incoming_files",
    job=LEAD_PIPELINE,
    minimum_interval_seconds=10,
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="A CSV in the incoming folder becomes lead batches; each batch becomes one run.",
)
def incoming_files(
    context: dg.SensorEvaluationContext,
    settings: dg.ResourceParam[Settings],
    warehouse: dg.ResourceParam[Warehouse],
) -> dg.SensorResult:
    """Register what is new in the folder, then request the batches that were never run.

    The second half looks at the warehouse, not at the files: what a crash or the limit per tick left over
    is picked up by the same rule. The run key is the batch id, which has the content's hash in it, so a
    batch requested twice runs once. The cursor is stored after the runs are launched, never before.
    """
    cursor = Cursor.model_validate_json(context.cursor) if context.cursor else Cursor()
    cursor.files, registered = _register_new_files(context, settings, warehouse, cursor.files)
    batch_ids = _take_batches(context, warehouse, cursor, registered)
    return dg.SensorResult(
        run_requests=[dg.RunRequest(run_key=batch, partition_key=batch) for batch in batch_ids],
        dynamic_partitions_requests=[LEAD_BATCHES.build_add_request(batch_ids)] if batch_ids else [],
        skip_reason=None if batch_ids else f"Nothing new in {settings.incoming_dir}.",
        cursor=cursor.model_dump_json(),
    )


@dg.run_failure_sensor(
    name="failure_log",
    default_status=dg.DefaultSensorStatus.RUNNING,
    description="A failed run is told in failures.log and, when set, to the webhook.",
)
def failure_log(context: dg.RunFailureSensorContext, settings: dg.ResourceParam[Settings]) -> None:
    """Tell who failed, where, why, and what to do."""
    run = context.dagster_run
    failures = run_failures(context.instance, run.run_id)
    report_failure(settings, run.tags.get(PARTITION_TAG, "no batch"), run.run_id, failures, context.log)


def _register_new_files(
    context: dg.SensorEvaluationContext, settings: Settings, warehouse: Warehouse, known: dict[str, str]
) -> tuple[dict[str, str], set[str]]:
    """Register files that are new or changed and have come to rest.

    Returns:
        The files dealt with, as in the cursor, and the ids of the batches registered.
    """
    deadline = time.monotonic() + TICK_SECONDS
    dealt_with: dict[str, str] = {}
    registered: set[str] = set()
    for path, signature in _resting_files(context, settings):
        if known.get(path.name) == signature:
            dealt_with[path.name] = signature
        elif time.monotonic() < deadline and len(registered) < BATCHES_PER_TICK:
            batch_ids = _register(context, path, settings, warehouse)
            if batch_ids is not None:
                dealt_with[path.name] = signature
                registered.update(batch_ids)
    return dealt_with, registered


def _resting_files(context: dg.SensorEvaluationContext, settings: Settings) -> list[tuple[Path, str]]:
    """Candidate files, oldest first, that nobody has written to for ``stable_seconds``."""
    now, found = time.time(), []
    try:
        settings.incoming_dir.mkdir(parents=True, exist_ok=True)
        paths = [path for path in settings.incoming_dir.iterdir() if _is_candidate(path)]
    except OSError as error:
        context.log.error(f"The incoming folder {settings.incoming_dir} cannot be read: {error.strerror}.")
        return []
    for path in paths:
        try:
            status = path.stat()
        except FileNotFoundError:
            continue  # moved away since it was listed
        # A time ahead of this machine's clock says nothing about when the file was written.
        at_rest = abs(now - status.st_mtime) >= settings.stable_seconds
        if at_rest and stat.S_ISREG(status.st_mode):
            found.append(
                (status.st_mtime_ns, path, f"{status.st_mtime_ns}:{status.st_ctime_ns}:{status.st_size}")
            )
    return [(path, signature) for _, path, signature in sorted(found)]


def _is_candidate(path: Path) -> bool:
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(TEMPORARY_PREFIXES)


def _register(
    context: dg.SensorEvaluationContext, path: Path, settings: Settings, warehouse: Warehouse
) -> Sequence[str] | None:
    """Batches of a new file, none for one that is known or refused; None when to try again next tick."""
    try:
        registration = register_file(path, warehouse, settings, datetime.now(UTC))
    except (OSError, SalesAgentError) as error:
        context.log.warning(f"{path.name} is tried again: {error}")
        return None
    except Exception:  # one file must not keep the others from being read
        context.log.exception(f"{path.name} is left out until it changes.")
        return ()
    if registration.outcome == "new":
        context.log.info(f"{path.name}: new, {count(len(registration.batch_ids), 'batch', 'batches')}.")
        return registration.batch_ids
    context.log.warning(f"{path.name}: {registration.outcome}. {registration.reason}")
    return ()


def _take_batches(
    context: dg.SensorEvaluationContext, warehouse: Warehouse, cursor: Cursor, registered: Collection[str]
) -> list[str]:
    """The next batches to run, in order of registration; moves the cursor past them."""
    with warehouse.reading() as connection:
        if not _is_same_warehouse(connection, cursor):
            cursor.batch_seq, cursor.batch_id = 0, ""
        rows = connection.execute(
            sa.select(lead_batches.c.batch_seq, lead_batches.c.batch_id, lead_batches.c.registered_at)
            .where(lead_batches.c.batch_seq > cursor.batch_seq)
            .order_by(lead_batches.c.batch_seq)
            .limit(BATCHES_PER_TICK)
        ).all()
    started = _started(context.instance, [row.batch_id for row in rows])
    settled_before = datetime.now(UTC) - LEFT_BEHIND
    taken = []
    for row in rows:
        if row.batch_id not in started:
            if row.batch_id not in registered and row.registered_at > settled_before:
                break
            taken.append(row.batch_id)
        cursor.batch_seq, cursor.batch_id = row.batch_seq, row.batch_id
    return taken


def _is_same_warehouse(connection: sa.Connection, cursor: Cursor) -> bool:
    query = sa.select(lead_batches.c.batch_id).where(lead_batches.c.batch_seq == cursor.batch_seq)
    return connection.scalar(query) == cursor.batch_id


def _started(instance: dg.DagsterInstance, batch_ids: Sequence[str]) -> set[str]:
    """Those of the batches that have a run, by whoever and however it ended."""
    if not batch_ids:
        return set()
    runs = instance.get_runs(dg.RunsFilter(tags={PARTITION_TAG: list(batch_ids)}))
    return {run.tags[PARTITION_TAG] for run in runs}
