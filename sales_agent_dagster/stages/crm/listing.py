"""The plan, and what a person has to decide, as rows for people."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from sales_agent_dagster.crm.contract import Record, Value
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.stages.crm.context import SyncContext
from sales_agent_dagster.stages.crm.desired import desired_of
from sales_agent_dagster.stages.crm.linking import reviews
from sales_agent_dagster.stages.crm.planning import Planned
from sales_agent_dagster.stages.crm.stored import SNAPSHOTS, snapshots_of

PAGE = 200


@dataclass(frozen=True, slots=True)
class PlanRow:
    """One line of a plan.

    Attributes:
        company: name, as we have it.
        remote_id: the CRM's record; None before it is created.
        field: None of a record of which nothing is sent.
        rule: who owns the field, or why the value is sent.
        waits: nothing is planned for the record until its last operation has been read back.
    """

    kind: str
    entity_id: str
    external_key: str
    company: str
    step: str
    remote_id: str | None
    field: str | None
    before: Value | None
    after: Value | None
    rule: str | None
    reason: str
    waits: bool = False


@dataclass(frozen=True, slots=True)
class ReviewRow:
    """An open question: is the record ours?

    Attributes:
        company: name, as we have it.
        record: the record's name in the CRM, "" while none of it is known.
        place: its page there, else its id.
    """

    external_key: str
    kind: str
    company: str
    record: str
    place: str
    reason: str


def company_names(connection: sa.Connection, entity_ids: Collection[str]) -> dict[str, str]:
    """Our names of those companies that are wanted in the CRM."""
    desired = desired_of(connection, entity_ids)
    return {entity_id: str(one.company.get("company", "")) for entity_id, one in desired.items()}


def review_rows(context: SyncContext) -> list[ReviewRow]:
    """The open questions, with the names of what they are about."""
    waiting, found = reviews(context), []
    with context.warehouse.reading() as connection:
        names = company_names(connection, {link.entity_id for link in waiting})
        held: dict[tuple[Kind, str], Record] = {}
        for kind in SNAPSHOTS:
            ids = [link.remote_id for link in waiting if link.kind is kind]
            known = snapshots_of(connection, context.crm, kind, ids)
            held |= {(kind, remote_id): record for remote_id, record in known.items()}
    for link in waiting:
        record = held.get((link.kind, link.remote_id))
        fields = record.fields if record else {}
        name = fields.get("company") or fields.get("contact_name") or ""
        said = (link.external_key, str(link.kind), names.get(link.entity_id, ""), str(name))
        found.append(ReviewRow(*said, (record and record.url) or link.remote_id, link.reason))
    return found


def plan_rows(context: SyncContext, planned: Iterable[Planned]) -> Iterator[PlanRow]:
    """Rows of a plan, in its order; read page by page, so that memory does not grow with the plan."""
    page: list[Planned] = []
    for one in planned:
        page.append(one)
        if len(page) >= PAGE:
            yield from _rows(context, page)
            page = []
    yield from _rows(context, page)


def _rows(context: SyncContext, page: list[Planned]) -> Iterator[PlanRow]:
    with context.warehouse.reading() as connection:
        names = company_names(connection, {one.entity_id for one in page})
    for one in page:
        said = (str(one.kind), one.entity_id, one.external_key, names.get(one.entity_id, ""), str(one.step))
        if not one.changes:
            yield PlanRow(*said, one.remote_id, None, None, None, None, one.reason, one.waits)
        for name, change in one.changes.items():
            rule = f"{change.rule}: {change.reason}"
            yield PlanRow(*said, one.remote_id, name, change.before, change.after, rule, one.reason)
