"""The organisation: its records, and what happens to them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from sales_agent_dagster_tests.salesforce_server.checking import canonical, check_required, fill_places
from sales_agent_dagster_tests.salesforce_server.clock import VirtualClock, moment_of, text_of
from sales_agent_dagster_tests.salesforce_server.errors import Refused, bad
from sales_agent_dagster_tests.salesforce_server.ids import ids, normal
from sales_agent_dagster_tests.salesforce_server.schema import Field, SObject, standard_objects
from sales_agent_dagster_tests.salesforce_server.soql import comparable

BIN_DAYS = 15
"""Deleted records can still be queried for so long."""

Record = dict[str, Any]
Rule = Callable[[str, Mapping[str, Any]], str | None]
"""A validation rule: object and record to what it says against it."""


@dataclass(frozen=True)
class DuplicateRule:
    """Records of ``objects`` (name to field) with an equal value are duplicates.

    Attributes:
        blocks: cannot be saved; else only with the header allowSave.
    """

    objects: Mapping[str, str]
    blocks: bool = True
    name: str = "Standard_Rule"


@dataclass(frozen=True)
class Caller:
    """Who writes, and what they ask of the duplicate rules."""

    user_id: str
    allow_save: bool = False
    record_details: bool = False


@dataclass
class Org:
    """All records, by object and id; ``rows`` keeps deleted ones until the bin is emptied."""

    clock: VirtualClock = field(default_factory=VirtualClock)
    objects: dict[str, SObject] = field(default_factory=standard_objects)
    duplicate_rules: list[DuplicateRule] = field(default_factory=list)
    validation_rules: list[Rule] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rows: dict[str, dict[str, Record]] = {name: {} for name in self.objects}
        self.previous: dict[str, tuple[str, Record | None]] = {}
        self._ids = {name: ids(one.prefix) for name, one in self.objects.items()}
        self._index: dict[tuple[str, str], dict[Any, set[str]]] = defaultdict(lambda: defaultdict(set))
        self.integration = self._user("integration@acme.example", "Integration")
        self.rep = self._user("rep@acme.example", "Robin Rep")
        self.put(self.objects["organization"], {"Name": "Acme", "IsSandbox": True}, self.rep)

    def _user(self, username: str, name: str) -> str:
        return self.put(self.objects["user"], {"Username": username, "Name": name, "Email": username}, None)

    def add_field(self, name: str, *fields: Field) -> None:
        """Custom fields of an object; empty in the records that are there."""
        self.objects[name.lower()].add(*fields)
        for record in self.rows[name.lower()].values():
            record.update({one.name: False if one.kind == "boolean" else None for one in fields})

    # -- reading ---------------------------------------------------------------------------------------

    def sobject(self, name: str) -> SObject:
        found = self.objects.get(name.lower())
        if found is None:
            raise Refused(404, "NOT_FOUND", "The requested resource does not exist")
        return found

    def object_of(self, record_id: str) -> SObject:
        full = normal(record_id)
        found = next((one for one in self.objects.values() if full and full.startswith(one.prefix)), None)
        if found is None:
            raise bad("MALFORMED_ID", f"malformed id {record_id}")
        return found

    def get(self, record_id: str, deleted: bool = False) -> Record:
        """A record by id in either form.

        Raises:
            Refused: 404, also for a deleted one unless asked for.
        """
        full = normal(record_id)
        record = self.rows[self.object_of(record_id).name.lower()].get(full or "")
        if record is None or (record["IsDeleted"] and not deleted):
            raise Refused(404, "NOT_FOUND", "Provided external ID field does not exist or is not accessible")
        return record

    def all(self, sobject: SObject, deleted: bool) -> list[Record]:
        self._empty_bin()
        return [one for one in self.rows[sobject.name.lower()].values() if deleted or not one["IsDeleted"]]

    def by_key(self, sobject: SObject, name: str, value: Any) -> list[Record]:
        """Undeleted records with that value of an indexed field."""
        found = self._index[sobject.name.lower(), name].get(
            comparable(sobject.fields[name.lower()], value), ()
        )
        rows = self.rows[sobject.name.lower()]
        return [rows[one] for one in sorted(found) if not rows[one]["IsDeleted"]]

    def value(self, sobject: SObject, record: Record, path: str) -> Any:
        """The value of a field, or of one of the record referred to."""
        relation, _, name = path.rpartition(".")
        if not relation:
            return record.get(name)
        through = sobject.relation(relation)
        other = record.get(through.name) if through else None
        return self.rows[self.object_of(other).name.lower()][other].get(name) if other else None

    def candidates(self, sobject: SObject, keys: Sequence[tuple[str, Any]]) -> list[Record] | None:
        """Records that can have one of these values, deleted ones too; None when that is not indexed."""
        rows, held = self.rows[sobject.name.lower()], self._index
        if all(name == "Id" for name, _ in keys):
            return [rows[value] for _, value in keys if value in rows]
        if any(not indexed(sobject.field(name)) for name, _ in keys):
            return None
        found = {one for name, value in keys for one in held[sobject.name.lower(), name].get(value, ())}
        return [rows[one] for one in found]

    # -- writing ---------------------------------------------------------------------------------------

    def create(self, sobject: SObject, given: Mapping[str, Any], caller: Caller) -> str:
        """A new record; its id."""
        clean = self._checked(sobject, None, given, caller)
        return self.put(sobject, clean, caller.user_id)

    def update(self, record_id: str, given: Mapping[str, Any], caller: Caller) -> None:
        """Change fields. Also one that changes nothing counts as a modification."""
        sobject = self.object_of(record_id)
        record = self.rows[sobject.name.lower()].get(normal(record_id) or "")
        if record is None:
            raise Refused(404, "INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
        if record["IsDeleted"]:
            raise Refused(404, "ENTITY_IS_DELETED", "entity is deleted")
        if record.get("IsConverted"):
            raise bad("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
        clean = self._checked(sobject, record, given, caller)
        self._change(sobject, record, clean, caller.user_id)

    def delete(self, record_id: str, caller: Caller) -> None:
        """Into the bin, with an account's contacts and opportunities."""
        sobject = self.object_of(record_id)
        record = self.rows[sobject.name.lower()].get(normal(record_id) or "")
        if record is None or record["IsDeleted"]:
            raise Refused(404, "ENTITY_IS_DELETED", "entity is deleted")
        self._change(sobject, record, {"IsDeleted": True}, caller.user_id)
        for child, name in self._children(record["Id"]):
            if name == "AccountId":
                self.delete(child["Id"], caller)

    def merge(self, winner_id: str, loser_id: str, user_id: str) -> None:
        """The loser goes into the bin and names the winner; what hung on it hangs on the winner."""
        winner, loser = self.get(winner_id), self.get(loser_id)
        sobject = self.object_of(winner_id)
        for child, name in self._children(loser["Id"]):
            self._change(self.object_of(child["Id"]), child, {name: winner["Id"]}, user_id)
        self._change(sobject, loser, {"IsDeleted": True, "MasterRecordId": winner["Id"]}, user_id)
        self._change(sobject, winner, {}, user_id)

    def convert(self, lead_id: str, user_id: str, account_id: str | None = None) -> tuple[str, str]:
        """A lead becomes an account and a contact: their ids. Custom fields are not mapped."""
        lead = self.get(lead_id)
        if account_id is None:
            shared = ("Website", "Industry", "Phone", "Rating", "NumberOfEmployees", "AnnualRevenue")
            account = {"Name": lead["Company"], **{name: lead.get(name) for name in shared}}
            account_id = self.put(self.objects["account"], account, user_id)
        names = ("FirstName", "LastName", "Title", "Email", "Phone", "HasOptedOutOfEmail", "DoNotCall")
        contact = {"AccountId": account_id, **{name: lead.get(name) for name in names}}
        contact_id = self.put(self.objects["contact"], contact, user_id)
        done = {
            "IsConverted": True,
            "ConvertedAccountId": account_id,
            "ConvertedContactId": contact_id,
            "ConvertedDate": self.clock.now().date().isoformat(),
            "Status": "Closed - Converted",
        }
        for child, name in self._children(lead["Id"]):
            self._change(self.object_of(child["Id"]), child, {name: contact_id}, user_id)
        self._change(self.objects["lead"], lead, done, user_id)
        return account_id, contact_id

    def undelete(self, record_id: str, user_id: str) -> None:
        """Out of the bin again."""
        record = self.get(record_id, deleted=True)
        self._change(self.object_of(record_id), record, {"IsDeleted": False}, user_id)

    def touch(self, record_id: str) -> None:
        """A process of the server's own passes over it: only SystemModstamp moves."""
        self.get(record_id)["SystemModstamp"] = text_of(self.clock.now())

    def put(self, sobject: SObject, clean: Mapping[str, Any], user_id: str | None) -> str:
        """Store a record without any check."""
        now = text_of(self.clock.now())
        record: Record = {
            one.name: False if one.kind == "boolean" else None for one in sobject.fields.values()
        }
        record_id = next(self._ids[sobject.name.lower()])
        record |= {"Id": record_id, "CreatedDate": now, "CreatedById": user_id, "OwnerId": user_id}
        self.rows[sobject.name.lower()][record_id] = record
        self._change(sobject, record, clean, user_id)
        self.previous[record_id] = (now, None)
        return record_id

    def snapshot(self) -> Callable[[], None]:
        """Undo of everything that is written from now on (of requests that go all or not at all)."""
        rows = {name: {key: dict(row) for key, row in held.items()} for name, held in self.rows.items()}

        def restore() -> None:
            self.rows = rows
            self._index.clear()
            for name, held in rows.items():
                for record in held.values():
                    self._enter(self.objects[name], record, record)

        return restore

    # -- rules -----------------------------------------------------------------------------------------

    def _checked(
        self, sobject: SObject, record: Record | None, given: Mapping[str, Any], caller: Caller
    ) -> Record:
        clean = canonical(sobject, self._related(sobject, given))
        fill_places(sobject, clean, record or {})
        result = {**(record or {}), **clean}
        check_required(sobject, result)
        for rule in self.validation_rules:
            if said := rule(sobject.name, result):
                raise bad("FIELD_CUSTOM_VALIDATION_EXCEPTION", said)
        self._check_unique(sobject, record, clean)
        self._check_duplicates(sobject, record, clean, caller)
        return clean

    def _related(self, sobject: SObject, given: Mapping[str, Any]) -> Record:
        """References given as ``"Account": {"Key__c": "k"}`` as ids."""
        plain = {}
        for name, value in given.items():
            through = sobject.relation(name) if isinstance(value, dict) else None
            if through is None:
                plain[name] = value
                continue
            other = self.sobject(through.refers[0])
            [(key, wanted)] = ((key, wanted) for key, wanted in value.items() if key != "attributes")
            found = self.by_key(other, other.fields[key.lower()].name, wanted)
            if len(found) != 1:
                message = (
                    f"Foreign key external ID: {wanted} not found for field {key} in entity {other.name}"
                )
                raise bad("INVALID_FIELD", message)
            plain[through.name] = found[0]["Id"]
        return plain

    def _check_unique(self, sobject: SObject, record: Record | None, clean: Record) -> None:
        for name, value in clean.items():
            if value is None or not sobject.fields[name.lower()].unique:
                continue
            others = [one for one in self.by_key(sobject, name, value) if one is not record]
            if others:
                message = f"{name} duplicates value on record with id: {others[0]['Id'][:15]}"
                raise bad("DUPLICATE_VALUE", f"duplicate value found: {message}")

    def _check_duplicates(
        self, sobject: SObject, record: Record | None, clean: Record, caller: Caller
    ) -> None:
        for rule in self.duplicate_rules:
            value = clean.get(rule.objects.get(sobject.name, ""))
            if value is None or (caller.allow_save and not rule.blocks):
                continue
            matches = [
                (other, one)
                for other, name in rule.objects.items()
                for one in self.by_key(self.sobject(other), name, value)
                if one is not record and not one.get("IsConverted")
            ]
            if matches:
                raise _duplicates(rule, matches, caller)

    # -- bookkeeping -----------------------------------------------------------------------------------

    def _change(
        self, sobject: SObject, record: Record, clean: Mapping[str, Any], user_id: str | None
    ) -> None:
        now = text_of(self.clock.now())
        self.previous[record["Id"]] = (now, dict(record))
        for name in clean:
            if indexed(found := sobject.fields[name.lower()]):
                self._index[sobject.name.lower(), name][comparable(found, record.get(name))].discard(
                    record["Id"]
                )
        record.update(clean)
        record.update(LastModifiedDate=now, SystemModstamp=now, LastModifiedById=user_id)
        if "lastname" in sobject.fields:
            record["Name"] = " ".join(filter(None, (record.get("FirstName"), record.get("LastName"))))
        self._enter(sobject, record, clean)

    def _enter(self, sobject: SObject, record: Record, names: Mapping[str, Any]) -> None:
        for name in names:
            if indexed(found := sobject.fields[name.lower()]) and record[name] is not None:
                self._index[sobject.name.lower(), name][comparable(found, record[name])].add(record["Id"])

    def _children(self, record_id: str) -> Iterator[tuple[Record, str]]:
        for name in ("contact", "opportunity", "task", "note"):
            for record in list(self.rows[name].values()):
                for link in ("AccountId", "WhoId", "WhatId", "ParentId"):
                    if record.get(link) == record_id and not record["IsDeleted"]:
                        yield record, link

    def _empty_bin(self) -> None:
        oldest = self.clock.now() - timedelta(days=BIN_DAYS)
        for held in self.rows.values():
            for key in [key for key, row in held.items() if row["IsDeleted"]]:
                if moment_of(held[key]["SystemModstamp"]) < oldest:
                    del held[key]


def indexed(found: Field | None) -> bool:
    """Fields that duplicates and keys are found by."""
    return found is not None and (found.external_id or found.unique or found.kind == "email")


def _duplicates(rule: DuplicateRule, matches: Sequence[tuple[str, Record]], caller: Caller) -> Refused:
    def shown(other: str, one: Record) -> Record:
        details = {"Name": one.get("Name")} if caller.record_details else {}
        return {
            "attributes": {"type": other, "url": f"/sobjects/{other}/{one['Id']}"},
            "Id": one["Id"],
            **details,
        }

    result = {
        "allowSave": not rule.blocks,
        "duplicateRule": rule.name,
        "duplicateRuleEntityType": matches[0][0],
        "errorMessage": "Use one of these records?",
        "matchResults": [
            {
                "entityType": other,
                "errors": [],
                "matchEngine": "ExactMatchEngine",
                "matchRecords": [
                    {
                        "additionalInformation": [],
                        "fieldDiffs": [],
                        "matchConfidence": 100.0,
                        "record": shown(other, one),
                    }
                ],
                "rule": rule.name,
                "size": 1,
                "success": True,
            }
            for other, one in matches
        ],
    }
    return bad("DUPLICATES_DETECTED", "Use one of these records?", duplicateResult=result)
