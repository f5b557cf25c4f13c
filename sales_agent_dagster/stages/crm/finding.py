"""A last look before creating: the CRM itself would create a second record without a word.

One that creates by key does so too: what a person made meanwhile has no key of ours. So the CRM is asked for
what appeared without our key since the pulls, once per group of operations however large it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta

from sales_agent_dagster.crm.canonical import canonical
from sales_agent_dagster.crm.contract import Action, Record, Value
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.domain.shared_hosts import is_free_mail, is_shared_host
from sales_agent_dagster.domain.values.phone import read_phones
from sales_agent_dagster.domain.values.web import read_website, registrable_domain
from sales_agent_dagster.stages.crm.arriving import store_records, storing
from sales_agent_dagster.stages.crm.context import SyncContext
from sales_agent_dagster.stages.crm.outbox import Waiting
from sales_agent_dagster.stages.crm.pulling import watermark
from sales_agent_dagster.stages.crm.stored import snapshots_of

_KINDS = (Kind.COMPANY, Kind.CONTACT)


def found_meanwhile(context: SyncContext, waiting: Sequence[Waiting]) -> tuple[list[Waiting], list[str]]:
    """Leave out creates that a record which we did not know may be; it is stored, so that it can be linked.

    Only companies. Returns what is left, and the ids of the operations that were left out.
    """
    creates = [
        one for one in waiting if one.operation.kind is Kind.COMPANY and one.operation.action is Action.CREATE
    ]
    if not creates:
        return list(waiting), []
    held = {key for record in _new(context, _appeared(context)) for key in _keys_of(record.fields)}
    out = {one.operation.op_id for one in creates if not held.isdisjoint(_keys_of(one.operation.fields))}
    return [one for one in waiting if one.operation.op_id not in out], sorted(out)


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
