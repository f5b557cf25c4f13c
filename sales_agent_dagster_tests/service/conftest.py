"""The receiver over real HTTP, both CRMs' stand-ins behind it, on the stand-ins' time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr

from sales_agent_dagster.domain.profile import Profile
from sales_agent_dagster.service.app import WebhookService
from sales_agent_dagster.service.receivers import receivers_of
from sales_agent_dagster.settings import CloseSettings, HubSpotSettings, ServiceSettings, Settings
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster_tests.close_server import API_KEY
from sales_agent_dagster_tests.close_server.running import RunningClose
from sales_agent_dagster_tests.hubspot_server import TOKEN, RunningServer
from sales_agent_dagster_tests.serving import served

SECRET = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
EVENTS = [
    {"object_type": kind, "action": action}
    for kind in ("lead", "contact", "unsubscribed_email")
    for action in ("created", "updated", "deleted", "merged")
]


@dataclass
class Service:
    """A running receiver."""

    url: str
    warehouse: Warehouse


Serve = Callable[..., Service]


@pytest.fixture
def serve(
    hubspot: RunningServer, close: RunningClose, settings: Settings, profile: Profile
) -> Iterator[Serve]:
    """Serves a warehouse: ``serve(warehouse, max_body_kb=1)``. Close is subscribed to the receiver."""
    with ExitStack() as stack:

        def make(warehouse: Warehouse, **options: Any) -> Service:
            subscription = close.ask("POST", "webhook", {"url": "http://later", "events": EVENTS})
            given = settings.model_copy(
                update={
                    "service": ServiceSettings(**options),
                    "hubspot": HubSpotSettings(token=TOKEN, base_url=hubspot.url, client_secret=SECRET),
                    "close": CloseSettings(
                        api_key=API_KEY,
                        base_url=close.url,
                        webhook_key=SecretStr(subscription["signature_key"]),
                    ),
                }
            )
            clock = hubspot.clock
            receivers = receivers_of(
                given, warehouse, profile, lambda: datetime.fromtimestamp(clock.now(), UTC)
            )
            for receiver in receivers.values():
                stack.callback(receiver.close)
            app = WebhookService(given.service, warehouse, receivers).app()
            url = "http://{}:{}".format(*stack.enter_context(served(app)))
            close.ask("PUT", f"webhook/{subscription['id']}", {"url": f"{url}/webhooks/close"})
            return Service(url, warehouse)

        yield make
