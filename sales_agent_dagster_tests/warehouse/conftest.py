"""An empty database of each kind, for the tests of migrations."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from sales_agent_dagster.warehouse.database import Warehouse


@pytest.fixture(params=["sqlite", "postgres"])
def unmigrated(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Warehouse]:
    """No table yet, once on each database."""
    on_sqlite = request.param == "sqlite"
    url = f"sqlite:///{tmp_path / 'empty.db'}" if on_sqlite else request.getfixturevalue("empty_postgres_url")
    warehouse = Warehouse(url)
    yield warehouse
    warehouse.dispose()
