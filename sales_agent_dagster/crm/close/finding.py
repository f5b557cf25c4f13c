"""Finding records: by our key, by what people know of them, and what became of those that are gone."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from sales_agent_dagster.crm.canonical import canonical
from sales_agent_dagster.crm.close.api import CloseApi, segment
from sales_agent_dagster.crm.close.events import merges
from sales_agent_dagster.crm.close.mapping import Mapper, moment_of
from sales_agent_dagster.crm.close.queries import (
    Node,
    absent,
    all_of,
    any_of,
    custom,
    phrases,
    regular,
    related,
)
from sales_agent_dagster.crm.close.schema import PATHS
from sales_agent_dagster.crm.contract import Candidate, Record, Subject
from sales_agent_dagster.crm.errors import RecordGone
from sales_agent_dagster.crm.fields import EXTERNAL_KEY, Kind
from sales_agent_dagster.domain.values.web import host_without_www, registrable_domain

Object = Mapping[str, Any]
EVIDENCE = ("external_key", "email", "domain", "phone")
"""Best first."""
STREAMED = {"companies": Kind.COMPANY, "contacts": Kind.CONTACT}
"""Streams whose records people create without our key."""
PER_SEARCH = 50
"""Subjects per search; more make its query longer than anybody has tried. Searches go side by side."""


def lookup(
    api: CloseApi, mapper: Mapper, kind: Kind, subjects: Sequence[Subject]
) -> dict[str, list[Candidate]]:
    """Candidates by external key of the subject, best evidence first, then the oldest record."""
    found: dict[str, list[Candidate]] = {subject.external_key: [] for subject in subjects}
    if kind not in PATHS:
        return found
    batches = [subjects[at : at + PER_SEARCH] for at in range(0, len(subjects), PER_SEARCH)]
    searched = api.transport.each(lambda batch: (batch, _searched(api, mapper, kind, batch)), batches)
    for batch, values in searched:
        by_key = _by_key(batch)
        for value in values:
            for external_key, evidence in _evidence(mapper, kind, value, by_key).items():
                ordered = tuple(name for name in EVIDENCE if name in evidence)
                found[external_key].append(Candidate(mapper.record(kind, value), ordered))
    for candidates in found.values():
        candidates.sort(key=lambda candidate: EVIDENCE.index(candidate.evidence[0]))
    return found


def appeared(api: CloseApi, mapper: Mapper, stream: str, since: datetime | None) -> Iterator[Record]:
    """Leads or contacts that were created at or after ``since`` without our key."""
    kind = next((kind for name, kind in STREAMED.items() if name == stream), None)
    if kind is None:
        return
    path, start = PATHS[kind], since.isoformat() if since is not None else None
    key_field = mapper.schema.ids[kind].get(EXTERNAL_KEY)
    keyless = [absent(custom(key_field))] if key_field else []
    for page in api.created(path, start, mapper.columns(kind), *keyless):
        yield from (mapper.record(kind, value) for value in page)


def _searched(api: CloseApi, mapper: Mapper, kind: Kind, subjects: Sequence[Subject]) -> list[Any]:
    nodes = list(_nodes(mapper, kind, subjects))
    if not nodes:
        return []
    path = PATHS[kind]
    fields = mapper.columns(kind)
    if kind is Kind.COMPANY:
        fields = [*fields, "contacts"]
    values = api.found(path, all_of(path, any_of(nodes)), fields)
    return sorted(values, key=lambda value: str(value["date_created"]))


def _nodes(mapper: Mapper, kind: Kind, subjects: Sequence[Subject]) -> Iterator[Node]:
    def related_phrases(other: str, name: str, values: Sequence[str]) -> Iterator[Node]:
        if values:
            node = related("contact", other, any_of(phrases(regular(other, name), values)))
            yield node if kind is Kind.CONTACT else related("lead", "contact", node)

    key_field = mapper.schema.ids[kind].get(EXTERNAL_KEY)
    if key_field:
        yield from phrases(custom(key_field), _distinct(subject.external_key for subject in subjects))
    emails = _distinct(email for subject in subjects for email in subject.emails)
    phones = _distinct(phone for subject in subjects for phone in subject.phones)
    yield from related_phrases("contact_email", "email", emails)
    yield from related_phrases("contact_phone", "phone", phones)
    if kind is Kind.COMPANY:
        domains = _distinct(domain for subject in subjects for domain in subject.domains)
        yield from phrases(regular("lead", "url"), domains)
        if phone_field := mapper.schema.ids[kind].get("phone"):
            yield from phrases(custom(phone_field), phones)


def _distinct(values: Any) -> list[str]:
    return list(dict.fromkeys(value for value in values if value))


def _by_key(subjects: Sequence[Subject]) -> dict[tuple[str, str], list[str]]:
    """External keys by what is known of a subject: ("email", "jo@acme.com")."""
    known: dict[tuple[str, str], list[str]] = defaultdict(list)
    for subject in subjects:
        known["external_key", subject.external_key].append(subject.external_key)
        for name, values in (
            ("email", subject.emails),
            ("domain", subject.domains),
            ("phone", subject.phones),
        ):
            for value in values:
                known[name, value.lower()].append(subject.external_key)
    return known


def _evidence(
    mapper: Mapper, kind: Kind, value: Object, known: Mapping[tuple[str, str], list[str]]
) -> dict[str, set[str]]:
    """By external key, which of a subject's keys the object has: equality, where Close compares words."""
    evidence: dict[str, set[str]] = defaultdict(set)
    for name, held in _keys_of(mapper, kind, value):
        for external_key in known.get((name, held), ()):
            evidence[external_key].add(name)
    return evidence


