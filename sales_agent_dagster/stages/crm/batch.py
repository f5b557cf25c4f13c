"""The sync of one lead batch, as the last step of the pipeline."""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any

from sales_agent_dagster.stages.base import StageContext
from sales_agent_dagster.stages.crm.context import ReportCard, SyncContext, open_sync
from sales_agent_dagster.stages.crm.desired import entity_ids
from sales_agent_dagster.stages.crm.lease import LeaseHeld
from sales_agent_dagster.stages.crm.syncing import look, pending, sync

PATIENCE_S = 600.0
"""Another batch's sync is waited for so long."""

POLL_S = 2.0


def configured(work: StageContext) -> bool:
    """Whether there is a CRM to sync with."""
    return work.settings.crm.system != "preview" and work.settings.crm.mode != "off"


def look_at_crm(work: StageContext) -> None:
    """Pull and link, so that the batch is planned against the CRM as it is now.

    Raises:
        CrmError: the CRM cannot be read.
    """
    context = _opened(work, live=False)
    try:
        look(context)
    finally:
        context.connector.close()


def sync_batch(work: StageContext) -> dict[str, Any]:
    """Sync the batch's companies, after ``look_at_crm``; returns the row of ``crm_sync_runs``.

    Nothing is written to the CRM unless ``crm.mode`` says ``live``.

    Raises:
        LeaseHeld: another sync has been writing for ten minutes.
        CrmError: the CRM cannot be read.
    """
    context = _opened(work, live=None)
    with work.warehouse.reading() as connection:
        ids = entity_ids(connection, work.batch_id)
    try:
        return _patiently(context, ids)
    finally:
        context.connector.close()


def still_due(work: StageContext) -> list[str]:
    """What of the batch is left for a live sync to send or to read back, by its key."""
    context = _opened(work, live=False)
    with work.warehouse.reading() as connection:
        ids = entity_ids(connection, work.batch_id)
    try:
        return [one.external_key for one in pending(context, ids)]
    finally:
        context.connector.close()


def _opened(work: StageContext, *, live: bool | None) -> SyncContext:
    return open_sync(work.warehouse, work.settings, work.profile, work.run_id, live=live, now=work.now)


def _patiently(context: SyncContext, ids: list[str]) -> dict[str, Any]:
    deadline = time.monotonic() + PATIENCE_S
    waited = False
    while True:
        try:
            # The pull just made is an old one after a wait.
            return sync(context, ids, pulls=waited)
        except LeaseHeld:
            if time.monotonic() > deadline:
                raise
            time.sleep(POLL_S)
            waited, context = True, replace(context, card=ReportCard())
