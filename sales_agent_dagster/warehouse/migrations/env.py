"""Run by Alembic on the connection and inside the transaction that ``warehouse.migrating`` gives it."""

from __future__ import annotations

from typing import Literal

import sqlalchemy as sa
from alembic import context
from alembic.autogenerate.api import AutogenContext

from sales_agent_dagster.warehouse.schema import METADATA
from sales_agent_dagster.warehouse.schema.columns import UtcDateTime


def render_item(kind: str, item: object, autogen: AutogenContext) -> str | Literal[False]:
    """A revision must not depend on this package's later types: write what they are in the database."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    if kind == "type" and isinstance(item, sa.JSON):
        autogen.imports.add("from sqlalchemy.dialects.postgresql import JSONB")
        return "sa.JSON().with_variant(JSONB(), 'postgresql')"
    return False


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=METADATA,
    render_item=render_item,
    render_as_batch=True,  # SQLite can only alter a table by copying it
)
with context.begin_transaction():
    context.run_migrations()
