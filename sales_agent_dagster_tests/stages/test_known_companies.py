from __future__ import annotations

import asyncio

from sales_agent_dagster.stages.known_companies import (
    LOOKUP_SIZE,
    chunked,
    known_companies,
    next_place,
    resolve_seq,
)
from sales_agent_dagster.stages.resolved import ResolvedLeads
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import resolved_leads
from sales_agent_dagster_tests.conftest import MakeContext
from sales_agent_dagster_tests.rows import seed_batch
from sales_agent_dagster_tests.stages.firms import ACME


def resolved(warehouse: Warehouse, context: MakeContext, batch_id: str, count: int) -> list[str]:
    ids = seed_batch(warehouse, batch_id, [{**ACME, "oems": batch_id}] * count)
    asyncio.run(ResolvedLeads().run(context(warehouse, batch_id)))
    return ids


def test_places_follow_the_order_of_first_resolution(warehouse: Warehouse, context: MakeContext) -> None:
    for batch_id in ("batch-b", "batch-a"):
        resolved(warehouse, context, batch_id, 1)
    with warehouse.reading() as connection:
        places = [resolve_seq(connection, batch_id) for batch_id in ("batch-b", "batch-a", "batch-c")]
        assert next_place(connection) == 3
    assert places == [1, 2, None]


def test_companies_are_known_as_the_latest_batch_left_them(
    warehouse: Warehouse, context: MakeContext
) -> None:
    resolved(warehouse, context, "batch-b", 2)
    resolved(warehouse, context, "batch-a", 1)
    with warehouse.reading() as connection:
        [entity_id] = set(
            connection.scalars(resolved_leads.select().with_only_columns(resolved_leads.c.entity_id))
        )
        latest = known_companies(connection, [entity_id, "E-unknown"], before=None)
        earlier = known_companies(connection, [entity_id], before=2)
    assert latest == {entity_id: {"size": 3, "oems": "batch-b, batch-a", "suppressed_reason": None}}
    assert earlier == {entity_id: {"size": 2, "oems": "batch-b", "suppressed_reason": None}}


def test_lookups_are_cut_below_what_databases_bind() -> None:
    values = [str(number) for number in range(LOOKUP_SIZE + 1)]
    assert list(chunked(values)) == [values[:-1], values[-1:]]
    assert list(chunked([])) == []
