"""What ``crm_synced_leads`` says about its sync: the report card, and what would be sent field by field.

Bounded and masked: Dagster's event log has its own readers and retention.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import dagster as dg
import sqlalchemy as sa

from sales_agent_dagster.domain.masking import MASK, masked
from sales_agent_dagster.stages.crm.recording import figures_of
from sales_agent_dagster.warehouse.schema import crm_synced_leads, imported_leads

DIFF_ROWS = 40
"""Fields that are shown; a count tells how many there are."""

CELL_CHARACTERS = 60
PERSONAL = frozenset({"phone", "email", "contact_name", "street"})
"""Fields of which only is told whether there is a value."""


def card_metadata(card: Mapping[str, Any]) -> dict[str, Any]:
    """The report card of the sync: as a table, and those figures that tell something for Dagster's charts."""
    told = {name: value for name, value in card.items() if isinstance(value, int | float) and value}
    lines = [{"figure": f"{step}: {figure}", "value": value} for step, figure, value in figures_of(card)]
    return {
        "report_card": _table(("figure", "value"), lines),
        "crm/system": card["crm"],
        "crm/mode": card["mode"],
        **{f"crm/{name}": value for name, value in told.items()},
        **({"crm/stopped": card["stopped"]} if card["stopped"] else {}),
    }


def diff_metadata(connection: sa.Connection, batch_id: str) -> dict[str, Any]:
    """Company, field, what the CRM has and what it gets, for the first ``DIFF_ROWS`` fields of the batch."""
    lead, row = imported_leads.c, crm_synced_leads.c
    query = (
        sa.select(lead.company_name, row.operation, row.diff)
        .join(imported_leads, sa.and_(lead.batch_id == row.batch_id, lead.lead_id == row.lead_id))
        .where(row.batch_id == batch_id, row.changed_fields.is_not(None))
        .order_by(row.lead_id)
    )
    fields = 0
    shown: list[dict[str, str]] = []
    for company, operation, diff in connection.execute(query):
        for line in _lines(str(company), str(operation), diff or {}):
            fields += 1
            if len(shown) < DIFF_ROWS:
                shown.append(line)
    if not shown:
        return {}
    # What differs comes first: Dagster's pages cut wide tables on the right.
    columns = ("field", "in_crm", "new", "company", "operation")
    return {"diff": _table(columns, shown), "diff_fields": fields}


def _lines(company: str, operation: str, diff: Mapping[str, Any]) -> Iterator[dict[str, str]]:
    for name, change in diff.items():
        yield {
            "company": _cell("company", company),
            "operation": operation,
            "field": name,
            "in_crm": _cell(name, change.get("before")),
            "new": _cell(name, change.get("after")),
        }


def _cell(name: str, value: Any) -> str:
    if value is None or value == "":
        return ""
    if name in PERSONAL:
        return MASK
    text = masked(" ".join(str(value).split()))
    return text if len(text) <= CELL_CHARACTERS else f"{text[:CELL_CHARACTERS]}…"


def _table(columns: Sequence[str], rows: Iterable[Mapping[str, str]]) -> dg.TableMetadataValue:
    schema = dg.TableSchema([dg.TableColumn(name, "string") for name in columns])
    return dg.MetadataValue.table(
        [dg.TableRecord({name: row[name] for name in columns}) for row in rows], schema
    )
