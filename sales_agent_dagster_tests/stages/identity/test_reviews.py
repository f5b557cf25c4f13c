from __future__ import annotations

import sqlalchemy as sa

from sales_agent_dagster.stages.identity.reviews import write_reviews
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import identity_reviews
from sales_agent_dagster_tests.rows import PROVENANCE, seed_batch

MORE_THAN_A_STATEMENT_BINDS = 66_000
"""PostgreSQL binds 65,535 values at most, SQLite 32,766 or 250,000."""


def test_however_many_questions_are_withdrawn(warehouse: Warehouse) -> None:
    [lead_id] = seed_batch(warehouse, through="resolved_leads")
    number = sa.select(sa.literal(1).label("n")).cte("numbers", recursive=True)
    number = number.union_all(sa.select(number.c.n + 1).where(number.c.n < MORE_THAN_A_STATEMENT_BINDS))
    text = sa.cast(number.c.n, sa.Text)
    asked = {
        "review_id": text,
        "other_lead_id": text,
        "other_entity_id": text,
        "batch_id": sa.literal("batch-1"),
        "lead_id": sa.literal(lead_id),
        "bits": sa.literal(1.0),
        "probability": sa.literal(0.7),
        "reason": sa.literal("alike"),
        "state": sa.case((number.c.n == 7, "rejected"), else_="open"),
        **{name: sa.literal(value) for name, value in PROVENANCE.items()},
    }
    with warehouse.transaction() as connection:
        connection.execute(sa.insert(identity_reviews).from_select(list(asked), sa.select(*asked.values())))
        write_reviews(warehouse, connection, {lead_id: []}, {**PROVENANCE, "batch_id": "batch-1"})
        assert list(connection.scalars(sa.select(identity_reviews.c.review_id))) == ["7"]
