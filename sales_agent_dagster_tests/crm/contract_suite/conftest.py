"""The same scenarios for every vendor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from sales_agent_dagster.stages.crm.planning import Planned
from sales_agent_dagster.stages.crm.syncing import pending, sync
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster_tests.crm.contract_suite.stands import STANDS, Stand
from sales_agent_dagster_tests.stages.crm.wanting import context_of


@pytest.fixture(params=list(STANDS))
def stand(request: pytest.FixtureRequest) -> Iterator[Stand]:
    """A vendor's stand-in, empty but for our custom fields."""
    server = request.getfixturevalue(request.param.partition("_")[0])
    made = STANDS[request.param](server)
    yield made
    made.close()


class Syncs:
    """Syncs of one warehouse with one stand-in, a minute apart."""

    def __init__(self, warehouse: Warehouse, stand: Stand) -> None:
        self.warehouse = warehouse
        self.stand = stand

    def __call__(self, **options: Any) -> dict[str, Any]:
        self.stand.advance(60)
        return sync(self.context(**options))

    def context(self, **options: Any) -> Any:
        connector = options.pop("connector", self.stand.connector)
        return context_of(self.warehouse, connector, options.pop("now", self.stand.now), **options)

    def left(self) -> list[Planned]:
        return pending(self.context())


@pytest.fixture
def syncs(sqlite_warehouse: Warehouse, stand: Stand) -> Syncs:
    return Syncs(sqlite_warehouse, stand)
