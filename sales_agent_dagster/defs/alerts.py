"""How a failed run is told: a block in ``failures.log``, and a webhook when one is set."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from sales_agent_dagster.defs.failures import StepFailure
from sales_agent_dagster.settings import Settings

LOG_NAME = "failures.log"
WEBHOOK_SECONDS = 5
REMEDY = (
    "What is done is stored. Remove the cause, then run the batch again (UI: Re-execute, or "
    "`sales-agent run` with the same file): it goes on where it stopped."
)


def report_failure(
    settings: Settings,
    batch_id: str,
    run_id: str,
    failures: Sequence[StepFailure],
    log: logging.Logger,
) -> None:
    """Append to the log and post to the webhook. Never raises: what cannot be told is logged."""
    text = describe(batch_id, run_id, failures)
    log.error(text)
    try:
        append(settings.home / LOG_NAME, text)
    except OSError as error:
        log.error(f"{settings.home / LOG_NAME} cannot be written: {error.strerror}.")
    if settings.failure_webhook_url:
        post(settings.failure_webhook_url.get_secret_value(), batch_id, run_id, failures, log)


def describe(batch_id: str, run_id: str, failures: Sequence[StepFailure]) -> str:
    """The failure in words: batch, steps, reasons, remedy."""
    steps = "\n".join(f"  at {failure.step}: {failure.message}" for failure in failures)
    return f"Batch {batch_id} failed in run {run_id}.\n{steps}\n  {REMEDY}"


def append(path: Path, text: str) -> None:
    """Add one dated block to the log."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a", encoding="utf-8") as log_file:
        log_file.write(f"{datetime.now(UTC):%Y-%m-%d %H:%M:%S}Z {text}\n")


def post(url: str, batch_id: str, run_id: str, failures: Sequence[StepFailure], log: logging.Logger) -> None:
    """Post the failure as JSON; ``text`` is the whole message, as chat webhooks expect it."""
    import requests

    payload = {
        "text": describe(batch_id, run_id, failures),
        "batch_id": batch_id,
        "run_id": run_id,
        "failures": [{"step": failure.step, "message": failure.message} for failure in failures],
    }
    try:
        requests.post(url, json=payload, timeout=WEBHOOK_SECONDS).raise_for_status()
    except requests.RequestException as error:
        # The error's text holds the URL, which is a secret.
        log.warning(f"The failure webhook did not take the message: {type(error).__name__}.")
