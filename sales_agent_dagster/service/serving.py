"""Running the receiver with uvicorn."""

from __future__ import annotations

from collections.abc import Callable
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
) -> None:
    """Serve until interrupted.

    Raises:
        ConfigurationError: no CRM's webhooks can be verified, or a setting is wrong.
    """
    receivers = receivers_of(settings, warehouse, profile, now)
    if not receivers:
        raise ConfigurationError(
            "No CRM's webhooks can be verified: set SALES_AGENT_CLOSE__WEBHOOK_KEY or "
            "SALES_AGENT_HUBSPOT__CLIENT_SECRET."
        )
    service = settings.service
    try:
        uvicorn.run(
            WebhookService(service, warehouse, receivers).app(),
            host=service.host,
            port=service.port,
            access_log=False,
            server_header=False,
            log_level="warning",
            limit_concurrency=MAX_CONCURRENT,
            proxy_headers=False,
            ws="none",
            lifespan="off",
        )
    finally:
        for receiver in receivers.values():
            receiver.close()
