"""A connector to HubSpot's stand-in; waiting moves the stand-in's clock."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from sales_agent_dagster.crm.http import TransportOptions
from sales_agent_dagster.crm.hubspot.connector import HubSpot
from sales_agent_dagster.settings import HubSpotSettings
from sales_agent_dagster_tests.hubspot_server import TOKEN, RunningServer

Connect = Callable[..., HubSpot]


@pytest.fixture
def connect(hubspot: RunningServer) -> Iterator[Connect]:
    """Makes connectors: ``connect(dry_run=True, api_version="v3", concurrency=1, ready=False)``."""
    made: list[HubSpot] = []

    def make(
        *, dry_run: bool = False, concurrency: int = 4, ready: bool = True, attempts: int = 5, **settings: Any
    ) -> HubSpot:
        options = TransportOptions(
            dry_run=dry_run,
            concurrency=concurrency,
            attempts=attempts,
            now=hubspot.clock.now,
            sleep=lambda seconds: hubspot.clock.advance(seconds),
            jitter=lambda: 0.5,
        )
        given = HubSpotSettings(token=TOKEN, base_url=hubspot.url, **settings)
        connector = HubSpot(given, options, lambda: datetime.fromtimestamp(hubspot.clock.now(), UTC))
        made.append(connector)
        if ready:
            connector.ensure_fields(dry_run=False)
        return connector

    yield make
    for connector in made:
        connector.close()


@pytest.fixture
def crm(connect: Connect) -> HubSpot:
    """A connector to an account that has our properties."""
    return connect()
