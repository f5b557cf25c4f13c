"""A sync, or a pull, that kills its own process with SIGKILL at a chosen step."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from pydantic import SecretStr

from sales_agent_dagster.crm.close import CloseConnector
from sales_agent_dagster.crm.close import api as close_api
from sales_agent_dagster.crm.contract import Connector
from sales_agent_dagster.crm.http import TransportOptions
from sales_agent_dagster.crm.hubspot import pulling as hubspot_pulling
from sales_agent_dagster.crm.hubspot.connector import HubSpot
from sales_agent_dagster.crm.salesforce import SalesforceConnector
from sales_agent_dagster.crm.salesforce import client as salesforce_client
from sales_agent_dagster.settings import CloseSettings, HubSpotSettings, SalesforceSettings
from sales_agent_dagster.stages.crm import pushing, reconciling, syncing
from sales_agent_dagster.stages.crm.pulling import pull
from sales_agent_dagster.stages.crm.syncing import sync
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster_tests.close_server import API_KEY
from sales_agent_dagster_tests.hubspot_server import TOKEN
from sales_agent_dagster_tests.salesforce_server.oauth import CLIENT_ID, CLIENT_SECRET
from sales_agent_dagster_tests.stages.crm.wanting import context_of

BATCH = 3
"""Few operations per group, so that there are many steps between them."""

WATCHED = {
    pushing: ("enqueue", "mark_sending", "settle_sent"),
    reconciling: ("settle_sent", "mark"),
    syncing: ("give_up_leftovers",),
}
"""What moves operations from state to state."""


@dataclass(frozen=True)
class Place:
    """Where a process works.

    Attributes:
        vendor: name of the connector; ``mode`` of Salesforce's.
        server: the stand-in's address.
        url: of the warehouse.
    """

    vendor: str
    mode: str
    server: str
    url: str
    now: datetime


class Steps:
    """The steps of a sync by name, in order; dies at the one it is told.

    A step is ``<module>.<what moves operations> <kind of records> written`` right before its transaction is
    committed, ``… committed`` right after, and ``answer <kind>`` when the CRM has answered to a write and
    nothing of it is stored.
    """

    def __init__(self, kill_at: str | None) -> None:
        self._kill_at = kill_at
        self._under_way: str | None = None
        self._kind = ""
        self._writes = 0
        self._counters: Any = None

    def watch(self, warehouse: Warehouse, connector: Any) -> None:
        """Take note of everything from now on, in this process."""
        for module, names in WATCHED.items():
            for name in names:
                setattr(module, name, self._noted(module.__name__, name, getattr(module, name)))
        sa.event.listen(warehouse.engine, "commit", lambda _: self._step("written"))
        original = warehouse.transaction

        @contextmanager
        def transaction() -> Iterator[sa.Connection]:
            self._under_way = None
            with original() as connection:
                yield connection
            self._step("committed")
            self._under_way = None

        warehouse.transaction = transaction  # type: ignore[method-assign]
        self._counters = connector.counters

    def answered(self, _: object) -> None:
        """Hook of the transport."""
        if self._counters is not None and self._counters.writes > self._writes:
            self._writes = self._counters.writes
            self._reach(f"answer {self._kind}")

    def _noted(self, module: str, name: str, original: Callable[..., Any]) -> Callable[..., Any]:
        def noted(*given: Any, **options: Any) -> Any:
            result = original(*given, **options)
            subjects = given[2] if len(given) > 2 else ()
            if name != "give_up_leftovers" and not subjects:
                return result
            if name in ("enqueue", "mark_sending"):
                one = subjects[0]
                self._kind = str(one.kind if name == "enqueue" else one.operation.kind)
            elif name == "settle_sent":
                self._kind = str(subjects[0][0].operation.kind)
            self._under_way = f"{module.rpartition('.')[2]}.{name} {self._kind}".strip()
            return result

        return noted

    def _step(self, how: str) -> None:
        if self._under_way is not None:
            self._reach(f"{self._under_way} {how}")

    def _reach(self, name: str) -> None:
        if name == self._kill_at:
            os.kill(os.getpid(), signal.SIGKILL)


def run_sync(place: Place, kill_at: str | None) -> None:
    """Sync once; SIGKILL this process at the first step of that name."""
    steps = Steps(kill_at)
    warehouse = Warehouse(place.url)
    connector: Any = _connector(place, _options(steps.answered))
    connector.capabilities = replace(connector.capabilities, push_batch=BATCH)
    steps.watch(warehouse, connector)
    sync(context_of(warehouse, connector, lambda: place.now))
    connector.close()
    warehouse.dispose()


def run_pull(place: Place, streams: Sequence[str], kill_at: int | None) -> None:
    """Pull in pages of five; SIGKILL this process at its step ``kill_at``: an answer, or a commit to be."""
    close_api.PAGE = close_api.EVENT_PAGE = hubspot_pulling.SEARCH_PAGE = salesforce_client.PAGE_SIZE = 5
    taken = 0

    def step(_: object) -> None:
        nonlocal taken
        taken += 1
        if taken == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    warehouse = Warehouse(place.url)
    sa.event.listen(warehouse.engine, "commit", step)
    connector = _connector(place, _options(step))
    pull(context_of(warehouse, connector, lambda: place.now), streams)
    connector.close()
    warehouse.dispose()


def _options(hook: Callable[[object], None]) -> TransportOptions:
    return TransportOptions(
        dry_run=False, concurrency=2, hook=hook, sleep=lambda seconds: None, jitter=lambda: 0.0
    )


def _connector(place: Place, options: TransportOptions) -> Connector:
    if place.vendor == "close":
        return CloseConnector(CloseSettings(base_url=place.server), options, SecretStr(API_KEY))
    if place.vendor == "hubspot":
        given = HubSpotSettings(token=SecretStr(TOKEN), base_url=place.server)
        return HubSpot(given, options, lambda: place.now)
    settings = SalesforceSettings(
        instance_url=place.server,
        client_id=CLIENT_ID,
        client_secret=SecretStr(CLIENT_SECRET),
        object_mode=place.mode,  # type: ignore[arg-type]
    )
    return SalesforceConnector(settings, options)
