"""Who in Salesforce may be one of ours: by key, e-mail address, domain and phone, over all objects."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from sales_agent_dagster.crm.contract import Candidate, Subject
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.crm.record import Record
from sales_agent_dagster.crm.salesforce.client import Row
from sales_agent_dagster.crm.salesforce.finding import Finder
from sales_agent_dagster.crm.salesforce.layout import HOLDERS, Layout, SObject
from sales_agent_dagster.crm.salesforce.soql import any_of, like, quoted
from sales_agent_dagster.domain.values.phone import read_phones
from sales_agent_dagster.domain.values.web import read_website

EVIDENCE = ("external_key", "email", "domain", "phone")
"""Most telling first."""

_PHONE_DIGITS = 7
"""Last digits that a number's pattern asks for, in any spelling; equality is checked here."""

Held = tuple[str, str]
"""A kind of evidence and a value, in the form in which it is compared."""


@dataclass
class _Pool:
    """Records by what they hold."""

    records: dict[str, Record] = field(default_factory=dict)
    holders: defaultdict[Held, set[str]] = field(default_factory=lambda: defaultdict(set))

    def add(self, record: Record, *held: Held) -> None:
        if record.archived:
            return
        self.records[record.remote_id] = record
        for one in held:
            self.holders[one].add(record.remote_id)


class Lookup:
    """Finds candidates of one organisation."""

    def __init__(self, finder: Finder, layout: Layout) -> None:
        self._finder = finder
        self._layout = layout

    def __call__(self, kind: Kind, subjects: Sequence[Subject]) -> dict[str, list[Candidate]]:
        """Candidates by external key of the subject, most telling first."""
        if kind not in (Kind.COMPANY, Kind.CONTACT):
            records = self._finder.by_key(kind, [subject.external_key for subject in subjects])
            return {key: [Candidate(record, ("external_key",))] for key, record in records.items()}
        pool = _Pool()
        for sobject in HOLDERS[kind]:
            for condition in self._conditions(kind, sobject, subjects):
                self._add(pool, kind, sobject, condition)
        self._add_converted(pool, kind, subjects)
        if kind is Kind.COMPANY:
            self._add_employers(pool, subjects)
        found = {one.external_key: list(_candidates(pool, one)) for one in subjects}
        return {key: candidates for key, candidates in found.items() if candidates}

    def _add(self, pool: _Pool, kind: Kind, sobject: SObject, condition: str) -> None:
        live = " AND IsConverted = false" if sobject is SObject.LEAD else ""
        for row in self._finder.select(sobject, f"{condition}{live}"):
            record = self._finder.record(kind, sobject, row)
            if record is not None:
                pool.add(record, *_held(record, row))

    def _add_converted(self, pool: _Pool, kind: Kind, subjects: Sequence[Subject]) -> None:
        """What a lead with our key was converted to counts as having it."""
        keys: dict[str, str] = {}
        column = self._layout.key(kind, SObject.LEAD)
        for condition in self._finder.among(SObject.LEAD, column, [one.external_key for one in subjects]):
            for row in self._finder.select(SObject.LEAD, f"{condition} AND IsConverted = true"):
                lead = self._finder.record(kind, SObject.LEAD, row)
                if lead is not None and lead.merged_into:
                    keys[lead.merged_into] = str(lead.external_key)
        for remote_id, record in self._finder.read(kind, list(keys)).items():
            pool.add(record, ("external_key", keys[remote_id].casefold()))

    def _add_employers(self, pool: _Pool, subjects: Sequence[Subject]) -> None:
        """An account counts as having its contacts' addresses."""
        addresses: dict[str, list[str]] = {}
        emails = [address for one in subjects for address in one.emails]
        for condition in self._finder.among(SObject.CONTACT, "Email", emails):
            for row in self._finder.select(SObject.CONTACT, condition):
                if row.get("AccountId"):
                    addresses.setdefault(row["AccountId"], []).append(str(row["Email"]).lower())
        for remote_id, record in self._finder.read(Kind.COMPANY, list(addresses)).items():
            pool.add(record, *(("email", address) for address in addresses[remote_id]))

    def _conditions(self, kind: Kind, sobject: SObject, subjects: Sequence[Subject]) -> Iterator[str]:
        """Conditions of queries: first what has an index, then patterns; only of columns that are there."""
        key, phone = self._layout.key(kind, sobject), self._layout.columns[kind, sobject]["phone"]
        exact = [(key, f"= {quoted(one.external_key)}") for one in subjects]
        if sobject is not SObject.ACCOUNT:
            exact += [("Email", f"= {quoted(address)}") for one in subjects for address in one.emails]
        loose = [(phone, f"LIKE {_spelled(number)}") for one in subjects for number in one.phones]
        if kind is Kind.COMPANY:
            loose += [("Website", f"LIKE {like(domain)}") for one in subjects for domain in one.domains]
        for asked in (exact, loose):
            there = [f"{column} {test}" for column, test in asked if self._finder.has(sobject, column)]
            yield from any_of(list(dict.fromkeys(there)))


def _spelled(phone: str) -> str:
    return like(*[char for char in phone if char.isdigit()][-_PHONE_DIGITS:])


def _held(record: Record, row: Row) -> Iterator[Held]:
    if record.external_key:
        yield "external_key", record.external_key.casefold()
    if row.get("Email"):
        yield "email", str(row["Email"]).lower()
    if domain := read_website(str(record.fields.get("website", ""))).domain:
        yield "domain", domain
    if number := read_phones(str(record.fields.get("phone", ""))).phone:
        yield "phone", number


def _candidates(pool: _Pool, subject: Subject) -> Iterator[Candidate]:
    asked: list[Held] = [("external_key", subject.external_key.casefold())]
    asked += [("email", address.lower()) for address in subject.emails]
    asked += [("domain", domain) for domain in subject.domains]
    asked += [("phone", number) for number in subject.phones]
    evidence: defaultdict[str, list[str]] = defaultdict(list)
    for held in dict.fromkeys(asked):
        for remote_id in pool.holders.get(held, ()):
            if held[0] not in evidence[remote_id]:
                evidence[remote_id].append(held[0])
    ranked = sorted(evidence, key=lambda one: (EVIDENCE.index(evidence[one][0]), -len(evidence[one]), one))
    for remote_id in ranked:
        yield Candidate(pool.records[remote_id], tuple(evidence[remote_id]))
