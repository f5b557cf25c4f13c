"""A sync that kills its own process with SIGKILL at a chosen step."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from pydantic import SecretStr

from sales_agent_dagster.crm.close import CloseConnector
from sales_agent_dagster.crm.contract import Connector
from sales_agent_dagster.crm.http import TransportOptions
from sales_agent_dagster.crm.hubspot.connector import HubSpot
from sales_agent_dagster.crm.salesforce import SalesforceConnector
from sales_agent_dagster.settings import CloseSettings, HubSpotSettings, SalesforceSettings
from sales_agent_dagster.stages.crm.syncing import sync
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster_tests.close_server import API_KEY
from sales_agent_dagster_tests.hubspot_server import TOKEN
from sales_agent_dagster_tests.salesforce_server.oauth import CLIENT_ID, CLIENT_SECRET
from sales_agent_dagster_tests.stages.crm.wanting import context_of

BATCH = 3
"""Few operations per group, so that there are many steps between them."""


def run_sync(vendor: str, server: str, url: str, now: datetime, kill_at: int | None, steps: Path) -> None:
    """Sync once; SIGKILL this process at step ``kill_at``.

    A step is a commit or an answer of the CRM that has just come. A sync that lives to its end writes the
    number of steps to the file ``steps``.
    """
    taken = 0

    def step(*_: object) -> None:
        nonlocal taken
        taken += 1
        if taken == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    warehouse = Warehouse(url)
    sa.event.listen(warehouse.engine, "commit", step)
    options = TransportOptions(
        dry_run=False, concurrency=2, hook=step, sleep=lambda seconds: None, jitter=lambda: 0.0
    )
    connector: Any = _connector(vendor, server, options, now)
    connector.capabilities = replace(connector.capabilities, push_batch=BATCH)
    sync(context_of(warehouse, connector, lambda: now))
    connector.close()
    warehouse.dispose()
    steps.write_text(str(taken), encoding="utf-8")


def _connector(vendor: str, server: str, options: TransportOptions, now: datetime) -> Connector:
    if vendor == "close":
        return CloseConnector(CloseSettings(base_url=server), options, SecretStr(API_KEY))
    if vendor == "hubspot":
        return HubSpot(HubSpotSettings(token=SecretStr(TOKEN), base_url=server), options, lambda: now)
    settings = SalesforceSettings(
        instance_url=server,
        client_id=CLIENT_ID,
        client_secret=SecretStr(CLIENT_SECRET),
        object_mode="account_contact",
    )
    return SalesforceConnector(settings, options)
