"""Telling failures, with a real web server on the other side."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import dagster as dg
import pytest
from pydantic import SecretStr

from sales_agent_dagster.defs.alerts import REMEDY, report_failure
from sales_agent_dagster.defs.failures import StepFailure
from sales_agent_dagster.defs.sensors import failure_log
from sales_agent_dagster.defs.stage_assets import agent_asset
from sales_agent_dagster.domain.errors import PermanentError
from sales_agent_dagster.settings import Settings
from sales_agent_dagster_tests.defs.conftest import BATCH, TinyStage
from sales_agent_dagster_tests.defs.test_stage_assets import PROMPT

FAILURES = (StepFailure("qualified_leads.run_chunk[0001]", "PermanentError: no such model"),)
LOG = logging.getLogger("test")


@contextmanager
def webhook(answer: int = 200) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """URL of a server that takes JSON, and what it has taken."""
    taken: list[dict[str, Any]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            taken.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(answer)
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            """Nothing on the terminal."""

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/secret-token", taken
        server.shutdown()
        thread.join()


def with_webhook(settings: Settings, url: str) -> Settings:
    return settings.model_copy(update={"failure_webhook_url": SecretStr(url)})


def test_a_failure_is_written_down_with_what_to_do(settings: Settings) -> None:
    report_failure(settings, BATCH, "run-1", FAILURES, LOG)
    report_failure(settings, "batch-2", "run-2", FAILURES, LOG)
    text = (settings.home / "failures.log").read_text()
    assert f"Z Batch {BATCH} failed in run run-1.\n" in text
    assert "  at qualified_leads.run_chunk[0001]: PermanentError: no such model\n" in text
    assert text.count(REMEDY) == 2


def test_the_webhook_gets_the_same(settings: Settings) -> None:
    with webhook() as (url, taken):
        report_failure(with_webhook(settings, url), BATCH, "run-1", FAILURES, LOG)
    (message,) = taken
    assert message["batch_id"] == BATCH
    assert message["run_id"] == "run-1"
    assert message["failures"] == [{"step": FAILURES[0].step, "message": FAILURES[0].message}]
    assert FAILURES[0].message in message["text"]
    assert REMEDY in message["text"]


def test_a_webhook_that_refuses_is_logged_without_its_url(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    with webhook(answer=500) as (url, taken):
        report_failure(with_webhook(settings, url), BATCH, "run-1", FAILURES, LOG)
    assert taken
    assert "webhook did not take the message: HTTPError" in caplog.text
    assert "secret-token" not in caplog.text
    assert (settings.home / "failures.log").exists()


def test_a_webhook_that_is_not_there_is_logged(settings: Settings, caplog: pytest.LogCaptureFixture) -> None:
    with webhook() as (url, _):
        pass
    report_failure(with_webhook(settings, url), BATCH, "run-1", FAILURES, LOG)
    assert "webhook did not take the message: ConnectionError" in caplog.text
    assert "secret-token" not in caplog.text


def test_a_log_that_cannot_be_written_keeps_nothing_from_the_webhook(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.home.write_text("a file where the folder should be")
    with webhook() as (url, taken):
        report_failure(with_webhook(settings, url), BATCH, "run-1", FAILURES, LOG)
    assert len(taken) == 1
    assert "failures.log cannot be written" in caplog.text


def test_the_sensor_tells_a_failed_run(
    five_leads: list[str], settings: Settings, instance: dg.DagsterInstance, resources: dict[str, Any]
) -> None:
    result = dg.materialize(
        [agent_asset(TinyStage(PermanentError("no such model")), PROMPT, "Tiny.")],
        partition_key=BATCH,
        instance=instance,
        resources=resources,
        raise_on_error=False,
    )
    with webhook() as (url, taken):
        context = dg.build_run_status_sensor_context(
            sensor_name="failure_log",
            dagster_instance=instance,
            dagster_run=result.dagster_run,
            dagster_event=result.get_run_failure_event(),
            resources={"settings": with_webhook(settings, url)},
        ).for_run_failure()
        failure_log(context)
    assert taken[0]["batch_id"] == BATCH
    assert taken[0]["failures"] == [{"step": "qualified_leads.run_chunk[0001]", "message": "no such model"}]
    assert "no such model" in (settings.home / "failures.log").read_text()
