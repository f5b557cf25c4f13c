"""A whole sync: read back, pull, link, plan and, when it is live, push. Twice is once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from typing import Any

from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.domain.errors import SalesAgentError
from sales_agent_dagster.stages.crm.auditing import breaches
from sales_agent_dagster.stages.crm.context import SyncContext
from sales_agent_dagster.stages.crm.lease import Lease
from sales_agent_dagster.stages.crm.linking import link
from sales_agent_dagster.stages.crm.outbox import give_up_leftovers
from sales_agent_dagster.stages.crm.planning import Planned, Step, plan
from sales_agent_dagster.stages.crm.pulling import pull
from sales_agent_dagster.stages.crm.pushing import Pusher
from sales_agent_dagster.stages.crm.reconciling import reconcile
from sales_agent_dagster.stages.crm.recording import save_card


def sync(context: SyncContext, ids: Sequence[str] | None = None, *, pulls: bool = True) -> dict[str, Any]:
    """Sync some companies or all; returns the row of ``crm_sync_runs``.

    Args:
        context: ``live`` decides whether anything is written to the CRM.
        ids: companies; None is all.
        pulls: False leaves out the pull, where one has just been made.

    Raises:
        LeaseHeld: another live sync of the CRM is running.
        CrmError: the CRM cannot be read. What was done so far is kept.
    """
    started = context.now()
    with _recorded(context), Lease(context) if context.live else nullcontext() as lease:
        look(context, pulls=pulls)
        due = _count(context, plan(context, ids))
        if lease is not None:
            Pusher(context, lease, ids).run(due)
            if context.card.unknown:
                reconcile(context)
            context.card.suppression_breaches = len(breaches(context, started))
    return save_card(context, started, context.now())


def look(context: SyncContext, *, pulls: bool = True) -> None:
    """All that comes before a plan and writes nothing to the CRM: read back, pull, link."""
    if context.live:
        with context.warehouse.transaction() as connection:
            give_up_leftovers(context, connection)
    reconcile(context)
    if pulls:
        pull(context)
    link(context)


@contextmanager
def _recorded(context: SyncContext) -> Iterator[None]:
    """The report card is there from the start, and tells also of a sync that failed."""
    started = context.now()
    save_card(context, started, None)
    try:
        yield
    except Exception as error:
        kind = "" if isinstance(error, SalesAgentError) else f"{type(error).__name__}: "
        context.card.stopped = f"{kind}{error}"[:300]  # ours are written for people
        save_card(context, started, context.now())
        raise


def _count(context: SyncContext, planned: Iterator[Planned]) -> set[Kind]:
    """Count the plan; returns the kinds that there is anything to do for."""
    card, due = context.card, set()
    for one in planned:
        card.planned_creates += one.step is Step.CREATE
        card.planned_updates += one.step is Step.UPDATE
        card.unchanged += one.step is Step.UNCHANGED
        card.skipped += one.step is Step.SKIP
        card.to_review += one.step is Step.REVIEW
        if one.changes or one.settles:
            due.add(one.kind)
    return due


def pending(context: SyncContext, ids: Sequence[str] | None = None) -> list[Planned]:
    """What is left for a live sync to send or to read back; empty after one that nothing stopped."""
    return [one for one in plan(context, ids) if one.step in (Step.CREATE, Step.UPDATE) or one.waits]
