"""What a person did and what the CRM did by itself, in a record that we made and have not seen since."""

from __future__ import annotations

import pytest

from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster_tests.crm.fake import US, FakeCrm
from sales_agent_dagster_tests.stages.crm.wanting import company, run_sync, want


@pytest.mark.parametrize("writer", [US, "a person"])
def test_where_the_answer_tells_nothing_the_last_writer_decides(
    sqlite_warehouse: Warehouse, writer: str
) -> None:
    crm = FakeCrm(tells_modified=False)
    want(sqlite_warehouse, "batch-1", [company("E1")])
    run_sync(sqlite_warehouse, crm)
    [record] = crm.living()
    crm.tick(5)
    crm._change(Kind.COMPANY, record.remote_id, {"status": "Open"}, writer)
    card = run_sync(sqlite_warehouse, crm)
    assert card["human_changes"] == (writer != US)
