"""Which contact of the CRM a contact of ours is, within the record of its company."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from sales_agent_dagster.crm.contract import Record
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.stages.crm.adopting import adopt
from sales_agent_dagster.stages.crm.context import SyncContext
from sales_agent_dagster.stages.crm.desired import Contact, Desired, contact_form
from sales_agent_dagster.stages.crm.stored import Key, Link, links_of, links_to, record_of_row, save_links
from sales_agent_dagster.stages.known_companies import chunked
from sales_agent_dagster.warehouse.schema import crm_contacts


def link_contacts(context: SyncContext, connection: sa.Connection, desired: Mapping[str, Desired]) -> None:
    """Link the contacts of linked companies, by our key, else the address, else the name."""
    known = links_of(connection, context.crm, desired)
    waiting = _waiting(desired, known)
    if not waiting:
        return
    companies = {known[Kind.COMPANY, entity_id].remote_id for entity_id in waiting}
    by_company, by_email = _records(context, connection, companies, waiting)
    taken = _taken(context, connection, by_company, by_email)
    links = []
    for entity_id, contacts in waiting.items():
        company_id = known[Kind.COMPANY, entity_id].remote_id
        for contact in contacts:
            found = _find(entity_id, contact, by_company.get(company_id, ()), by_email, taken)
            if found is not None:
                links.append(found)
                taken.add(found.remote_id)
    save_links(context, connection, links)
    adopt(context, connection, Kind.CONTACT, links)


def _waiting(desired: Mapping[str, Desired], known: Mapping[Key, Link]) -> dict[str, list[Contact]]:
    """Contacts without link, by company, where that is linked."""
    found = {}
    for entity_id, company in desired.items():
        link = known.get((Kind.COMPANY, entity_id))
        if link is None or link.state != "linked":
            continue
        contacts = [contact for contact in company.contacts if (Kind.CONTACT, contact.key) not in known]
        if contacts:
            found[entity_id] = contacts
    return found


def _records(
    context: SyncContext,
    connection: sa.Connection,
    companies: set[str],
    waiting: Mapping[str, Sequence[Contact]],
) -> tuple[dict[str, list[Record]], dict[str, Record]]:
    """The CRM's contacts of these companies, and those of any company with one of the addresses asked for."""
    row = crm_contacts.c
    query = sa.select(crm_contacts).where(row.crm == context.crm, row.archived.is_(False))
    by_company: dict[str, list[Record]] = {}
    for some in chunked(sorted(companies)):
        for found in connection.execute(
            query.where(row.company_id.in_(some)).order_by(row.remote_id)
        ).mappings():
            record = record_of_row(Kind.CONTACT, dict(found))
            by_company.setdefault(str(record.company_id), []).append(record)
    emails = {
        contact_form("email", contact.fields) for contacts in waiting.values() for contact in contacts
    } - {""}
    by_email: dict[str, Record] = {}
    for some in chunked(sorted(emails)):
        for found in connection.execute(query.where(sa.func.lower(row.email).in_(some))).mappings():
            record = record_of_row(Kind.CONTACT, dict(found))
            by_email.setdefault(contact_form("email", record.fields), record)
    return by_company, by_email


def _taken(
    context: SyncContext,
    connection: sa.Connection,
    by_company: Mapping[str, Sequence[Record]],
    by_email: Mapping[str, Record],
) -> set[str]:
    """Records that contacts of ours have already."""
    ids = {record.remote_id for records in by_company.values() for record in records}
    ids |= {record.remote_id for record in by_email.values()}
    links = links_to(connection, context.crm, Kind.CONTACT, ids)
    return {remote_id for remote_id, found in links.items() if any(link.state == "linked" for link in found)}


def _find(
    entity_id: str,
    contact: Contact,
    colleagues: Sequence[Record],
    by_email: Mapping[str, Record],
    taken: set[str],
) -> Link | None:
    free = [record for record in colleagues if record.remote_id not in taken]
    for record in free:
        if record.external_key == contact.key:
            return _link(entity_id, contact, record, "linked", "external_key", "It carries our key.")
    for name in ("email", "contact_name"):
        ours = contact_form(name, contact.fields)
        for record in free:
            if ours and contact_form(name, record.fields) == ours:
                words = "address" if name == "email" else "name"
                return _link(entity_id, contact, record, "linked", "matched", f"It has the same {words}.")
    elsewhere = by_email.get(contact_form("email", contact.fields))
    if elsewhere is not None and elsewhere.external_key == contact.key and elsewhere.company_id is None:
        return None  # ours, but its creation did not get as far as its company: it is due again
    if elsewhere is not None:
        reason = f"Contact {elsewhere.remote_id} of another company has the address: a person must say."
        return _link(entity_id, contact, elsewhere, "review", "matched", reason)
    return None


def _link(entity_id: str, contact: Contact, record: Record, state: str, how: str, reason: str) -> Link:
    return Link(
        Kind.CONTACT, contact.key, entity_id, record.remote_id, state, how, reason, remote_url=record.url
    )
