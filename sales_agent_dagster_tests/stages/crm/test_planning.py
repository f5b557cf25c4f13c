"""Plans, as far as no whole sync is needed to see them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import sqlalchemy as sa

from sales_agent_dagster.crm.fields import FIELDS, Kind
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster_tests.crm.fake import FakeCrm
from sales_agent_dagster_tests.stages.crm.wanting import company, run_sync, want


@dataclass
class Asked(Mapping[Kind, frozenset[str]]):
    """Fields for which the CRM has to be asked: how many connections were in use each time."""

    engine: sa.Engine
    connections: list[int]

    def __getitem__(self, kind: Kind) -> frozenset[str]:
        assert isinstance(self.engine.pool, sa.QueuePool)
        self.connections.append(self.engine.pool.checkedout())
        return frozenset(FIELDS[kind])

    def __iter__(self) -> Iterator[Kind]:
        return iter(FIELDS)

    def __len__(self) -> int:
        return len(FIELDS)


def test_a_crm_is_not_asked_for_its_fields_within_a_transaction(sqlite_warehouse: Warehouse) -> None:
    crm = FakeCrm()
    asked = Asked(sqlite_warehouse.engine, [])
    crm.capabilities = replace(crm.capabilities, fields=asked)
    want(sqlite_warehouse, "batch-1", [company()])
    assert run_sync(sqlite_warehouse, crm)["created"] == 1
    assert asked.connections == [0] * len(FIELDS), "once per sync, before anything is read"
