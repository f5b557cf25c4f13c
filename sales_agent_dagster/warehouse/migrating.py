"""Schema versions."""

from __future__ import annotations

import sqlalchemy as sa

from sales_agent_dagster.warehouse.schema import METADATA


def migrate(engine: sa.Engine) -> None:
    """Create what is missing."""
    METADATA.create_all(engine)
