"""Runs one batch through the pipeline from a program, recorded in Dagster like any other run."""

from __future__ import annotations

import os
import socket
from dataclasses import dataclass
from pathlib import Path

import dagster as dg

from sales_agent_dagster.defs.assets import AGENTS
from sales_agent_dagster.defs.build import build_defs
from sales_agent_dagster.defs.event_log import kept_open
from sales_agent_dagster.defs.failures import StepFailure, run_failures
from sales_agent_dagster.defs.jobs import LEAD_PIPELINE
from sales_agent_dagster.defs.partitions import LEAD_BATCHES
from sales_agent_dagster.inference.engine import Engine
from sales_agent_dagster.settings import Settings

LOCATION_TAG = {".dagster/repository": "__repository__@sales_agent_dagster"}
"""Makes the UI list the run under this project's job; the location's name is in ``workspace.yaml``."""

PROCESS_TAG = "sales_agent/process"
"""Host and process id of a run that is executed here: how a later one finds out that it was killed."""

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""Nothing on standard error: the caller tells what came of the run. The event log keeps everything."""


_RETRY_DEGRADED = {"ops": {name: {"ops": {"plan": {"config": {"retry_degraded": True}}}} for name in AGENTS}}


@dataclass(frozen=True, slots=True)
class BatchResult:
    """What came of a run; no failures means it succeeded."""

    run_id: str
    failures: tuple[StepFailure, ...]


def materialize_batch(
    batch_id: str, settings: Settings, *, engine: Engine | None = None, retry_degraded: bool = False
) -> BatchResult:
    """Materialize all seven assets for a registered batch, in this process.

    The run goes to the Dagster instance at DAGSTER_HOME, or ``settings.dagster_home`` when that is not
    set. Nothing is raised for a failed step: it is in the result. ``engine`` replaces the one in settings;
    ``retry_degraded`` is as in ``StageContext``.
    """
    definitions = build_defs(settings=settings, engine=engine)
    home = Path(os.environ.get("DAGSTER_HOME") or settings.dagster_home)
    home.mkdir(parents=True, exist_ok=True)
    with kept_open(home), dg.DagsterInstance.from_config(str(home)) as instance:
        _close_abandoned_runs(instance)
        instance.add_dynamic_partitions(str(LEAD_BATCHES.name), [batch_id])
        job = definitions.resolve_job_def(LEAD_PIPELINE.name)
        result = job.execute_in_process(
            instance=instance,
            partition_key=batch_id,
            run_config={**QUIET, **(_RETRY_DEGRADED if retry_degraded else {})},
            tags={**LOCATION_TAG, PROCESS_TAG: _this_process()},
            raise_on_error=False,
        )
        failures = () if result.success else run_failures(instance, result.run_id)
        return BatchResult(result.run_id, failures)


def _this_process() -> str:
    return f"{socket.gethostname()}:{os.getpid()}"


def _close_abandoned_runs(instance: dg.DagsterInstance) -> None:
    """Mark as failed what a killed process left running: it would hold a place in the run queue for ever."""
    running = dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING])
    for run in instance.get_runs(filters=running):
        host, _, process = run.tags.get(PROCESS_TAG, "").rpartition(":")
        if host == socket.gethostname() and not _is_alive(int(process)):
            instance.report_run_failed(run, "The process that executed the run is gone.")


def _is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True
