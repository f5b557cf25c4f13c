"""Tables that identity resolution looks companies up in."""

from __future__ import annotations

import sqlalchemy as sa

from sales_agent_dagster.warehouse.schema.columns import METADATA, integer, lead_key, provenance, text

resolution_order = sa.Table(
    "resolution_order",
    METADATA,
    sa.Column("batch_id", sa.Text, primary_key=True, comment="Lead batch."),
    sa.Column(
        "resolve_seq",
        sa.BigInteger,
        nullable=False,
        unique=True,
        comment="Order in which batches were first resolved, from 1; a batch sees those before it.",
    ),
    *provenance(),
    sa.ForeignKeyConstraint(["batch_id"], ["lead_batches.batch_id"]),
    comment="One row per resolved batch. Kept on re-runs, so that they decide as the first run did.",
)

lead_keys = sa.Table(
    "lead_keys",
    METADATA,
    *lead_key(),
    sa.Column("kind", sa.Text, primary_key=True, comment="phone, domain, email, name_place, name or brand."),
    sa.Column("value", sa.Text, primary_key=True, comment="The normalised value."),
    text("entity_id", "The company the lead was resolved to.", null=False),
    integer("resolve_seq", "Place of its batch in resolution_order.", null=False),
    integer("record_no", "Number of the data row within the file, from 1.", null=False),
    *provenance(),
    sa.ForeignKeyConstraint(["batch_id", "lead_id"], ["resolved_leads.batch_id", "resolved_leads.lead_id"]),
    sa.Index("ix_lead_keys_lookup", "kind", "value", "resolve_seq", "record_no"),
    comment="Exact keys of resolved leads: how later leads find the companies they may belong to.",
)
