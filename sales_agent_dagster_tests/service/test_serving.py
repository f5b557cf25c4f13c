"""``sales-agent serve`` as a process."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
import requests
import uvicorn

from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.domain.profile import Profile
from sales_agent_dagster.service.serving import serve
from sales_agent_dagster.settings import CloseSettings, HubSpotSettings, ServiceSettings, Settings
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
    pipe = subprocess.PIPE
    with subprocess.Popen(command, env=environment, stdout=pipe, stderr=pipe, text=True) as process:
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
            assert process.stdout is not None
            for crm in DELIVERIES:
                assert process.stdout.readline().endswith(f"{url}/webhooks/{crm}\n")
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


def test_it_listens_where_it_is_told_and_is_bounded(
    settings: Settings, sqlite_warehouse: Warehouse, profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    served: list[tuple[uvicorn.Config, list[socket.socket]]] = []

    def run(server: uvicorn.Server, sockets: list[socket.socket]) -> None:
        served.append((server.config, sockets))
        assert sockets[0].getsockname()[0] == "127.0.0.1"
        raise KeyboardInterrupt

    monkeypatch.setattr(uvicorn.Server, "run", run)
    assert (settings.service.host, settings.service.port) == ("127.0.0.1", 8790)
    told: list[str] = []

    def tell(addresses: Sequence[str]) -> None:
        told.extend(addresses)
        host, port = addresses[-1].removeprefix("http://").removesuffix("/healthz").split(":")
        socket.create_connection((host, int(port)), timeout=5).close()

    serve(_on_port(settings, 0), sqlite_warehouse, profile, tell=tell)
    config = served[0][0]
    assert config.limit_concurrency == 64
    assert config.access_log is False, "addresses may hold data"
    webhooks, health = told
    assert webhooks.removesuffix("/webhooks/hubspot") == health.removesuffix("/healthz")
    assert not webhooks.startswith("http://127.0.0.1:0/")


def test_a_port_that_is_taken_is_told_with_what_to_set(
    settings: Settings, sqlite_warehouse: Warehouse, profile: Profile
) -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(ConfigurationError, match="--port"),
    ):
        serve(_on_port(settings, taken.getsockname()[1]), sqlite_warehouse, profile)


def _on_port(settings: Settings, port: int) -> Settings:
    """HubSpot's deliveries are taken on a port."""
    keys = HubSpotSettings(token="t", client_secret="s")
    return settings.model_copy(update={"hubspot": keys, "service": ServiceSettings(port=port)})
