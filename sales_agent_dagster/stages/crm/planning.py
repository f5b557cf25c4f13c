"""What the CRM would be told: per company, contact and campaign one decision. Changes nothing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum

import sqlalchemy as sa

from sales_agent_dagster.crm.contract import Record, Value
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.crm.merging import Agreed, Conflict, FieldChange, agree, merge
from sales_agent_dagster.crm.ownership import Rule
from sales_agent_dagster.domain.hashing import content_hash
from sales_agent_dagster.stages.crm.activities import Activity, activities_of, activity_key
from sales_agent_dagster.stages.crm.context import SyncContext
from sales_agent_dagster.stages.crm.desired import Contact, Desired, desired_of, entity_ids, pages
from sales_agent_dagster.stages.crm.rekeying import joined_operations
from sales_agent_dagster.stages.crm.stored import (
    Agreements,
    Link,
    agreements_of,
    dead_letters,
    links_of,
    open_operations,
    snapshots_of,
)
from sales_agent_dagster.stages.crm.suppressing import Gates, Party, told_by_crm

KINDS = (Kind.COMPANY, Kind.CONTACT, Kind.NOTE, Kind.EMAIL_DRAFT)
"""In the order in which they are pushed: what hangs on a record comes after it."""

_EPOCH = datetime.fromtimestamp(0, UTC)


class Step(StrEnum):
    """What the plan says about one record."""

    CREATE = "create"
    UPDATE = "update"
    UNCHANGED = "unchanged"
    SKIP = "skip"
    REVIEW = "review"


@dataclass(frozen=True, slots=True)
class Planned:
    """The decision about one record.

    Attributes:
        reason: one sentence.
        changes: fields to send.
        company_id, contact_id: records that it hangs on; None also while they are not created yet.
        agreed: what will be agreed on once it is done; of ``unchanged`` what is agreed on already.
        settles: whether ``agreed`` says more than is stored.
        parties: whom it is about, for the gates.
        waits: its last operation is not decided yet.
    """

    kind: Kind
    entity_id: str
    external_key: str
    step: Step
    reason: str
    remote_id: str | None = None
    company_id: str | None = None
    contact_id: str | None = None
    changes: Mapping[str, FieldChange] = field(default_factory=dict)
    conflicts: Sequence[Conflict] = ()
    agreed: Mapping[str, Agreed] = field(default_factory=dict)
    settles: bool = False
    parties: tuple[Party, ...] = ()
    waits: bool = False

    @property
    def payload(self) -> dict[str, Value]:
        """Fields with the value to send."""
        return {name: change.after for name, change in self.changes.items()}


def plan(
    context: SyncContext, ids: Sequence[str] | None = None, kinds: Sequence[Kind] = KINDS
) -> Iterator[Planned]:
    """Decisions about these companies, or about all, with all that hangs on them; a page at a time.

    Each page is read as the warehouse stands when its turn comes.
    """
    _ = context.holds  # the CRM may have to be asked, which is not done within a transaction
    if ids is None:
        with context.warehouse.reading() as connection:
            ids = entity_ids(connection)
    for some in pages(ids):
        with context.warehouse.reading() as connection:
            planned = plan_page(context, connection, some, kinds)
        yield from planned


def plan_page(
    context: SyncContext, connection: sa.Connection, ids: Sequence[str], kinds: Sequence[Kind] = KINDS
) -> list[Planned]:
    """The same for a page of companies, as an open transaction sees the warehouse."""
    return _Planner(context, connection, ids).plan(kinds)


class _Planner:
    """Plans one page of companies."""

    def __init__(self, context: SyncContext, connection: sa.Connection, ids: Sequence[str]) -> None:
        self._context = context
        self._connection = connection
        self._desired = desired_of(connection, ids)
        self._links = links_of(connection, context.crm, ids)
        self._open = {
            **joined_operations(connection, context.crm, ids),
            **open_operations(connection, context.crm, ids),
        }
        self._dead = dead_letters(connection, context.crm, ids)
        self._records: dict[Kind, dict[str, Record]] = {}
        self._agreed: dict[Kind, Agreements] = {}
        for kind in (Kind.COMPANY, Kind.CONTACT):
            remote = {link.remote_id for link in self._links.values() if link.kind is kind}
            self._records[kind] = snapshots_of(connection, context.crm, kind, remote)
            self._agreed[kind] = agreements_of(connection, context.crm, kind, remote)
        self._gates = Gates(
            context, connection, [party for one in self._desired.values() for party in self._parties(one)]
        )

    def plan(self, kinds: Sequence[Kind]) -> list[Planned]:
        """Decisions about records of these kinds, company by company."""
        activities = self._activities(kinds)
        found: list[Planned] = []
        for desired in self._desired.values():
            stopped = self._stopped(desired)
            if Kind.COMPANY in kinds:
                found.append(self._company(desired, stopped))
            if stopped is not None:
                continue
            if Kind.CONTACT in kinds:
                found += [self._contact(desired, contact) for contact in self._contacts(desired)]
            found += [self._activity(desired, one) for one in activities.get(desired.entity_id, ())]
        return [self._unless_dead(planned) for planned in found]

    def _unless_dead(self, planned: Planned) -> Planned:
        """A payload that the CRM refused too often waits until it changes."""
        letter = self._dead.get((planned.kind, planned.external_key))
        if letter is None or not planned.changes or letter.payload_hash != payload_hash(planned):
            return planned
        reason = f"Refused {letter.attempts} times: {letter.message}"
        return replace(planned, step=Step.SKIP, reason=reason, changes={}, settles=False)

    def _parties(self, desired: Desired) -> list[Party]:
        link = self._links.get((Kind.COMPANY, desired.entity_id))
        company = Party(desired.entity_id, desired.company, link.remote_id if link else None)
        return [company, *(Party(desired.entity_id, contact.fields) for contact in desired.contacts)]

    def _stopped(self, desired: Desired) -> str | None:
        """Why nothing is done about a company."""
        company = self._parties(desired)[0]
        if reason := self._gates.reason(company):
            return reason
        if company.record_id is not None:
            record = self._records[Kind.COMPANY].get(company.record_id)
            return told_by_crm(record.fields) if record else None
        return None

    def _company(self, desired: Desired, stopped: str | None) -> Planned:
        key, kind = desired.entity_id, Kind.COMPANY
        if stopped is not None:
            return Planned(kind, key, key, Step.SKIP, stopped)
        planned = self._record(kind, key, key, desired.company, desired.wanted_at, None)
        return replace(planned, parties=tuple(self._parties(desired)[:1]))

    def _contacts(self, desired: Desired) -> list[Contact]:
        """Contacts that the CRM can hold; one of a number alone only where companies have no number."""
        fields = self._context.fields_of(Kind.CONTACT)
        if not fields:
            return []
        alone = "phone" not in self._context.fields_of(Kind.COMPANY)
        return [
            contact
            for contact in desired.contacts
            if alone or contact.fields.get("email") or contact.fields.get("contact_name")
        ]

    def _contact(self, desired: Desired, contact: Contact) -> Planned:
        kind, key = Kind.CONTACT, contact.key
        if reason := self._contact_stopped(desired, contact):
            return Planned(kind, desired.entity_id, key, Step.SKIP, reason)
        waits, company_id = self._company_of(desired)
        if waits is not None:
            return Planned(kind, desired.entity_id, key, waits.step, waits.reason)
        planned = self._record(kind, desired.entity_id, key, contact.fields, desired.wanted_at, company_id)
        parties = (self._parties(desired)[0], Party(desired.entity_id, contact.fields))
        return replace(planned, company_id=company_id, parties=parties)

    def _contact_stopped(self, desired: Desired, contact: Contact) -> str | None:
        if reason := self._gates.reason(Party(desired.entity_id, contact.fields)):
            return reason
        link = self._links.get((Kind.CONTACT, contact.key))
        record = self._records[Kind.CONTACT].get(link.remote_id) if link else None
        return told_by_crm(record.fields) if record else None

    def _company_of(self, desired: Desired) -> tuple[Planned | None, str | None]:
        """The company's record that something hangs on, or what stands in the way of it."""
        key = (Kind.COMPANY, desired.entity_id)
        link = self._links.get(key)
        if link is None or link.state == "rejected":
            return None, None  # it will be created first
        if link.state != "linked":
            return self._not_linked(link), None
        record = self._records[Kind.COMPANY].get(link.remote_id)
        if record is not None and record.archived:
            return _gone(link), None
        return None, link.remote_id

    def _record(
        self,
        kind: Kind,
        entity_id: str,
        key: str,
        wanted: Mapping[str, Value],
        wanted_at: datetime | None,
        company_id: str | None,
    ) -> Planned:
        if (kind, key) in self._open:
            return _waits(kind, entity_id, key)
        holds = self._context.fields_of(kind)
        values = {name: value for name, value in wanted.items() if name in holds}
        rules = self._context.ownership.rules[kind]
        link = self._links.get((kind, key))
        if link is None or link.state == "rejected":
            changes = {
                name: FieldChange(None, value, rules[name], "a new record")
                for name, value in values.items()
                if name in rules and rules[name] is not Rule.NEVER
            }
            agreed = {
                name: Agreed(value, value, written=True) for name, value in values.items() if name in changes
            }
            reason = f"The CRM has no such {kind}."
            return Planned(
                kind, entity_id, key, Step.CREATE, reason, None, company_id, changes=changes, agreed=agreed
            )
        record = self._records[kind].get(link.remote_id)
        if link.state != "linked":
            return self._not_linked(link)
        if record is None or record.archived:
            return _gone(link)
        return self._compared(link, record, values, wanted_at or _EPOCH, rules)

    def _compared(
        self,
        link: Link,
        record: Record,
        values: Mapping[str, Value],
        wanted_at: datetime,
        rules: Mapping[str, Rule],
    ) -> Planned:
        kind = link.kind
        agreed = self._agreed[kind].get(record.remote_id, {})
        merged = merge(
            kind,
            values,
            record.fields,
            agreed,
            rules,
            wanted_at=wanted_at,
            modified_at=record.modified_at,
        )
        sent = {name: change.after for name, change in merged.changes.items()}
        settled = agree(kind, values, record.fields, agreed, sent)
        if sent:
            step, reason = Step.UPDATE, f"{record.remote_id} differs in: {', '.join(sent)}."
        else:
            step, reason = Step.UNCHANGED, f"{record.remote_id} already says all that we may say."
        return Planned(
            kind,
            link.entity_id,
            link.external_key,
            step,
            reason,
            record.remote_id,
            record.company_id,
            changes=merged.changes,
            conflicts=merged.conflicts,
            agreed=settled,
            settles=settled != agreed,
        )

    def _not_linked(self, link: Link) -> Planned:
        step = Step.REVIEW if link.state == "review" else Step.SKIP
        reason = link.reason
        if link.state == "review":
            reason = f"A person must say whether it is {link.remote_id}. {link.reason}"
        return Planned(link.kind, link.entity_id, link.external_key, step, reason, link.remote_id)

    def _activities(self, kinds: Sequence[Kind]) -> dict[str, list[Activity]]:
        """Notes and drafts that are not there yet."""
        settings = self._context.settings
        asked = [
            kind
            for kind, on in ((Kind.NOTE, settings.notes), (Kind.EMAIL_DRAFT, settings.drafts))
            if on and kind in kinds and self._context.fields_of(kind)
        ]
        missing = {
            lead: desired.entity_id
            for desired in self._desired.values()
            for lead in desired.leads
            if any((kind, activity_key(kind, desired.entity_id, lead)) not in self._links for kind in asked)
        }
        if not asked or not missing:
            return {}
        found = activities_of(self._connection, missing, asked)
        return {
            entity_id: [one for one in some if (one.kind, one.key) not in self._links]
            for entity_id, some in found.items()
        }

    def _activity(self, desired: Desired, activity: Activity) -> Planned:
        kind, key, entity_id = activity.kind, activity.key, desired.entity_id
        if (kind, key) in self._open:
            return _waits(kind, entity_id, key)
        waits, company_id = self._company_of(desired)
        if waits is not None:
            return Planned(kind, entity_id, key, waits.step, waits.reason)
        fields, contact_id = dict(activity.fields), None
        parties = [self._parties(desired)[0]]
        if kind is Kind.EMAIL_DRAFT:
            reader = self._reader(desired)
            if reader is None:
                return Planned(kind, entity_id, key, Step.SKIP, "Nobody with an address may be written to.")
            fields["email"] = reader.fields["email"]
            parties.append(Party(entity_id, reader.fields))
            link = self._links.get((Kind.CONTACT, reader.key))
            contact_id = link.remote_id if link and link.state == "linked" else None
        holds = self._context.fields_of(kind)
        changes = {
            name: FieldChange(None, value, Rule.PIPELINE, "a new record")
            for name, value in fields.items()
            if name in holds
        }
        reason = f"The CRM has no such {FIELD_WORDS[kind]}."
        return Planned(
            kind,
            entity_id,
            key,
            Step.CREATE,
            reason,
            None,
            company_id,
            contact_id,
            changes=changes,
            parties=tuple(parties),
        )

    def _reader(self, desired: Desired) -> Contact | None:
        """Whom a draft is for: the first contact with an address that nothing forbids to write to."""
        for contact in desired.contacts:
            if contact.fields.get("email") and self._contact_stopped(desired, contact) is None:
                return contact
        return None


def payload_hash(planned: Planned) -> str:
    """Hash of what would be sent."""
    return content_hash(planned.payload)


FIELD_WORDS = {Kind.NOTE: "note", Kind.EMAIL_DRAFT: "draft"}


def _waits(kind: Kind, entity_id: str, key: str) -> Planned:
    reason = "Its last operation must be read back first."
    return Planned(kind, entity_id, key, Step.SKIP, reason, waits=True)


def _gone(link: Link) -> Planned:
    reason = f"{link.remote_id} was deleted in the CRM and is not created again."
    return Planned(link.kind, link.entity_id, link.external_key, Step.SKIP, reason, link.remote_id)
