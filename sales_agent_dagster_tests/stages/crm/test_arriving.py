"""What a person did and what the CRM did by itself, in a record that we made and have not seen since."""

from __future__ import annotations

from typing import Any

import pytest

from sales_agent_dagster.crm.errors import Unavailable
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
    read = crm.read

    def away(*_: Any) -> Any:
        raise Unavailable("away")

    crm.read = away  # type: ignore[method-assign]
    assert run_sync(sqlite_warehouse, crm)["created"] == 1, "that it cannot be looked at stops nothing"
    crm.read = read  # type: ignore[method-assign]
    [record] = crm.living()
    crm.tick(5)
    crm._change(Kind.COMPANY, record.remote_id, {"status": "Open"}, writer)
    card = run_sync(sqlite_warehouse, crm)
    assert card["human_changes"] == (writer != US)


def test_what_the_crm_filled_in_by_itself_is_looked_at_once(sqlite_warehouse: Warehouse) -> None:
    crm = FakeCrm(tells_modified=False)
    want(sqlite_warehouse, "batch-1", [company("E1")])
    create = crm._create

    def filled(kind: Kind, fields: Any, *given: Any) -> str:
        return create(kind, {**fields, "status": "Open"}, *given)

    crm._create = filled  # type: ignore[method-assign]
    run_sync(sqlite_warehouse, crm)
    [record] = crm.living()
    crm.tick(5)
    crm.edit(Kind.COMPANY, record.remote_id, status="Qualified")
    assert run_sync(sqlite_warehouse, crm)["human_changes"] == 1
    assert run_sync(sqlite_warehouse, crm)["human_changes"] == 0
