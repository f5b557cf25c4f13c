"""What we want the CRM to say about each company: the sum of all batches, oldest first."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sales_agent_dagster.crm.canonical import canonical, items_of
from sales_agent_dagster.crm.contract import Fields, Value
from sales_agent_dagster.crm.fields import FIELDS, FieldType, Kind
from sales_agent_dagster.domain.hashing import content_hash
from sales_agent_dagster.stages.known_companies import chunked
from sales_agent_dagster.warehouse.schema import crm_wanted, resolution_order

PAGE = 1000
"""Companies that are planned at a time: what bounds the memory."""


@dataclass(slots=True)
class Contact:
    """A person, or an address, of a company.

    Attributes:
        key: our id of the contact, kept by the first batch that named it.
    """

    key: str
    fields: dict[str, Value]


@dataclass(slots=True)
class Desired:
    """A company as we want the CRM to have it.

    Attributes:
        contacts: in the order in which batches named them.
        leads: (batch id, lead id) whose campaigns belong to it, oldest first.
        wanted_at: when the newest of its values was computed.
    """

    entity_id: str
    company: dict[str, Value] = field(default_factory=dict)
    contacts: list[Contact] = field(default_factory=list)
    leads: list[tuple[str, str]] = field(default_factory=list)
    wanted_at: datetime | None = None


def entity_ids(connection: sa.Connection, batch_id: str | None = None) -> list[str]:
    """Companies that anything is wanted of, in order of their id; of one batch or of all."""
    query = sa.select(crm_wanted.c.entity_id).distinct().order_by(crm_wanted.c.entity_id)
    if batch_id is not None:
        query = query.where(crm_wanted.c.batch_id == batch_id)
    return list(connection.scalars(query))


def pages(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    """``ids`` in parts of ``PAGE``."""
    return (ids[start : start + PAGE] for start in range(0, len(ids), PAGE))


def desired_of(connection: sa.Connection, ids: Iterable[str]) -> dict[str, Desired]:
    """What is wanted of these companies, by company, in order of their ids."""
    wanted = crm_wanted.c
    query = (
        sa.select(
            wanted.entity_id,
            wanted.batch_id,
            wanted.lead_id,
            wanted.company,
            wanted.contacts,
            wanted.created_at,
        )
        .join(resolution_order, resolution_order.c.batch_id == wanted.batch_id)
        .order_by(wanted.entity_id, resolution_order.c.resolve_seq, wanted.lead_id)
    )
    found: dict[str, Desired] = {}
    for some in chunked(sorted(ids)):
        for entity_id, batch_id, lead_id, company, contacts, at in connection.execute(
            query.where(wanted.entity_id.in_(some))
        ):
            desired = found.setdefault(entity_id, Desired(entity_id))
            _add(desired, company or {}, contacts or ())
            desired.leads.append((batch_id, lead_id))
            desired.wanted_at = at if desired.wanted_at is None else max(at, desired.wanted_at)
    return found


def _add(desired: Desired, company: Fields, contacts: Iterable[Fields]) -> None:
    desired.company = joined(Kind.COMPANY, desired.company, company)
    for fields in contacts:
        known = _same_contact(desired.contacts, fields)
        if known is None:
            desired.contacts.append(Contact(_contact_key(desired.entity_id, fields), dict(fields)))
        else:
            known.fields = joined(Kind.CONTACT, known.fields, fields)


def joined(kind: Kind, older: Fields, newer: Fields) -> dict[str, Value]:
    """Newer values win; lists gain items."""
    merged = {**older, **newer}
    for name in older.keys() & newer.keys():
        if FIELDS[kind][name].type is FieldType.LIST:
            merged[name] = ", ".join(dict.fromkeys([*items_of(older[name]), *items_of(newer[name])]))
    return merged


def _same_contact(contacts: Sequence[Contact], fields: Fields) -> Contact | None:
    """The contact with the same address, or of the same name unless both have different addresses."""
    email, name = contact_form("email", fields), contact_form("contact_name", fields)
    for contact in contacts:
        theirs = contact_form("email", contact.fields)
        if email and theirs == email:
            return contact
        if name and contact_form("contact_name", contact.fields) == name and not (email and theirs):
            return contact
    if not email and not name:
        return contacts[0] if contacts else None
    return None


def contact_form(name: str, fields: Mapping[str, Any]) -> str:
    """A contact's field as it is compared, ``""`` where it has none."""
    value = canonical(Kind.CONTACT, name, fields.get(name))
    return str(value).casefold() if value is not None else ""


def _contact_key(entity_id: str, fields: Fields) -> str:
    who = (
        contact_form("email", fields) or contact_form("contact_name", fields) or contact_form("phone", fields)
    )
    return f"{entity_id}-{content_hash(who)[:12]}"
