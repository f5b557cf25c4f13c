"""The whole sync with HubSpot: whatever people and the network do, no record is doubled and no edit lost."""

from __future__ import annotations

import pytest

from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster_tests.crm.hubspot.histories import Story


@pytest.mark.parametrize("seed", range(4))
def test_histories_converge(sqlite_warehouse: Warehouse, seed: int) -> None:
    story = Story(sqlite_warehouse, seed)
    story.run(steps=10)
    assert story.faults_found() == []
    story.close()
