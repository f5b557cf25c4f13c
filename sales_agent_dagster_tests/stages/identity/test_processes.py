"""Several processes resolve batches of the same firms at once: each company is created once."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

import sqlalchemy as sa

from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import lead_norm, resolution_order, resolved_leads
from sales_agent_dagster_tests.rows import seed_batch
from sales_agent_dagster_tests.stages.firms import ACME, ACME_AGAIN, ZENITH, firm
from sales_agent_dagster_tests.stages.identity.running import resolve_batch

PROCESSES = multiprocessing.get_context("forkserver")


def test_no_company_is_created_twice(warehouse: Warehouse, tmp_path: Path) -> None:
    batches = [f"batch-{number}" for number in range(4)]
    for number, batch_id in enumerate(batches):
        seed_batch(warehouse, batch_id, [ACME if number % 2 else ACME_AGAIN, ZENITH, firm(number)])
    url = warehouse.engine.url.render_as_string(hide_password=False)
    warehouse.dispose()
    PROCESSES.set_forkserver_preload([resolve_batch.__module__])
    together = PROCESSES.Barrier(len(batches))
    running = [
        PROCESSES.Process(target=resolve_batch, args=(url, tmp_path, batch_id, together))
        for batch_id in batches
    ]
    for process in running:
        process.start()
    for process in running:
        process.join(120)
    assert [process.exitcode for process in running] == [0, 0, 0, 0]
    with warehouse.reading() as connection:
        rows = connection.execute(sa.select(resolved_leads)).all()
        places = sorted(connection.scalars(sa.select(resolution_order.c.resolve_seq)))
        numbers = list(connection.scalars(sa.select(lead_norm.c.lead_no)))
    entities = {row.entity_id for row in rows}
    assert len(entities) == 2 + len(batches)
    for entity_id in entities:
        leads = [row for row in rows if row.entity_id == entity_id]
        assert sorted(row.cluster_size for row in leads) == list(range(1, len(leads) + 1))
        assert [row.is_duplicate for row in leads].count(False) == 1
    assert places == [1, 2, 3, 4]
    assert len(set(numbers)) == len(rows) == 12
