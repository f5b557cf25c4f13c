"""The work of ``sales-agent crm mode``: whether a batch's plan is sent when its assets are materialized."""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa

from sales_agent_dagster.cli.exits import ExitCode
from sales_agent_dagster.cli.opening import find_batch, open_warehouse
from sales_agent_dagster.cli.terminal import gap, print_table, say
from sales_agent_dagster.settings import Settings
from sales_agent_dagster.stages.crm.batch_modes import BatchMode, modes_of, set_mode
from sales_agent_dagster.warehouse.schema import lead_batches

SHOWN = 50
_MODES: dict[str, BatchMode] = {"plan": "plan", "apply": "apply"}


def batch_mode(settings: Settings, batch: str | None, said: str | None) -> ExitCode:
    """Set the mode of a batch (``plan``, ``apply``, ``unset``), or without it list what is set.

    Raises:
        UnknownRecord: there is no such batch.
    """
    with open_warehouse(settings) as warehouse:
        if batch is not None:
            with warehouse.reading() as connection:
                batch = find_batch(connection, batch)
            if said is not None:
                set_mode(warehouse, batch, _MODES.get(said), datetime.now(UTC))
        with warehouse.reading() as connection:
            rows = _rows(connection, settings, batch)
    print_table(["Batch", "Its plan is", "Because"], rows)
    gap()
    say((_words(settings), "dim"))
    return ExitCode.OK


def _rows(connection: sa.Connection, settings: Settings, batch: str | None) -> list[tuple[str, str, str]]:
    modes, ids = modes_of(connection), lead_batches.c
    query = sa.select(ids.batch_id).order_by(ids.batch_seq.desc()).limit(SHOWN)
    found = list(connection.scalars(query)) if batch is None else [batch]
    rows = []
    for batch_id in found:
        said = modes.get(batch_id)
        sent = settings.crm.mode == "live" and (said or settings.crm.batches) == "apply"
        why = f"set for the batch: {said}" if said else f"SALES_AGENT_CRM__BATCHES={settings.crm.batches}"
        rows.append((batch_id, "sent" if sent else "not sent", why))
    return rows


def _words(settings: Settings) -> str:
    if settings.crm.system == "preview":
        return "No CRM is configured: plans go to the local preview."
    if settings.crm.mode != "live":
        return f"Nothing is sent to {settings.crm.system} while SALES_AGENT_CRM__MODE={settings.crm.mode}."
    return f"Sent to {settings.crm.system} when the batch's crm_synced_leads is materialized."
