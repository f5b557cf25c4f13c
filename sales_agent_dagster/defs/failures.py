"""How a stage's exceptions reach Dagster: transient ones are retried, everything else fails at once.

Dagster has two retry mechanisms here. ``RETRY_TRANSIENT`` repeats a step; the daemon's run retries repeat
a run whose process died (``dagster.yaml`` keeps them from repeating failed steps).
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg

from sales_agent_dagster.domain.errors import TransientError

RETRY_TRANSIENT = dg.RetryPolicy(
    max_retries=3, delay=0.5, backoff=dg.Backoff.EXPONENTIAL, jitter=dg.Jitter.PLUS_MINUS
)


@contextmanager
def only_transient_retried() -> Iterator[None]:
    """Let ``TransientError`` through to the step's retry policy; forbid retries of anything else.

    Raises:
        TransientError: as it came.
        dagster.Failure: with ``allow_retries=False``, for every other exception, which is its cause.
    """
    try:
        yield
    except TransientError:
        raise
    except Exception as error:
        raise dg.Failure(f"{type(error).__name__}: {error}", allow_retries=False) from error
