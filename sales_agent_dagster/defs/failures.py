"""How a stage's exceptions reach Dagster: transient ones are retried, everything else fails at once.

Dagster has two retry mechanisms here. A step asks for its own repetition; the daemon's run retries repeat
a run whose process died (``dagster.yaml`` keeps them from repeating failed steps).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import dagster as dg
import sqlalchemy as sa
from dagster_shared.error import SerializableErrorInfo

from sales_agent_dagster.domain.errors import SalesAgentError, TransientError

RETRIES = dg.RetryPolicy(
    max_retries=3, delay=0.5, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
)
"""How often and after what wait. Never a step's ``retry_policy``: that would also repeat a step that
Ctrl-C has stopped, and the run would go on."""

_StepContext = dg.OpExecutionContext | dg.AssetExecutionContext | dg.AssetCheckExecutionContext
MESSAGE_CHARACTERS = 500

_FAILURE_EVENTS = {
    dg.DagsterEventType.STEP_FAILURE,
    dg.DagsterEventType.RUN_FAILURE,
    dg.DagsterEventType.ASSET_CHECK_EVALUATION,
}


@contextmanager
def only_transient_retried(context: _StepContext) -> Iterator[None]:
    """Have the step repeated after a ``TransientError`` and after nothing else.

    Raises:
        dagster.RetryRequested: for a ``TransientError``, which is its cause.
        dagster.Failure: with ``allow_retries=False``, for every other exception, which is its cause.
    """
    try:
        yield
    except TransientError as error:
        wait = RETRIES.calculate_delay(context.retry_number + 1)
        raise dg.RetryRequested(RETRIES.max_retries, wait) from error
    except sa.exc.DBAPIError as error:
        # What follows the first line may quote the row, and a row has people's data in it.
        first = str(error.orig).partition("\n")[0]
        raise dg.Failure(f"{type(error).__name__}: {first}", allow_retries=False) from None
    except SalesAgentError as error:
        raise dg.Failure(str(error), allow_retries=False) from error  # its words are for people as they are
    except Exception as error:
        raise dg.Failure(f"{type(error).__name__}: {error}", allow_retries=False) from error


@dataclass(frozen=True, slots=True)
class StepFailure:
    """Why a step of a run failed, for a person."""

    step: str
    message: str


def run_failures(instance: dg.DagsterInstance, run_id: str) -> tuple[StepFailure, ...]:
    """Every failed step of a run with its own reason; the run's when no step got as far as failing.

    A step that failed because of its checks is told by the checks' descriptions.
    """
    entries = instance.all_logs(run_id, of_type=_FAILURE_EVENTS)
    events = [entry.dagster_event for entry in entries if entry.dagster_event]
    checks: dict[str, list[str]] = {}
    for event in events:
        if event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            evaluation = event.asset_check_evaluation_data
            if not evaluation.passed and evaluation.severity is dg.AssetCheckSeverity.ERROR:
                reason = f"{evaluation.check_name} failed: {evaluation.description}"
                checks.setdefault(str(event.step_key), []).append(reason)
    failed = [event for event in events if event.event_type is dg.DagsterEventType.STEP_FAILURE]
    if failed:
        return tuple(
            StepFailure(str(event.step_key), " ".join(checks.get(str(event.step_key), [])) or _reason(event))
            for event in failed
        )
    ended = [event for event in events if event.event_type is dg.DagsterEventType.RUN_FAILURE]
    return tuple(StepFailure("run", _innermost(event.job_failure_data.error)) for event in ended)


def _reason(event: dg.DagsterEvent) -> str:
    data = event.step_failure_data
    if data.user_failure_data and data.user_failure_data.description:
        return _shortened(data.user_failure_data.description)
    return _innermost(data.error)


def _innermost(error: SerializableErrorInfo | None) -> str:
    while error and error.cause:
        error = error.cause
    return _shortened(error.message if error else "No reason was recorded.")


def _shortened(text: str) -> str:
    return " ".join(text.split())[:MESSAGE_CHARACTERS]
