"""Leads in the linkage index, without deciding."""

from __future__ import annotations

from collections.abc import Sequence

from sales_agent_dagster.matching.normalise import NORM_VERSION
from sales_agent_dagster.stages.identity.index import lead_no_of
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import lead_norm

NORM = [
    "name",
    "core",
    "alias",
    "phone",
    "phone_2",
    "host",
    "page",
    "email",
    "linkedin",
    "contact",
    "street_no",
    "street",
    "unit",
    "city",
    "state",
    "zip5",
]


def index_leads(
    warehouse: Warehouse, lead_ids: Sequence[str], batch_id: str = "batch-1", place: int = 1
) -> None:
    """Rows of ``lead_norm`` for resolved leads that are alike in nothing."""
    rows = [
        {
            "lead_no": lead_no_of(place, offset),
            "batch_id": batch_id,
            "lead_id": lead_id,
            "founder_id": lead_id,
            "account_id": f"A{lead_id}",
            "norm_version": NORM_VERSION,
            **dict.fromkeys(NORM, ""),
        }
        for offset, lead_id in enumerate(lead_ids)
    ]
    with warehouse.transaction() as connection:
        warehouse.upsert(connection, lead_norm, rows)
