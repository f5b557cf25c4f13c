"""Who of the CRM a subject may be, and what became of operations without an answer."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from sales_agent_dagster.crm.canonical import canonical
from sales_agent_dagster.crm.contract import Candidate, Operation, Record, Subject
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.crm.hubspot.client import (
    BATCH,
    HISTORY_BATCH,
    SEARCH_PAGE,
    Client,
    Raw,
    chunks,
    next_page,
)
from sales_agent_dagster.crm.hubspot.mapping import CREATED, MERGED, FieldMap, milliseconds, modified_property
from sales_agent_dagster.crm.hubspot.pulling import archived_since
from sales_agent_dagster.domain.values.web import read_website

EVIDENCE = ("external_key", "email", "domain", "phone")
"""Best first."""

MAX_QUERY = 3000
"""Characters that a search's body may have."""

_FRAME = 900
"""Characters of a search's body around its values."""

MAX_GROUP_VALUES = 100
MAX_RESULTS = 10_000
ToRecords = Callable[[Kind, list[Raw]], list[Record]]


class Finder:
    """Reads by key, which sees every write, and by search where there is no unique key.

    Args:
        records: makes records of raw objects.
    """

    def __init__(self, client: Client, fields: FieldMap, records: ToRecords) -> None:
        self._client = client
        self._fields = fields
        self._records = records
        self._keyed: set[Kind] = set()

    def by_key(
        self, kind: Kind, keys: Iterable[str], *, by: str | None = None, archived: bool = False
    ) -> list[Record]:
        """Records by external key or by another unique property."""
        found: list[Record] = []
        if by is None and not self._has_keys(kind):
            return found
        for some in chunks(dict.fromkeys(keys), BATCH):
            raw = self._client.read(
                kind, some, self._fields.wanted(kind), by=by or self._fields.key_property, archived=archived
            )
            found += self._records(kind, raw)
        return found

    def lookup(self, kind: Kind, subjects: Sequence[Subject]) -> dict[str, list[Candidate]]:
        """Candidates by external key of the subject; every equality is checked here."""
        records = self.by_key(kind, (subject.external_key for subject in subjects))
        if kind is Kind.CONTACT:
            emails = [address for subject in subjects for address in subject.emails]
            records += self.by_key(kind, emails, by="email") if emails else []
        records += self._records(kind, list(self._searched(kind, subjects)))
        by_id = {record.remote_id: record for record in records}
        holders = _holders(kind, by_id.values())
        return {subject.external_key: _candidates(subject, by_id, holders) for subject in subjects}

    def appeared(self, kind: Kind, since: datetime | None) -> Iterator[Record]:
        """Objects that were created at or after ``since`` without our key, walked by id: that has no cap."""
        if kind not in (Kind.COMPANY, Kind.CONTACT):
            return
        filters: list[Raw] = []
        if since is not None:
            start = str(milliseconds(since))
            filters.append({"propertyName": CREATED, "operator": "GTE", "value": start})
        if self._has_keys(kind):
            filters.append({"propertyName": self._fields.key_property, "operator": "NOT_HAS_PROPERTY"})
        last = "0"
        while True:
            after: Raw = {"propertyName": "hs_object_id", "operator": "GT", "value": last}
            body = {
                "filterGroups": [{"filters": [*filters, after]}],
                "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
                "properties": self._fields.wanted(kind),
                "limit": SEARCH_PAGE,
            }
            results: list[Raw] = self._client.search(kind, body).get("results", [])
            yield from self._records(kind, results)
            if len(results) < SEARCH_PAGE:
                return
            last = str(results[-1]["id"])

    def merged_away(self, kind: Kind, keys: Iterable[str]) -> dict[str, Record]:
        """Survivors of records that had these keys: a merge keeps the loser's key only in the past.

        Survivors that were archived since are found too, where no other has the key.
        """
        left, found = set(keys), dict[str, Record]()
        body: dict[str, Any] = {
            "filterGroups": [{"filters": [{"propertyName": MERGED, "operator": "HAS_PROPERTY"}]}],
            "sorts": [{"propertyName": modified_property(kind), "direction": "DESCENDING"}],
            "limit": SEARCH_PAGE,
        }
        recent = [str(raw["id"]) for raw in self._client.search(kind, body).get("results", ())]
        found.update(self._once_had(kind, recent, left))
        if left := left - found.keys():
            pages = archived_since(self._client, kind, [MERGED], None)
            merged = [str(raw["id"]) for page in pages for raw in page if raw["properties"].get(MERGED)]
            found.update(self._once_had(kind, merged, left, archived=True))
        return found

    def _once_had(
        self, kind: Kind, ids: Sequence[str], keys: set[str], *, archived: bool = False
    ) -> Iterator[tuple[str, Record]]:
        """Those of the keys that these records have or had, with the record."""
        key_property, wanted = self._fields.key_property, self._fields.wanted(kind)
        for some in chunks(ids, HISTORY_BATCH):
            for raw in self._client.read(kind, some, wanted, archived=archived, history=[key_property]):
                past = (raw.get("propertiesWithHistory") or {}).get(key_property) or ()
                for key in keys & {str(entry.get("value")) for entry in past}:
                    yield key, self._records(kind, [raw])[0]

    def created(self, kind: Kind, operations: Sequence[Operation]) -> dict[str, Record]:
        """What is there of the records that these operations create, by external key."""
        keys = {operation.external_key for operation in operations}
        found = {record.external_key or "": record for record in self.by_key(kind, keys)}
        if left := keys - found.keys():
            archived = self.by_key(kind, left, archived=True)
            found.update((record.external_key or "", record) for record in archived)
        if (left := keys - found.keys()) and kind in (Kind.COMPANY, Kind.CONTACT):
            found.update(self.merged_away(kind, left))
        return found

    def _has_keys(self, kind: Kind) -> bool:
        """Before our properties are created nothing has a key, and asking by it is an error."""
        if kind not in self._keyed and self._client.has_property(kind, self._fields.key_property):
            self._keyed.add(kind)
        return kind in self._keyed

    def _searched(self, kind: Kind, subjects: Sequence[Subject]) -> Iterator[Raw]:
        values: dict[str, list[str]] = {}
        if kind is Kind.COMPANY:
            values["domain"] = [domain for subject in subjects for domain in subject.domains]
        phones = [phone for subject in subjects for phone in subject.phones]
        values["phone"] = [form for phone in phones for form in _phone_forms(phone)]
        for name, wanted in values.items():
            for some in _packed(dict.fromkeys(wanted)):
                yield from self._search_in(kind, name, some)

    def _search_in(self, kind: Kind, name: str, values: list[str]) -> Iterator[Raw]:
        given = {"propertyName": name, "operator": "IN", "values": values}
        body: dict[str, Any] = {
            "filterGroups": [{"filters": [given]}],
            "sorts": [{"propertyName": "hs_object_id", "direction": "ASCENDING"}],
            "limit": SEARCH_PAGE,
        }
        ids: list[str] = []
        while True:
            page = self._client.search(kind, body)
            ids += [str(raw["id"]) for raw in page.get("results", ())]
            after = next_page(page)
            if not after or int(after) >= MAX_RESULTS:
                break
            body["after"] = after
        # Read again: the index may be behind, and all properties would not fit into the search's body.
        for some in chunks(ids, BATCH):
            yield from self._client.read(kind, some, self._fields.wanted(kind))


