"""HubSpot as a ``Connector``."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

from sales_agent_dagster.crm.contract import (
    Action,
    Candidate,
    Capabilities,
    Description,
    EnsuredField,
    Event,
    Failed,
    FailureClass,
    Health,
    Operation,
    Page,
    PushResult,
    Reconciled,
    Record,
    Sent,
    Stream,
    Subject,
    Suppression,
    SuppressionScope,
    Verdict,
)
from sales_agent_dagster.crm.errors import CrmError, PermissionRefused, RecordGone
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.crm.http import TransportOptions
from sales_agent_dagster.crm.hubspot import describing
from sales_agent_dagster.crm.hubspot.client import BATCH, Client, Raw, chunks
from sales_agent_dagster.crm.hubspot.finding import Finder
from sales_agent_dagster.crm.hubspot.mapping import OBJECTS, FieldMap, Surroundings, moment_of
from sales_agent_dagster.crm.hubspot.outcomes import result_of
from sales_agent_dagster.crm.hubspot.pulling import INDEX_LAG, Changes, archived_since, replies
from sales_agent_dagster.crm.hubspot.pushing import ORDER, PUSH_BATCH, Pusher, parts_of
from sales_agent_dagster.crm.hubspot.webhooks import events_of
from sales_agent_dagster.settings import HubSpotSettings

LOGGER = logging.getLogger(__name__)
STREAMS = {"companies": Kind.COMPANY, "contacts": Kind.CONTACT, "opportunities": Kind.OPPORTUNITY}
_NOT_ERASED = (
    "HubSpot answers 404 to the erasure, and the contact is still there.",
    "Delete the contact for good in HubSpot itself: Delete, then the permanent deletion.",
)
OPTED_OUT = "opted out of e-mail in HubSpot"
NOT_TO_BE_CALLED = "not to be called, by HubSpot"


class HubSpot:
    """``crm.contract.Connector`` of HubSpot.

    Args:
        settings: with a token.
        options: of the transport.
        now: the time of notes, UTC.
    """

    name = "hubspot"

    def __init__(
        self,
        settings: HubSpotSettings,
        options: TransportOptions,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._settings = settings
        self._client = Client(settings, options)
        self._map = FieldMap(settings)
        self._finder = Finder(self._client, self._map, self._records)
        self._pusher = Pusher(self._client, self._finder, self._map, now)
        self.counters, self.fence = self._client.transport.counters, self._client.transport.fence
        self.capabilities = Capabilities(
            fields={kind: self._map.fields_of(kind) for kind in OBJECTS},
            push_batch=PUSH_BATCH,
            lookup_batch=BATCH,
            settle=INDEX_LAG,
            streams=tuple(Stream(name, frozenset((kind,))) for name, kind in STREAMS.items()),
        )

    def describe(self) -> Description:
        """The account, and the schema of the fields in ``capabilities.fields``."""
        return describing.describe(self._client, self._map, self._account, self._settings)

    def ensure_fields(self, *, dry_run: bool) -> list[EnsuredField]:
        """Create our properties; the key's has unique values, without which there is no upsert."""
        return describing.ensure(self._client, self._map, dry_run=dry_run)

    def pull(self, stream: str, since: datetime | None) -> Iterator[Page]:
        """Archived records, then changed ones by time. Merged ones are told by their survivor."""
        kind = STREAMS[stream]
        try:
            clock = self._client.clock(kind)
        except PermissionRefused as error:
            if kind is not Kind.OPPORTUNITY:
                raise
            LOGGER.warning(
                "Deals are left out, so that nobody learns what was won or lost: %s", error.message
            )
            return
        wanted = self._map.wanted(kind)
        for some in archived_since(self._client, kind, wanted, since):
            if some:
                yield Page(self._records(kind, some))
        # What was written within the lag, or archived after we began, may be missing: it is due next time.
        horizon = clock - INDEX_LAG
        complete = since
        for some, complete_to, last in Changes(self._client, kind, wanted).since(since):
            if complete_to is not None:
                reached = min(complete_to, horizon)
                complete = reached if complete is None else max(complete, reached)
            if some or last:
                yield Page(self._records(kind, some), _events(kind, some), complete_to=complete)

    def read(self, kind: Kind, remote_ids: Sequence[str]) -> dict[str, Record]:
        """Records by the id asked for; of one merged away only that, and into which."""
        held = self._held(kind, remote_ids)
        return {key: one if one.remote_id == key else _merged(key, one) for key, one in held.items()}

    def _held(self, kind: Kind, remote_ids: Sequence[str]) -> dict[str, Record]:
        """Records by the id asked for; for one merged away the survivor, which an update of it goes to."""
        asked = set(remote_ids)
        found: dict[str, Record] = {}
        for some in chunks(asked, BATCH):
            raw = self._client.read(kind, some, self._map.wanted(kind))
            for record in self._records(kind, raw):
                found.update(
                    (key, record) for key in asked.intersection((record.remote_id, *record.absorbed))
                )
        return found

    def appeared(self, stream: str, since: datetime | None) -> Iterator[Record]:
        """Companies or contacts that were created at or after ``since`` without our key."""
        return self._finder.appeared(STREAMS[stream], since)

    def lookup(self, kind: Kind, subjects: Sequence[Subject]) -> dict[str, list[Candidate]]:
        """Candidates by external key of the subject, best evidence first."""
        return self._finder.lookup(kind, subjects)

    def push(self, operations: Sequence[Operation]) -> Iterator[PushResult]:
        """Batches of 100 on several threads, companies first."""
        for operation in operations:
            if operation.kind not in ORDER:
                yield Failed(
                    operation.op_id,
                    FailureClass.UNSUPPORTED,
                    f"A {operation.kind} is never written.",
                    "Change it in HubSpot.",
                )
        for parts in parts_of(operations):
            for results in self._client.transport.each(self._pusher.push, parts):
                yield from results

    def reconcile(self, operations: Sequence[Operation]) -> Iterator[Reconciled]:
        """By key and by id, never by search: both see every write."""
        for kind in Kind:
            mine = [operation for operation in operations if operation.kind is kind]
            creates = [operation for operation in mine if operation.action is Action.CREATE]
            updates = [operation for operation in mine if operation.action is Action.UPDATE]
            made = self._finder.created(kind, creates) if creates else {}
            yield from (_verdict(one, made.get(one.external_key)) for one in creates)
            held = self._held(kind, [one.remote_id for one in updates if one.remote_id]) if updates else {}
            yield from (_verdict(one, held.get(one.remote_id or "")) for one in updates)

    def erase(self, kind: Kind, remote_ids: Sequence[str]) -> Iterator[PushResult]:
        """Contacts are deleted for good; HubSpot only archives all else."""

        def erased(record_id: str) -> PushResult:
            try:
                if kind is Kind.CONTACT:
                    self._client.gdpr_delete(record_id)
                else:
                    self._client.archive(kind, record_id)
            except RecordGone:
                if kind is Kind.CONTACT and self._client.read(kind, [record_id], []):
                    return Failed(record_id, FailureClass.UNSUPPORTED, *_NOT_ERASED)
            except CrmError as error:
                return result_of(Operation(record_id, kind, Action.UPDATE, "", {}, record_id), error)
            return Sent(record_id, record_id, created=False)

        yield from self._client.transport.each(erased, dict.fromkeys(remote_ids))

    def suppressions(self, since: datetime | None) -> Iterator[Suppression]:
        """Contacts that opted out of e-mail, and those with the account's own do-not-call property."""
        chosen = {"hs_email_optout": (SuppressionScope.EMAIL, "email", OPTED_OUT)}
        if self._settings.do_not_call_property:
            phone = (SuppressionScope.PHONE, "phone", NOT_TO_BE_CALLED)
            chosen[self._settings.do_not_call_property] = phone
        for name, (scope, value_property, reason) in chosen.items():
            flag: Raw = {"propertyName": name, "operator": "EQ", "value": "true"}
            changes = Changes(self._client, Kind.CONTACT, [value_property, "lastmodifieddate"])
            for some, _, _ in changes.since(since, (flag,)):
                for raw in some:
                    value = raw["properties"].get(value_property)
                    if value:
                        changed = moment_of(str(raw["properties"]["lastmodifieddate"]))
                        yield Suppression(scope, str(value), reason, changed)

    def health(self) -> Health:
        """One call for the account's details; where the token may not read them another one."""
        try:
            details = self._client.account()
            if not details:
                self._client.clock(Kind.COMPANY)
        except CrmError as error:
            return Health(False, error.message, self.counters.quota_left)
        number = {"portalId": details.get("portalId")}
        return Health(True, describing.title_of(number), self.counters.quota_left)

    def events(self, raw: Sequence[Mapping[str, Any]]) -> list[Event]:
        """Events of a webhook's delivery, verified before; objects that we do not follow are left out."""
        return events_of(raw, self._map)

    def close(self) -> None:
        """Close connections."""
        self._client.transport.close()

    @cached_property
    def _account(self) -> Raw:
        return self._client.account()

    @cached_property
    def _around(self) -> Surroundings:
        account = self._account
        return Surroundings(
            str(account.get("portalId") or ""),
            str(account.get("uiDomain") or "app.hubspot.com"),
            account.get("companyCurrency"),
        )

    @cached_property
    def _stages(self) -> Mapping[str, str]:
        try:
            return self._client.stages()
        except PermissionRefused:
            return {}  # then a stage is told by its id

    def _records(self, kind: Kind, raw: Sequence[Mapping[str, Any]]) -> list[Record]:
        """Ours, with the companies they belong to."""
        companies: dict[str, str] = {}
        active = [str(one["id"]) for one in raw if not one.get("archived")]
        if kind is not Kind.COMPANY and active:
            companies = self._client.companies_of(kind, active)
        around = self._around
        if kind is Kind.OPPORTUNITY and raw:
            around = Surroundings(around.portal, around.ui_host, around.currency, self._stages)
        return [self._map.record_of(kind, one, around, companies.get(str(one["id"]))) for one in raw]


def _events(kind: Kind, raw: Sequence[Mapping[str, Any]]) -> list[Event]:
    return replies(raw) if kind is Kind.CONTACT else []


def _merged(lost: str, survivor: Record) -> Record:
    return Record(survivor.kind, lost, {}, survivor.modified_at, merged_into=survivor.remote_id)


def _verdict(operation: Operation, record: Record | None) -> Reconciled:
    done = record is not None and not _is_unfinished(operation, record)
    return Reconciled(operation.op_id, Verdict.FOUND if done else Verdict.ABSENT, record)


def _is_unfinished(operation: Operation, record: Record) -> bool:
    """A contact, note or draft that was created and not attached to its company.

    Two calls, and the second did not arrive.
    """
    alone = record.company_id is None and not record.archived
    hangs = operation.kind is Kind.CONTACT or operation.company_id is not None
    return operation.action is Action.CREATE and hangs and alone
