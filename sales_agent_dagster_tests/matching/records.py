"""Made-up leads for the matching tests."""

from __future__ import annotations

from typing import Any

from sales_agent_dagster.matching.base import Record


def record(lead_id: str = "L1", name: str = "Acme Electric", **fields: Any) -> Record:
    phone = fields.pop("phone", None)
    if phone:
        fields["phones"] = (phone,)
    return Record(lead_id, name, fields.pop("where", f"line {lead_id[1:]}"), **fields)
