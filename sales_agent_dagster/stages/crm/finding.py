"""A last look before creating: the CRM itself would create a second record without a word.

One that creates by key does so too: what a person made meanwhile has no key of ours. So the CRM is asked for
what appeared without our key since the pulls, once per group of operations however large it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from sales_agent_dagster.crm.canonical import canonical
from sales_agent_dagster.crm.contract import Record, Value
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.domain.shared_hosts import is_free_mail, is_shared_host
from sales_agent_dagster.domain.values.phone import read_phones
from sales_agent_dagster.domain.values.web import read_website, registrable_domain
from sales_agent_dagster.stages.crm.arriving import store_records, storing
from sales_agent_dagster.stages.crm.context import SyncContext
from sales_agent_dagster.stages.crm.outbox import unattached
from sales_agent_dagster.stages.crm.planning import Planned, Step
from sales_agent_dagster.stages.crm.pulling import watermark
from sales_agent_dagster.stages.crm.stored import SNAPSHOTS, Link, save_links, snapshots_of

_KINDS = (Kind.COMPANY, Kind.CONTACT)


def found_meanwhile(context: SyncContext, group: Sequence[Planned]) -> tuple[list[Planned], list[Planned]]:
    """Leave out creates that a record which we did not know may be; it is stored, so that it can be linked.

    Only companies. Returns what is left, and what was left out.
    """
    if not any(map(_creates_company, group)):
        return list(group), []
    held = {key for record in _new(context, _appeared(context)) for key in _keys_of(record.fields)}
    left: list[Planned] = []
    out: list[Planned] = []
    for one in group:
        there = _creates_company(one) and not held.isdisjoint(_keys_of(one.payload))
        (out if there else left).append(one)
    return left, out


def _creates_company(planned: Planned) -> bool:
    return planned.kind is Kind.COMPANY and planned.step is Step.CREATE


def without_taken_away(context: SyncContext, group: Sequence[Planned]) -> list[Planned]:
    """Leave out creates whose record was made earlier, not attached then, and taken away by people since.

    What they deleted stays deleted, and what they merged away is what it was merged into.
    """
    creates = {one.external_key: one for one in group if one.step is Step.CREATE and one.kind in SNAPSHOTS}
    if not creates:
        return list(group)
    kind = group[0].kind
    with context.warehouse.reading() as connection:
        made = unattached(connection, context.crm, kind, creates)
    found = context.connector.read(kind, sorted(made.values())) if made else {}
    merged = [one for one in found.values() if one.merged_into is not None]
    there = found.keys() - {one.remote_id for one in merged}
    taken = {key: remote_id for key, remote_id in made.items() if remote_id not in there}
    if not taken or not context.connector.fence.passes():
        return [one for one in group if one.external_key not in taken]
    links = [
        _taken_away(creates[key], remote_id, gone=remote_id not in found) for key, remote_id in taken.items()
    ]
    with storing(context, merged) as connection:
        save_links(context, connection, links)
        store_records(context, connection, merged)
    return [one for one in group if one.external_key not in taken]


def _taken_away(planned: Planned, remote_id: str, *, gone: bool) -> Link:
    """The link to a record before it was attached; that of a merged one goes on to the survivor."""
    state, reason = "linked", "Our sync created it."
    if gone:
        state, reason = "gone", "The record was deleted in the CRM before it was attached to its company."
    return Link(
        planned.kind,
        planned.external_key,
        planned.entity_id,
        remote_id,
        state,
        "created",
        reason,
        created_by_us=True,
    )


def _appeared(context: SyncContext) -> list[Record]:
    """What is there without our key since a little before each stream's pull; the streams side by side."""
    overlap = timedelta(seconds=context.settings.overlap_s)
    asked: list[tuple[str, datetime | None]] = []
    for stream in context.connector.capabilities.streams:
        if not stream.kinds.isdisjoint(_KINDS):
            mark = watermark(context, stream.name)
            asked.append((stream.name, None if mark is None else mark - overlap))
    with ThreadPoolExecutor(len(asked), thread_name_prefix="crm-look") as pool:
        found = pool.map(lambda each: list(context.connector.appeared(*each)), asked)
        return [record for records in found for record in records]


def _new(context: SyncContext, records: Sequence[Record]) -> list[Record]:
    """Those that were not stored; they are now."""
    new: list[Record] = []
    with storing(context, records) as connection:
        for kind in _KINDS:
            some = {one.remote_id: one for one in records if one.kind is kind}
            known = snapshots_of(connection, context.crm, kind, some)
            new += [one for remote_id, one in some.items() if remote_id not in known]
        store_records(context, connection, new)
    return new


def _keys_of(fields: Mapping[str, Value | None]) -> Iterator[tuple[str, str]]:
    """What tells that two records may be the same company: name, domain and number, also its people's."""
    if name := canonical(Kind.COMPANY, "company", fields.get("company")):
        yield "name", str(name).casefold()
    if phone := read_phones(str(fields.get("phone") or "")).phone:
        yield "phone", phone
    site = read_website(str(fields.get("website") or ""))
    mail = str(fields.get("email") or "").strip().lower().rpartition("@")[2]
    domains = {site.domain if not is_shared_host(site.host or "") else None, registrable_domain(mail)}
    yield from (("domain", domain) for domain in domains if domain and not is_free_mail(domain))
