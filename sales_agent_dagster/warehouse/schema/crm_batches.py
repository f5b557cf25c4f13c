"""The table of what people set for single batches."""

from __future__ import annotations

import sqlalchemy as sa

from sales_agent_dagster.warehouse.schema.columns import METADATA, moment, one_of, text

BATCH_MODES = ("plan", "apply")

crm_batch_modes = sa.Table(
    "crm_batch_modes",
    METADATA,
    sa.Column(
        "batch_id", sa.Text, sa.ForeignKey("lead_batches.batch_id"), primary_key=True, comment="The batch."
    ),
    text("mode", "plan: only say what the CRM would be told; apply: also send it.", null=False),
    moment("set_at", "UTC time it was set."),
    one_of("mode", BATCH_MODES),
    comment="Batches for which a person said whether their plan is sent; of others the settings say.",
)
