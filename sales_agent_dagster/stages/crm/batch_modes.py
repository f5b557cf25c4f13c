"""Whether a batch's plan is sent: as this run was asked, else as set for the batch, else by the settings."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Literal

import sqlalchemy as sa

from sales_agent_dagster.domain.errors import UnknownRecord
from sales_agent_dagster.settings import CrmSettings
from sales_agent_dagster.stages.base import StageContext
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import crm_batch_modes, crm_wanted, lead_batches

BatchMode = Literal["plan", "apply"]


def is_applied(work: StageContext) -> bool:
    """Whether the batch's plan may be sent in this run; never unless ``crm.mode`` says ``live``."""
    if work.settings.crm.mode != "live":
        return False
    if work.apply is not None:
        return work.apply
    with work.warehouse.reading() as connection:
        modes = modes_of(connection)
    return modes.get(work.batch_id, work.settings.crm.batches) == "apply"


def sent_batches_go_to(
    connection: sa.Connection, settings: CrmSettings, batch_ids: Sequence[str]
) -> str | None:
    """The CRM that the plans of these batches are sent to; None when none of them is sent."""
    modes = modes_of(connection)
    sent = any(modes.get(batch_id, settings.batches) == "apply" for batch_id in batch_ids)
    return settings.system if sent and settings.mode == "live" and settings.system != "preview" else None


def modes_of(connection: sa.Connection) -> dict[str, BatchMode]:
    """What was set, by batch."""
    query = sa.select(crm_batch_modes.c.batch_id, crm_batch_modes.c.mode)
    return dict(connection.execute(query).tuples().all())


def set_mode(warehouse: Warehouse, batch_id: str, mode: BatchMode | None, now: datetime) -> None:
    """Set it for a batch; None: from now on as the settings say.

    Raises:
        UnknownRecord: there is no such batch.
    """
    batch, modes = lead_batches.c, crm_batch_modes
    with warehouse.transaction() as connection:
        if connection.scalar(sa.select(batch.batch_id).where(batch.batch_id == batch_id)) is None:
            raise UnknownRecord(f"{batch_id[:80]} is no batch. `sales-agent status` lists all.")
        if mode is None:
            connection.execute(sa.delete(modes).where(modes.c.batch_id == batch_id))
        else:
            warehouse.upsert(connection, modes, [{"batch_id": batch_id, "mode": mode, "set_at": now}])


def held_back(connection: sa.Connection) -> set[str]:
    """Companies that only batches want for which a person said ``plan``: nothing of them is sent."""
    held = [batch_id for batch_id, mode in modes_of(connection).items() if mode == "plan"]
    if not held:
        return set()
    wanted = crm_wanted.c
    of_held = sa.select(wanted.entity_id).where(wanted.batch_id.in_(held))
    of_others = sa.select(wanted.entity_id).where(wanted.batch_id.not_in(held))
    return set(connection.scalars(of_held.except_(of_others)))
