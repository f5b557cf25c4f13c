"""Run by Alembic on the connection and inside the transaction that ``warehouse.migrating`` gives it."""

from __future__ import annotations

from typing import Any

from alembic import context

from sales_agent_dagster.warehouse.schema import METADATA
from sales_agent_dagster.warehouse.schema.columns import UtcDateTime
from sales_agent_dagster.warehouse.views import create_views, drop_views


def render_item(kind: str, item: object, _context: Any) -> str | bool:
    """A revision must not depend on this package's later types: write what they are in the database."""
    if kind == "type" and isinstance(item, UtcDateTime):
        return "sa.DateTime(timezone=True)"
    return False


connection = context.config.attributes["connection"]
context.configure(
    connection=connection,
    target_metadata=METADATA,
    render_item=render_item,
    render_as_batch=True,  # SQLite can only alter a table by copying it
)
drop_views(connection)
context.run_migrations()
create_views(connection)
