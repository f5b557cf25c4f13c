from __future__ import annotations

import sqlalchemy as sa

from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import STAGE_TABLES
from sales_agent_dagster_tests.rows import seed_batch


def test_seeded_rows_reach_every_stage(warehouse: Warehouse) -> None:
    ids = seed_batch(warehouse, leads=[{}, {"company_name": "B"}], through="crm_synced_leads")
    with warehouse.reading() as connection:
        for table in STAGE_TABLES:
            rows = connection.execute(sa.select(table).order_by(table.c.lead_id)).mappings().all()
            assert [row["lead_id"] for row in rows] == ids
