"""Merged companies: which value of a field survives, and what every merge and undo changed."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from sales_agent_dagster.matching.decide import entity_id_of
from sales_agent_dagster.stages.identity.many import rows_of
from sales_agent_dagster.stages.known_companies import chunked
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import merge_events, merged_companies

FIELDS = (
    "company_name",
    "contact_name",
    "email",
    "phone",
    "website",
    "linkedin_url",
    "street",
    "city",
    "state",
    "zip",
)
"""Fields of a company that one of its leads decides."""

_ADDRESS = ("street", "city", "state", "zip")

_MEMBERS = f"""
    SELECT n.lead_no, r.entity_id, i.lead_id, i.external_id, i.do_not_contact,
        {", ".join(f"i.{name}" for name in FIELDS)}
    FROM {{given}} CROSS JOIN resolved_leads r
    JOIN imported_leads i ON i.batch_id = r.batch_id AND i.lead_id = r.lead_id
    JOIN lead_norm n ON n.lead_id = r.lead_id AND n.batch_id = r.batch_id
    WHERE r.entity_id = given.value
    ORDER BY n.lead_no
"""


def survivor(field: str, leads: Sequence[Mapping[str, Any]]) -> tuple[Mapping[str, Any], str] | None:
    """The lead whose value of a field stands for the company, and the rule that says so.

    ``leads`` are rows of ``imported_leads``, oldest first. In order: the newest of the leads that a CRM
    exported (they carry its record id); else the newest value that two leads agree on; else the longest, of
    equally long ones the first.

    Returns:
        None when no lead has a value.
    """
    having = [lead for lead in leads if lead[field]]
    if not having:
        return None
    if exported := [lead for lead in having if lead["external_id"]]:
        return exported[-1], "crm"
    seen = Counter(_comparable(lead[field]) for lead in having)
    if verified := [lead for lead in having if seen[_comparable(lead[field])] > 1]:
        return verified[-1], "newest verified"
    return max(having, key=lambda lead: len(lead[field])), "longest"


def _comparable(value: str) -> str:
    return " ".join(value.casefold().split())


def company_of(leads: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], dict[str, dict[str, str]]]:
    """A company's fields, and per field the lead and the rule it comes from.

    Street, city, state and ZIP come from one lead, so that no address is put together from two. Whom one lead
    says not to contact, nobody contacts: ``do_not_contact`` has no rule that could lose it.
    """
    fields: dict[str, Any] = {"leads": len(leads), **dict.fromkeys(FIELDS)}
    rules: dict[str, dict[str, str]] = {}
    for name in FIELDS:
        if name in _ADDRESS[1:] and "street" in rules:
            continue
        if found := survivor(name, leads):
            lead, rule = found
            for part in _ADDRESS if name == "street" else (name,):
                if lead[part]:
                    fields[part] = lead[part]
                    rules[part] = {"lead_id": lead["lead_id"], "rule": rule}
    fields["do_not_contact"] = any(lead["do_not_contact"] for lead in leads)
    return fields, rules


def members_of(connection: sa.Connection, entity_ids: Iterable[str]) -> dict[str, list[Mapping[str, Any]]]:
    """Leads of companies in the order of resolution."""
    members: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows_of(connection, _MEMBERS, sorted(entity_ids), str):
        members.setdefault(row.entity_id, []).append(row._asdict())
    return members


@dataclass(frozen=True, slots=True)
class Move:
    """A lead whose company is another one than before.

    Attributes:
        left: the company it was in; None for a lead decided for the first time.
        joined: the company it is in now.
        founder_id: first lead of that company.
        by_person: True when an answer decided it.
    """

    lead_id: str
    left: str | None
    joined: str
    founder_id: str
    matched_lead_id: str
    by_person: bool


def record_moves(
    warehouse: Warehouse, connection: sa.Connection, moves: Sequence[Move], stamp: Mapping[str, Any]
) -> None:
    """Bring ``merged_companies`` in line with leads that moved, and log each merge and undo.

    To be called when ``resolved_leads`` and ``lead_norm`` are written. ``stamp`` is ``run_id`` and
    ``created_at`` of the events.
    """
    touched = {entity for move in moves for entity in (move.left, move.joined) if entity}
    members = members_of(connection, touched)
    events = _events(sorted(touched), moves, members)
    first = connection.scalar(sa.select(sa.func.max(merge_events.c.event_no))) or 0
    warehouse.upsert(
        connection,
        merge_events,
        [{**event, "event_no": number, **stamp} for number, event in enumerate(events, first + 1)],
    )
    merged = {entity: company_of(leads)[0] for entity, leads in members.items() if len(leads) > 1}
    warehouse.upsert(
        connection, merged_companies, [{"entity_id": entity, **fields} for entity, fields in merged.items()]
    )
    for single in chunked(sorted(touched - merged.keys())):
        connection.execute(sa.delete(merged_companies).where(merged_companies.c.entity_id.in_(single)))


def _events(
    entities: Iterable[str], moves: Iterable[Move], members: Mapping[str, Sequence[Mapping[str, Any]]]
) -> Iterator[dict[str, Any]]:
    """The events of companies, one company after the other."""
    rows = {lead["lead_id"]: lead for leads in members.values() for lead in leads}
    left: dict[str | None, list[Move]] = defaultdict(list)
    joined: dict[str, list[Move]] = defaultdict(list)
    for move in moves:
        left[move.left].append(move)
        if move.founder_id != move.lead_id:
            joined[move.joined].append(move)
    for entity in entities:
        inside = {lead["lead_id"] for lead in members.get(entity, ())}
        yield from _company_events(entity, left[entity], joined[entity], inside, rows)


def _company_events(
    entity: str,
    left: Sequence[Move],
    joined: Sequence[Move],
    inside: set[str],
    rows: Mapping[str, Mapping[str, Any]],
) -> Iterator[dict[str, Any]]:
    """Undos, then merges of one company, each with its fields before and after.

    ``inside`` are its leads now, ``rows`` the leads of all companies by their ids.
    """
    inside = inside - {move.lead_id for move in joined}
    inside |= {move.lead_id for move in left}
    # A lead that leaves the company it founded to join another one was never merged into it.
    inside -= {move.lead_id for move in left if entity == entity_id_of(move.lead_id)}
    left = [move for move in left if entity != entity_id_of(move.lead_id)]
    before = _fields(inside, rows)
    for event, move in [*(("undo", move) for move in left), *(("merge", move) for move in joined)]:
        inside = inside - {move.lead_id} if event == "undo" else inside | {move.lead_id}
        after, rules = _fields(inside, rows)
        yield {
            "event": event,
            "entity_id": entity,
            "joined_lead_id": move.lead_id,
            "matched_lead_id": move.matched_lead_id,
            "decided_by": "person" if move.by_person else "linkage",
            "before": before[0],
            "after": after,
            "rules": rules,
        }
        before = after, rules


def _fields(
    lead_ids: Iterable[str], rows: Mapping[str, Mapping[str, Any]]
) -> tuple[dict[str, Any] | None, dict[str, dict[str, str]] | None]:
    """Fields and rules of the company that these leads make; nothing when there is none."""
    leads = sorted((rows[lead_id] for lead_id in lead_ids), key=lambda lead: lead["lead_no"])
    return company_of(leads) if leads else (None, None)
