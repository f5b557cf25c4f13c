"""Running the receiver with uvicorn."""

from __future__ import annotations

import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from datetime import UTC, datetime

import uvicorn

from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.domain.profile import Profile
from sales_agent_dagster.service.app import WebhookService
from sales_agent_dagster.service.receivers import receivers_of
from sales_agent_dagster.settings import Settings
from sales_agent_dagster.warehouse.database import Warehouse

MAX_CONCURRENT = 64
"""Connections above this are answered 503: the CRM delivers again."""


def serve(
    settings: Settings,
    warehouse: Warehouse,
    profile: Profile,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
    tell: Callable[[Sequence[str]], object] = lambda addresses: None,
) -> None:
    """Serve until interrupted.

    Args:
        settings: host, port and the CRMs' keys.
        warehouse: where events go.
        profile: as of every sync.
        now: the time that signatures are compared with.
        tell: called with the addresses that are served, once they are.

    Raises:
        ConfigurationError: no CRM's webhooks can be verified, a setting is wrong, or the port is taken.
    """
    receivers = receivers_of(settings, warehouse, profile, now)
    if not receivers:
        raise ConfigurationError(
            "No CRM's webhooks can be verified: set SALES_AGENT_CLOSE__WEBHOOK_KEY or "
            "SALES_AGENT_HUBSPOT__CLIENT_SECRET."
        )
    service = settings.service
    config = uvicorn.Config(
        WebhookService(service, warehouse, receivers).app(),
        access_log=False,
        server_header=False,
        log_level="warning",
        limit_concurrency=MAX_CONCURRENT,
        proxy_headers=False,
        ws="none",
        lifespan="off",
    )
    try:
        with _listener(service.host, service.port) as listener:
            base = f"http://{_named(service.host)}:{listener.getsockname()[1]}"
            tell([*(f"{service.public_url or base}/webhooks/{crm}" for crm in receivers), f"{base}/healthz"])
            with suppress(KeyboardInterrupt):
                uvicorn.Server(config).run(sockets=[listener])
    finally:
        for receiver in receivers.values():
            receiver.close()


def _listener(host: str, port: int) -> socket.socket:
    """A socket of our own: uvicorn ends the process when it cannot open one."""
    listener = socket.socket(socket.AF_INET6 if ":" in host else socket.AF_INET)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen()
    except OSError as error:
        listener.close()
        raise ConfigurationError(
            f"Port {port} of {host} cannot be opened: {error.strerror or error}. Is it served already? If "
            "not, set another by --host and --port (SALES_AGENT_SERVICE__HOST, SALES_AGENT_SERVICE__PORT)."
        ) from None
    return listener


def _named(host: str) -> str:
    return f"[{host}]" if ":" in host else host
