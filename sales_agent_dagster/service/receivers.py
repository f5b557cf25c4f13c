"""Per CRM: verify a delivery, store its events, read the records they speak of."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from operator import itemgetter

from pydantic import SecretStr

from sales_agent_dagster.crm import close as close_crm
from sales_agent_dagster.crm import hubspot as hubspot_crm
from sales_agent_dagster.crm.close import webhooks as close_webhooks
from sales_agent_dagster.crm.contract import Connector, Event
from sales_agent_dagster.crm.http import TransportOptions
from sales_agent_dagster.crm.hubspot import webhooks as hubspot_webhooks
from sales_agent_dagster.domain.profile import Profile
from sales_agent_dagster.settings import Settings
from sales_agent_dagster.stages.crm.context import SyncContext, open_sync
from sales_agent_dagster.stages.crm.delivering import Reader, take_delivery
from sales_agent_dagster.warehouse.database import Warehouse

RUN_ID = "webhook"


@dataclass(frozen=True, slots=True)
class Delivery:
    """A request, as it came.

    Attributes:
        uri: the whole address that was called.
        headers: by lower-case name.
    """

    method: str
    uri: str
    headers: Mapping[str, str]
    body: bytes


class Receiver:
    """Takes one CRM's deliveries.

    Args:
        context: of a sync that never writes.
        signature_in: the signature that a delivery's headers carry, written in the one way it is compared.
        events_in: the events of a delivery that is signed and fresh; raises DeliveryRefused if it is not.
    """

    def __init__(
        self,
        context: SyncContext,
        signature_in: Callable[[Mapping[str, str]], str],
        events_in: Callable[[Delivery, datetime], list[Event]],
    ) -> None:
        self._context = context
        self._signature_in = signature_in
        self._events_in = events_in
        self.reader = Reader(context)

    @property
    def crm(self) -> str:
        """Name of the CRM."""
        return self._context.crm

    def take(self, delivery: Delivery) -> int:
        """Verify and store; the number of events in it.

        Raises:
            DeliveryRefused: unsigned, forged, old, replayed, or no events.
            TransientError: warehouse or CRM cannot be reached; the CRM will deliver again.
        """
        events = self._events_in(delivery, self._context.now())
        self.reader.add(take_delivery(self._context, self._signature_in(delivery.headers), events))
        return len(events)

    def close(self) -> None:
        """Close connections, once nothing is read any more."""
        self.reader.stop()
        self._context.connector.close()


def receivers_of(
    settings: Settings, warehouse: Warehouse, profile: Profile, now: Callable[[], datetime]
) -> dict[str, Receiver]:
    """Receivers of the CRMs whose key to check signatures is set, by name.

    Raises:
        ConfigurationError: a CRM's key to check signatures is set, but none to read its records.
    """
    options = TransportOptions(dry_run=True, concurrency=settings.crm.concurrency)

    def context_of(connector: Connector) -> SyncContext:
        return open_sync(warehouse, settings, profile, RUN_ID, live=False, connector=connector, now=now)

    found: dict[str, Receiver] = {}
    if settings.close.webhook_key is not None:
        close = close_crm.connect(settings, options)
        events_in = partial(_close_events, close, settings.close.webhook_key)
        found[close.name] = Receiver(context_of(close), close_webhooks.signature_in, events_in)
    if settings.hubspot.client_secret is not None:
        hubspot = hubspot_crm.connect(settings, options)
        events_in = partial(_hubspot_events, hubspot, settings.hubspot.client_secret)
        found[hubspot.name] = Receiver(context_of(hubspot), itemgetter(hubspot_webhooks.SIGNATURE), events_in)
    return found


def _close_events(
    connector: close_crm.CloseConnector, key: SecretStr, delivery: Delivery, now: datetime
) -> list[Event]:
    raw = close_webhooks.verified(delivery.headers, delivery.body, key, now)
    event = connector.event(raw)
    return [] if event is None else [event]


def _hubspot_events(
    connector: hubspot_crm.HubSpot, secret: SecretStr, delivery: Delivery, now: datetime
) -> list[Event]:
    raw = hubspot_webhooks.verified(
        delivery.headers, delivery.method, delivery.uri, delivery.body, secret, now
    )
    return connector.events(raw)
