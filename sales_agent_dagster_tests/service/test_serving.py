"""``sales-agent serve`` as a process."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
import uvicorn

from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.domain.profile import Profile
from sales_agent_dagster.service.serving import serve
from sales_agent_dagster.settings import CloseSettings, HubSpotSettings, Settings
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster_tests.close_server import API_KEY
from sales_agent_dagster_tests.close_server.running import RunningClose
from sales_agent_dagster_tests.close_server.webhooks import signed as close_signed
from sales_agent_dagster_tests.hubspot_server.webhooks import signed as hubspot_signed

CLOSE_KEY = "0f" * 32
TASK = {
    "id": "ev_1",
    "date_updated": "2026-03-02T09:30:00.000000",
    "object_type": "activity.email",
    "object_id": "acti_1",
    "action": "updated",
}
DELIVERIES: dict[str, Callable[[str, float], tuple[bytes, dict[str, str]]]] = {
    "close": lambda address, at: close_signed(CLOSE_KEY, {"event": TASK}, at),
    "hubspot": lambda address, at: hubspot_signed([], "s", address, at),
}
"""Signed deliveries of nothing that is followed, by CRM, for an address and a time in epoch seconds."""


def test_without_keys_it_says_what_to_set(
    settings: Settings, sqlite_warehouse: Warehouse, profile: Profile
) -> None:
    with pytest.raises(ConfigurationError, match="SALES_AGENT_HUBSPOT__CLIENT_SECRET"):
        serve(settings, sqlite_warehouse, profile)
    half = settings.model_copy(update={"hubspot": HubSpotSettings(client_secret="s")})
    with pytest.raises(ConfigurationError, match="SALES_AGENT_HUBSPOT__TOKEN"):
        serve(half, sqlite_warehouse, profile)
    half = settings.model_copy(update={"close": CloseSettings(webhook_key="0f" * 32)})
    with pytest.raises(ConfigurationError, match="SALES_AGENT_CLOSE__API_KEY"):
        serve(half, sqlite_warehouse, profile)


def test_the_command_serves_this_machine_until_it_is_ended(tmp_path: Path, close: RunningClose) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    environment = {
        **os.environ,
        "SALES_AGENT_HOME": str(tmp_path),
        "SALES_AGENT_HUBSPOT__TOKEN": "t",
        "SALES_AGENT_HUBSPOT__CLIENT_SECRET": "s",
        "SALES_AGENT_CLOSE__API_KEY": API_KEY,
        "SALES_AGENT_CLOSE__BASE_URL": close.url,
        "SALES_AGENT_CLOSE__WEBHOOK_KEY": CLOSE_KEY,
    }
    command = [sys.executable, "-m", "sales_agent_dagster.cli", "serve", "--port", str(port)]
    with subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True) as process:
        try:
            url = f"http://127.0.0.1:{port}"
            while True:
                assert process.poll() is None, process.stderr and process.stderr.read()
                try:
                    answer = requests.get(f"{url}/healthz", timeout=30)
                    break
                except requests.ConnectionError:
                    time.sleep(0.05)
            assert answer.json() == {"status": "ok", "crms": ["close", "hubspot"]}
            assert "server" not in answer.headers
            for crm in DELIVERIES:
                assert _answers(url, crm) == ["unsigned", "signature", "old", "taken", "replayed"]
        finally:
            process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) in (0, 130)


def _answers(url: str, crm: str) -> list[str]:
    """To a delivery without signature, forged, old, good, and good once more."""
    address, now = f"{url}/webhooks/{crm}", time.time()
    sign = DELIVERIES[crm]
    good, old = sign(address, now), sign(address, now - 400)
    forged = (good[0] + b" ", good[1])
    told = []
    for body, headers in ((good[0], {}), forged, old, good, good):
        answer = requests.post(address, data=body, headers=headers, timeout=30)
        told.append(answer.json()["status"])
    return told


def test_it_listens_where_the_settings_say_and_is_bounded(
    settings: Settings, sqlite_warehouse: Warehouse, profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: dict[str, Any] = {}
    monkeypatch.setattr(uvicorn, "run", lambda app, **options: given.update(options))
    keys = HubSpotSettings(token="t", client_secret="s")
    serve(settings.model_copy(update={"hubspot": keys}), sqlite_warehouse, profile)
    assert (given["host"], given["port"], given["limit_concurrency"]) == ("127.0.0.1", 8790, 64)
    assert given["access_log"] is False, "addresses may hold data"
