"""The connector: ``crm.contract.Connector`` of one organisation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from sales_agent_dagster.crm.contract import (
    Candidate,
    Capabilities,
    Description,
    EnsuredField,
    Health,
    Page,
    Subject,
    Suppression,
)
from sales_agent_dagster.crm.errors import CrmError
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.crm.http import TransportOptions
from sales_agent_dagster.crm.operations import Action, Operation, PushResult, Reconciled, Verdict
from sales_agent_dagster.crm.record import Record
from sales_agent_dagster.crm.salesforce.client import Client
from sales_agent_dagster.crm.salesforce.erasing import Eraser
from sales_agent_dagster.crm.salesforce.finding import Finder
from sales_agent_dagster.crm.salesforce.layout import Layout, SObject
from sales_agent_dagster.crm.salesforce.lookup import Lookup
from sales_agent_dagster.crm.salesforce.pulling import REPLIES, STREAMS, Puller, streams
from sales_agent_dagster.crm.salesforce.pushing import Pusher
from sales_agent_dagster.crm.salesforce.routing import Router
from sales_agent_dagster.crm.salesforce.schema import Held, Schema
from sales_agent_dagster.settings import SalesforceSettings

COMPANY_OBJECTS = {"lead": SObject.LEAD, "account_contact": SObject.ACCOUNT}


class SalesforceConnector:
    """One organisation.

    Raises:
        ConfigurationError: settings are missing.
    """

    name = "salesforce"

    def __init__(self, settings: SalesforceSettings, options: TransportOptions) -> None:
        company_object = COMPANY_OBJECTS[settings.object_mode]
        layout = Layout(settings)
        self._client = Client(settings, options, company_object)
        self._finder = Finder(self._client, layout)
        self._lookup = Lookup(self._finder, layout)
        self._puller = Puller(self._client, self._finder, layout)
        router = Router(self._client, self._finder, layout, company_object)
        self._pusher = Pusher(self._client, self._finder, router, settings.bulk_above)
        self._schema = Schema(self._client, layout, company_object)
        self._eraser = Eraser(self._client, self._finder, layout)
        self.counters, self.fence = self._client.transport.counters, self._client.transport.fence
        self.capabilities = Capabilities(
            fields=Held(self._client, layout, company_object),
            push_batch=10_000,
            lookup_batch=100,
            # Queries read the database itself, not an index that lags.
            settle=timedelta(0),
            streams=streams(),
            bulk_above=settings.bulk_above,
        )

    def describe(self) -> Description:
        """The organisation, and what of our fields it has."""
        return self._schema.describe()

    def ensure_fields(self, *, dry_run: bool) -> list[EnsuredField]:
        """What is missing, and how a person creates it: fields are metadata, which this API cannot change."""
        return self._schema.ensure()

    def pull(self, stream: str, since: datetime | None) -> Iterator[Page]:
        """Changed records and replies, oldest change first."""
        return self._puller.pull(stream, since)

    def read(self, kind: Kind, remote_ids: Sequence[str]) -> dict[str, Record]:
        """Records as they are now."""
        return self._finder.read(kind, remote_ids)

    def appeared(self, stream: str, since: datetime | None) -> Iterator[Record]:
        """Accounts, leads or contacts that were created at or after ``since`` without our key."""
        return iter(()) if stream == REPLIES else self._finder.appeared(STREAMS[stream][0], since)

    def lookup(self, kind: Kind, subjects: Sequence[Subject]) -> dict[str, list[Candidate]]:
        """Leads, accounts and contacts that may be the subjects."""
        return self._lookup(kind, subjects)

    def push(self, operations: Sequence[Operation]) -> Iterator[PushResult]:
        """One result per operation."""
        return self._pusher.push(operations)

    def reconcile(self, operations: Sequence[Operation]) -> Iterator[Reconciled]:
        """Creates by their key, updates by their id."""
        for kind in {operation.kind for operation in operations}:
            some = [operation for operation in operations if operation.kind is kind]
            created = [one.external_key for one in some if one.action is Action.CREATE]
            # What was created and is deleted or merged by now was done, and is not done again.
            by_key = self._finder.by_key(kind, created, deleted=True) if created else {}
            by_id = self._finder.read(kind, [one.remote_id for one in some if one.remote_id])
            for one in some:
                creates = one.action is Action.CREATE
                record = by_key.get(one.external_key) if creates else by_id.get(str(one.remote_id))
                yield Reconciled(one.op_id, Verdict.FOUND if record else Verdict.ABSENT, record)

    def erase(self, kind: Kind, remote_ids: Sequence[str]) -> Iterator[PushResult]:
        """Into the recycle bin, which empties itself after 15 days."""
        return self._eraser.erase(kind, remote_ids)

    def suppressions(self, since: datetime | None) -> Iterator[Suppression]:
        """Opted out of e-mail, not to be called."""
        return self._puller.suppressions(since)

    def health(self) -> Health:
        """Whether the login works, and what is left of the day's quota."""
        try:
            calls = self._client.daily_calls()
        except CrmError as error:
            return Health(ok=False, message=str(error))
        most, left = float(calls.get("Max", 0)), float(calls.get("Remaining", 0))
        if not most:
            # A header of every answer tells it, too, where the answer itself is refused.
            return Health(ok=True, message="logged in", quota_left=self.counters.quota_left)
        return Health(ok=True, message=f"{left:.0f} of {most:.0f} calls left", quota_left=left / most)

    def close(self) -> None:
        """Close connections."""
        self._client.close()
