"""When the absence of a lost record proves something."""

from __future__ import annotations

from sales_agent_dagster.crm.contract import Operation
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster_tests.crm.fake import FakeCrm
from sales_agent_dagster_tests.stages.crm.wanting import company, run_sync, want


def test_the_settle_time_counts_from_the_loss_and_not_from_the_start_of_its_group(
    sqlite_warehouse: Warehouse,
) -> None:
    crm = FakeCrm(lag=60)
    want(sqlite_warehouse, "batch-1", [company("E1"), company("E2")])

    def take_long(operation: Operation) -> None:
        crm.tick(300)

    crm.before_push = take_long
    crm.fault = lambda operation: "lost" if operation.external_key == "E2" else None
    assert run_sync(sqlite_warehouse, crm)["still_unknown"] == 1
    crm.before_push = crm.fault = lambda operation: None
    crm.tick(30)
    card = run_sync(sqlite_warehouse, crm)
    assert (card["created"], card["still_unknown"]) == (0, 1)
    crm.tick(60)
    assert run_sync(sqlite_warehouse, crm)["still_unknown"] == 0
    assert [record.external_key for record in crm.living()] == ["E1", "E2"]
