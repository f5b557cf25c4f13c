"""The connector: ``crm.contract.Connector`` for Close."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any

from pydantic import SecretStr

from sales_agent_dagster.crm.close import finding, pulling, pushing, reading_back
from sales_agent_dagster.crm.close.api import CloseApi, KeyAuth, Object
from sales_agent_dagster.crm.close.dialect import CloseDialect
from sales_agent_dagster.crm.close.events import event_of
from sales_agent_dagster.crm.close.mapping import Mapper, moment_of
from sales_agent_dagster.crm.close.queries import condition, regular
from sales_agent_dagster.crm.close.schema import (
    BUILT_IN,
    CUSTOM,
    ensure_fields,
    read_schema,
    remote_fields,
)
from sales_agent_dagster.crm.contract import (
    Candidate,
    Capabilities,
    Description,
    EnsuredField,
    Event,
    Health,
    Operation,
    Page,
    PushResult,
    Reconciled,
    Record,
    Subject,
    Suppression,
    SuppressionScope,
)
from sales_agent_dagster.crm.errors import CrmError, PermissionRefused, RecordGone
from sales_agent_dagster.crm.fields import EXTERNAL_KEY, Kind
from sales_agent_dagster.crm.http import TransportOptions
from sales_agent_dagster.crm.rates import Pace
from sales_agent_dagster.crm.transport import Transport
from sales_agent_dagster.settings import CloseSettings

_LOG = logging.getLogger(__name__)

CAPABILITIES = Capabilities(
    fields={
        kind: frozenset(BUILT_IN[kind]) | (frozenset(CUSTOM.get(kind, ())) - {EXTERNAL_KEY})
        for kind in BUILT_IN
    },
    push_batch=800,
    lookup_batch=400,
    settle=timedelta(seconds=90),
    streams=pulling.STREAMS,
)
_PACE = Pace(start=10.0, most=400.0)
_STATUS_FIELDS = ("id", "status_label", "date_created", "date_updated")
_LIMITS = {
    "search_objects": 10_000.0,
    "search_cursor_s": 30.0,
    "event_days": 30.0,
    "webhooks": 40.0,
}


class CloseConnector:
    """One organisation of Close. Opens no connection before it is asked something."""

    name = "close"
    capabilities = CAPABILITIES

    def __init__(self, settings: CloseSettings, options: TransportOptions, api_key: SecretStr) -> None:
        self._settings = settings
        self.transport = Transport(settings.base_url, KeyAuth(api_key), CloseDialect(), options, pace=_PACE)
        self.counters, self.fence = self.transport.counters, self.transport.fence
        self.api = CloseApi(self.transport)

    @cached_property
    def mapper(self) -> Mapper:
        """Reads the organisation's custom fields once."""
        schema, _ = read_schema(self.api, self._settings.field_prefix)
        return Mapper(schema, self._settings)

    def describe(self) -> Description:
        """The organisation and its fields."""
        me = self.api.first("me/")
        organization = _organization(me)
        account = f"{organization['name']} ({organization['id']})"
        return Description(account, me["id"], remote_fields(self.mapper.schema), _LIMITS)

    def ensure_fields(self, *, dry_run: bool) -> list[EnsuredField]:
        """Create the custom fields that are not there.

        Raises:
            PermissionRefused: the key's user may not manage the organisation.
        """
        results = ensure_fields(self.api, self._settings.field_prefix, dry_run=dry_run)
        self.__dict__.pop("mapper", None)
        return results

    def pull(self, stream: str, since: datetime | None) -> Iterator[Page]:
        """Everything of a stream that changed at or after ``since``."""
        return pulling.pull(self.api, self.mapper, stream, since)

    def read(self, kind: Kind, remote_ids: Sequence[str]) -> dict[str, Record]:
        """These records as they are now."""
        return finding.read(self.api, self.mapper, kind, remote_ids)

    def appeared(self, stream: str, since: datetime | None) -> Iterator[Record]:
        """Leads or contacts that were created at or after ``since`` without our key."""
        return finding.appeared(self.api, self.mapper, stream, since)

    def lookup(self, kind: Kind, subjects: Sequence[Subject]) -> dict[str, list[Candidate]]:
        """Candidates by external key of the subject, best evidence first."""
        return finding.lookup(self.api, self.mapper, kind, subjects)

    def push(self, operations: Sequence[Operation]) -> Iterator[PushResult]:
        """Send operations."""
        try:
            mapper = self.mapper
        except CrmError as error:
            return pushing.nothing_done(operations, error)
        return pushing.push(self.api, mapper, operations)

    def reconcile(self, operations: Sequence[Operation]) -> Iterator[Reconciled]:
        """Read back what became of unknown operations."""
        return reading_back.reconcile(self.api, self.mapper, operations)

    def erase(self, kind: Kind, remote_ids: Sequence[str]) -> Iterator[PushResult]:
        """Delete records for good."""
        return pushing.erase(self.api, kind, remote_ids)

    def suppressions(self, since: datetime | None) -> Iterator[Suppression]:
        """Unsubscribed addresses, blocked numbers, and leads in a status that forbids contact: all of them.

        ``since`` is not used: neither list can be asked for changes.

        Raises:
            PermissionRefused: the key's user may not see who unsubscribed.
        """
        for entry in self._listed("unsubscribe/email/", RecordGone):
            yield _suppression(SuppressionScope.EMAIL, entry["email"].lower(), "unsubscribed in Close", entry)
        for entry in self._listed("blocked_phone_number/", RecordGone, PermissionRefused):
            yield _suppression(SuppressionScope.PHONE, entry["phone"], "blocked in Close", entry)
        labels = self._settings.do_not_contact_statuses
        found = self.api.get("status/lead/")["data"]
        statuses = [status["id"] for status in found if status["label"] in labels]
        newest = self.api.newest("lead") if statuses else None
        if newest is not None:
            named = condition(regular("lead", "status_id"), type="term", values=statuses)
            for page in self.api.changed("lead", None, newest, _STATUS_FIELDS, named):
                for lead in page:
                    reason = f"status {lead['status_label']} in Close"
                    yield _suppression(SuppressionScope.COMPANY, lead["id"], reason, {})

    def _listed(self, path: str, *absent: type[CrmError]) -> Iterator[Object]:
        """A list that not every account has: nothing, with a warning, where it is refused so."""
        try:
            yield from self.api.listed(path)
        except absent as error:
            _LOG.warning("Close gives no %s, so nobody in it is known: %s", path, error.message)

    def health(self) -> Health:
        """Whether the key is let in."""
        try:
            organization = _organization(self.api.first("me/"))
        except CrmError as error:
            return Health(ok=False, message=error.message)
        message = f"Close lets in {organization['name']}."
        return Health(ok=True, message=message, quota_left=self.counters.quota_left)

    def event(self, entry: Mapping[str, Any]) -> Event | None:
        """A webhook's event, verified before, in our words; None for what we do not follow."""
        return event_of(entry, self.mapper)

    def close(self) -> None:
        """Close connections."""
        self.transport.close()


def _organization(me: Object) -> Object:
    """The organisation that a key is for."""
    if not me.get("organizations"):
        raise PermissionRefused("The user of SALES_AGENT_CLOSE__API_KEY is in no organisation.")
    first: Object = me["organizations"][0]
    return first


def _suppression(scope: SuppressionScope, value: str, reason: str, entry: Mapping[str, Any]) -> Suppression:
    created = entry.get("date_created")
    return Suppression(scope, value, reason, moment_of(created) if created else None)
