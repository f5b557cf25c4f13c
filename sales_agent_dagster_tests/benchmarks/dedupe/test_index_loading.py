from __future__ import annotations

from pathlib import Path
from typing import Any

import sqlalchemy as sa

from benchmarks.dedupe.generator import generate
from benchmarks.dedupe.incremental import fill, without_checks
from benchmarks.dedupe.index_loading import load_index
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import capped_keys, lead_block_keys, lead_norm, value_counts

TABLES = (lead_norm, lead_block_keys, capped_keys, value_counts)


def rows(warehouse: Warehouse) -> dict[str, list[Any]]:
    with warehouse.reading() as connection:
        return {table.name: sorted(map(tuple, connection.execute(sa.select(table)))) for table in TABLES}


def test_the_index_in_bulk_is_the_one_that_the_product_writes(tmp_path: Path) -> None:
    leads = generate(300, 101, "hard")
    filled = []
    for load in (fill, load_index):
        warehouse = without_checks(f"sqlite:///{tmp_path / load.__name__}.db")
        assert load(warehouse, leads) == 2
        filled.append(rows(warehouse))
        warehouse.dispose()
    assert filled[0] == filled[1]
    assert all(filled[0].values())