def _packed(values: Iterable[str]) -> Iterator[list[str]]:
    """Values that fit into one search; all are in lower case, as IN wants text."""
    some: list[str] = []
    size = 0
    for value in values:
        if some and (len(some) == MAX_GROUP_VALUES or size + len(value) + 3 > MAX_QUERY - _FRAME):
            yield some
            some, size = [], 0
        some.append(value)
        size += len(value) + 3
    if some:
        yield some


def _phone_forms(phone: str) -> list[str]:
    """Ways in which a number is written: HubSpot keeps what was typed. Others than these are not found."""
    digits = phone.removeprefix("+1")
    if len(digits) != 10 or digits == phone:
        return [phone]
    area, middle, last = digits[:3], digits[3:6], digits[6:]
    return [phone, digits, f"({area}) {middle}-{last}", f"{area}-{middle}-{last}"]


def _holders(kind: Kind, records: Iterable[Record]) -> dict[tuple[str, str], set[str]]:
    """Ids of records by (evidence, value)."""
    found: defaultdict[tuple[str, str], set[str]] = defaultdict(set)
    for record in records:
        for name, value in _keys_of(kind, record):
            found[name, value].add(record.remote_id)
    return found


def _keys_of(kind: Kind, record: Record) -> Iterator[tuple[str, str]]:
    if record.external_key:
        yield "external_key", record.external_key.lower()
    for name in ("email", "phone"):
        value = canonical(kind, name, record.fields.get(name))
        if value is not None:
            yield name, str(value)
    domain = read_website(str(record.fields.get("website") or "")).domain
    if domain:
        yield "domain", domain


def _candidates(
    subject: Subject, by_id: dict[str, Record], holders: dict[tuple[str, str], set[str]]
) -> list[Candidate]:
    given = {
        "external_key": (subject.external_key.lower(),),
        "email": tuple(address.lower() for address in subject.emails),
        "domain": subject.domains,
        "phone": subject.phones,
    }
    evidence: defaultdict[str, list[str]] = defaultdict(list)
    for name in EVIDENCE:
        for record_id in {held for value in given[name] for held in holders.get((name, value), ())}:
            evidence[record_id].append(name)
    found = [Candidate(by_id[record_id], tuple(names)) for record_id, names in evidence.items()]
    return sorted(
        found,
        key=lambda one: (EVIDENCE.index(one.evidence[0]), -len(one.evidence), int(one.record.remote_id)),
    )