def _keys_of(mapper: Mapper, kind: Kind, value: Object) -> Iterator[tuple[str, str]]:
    ids = mapper.schema.ids[kind]
    yield "external_key", value.get(f"custom.{ids.get(EXTERNAL_KEY)}") or ""
    contacts = value.get("contacts") or () if kind is Kind.COMPANY else (value,)
    for contact in contacts:
        for email in contact.get("emails") or ():
            yield "email", str(email.get("email") or "").strip().lower()
        for phone in contact.get("phones") or ():
            yield "phone", _e164(phone.get("phone") or "")
    if kind is Kind.COMPANY:
        yield "phone", _e164(value.get(f"custom.{ids.get('phone')}") or "")
        host = str(canonical(Kind.COMPANY, "website", value.get("url") or "") or "").partition("/")[0]
        host = host_without_www(host.partition(":")[0])
        yield "domain", (registrable_domain(host) or host) if host else ""


def _e164(text: str) -> str:
    return str(canonical(Kind.CONTACT, "phone", text) or "")


def by_external_key(api: CloseApi, mapper: Mapper, kind: Kind, keys: Sequence[str]) -> dict[str, Object]:
    """Objects that carry one of these keys, by key; of several the oldest."""
    key_field = mapper.schema.key_field(kind)
    path = PATHS[kind]
    found: dict[str, Object] = {}
    fields, wanted = mapper.columns(kind), set(keys)

    def searched(batch: Sequence[str]) -> list[Any]:
        return api.found(path, all_of(path, any_of(phrases(custom(key_field), batch))), fields)

    batches = [keys[at : at + PER_SEARCH] for at in range(0, len(keys), PER_SEARCH)]
    values = [value for some in api.transport.each(searched, batches) for value in some]
    for value in sorted(values, key=lambda value: str(value["date_created"])):
        key = value.get(f"custom.{key_field}")
        if key in wanted:
            found.setdefault(key, value)
    return found


def read(api: CloseApi, mapper: Mapper, kind: Kind, remote_ids: Sequence[str]) -> dict[str, Record]:
    """Records as they are now; a lead that was merged away is told with the lead that has it now."""
    path = {Kind.COMPANY: "lead", Kind.CONTACT: "contact", Kind.OPPORTUNITY: "opportunity"}.get(kind)
    if path is None:
        return {}

    def one(remote_id: str) -> tuple[str, Any]:
        try:
            return remote_id, api.get(f"{path}/{segment(remote_id)}/")
        except RecordGone:
            return remote_id, None

    values = dict(api.transport.each(one, dict.fromkeys(remote_ids)))
    records = {key: mapper.record(kind, value) for key, value in values.items() if value is not None}
    gone = [key for key, value in values.items() if value is None]
    if gone and kind is Kind.COMPANY:
        into = merges(api)
        records |= {key: merged_record(key, *into[key]) for key in gone if key in into}
    return records


def merged_record(remote_id: str, survivor: str, at: str) -> Record:
    """What is left of a lead that was merged away."""
    return Record(Kind.COMPANY, remote_id, {}, moment_of(at), archived=True, merged_into=survivor)
