"""Which record of the CRM a company or contact is: by our key, by the identity engine, or none yet.

A decision is kept with its reason. What only a person can decide waits as ``review``; what a person said no
to is never linked again by itself.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from sales_agent_dagster.crm.contract import Fields, Record
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.domain.errors import UnknownRecord
from sales_agent_dagster.matching.decide import Outcome
from sales_agent_dagster.matching.lead import RawLead
from sales_agent_dagster.stages.crm.adopting import adopt
from sales_agent_dagster.stages.crm.contacts import link_contacts
from sales_agent_dagster.stages.crm.context import SyncContext
from sales_agent_dagster.stages.crm.desired import Desired, desired_of, entity_ids, pages
from sales_agent_dagster.stages.crm.outcomes import tell_companies
from sales_agent_dagster.stages.crm.rekeying import follow_entities
from sales_agent_dagster.stages.crm.stored import (
    Link,
    links_of,
    record_of_row,
    rejections_of,
    save_links,
)
from sales_agent_dagster.stages.identity.crm import CrmMatch, match_crm_records
from sales_agent_dagster.warehouse.schema import crm_contacts, crm_leads, crm_link


def link(context: SyncContext) -> None:
    """Link all companies and contacts that have no link yet, as far as that can be decided."""
    with context.warehouse.transaction() as connection:
        context.warehouse.exclusive(connection, f"crm-link-{context.crm}")
        ids = entity_ids(connection)
        follow_entities(context, connection, ids)
        _drop_answered(context, connection)
        _link_companies(context, connection, ids)
        for some in pages(ids):
            link_contacts(context, connection, desired_of(connection, some))
        tell_companies(context, connection)


def _drop_answered(context: SyncContext, connection: sa.Connection) -> None:
    """Forget questions about records that another company of ours has by now: theirs cannot be this one.

    People merged that one's record into it, or said that it is that one's.
    """
    row, other = crm_link.c, crm_link.alias().c
    taken = sa.exists().where(
        other.crm == row.crm,
        other.kind == row.kind,
        other.remote_id == row.remote_id,
        other.state == "linked",
    )
    connection.execute(
        sa.delete(crm_link).where(
            row.crm == context.crm, row.kind == Kind.COMPANY.value, row.state == "review", taken
        )
    )


def _link_companies(context: SyncContext, connection: sa.Connection, ids: Sequence[str]) -> None:
    known = links_of(connection, context.crm, ids)
    unlinked = [
        entity_id
        for entity_id in ids
        if (found := known.get((Kind.COMPANY, entity_id))) is None or found.state == "rejected"
    ]
    records = _free_records(context, connection)
    if not unlinked or not records:
        return
    by_key = {record.external_key: record for record in records.values() if record.external_key}
    links = [
        _by_key(entity_id, by_key[entity_id])
        for entity_id in unlinked
        if entity_id in by_key and (Kind.COMPANY, entity_id) not in known
    ]
    taken = {found.remote_id for found in links}
    done = {found.entity_id for found in links}
    links += _by_identity(
        context,
        connection,
        [entity_id for entity_id in unlinked if entity_id not in done],
        {key: record for key, record in records.items() if key not in taken and not record.external_key},
    )
    save_links(context, connection, links)
    adopt(context, connection, Kind.COMPANY, links)


def _free_records(context: SyncContext, connection: sa.Connection) -> dict[str, Record]:
    """Companies of the CRM that no company of ours is linked to."""
    row, linked = crm_leads.c, crm_link.c
    taken = sa.exists().where(
        linked.crm == row.crm,
        linked.kind == Kind.COMPANY.value,
        linked.remote_id == row.remote_id,
        linked.state.in_(("linked", "shared")),
    )
    query = sa.select(crm_leads).where(row.crm == context.crm, row.archived.is_(False), ~taken)
    rows = connection.execute(query).mappings()
    return {row["remote_id"]: record_of_row(Kind.COMPANY, dict(row)) for row in rows}


def _by_key(entity_id: str, record: Record) -> Link:
    return Link(
        Kind.COMPANY,
        entity_id,
        entity_id,
        record.remote_id,
        "linked",
        "external_key",
        f"Record {record.remote_id} carries our key.",
        remote_url=record.url,
    )


def _by_identity(
    context: SyncContext,
    connection: sa.Connection,
    unlinked: Sequence[str],
    records: Mapping[str, Record],
) -> list[Link]:
    if not unlinked or not records:
        return []
    people = _people(context, connection)
    theirs = [_raw(key, record.fields, people.get(key, {})) for key, record in records.items()]
    ours = [
        _raw_desired(desired) for some in pages(unlinked) for desired in desired_of(connection, some).values()
    ]
    found = []
    rejected = rejections_of(connection, context.crm, Kind.COMPANY, unlinked)
    for match in match_crm_records(ours, theirs, context.model, rejected):
        if match.record_id is not None:
            found.append(_matched(match, records[match.record_id]))
    return found


def _matched(match: CrmMatch, record: Record) -> Link:
    state = "linked" if match.outcome is Outcome.MERGE else "review"
    return Link(
        Kind.COMPANY,
        match.lead_id,
        match.lead_id,
        record.remote_id,
        state,
        "matched",
        match.reason,
        remote_url=record.url,
        explanation=None if match.score is None else match.score.explain(),
    )


def _people(context: SyncContext, connection: sa.Connection) -> Mapping[str, Fields]:
    """Per company of the CRM its first contact: some CRMs keep numbers and addresses only there."""
    row = crm_contacts.c
    query = (
        sa.select(row.company_id, row.contact_name, row.email, row.phone)
        .where(row.crm == context.crm, row.archived.is_(False), row.company_id.is_not(None))
        .order_by(row.company_id, row.remote_id)
    )
    found: dict[str, dict[str, Any]] = {}
    for company_id, name, email, phone in connection.execute(query):
        person = found.setdefault(company_id, {})
        for field, value in (("contact_name", name), ("email", email), ("phone", phone)):
            if value:
                person.setdefault(field, value)
    return found


def _raw_desired(desired: Desired) -> RawLead:
    person = desired.contacts[0].fields if desired.contacts else {}
    return _raw(desired.entity_id, desired.company, person)


def _raw(lead_id: str, company: Fields, person: Fields) -> RawLead:
    def text(name: str, fields: Fields = company) -> str:
        return str(fields.get(name) or "")

    return RawLead(
        lead_id=lead_id,
        name=text("company"),
        phone=text("phone"),
        phone_2=text("phone", person),
        website=text("website"),
        email=text("email", person),
        linkedin=text("linkedin"),
        contact=text("contact_name", person),
        street=text("street"),
        city=text("city"),
        state=text("state"),
        zip=text("zip"),
    )


def reviews(context: SyncContext) -> list[Link]:
    """Links that wait for a person."""
    row = crm_link.c
    query = sa.select(row.entity_id).where(row.crm == context.crm, row.state == "review").distinct()
    with context.warehouse.reading() as connection:
        found = links_of(connection, context.crm, connection.scalars(query))
    return [some for some in found.values() if some.state == "review"]


def answer_review(context: SyncContext, kind: Kind, external_key: str, *, same: bool) -> Link:
    """A person says whether it is that record; the next plan follows.

    Raises:
        UnknownRecord: nothing is asked about it.
    """
    waiting = {(found.kind, found.external_key): found for found in reviews(context)}
    found = waiting.get((kind, external_key))
    if found is None:
        raise UnknownRecord(f"There is no open question about {kind} {external_key} in {context.crm}.")
    answered = replace(
        found,
        state="linked" if same else "rejected",
        how="person",
        reason="A person said so." if same else "A person said that it is another one.",
    )
    with context.warehouse.transaction() as connection:
        save_links(context, connection, [answered])
    return answered
