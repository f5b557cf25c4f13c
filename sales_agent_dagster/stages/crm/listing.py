"""The plan as rows for people: one per field that would be sent, one per record without any."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from sales_agent_dagster.crm.contract import Value
from sales_agent_dagster.stages.crm.context import SyncContext
from sales_agent_dagster.stages.crm.desired import desired_of
from sales_agent_dagster.stages.crm.planning import Planned

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
        desired = desired_of(connection, {one.entity_id for one in page})
    names = {entity_id: str(company.company.get("company", "")) for entity_id, company in desired.items()}
    for one in page:
        said = (str(one.kind), one.entity_id, one.external_key, names.get(one.entity_id, ""), str(one.step))
        if not one.changes:
            yield PlanRow(*said, one.remote_id, None, None, None, None, one.reason, one.waits)
        for name, change in one.changes.items():
            rule = f"{change.rule}: {change.reason}"
            yield PlanRow(*said, one.remote_id, name, change.before, change.after, rule, one.reason)
