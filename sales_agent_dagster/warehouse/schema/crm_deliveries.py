"""The table of webhook deliveries."""

from __future__ import annotations

import sqlalchemy as sa

from sales_agent_dagster.warehouse.schema.columns import METADATA, moment

crm_deliveries = sa.Table(
    "crm_deliveries",
    METADATA,
    sa.Column("crm", sa.Text, primary_key=True, comment="Which CRM."),
    sa.Column("digest", sa.Text, primary_key=True, comment="SHA-256 of the delivery's signature."),
    moment("received_at", "UTC time it was taken."),
    comment="Webhook deliveries taken of late, so that none is taken twice; older ones are refused as old.",
)
