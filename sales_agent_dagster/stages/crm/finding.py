"""A last look before creating: the CRM itself would create a second record without a word.

One that creates by key does so too: what a person made meanwhile has no key of ours.
"""

from __future__ import annotations

from collections.abc import Sequence

from sales_agent_dagster.crm.contract import Action, Record, Subject
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.domain.shared_hosts import is_free_mail, is_shared_host
from sales_agent_dagster.domain.values.phone import read_phones
from sales_agent_dagster.domain.values.web import read_website
from sales_agent_dagster.stages.crm.arriving import store_records
from sales_agent_dagster.stages.crm.context import SyncContext
from sales_agent_dagster.stages.crm.outbox import Waiting
from sales_agent_dagster.stages.crm.stored import snapshots_of


def found_meanwhile(context: SyncContext, waiting: Sequence[Waiting]) -> tuple[list[Waiting], list[str]]:
    """Leave out creates whose record the CRM has by now, unknown to us; store it, so that it can be linked.

    Only companies. Returns what is left, and the ids of the operations that were left out.
    """
    creates = [
        one for one in waiting if one.operation.kind is Kind.COMPANY and one.operation.action is Action.CREATE
    ]
    found: dict[str, list[Record]] = {}
    size = context.connector.capabilities.lookup_batch
    for start in range(0, len(creates), size):
        some = [_subject(one) for one in creates[start : start + size]]
        for key, candidates in context.connector.lookup(Kind.COMPANY, some).items():
            found[key] = [candidate.record for candidate in candidates]
    new = _new(context, [record for records in found.values() for record in records])
    if not new:
        return list(waiting), []
    out = [
        one.operation.op_id
        for one in creates
        if any(record.remote_id in new for record in found.get(one.operation.external_key, ()))
    ]
    return [one for one in waiting if one.operation.op_id not in out], out


def _new(context: SyncContext, records: Sequence[Record]) -> set[str]:
    """Ids of records that were not stored; they are now."""
    ids = {record.remote_id for record in records}
    with context.warehouse.transaction() as connection:
        known = snapshots_of(connection, context.crm, Kind.COMPANY, ids)
        store_records(context, connection, [one for one in records if one.remote_id not in known])
    return ids - known.keys()


def _subject(waiting: Waiting) -> Subject:
    fields = waiting.operation.fields
    site = read_website(str(fields.get("website") or ""))
    domain = site.domain or ""
    shared = is_shared_host(site.host or "") or is_free_mail(domain)
    phone = read_phones(str(fields.get("phone") or "")).phone
    return Subject(
        waiting.operation.external_key,
        domains=(domain,) if domain and not shared else (),
        phones=(phone,) if phone else (),
    )
