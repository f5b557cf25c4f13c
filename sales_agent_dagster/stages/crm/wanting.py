"""From the pipeline to what is wanted in the CRM, and from the plan back into the pipeline's rows."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from sales_agent_dagster.crm.contract import FailureClass, Fields, Value
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.crm.mapping import split_record
from sales_agent_dagster.domain.status import Status
from sales_agent_dagster.stages.base import StageContext
from sales_agent_dagster.stages.crm.context import open_sync
from sales_agent_dagster.stages.crm.planning import Planned, Step, plan_page
from sales_agent_dagster.stages.known_companies import chunked
from sales_agent_dagster.warehouse.schema import (
    crm_dead_letters,
    crm_link,
    crm_outbox,
    crm_synced_leads,
    crm_wanted,
    resolution_order,
)


def contacts_of(records: Iterable[Fields]) -> list[dict[str, Value]]:
    """The contact of each lead that has one, each once."""
    found: list[dict[str, Value]] = []
    for record in records:
        contact = split_record(record)[1]
        if contact and contact not in found:
            found.append(contact)
    return found


def wanted_row(values: Mapping[str, Any]) -> dict[str, Any]:
    """The row of ``crm_wanted`` of a lead that no gate stopped."""
    company = split_record(values["wanted"])[0]
    return {"entity_id": values["entity_id"], "company": company, "contacts": values["contacts"]}


def wanted_before(connection: sa.Connection, entity_ids: Sequence[str], before: int | None) -> set[str]:
    """Those of the companies that a batch resolved before that place wants in the CRM."""
    wanted = crm_wanted.c
    found: set[str] = set()
    query = sa.select(wanted.entity_id).join(resolution_order, resolution_order.c.batch_id == wanted.batch_id)
    if before is not None:
        query = query.where(resolution_order.c.resolve_seq < before)
    for some in chunked(entity_ids):
        found.update(connection.scalars(query.where(wanted.entity_id.in_(some))).all())
    return found


def plan_for_crm(context: StageContext, connection: sa.Connection, lead_ids: Sequence[str]) -> None:
    """Replace what the rows of these leads say about the preview by the plan for the configured CRM."""
    row = crm_wanted.c
    query = sa.select(row.entity_id, row.lead_id).where(
        row.batch_id == context.batch_id, row.lead_id.in_(lead_ids)
    )
    leads = dict(connection.execute(query).tuples().all())
    sync = open_sync(
        context.warehouse, context.settings, context.profile, context.run_id, live=False, now=context.now
    )
    try:
        for planned in plan_page(sync, connection, sorted(leads), [Kind.COMPANY]):
            connection.execute(
                sa.update(crm_synced_leads)
                .where(
                    crm_synced_leads.c.batch_id == context.batch_id,
                    crm_synced_leads.c.lead_id == leads[planned.entity_id],
                )
                .values(crm=sync.crm, **_columns(planned))
            )
        connection.execute(
            sa.update(crm_synced_leads)
            .where(
                crm_synced_leads.c.batch_id == context.batch_id,
                crm_synced_leads.c.lead_id.in_(lead_ids),
            )
            .values(crm=sync.crm)
        )
    finally:
        sync.connector.close()


def _columns(planned: Planned) -> dict[str, Any]:
    stopped = planned.step in (Step.SKIP, Step.REVIEW)
    diff = {
        name: {"before": change.before, "after": change.after} for name, change in planned.changes.items()
    }
    return {
        "status": (Status.SKIPPED if stopped else Status.OK).value,
        "reason": planned.reason,
        "operation": "skip" if stopped else planned.step.value,
        "crm_record_id": planned.remote_id,
        "changed_fields": ", ".join(diff) or None,
        "diff": diff or None,
    }


_OUTCOMES = {
    "sent": (Status.OK, "{done} as {record}."),
    "unknown": (Status.DEGRADED, "The answer was lost; the next sync reads back whether it was done."),
    "failed": (Status.FAILED, "Refused, due again: {message}"),
    "dead": (Status.FAILED, "Refused too often: {message}"),
}
"""By state of the operation what a row says; ``planned`` and ``sending`` leave the plan's words."""


def tell_outcomes(context: StageContext, connection: sa.Connection) -> None:
    """Say on the batch's rows what became of their companies' operations in this run."""
    sent, wanted, row = crm_outbox.c, crm_wanted.c, crm_synced_leads.c
    # An edit that was met on the way is no refusal: the record was compared again, or will be.
    compared_again = sa.and_(
        sent.state == "failed",
        sent.operation == Step.UPDATE.value,
        sent.failure == FailureClass.CONFLICT.value,
        ~sa.exists().where(crm_dead_letters.c.op_id == sent.op_id),
    )
    query = (
        sa.select(
            wanted.lead_id, sent.operation, sent.state, sent.message, crm_link.c.remote_id.label("record")
        )
        .join(crm_wanted, wanted.entity_id == sent.entity_id)
        .outerjoin(
            crm_link,
            sa.and_(
                crm_link.c.crm == sent.crm,
                crm_link.c.kind == sent.kind,
                crm_link.c.external_key == sent.external_key,
                crm_link.c.state == "linked",
            ),
        )
        .where(
            wanted.batch_id == context.batch_id,
            sent.crm == context.settings.crm.system,
            sent.kind == Kind.COMPANY.value,
            sent.run_id == context.run_id,
            sent.state.in_(_OUTCOMES),
            ~compared_again,
        )
        .order_by(sent.updated_at)
    )
    for lead_id, operation, state, message, record in connection.execute(query).all():
        status, words = _OUTCOMES[state]
        reason = words.format(done=f"{operation.capitalize()}d", record=record, message=message or "")
        connection.execute(
            sa.update(crm_synced_leads)
            .where(row.batch_id == context.batch_id, row.lead_id == lead_id)
            .values(
                status=status.value, reason=reason, crm_record_id=sa.func.coalesce(record, row.crm_record_id)
            )
        )
