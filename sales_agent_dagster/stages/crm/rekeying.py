"""When a company of ours joins another, what it has in the CRM goes with it: nothing is created twice."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

import sqlalchemy as sa

from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.crm.operations import Action
from sales_agent_dagster.matching.decide import entity_id_of
from sales_agent_dagster.stages.crm.context import SyncContext
from sales_agent_dagster.stages.crm.desired import desired_of
from sales_agent_dagster.stages.crm.stored import (
    Key,
    Link,
    OpenOperation,
    links_of,
    links_to,
    open_operations,
    rejections_of,
    save_links,
    save_rejections,
)
from sales_agent_dagster.stages.known_companies import chunked
from sales_agent_dagster.warehouse.schema import crm_contacts, crm_leads, crm_link, crm_outbox, resolved_leads
from sales_agent_dagster.warehouse.schema.crm import OPEN_STATES


def follow_entities(context: SyncContext, connection: sa.Connection, wanted: Sequence[str]) -> None:
    """Give links of companies that are no longer wanted to the company that has their founder now.

    Where that has a record itself, the other is ``shared``, and its contacts wait for a person. A company
    that leaves again, and whose record nobody else has, has it again.
    """
    _take_back(context, connection, wanted)
    _take_moved_back(context, connection, wanted)
    joined = _joined(connection, _linked_entities(context, connection) - set(wanted))
    if not joined:
        return
    links = links_of(connection, context.crm, {*joined, *joined.values()})
    people = {
        contact.key
        for company in desired_of(connection, set(joined.values())).values()
        for contact in company.contacts
    }
    # What is linked has the right of way over what is not, among several that joined one company.
    order = sorted(joined, key=lambda key: (_state(links, key) != "linked", key))
    for entity_id in order:
        _move(context, connection, links, entity_id, joined[entity_id], people)
    # What a company is not, the one that it joined is not either.
    refused = rejections_of(connection, context.crm, Kind.COMPANY, joined)
    save_rejections(context, connection, [(Kind.COMPANY, joined[key], record) for key, record in refused])


def _take_back(context: SyncContext, connection: sa.Connection, wanted: Sequence[str]) -> None:
    row = crm_link.c
    query = sa.select(row.entity_id).where(
        row.crm == context.crm, row.kind == Kind.COMPANY.value, row.state == "shared"
    )
    asked = set(connection.scalars(query)) & set(wanted)
    links = links_of(connection, context.crm, asked).values()
    shared = [link for link in links if link.kind is Kind.COMPANY and link.state == "shared"]
    held = links_to(connection, context.crm, Kind.COMPANY, {link.remote_id for link in shared})
    free = {
        link.remote_id: replace(link, state="linked", reason="It is a company of its own again.")
        for link in shared
        if all(other.state != "linked" for other in held[link.remote_id])
    }
    save_links(context, connection, list(free.values()))


def _take_moved_back(context: SyncContext, connection: sa.Connection, wanted: Sequence[str]) -> None:
    """A company that leaves again after its record went with it has it again, and its people theirs.

    The record's key tells whose it was: nothing writes the key anew.
    """
    moved = _moved_away(connection, context.crm, Kind.COMPANY, crm_leads)
    asked = {key for key, _ in moved} & set(wanted)
    known = links_of(connection, context.crm, asked)
    back = {
        link.entity_id: replace(link, external_key=key, entity_id=key, how="external_key", reason=_LEFT)
        for key, link in moved
        if key in asked and (Kind.COMPANY, key) not in known
    }
    if not back:
        return
    people = [
        replace(link, external_key=key, entity_id=back[link.entity_id].entity_id, reason=_LEFT)
        for key, link in _moved_away(connection, context.crm, Kind.CONTACT, crm_contacts)
        if link.entity_id in back and key.startswith(back[link.entity_id].entity_id)
    ]
    gone = {(link.kind, link.remote_id) for link in (*back.values(), *people)}
    held = links_of(connection, context.crm, back)
    _forget(context, connection, [key for key, link in held.items() if (link.kind, link.remote_id) in gone])
    save_links(context, connection, [*back.values(), *people])


_LEFT = "It is a company of its own again, and the record carries its key."


def _moved_away(connection: sa.Connection, crm: str, kind: Kind, table: sa.Table) -> list[tuple[str, Link]]:
    """Links of records that carry another key than their link, with that key.

    Not those of records that were ours by another id, until people merged them in the CRM.
    """
    row, record, sent = crm_link.c, table.c, crm_outbox.c
    own = sa.exists().where(
        sent.crm == row.crm,
        sent.kind == row.kind,
        sent.external_key == row.external_key,
        sent.operation == Action.CREATE.value,
        sent.state == "sent",
    )
    query = (
        sa.select(row.entity_id, row.external_key, record.external_key)
        .join(table, sa.and_(record.crm == row.crm, record.remote_id == row.remote_id))
        .where(
            row.crm == crm,
            row.kind == kind.value,
            row.state == "linked",
            row.how == "merged",
            record.external_key.is_not(None),
            record.external_key != row.external_key,
            ~own,
        )
    )
    found = connection.execute(query).tuples().all()
    links = links_of(connection, crm, {entity_id for entity_id, _, _ in found})
    return [(before, links[kind, key]) for _, key, before in found]


def joined_operations(
    connection: sa.Connection, crm: str, wanted: Collection[str]
) -> dict[Key, OpenOperation]:
    """Undecided operations of companies that joined one of these, by the keys that they would have there.

    What such an operation created goes with its company once it is read back; until then nothing else may be
    created in its place.
    """
    row = crm_outbox.c
    query = sa.select(row.entity_id).where(row.crm == crm, row.batch_id.is_(None), row.state.in_(OPEN_STATES))
    asked = set(wanted)
    joined = _joined(connection, set(connection.scalars(query.distinct())) - asked)
    joined = {before: now for before, now in joined.items() if now in asked}
    return {
        (kind, joined[one.entity_id] + key.removeprefix(one.entity_id)): one
        for (kind, key), one in open_operations(connection, crm, joined).items()
    }


def _linked_entities(context: SyncContext, connection: sa.Connection) -> set[str]:
    row = crm_link.c
    return set(connection.scalars(sa.select(row.entity_id).where(row.crm == context.crm).distinct()))


def _joined(connection: sa.Connection, entity_ids: Collection[str]) -> dict[str, str]:
    """The company that has the lead that founded each of these, where it is another one."""
    if not entity_ids:
        return {}
    row = resolved_leads.c
    query = sa.select(row.lead_id, row.entity_id).where(row.is_duplicate.is_(True))
    founded = ((entity_id_of(lead_id), now) for lead_id, now in connection.execute(query).tuples())
    return {before: now for before, now in founded if before in entity_ids and before != now}


def _state(links: Mapping[Key, Link], entity_id: str) -> str | None:
    found = links.get((Kind.COMPANY, entity_id))
    return found.state if found else None


def _move(
    context: SyncContext,
    connection: sa.Connection,
    links: dict[Key, Link],
    old: str,
    new: str,
    people: Collection[str],
) -> None:
    both = (Kind.COMPANY, new) in links
    reason = f"Its company joined {new}."
    moved, removed = [], []
    for key, link in list(links.items()):
        if link.entity_id != old:
            continue
        if link.kind is Kind.COMPANY and both:
            if link.state == "linked":
                apart = f"Its company joined {new}, which has a record of its own: merge them in the CRM."
                moved.append(replace(link, state="shared", how="merged", reason=apart))
            continue
        target = (link.kind, new + link.external_key.removeprefix(old))
        if target in links:
            continue
        removed.append(key)
        if link.kind is Kind.CONTACT and link.state == "linked" and target[1] not in people:
            continue  # it is a known person of the company under another key, who is found by address or name
        state = "review" if both and link.kind is Kind.CONTACT and link.state == "linked" else link.state
        went = replace(link, external_key=target[1], entity_id=new, state=state, how="merged", reason=reason)
        moved.append(went)
        links[target] = went
    _forget(context, connection, removed)
    save_links(context, connection, moved)


def _forget(context: SyncContext, connection: sa.Connection, keys: Iterable[Key]) -> None:
    row = crm_link.c
    by_kind: dict[Kind, list[str]] = {}
    for kind, key in keys:
        by_kind.setdefault(kind, []).append(key)
    for kind, names in by_kind.items():
        for some in chunked(sorted(names)):
            connection.execute(
                sa.delete(crm_link).where(
                    row.crm == context.crm, row.kind == kind.value, row.external_key.in_(some)
                )
            )
