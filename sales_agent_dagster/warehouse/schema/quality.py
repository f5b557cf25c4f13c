"""Verdicts of the asset checks."""

from __future__ import annotations

import sqlalchemy as sa

from sales_agent_dagster.warehouse.schema.columns import METADATA, flag, provenance, text

check_results = sa.Table(
    "check_results",
    METADATA,
    sa.Column("batch_id", sa.Text, primary_key=True, comment="Lead batch = Dagster partition."),
    sa.Column("asset", sa.Text, primary_key=True, comment="The asset and table judged."),
    sa.Column("check_name", sa.Text, primary_key=True, comment="The asset check."),
    flag("passed", "Whether what was expected is there."),
    flag("blocking", "Whether a failure stopped everything downstream."),
    text("description", "The verdict in one sentence.", null=False),
    *provenance(),
    sa.ForeignKeyConstraint(["batch_id"], ["lead_batches.batch_id"]),
    comment="The latest verdict of every asset check on every batch.",
)
