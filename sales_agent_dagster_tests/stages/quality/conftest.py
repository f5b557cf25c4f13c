from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from sales_agent_dagster.stages.quality import RULES, CheckOutcome, Subject
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import METADATA
from sales_agent_dagster_tests.conftest import MakeContext

Judge = Callable[..., CheckOutcome]


@pytest.fixture
def judge(warehouse: Warehouse, context: MakeContext) -> Judge:
    """``judge("qualified_leads", "cost_budget")`` applies one rule to the rows of batch-1."""

    def apply(table: str, rule: str, agent: str | None = None, **options: Any) -> CheckOutcome:
        work = context(warehouse, **options)
        with warehouse.reading() as connection:
            return RULES[table][rule](Subject(work, connection, METADATA.tables[table], agent))

    return apply
