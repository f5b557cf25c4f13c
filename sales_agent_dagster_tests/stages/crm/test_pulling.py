from __future__ import annotations

from datetime import timedelta

import sqlalchemy as sa

from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import crm_link
from sales_agent_dagster_tests.crm.fake import FakeCrm
from sales_agent_dagster_tests.stages.crm.wanting import company, run_sync, want


def test_what_went_while_the_log_forgot_is_noticed_by_a_run_of_the_same_name(
    sqlite_warehouse: Warehouse,
) -> None:
    crm = FakeCrm()
    want(sqlite_warehouse, "batch-1", [company("E1"), company("E2")])
    for _ in range(2):
        run_sync(sqlite_warehouse, crm, run_id="command line")
    ids = {record.external_key: record.remote_id for record in crm.living()}
    crm.delete(Kind.COMPANY, ids["E1"])
    del crm.records[Kind.COMPANY, ids["E1"]]
    crm.events.clear()
    crm.tick(timedelta(days=40).total_seconds())
    asked: list[str] = []
    read = crm.read
    crm.read = lambda kind, some: (asked.extend(some), read(kind, some))[1]  # type: ignore[method-assign]
    run_sync(sqlite_warehouse, crm, run_id="command line")
    assert asked == [ids["E1"]], "what came with the pull is not asked for again"
    with sqlite_warehouse.reading() as connection:
        rows = connection.execute(sa.select(crm_link.c.external_key, crm_link.c.state)).tuples()
        assert dict(rows.all()) == {"E1": "gone", "E2": "linked"}
