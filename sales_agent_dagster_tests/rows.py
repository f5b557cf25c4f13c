"""Valid minimal rows for every table, and ``seed_batch``, which fills the tables upstream of a test.

``seed_batch(warehouse, "batch-1", [{"company_name": "A"}, {"company_name": "B",
"qualified_leads": {"score": 81.0, "tier": "PLATINUM"}}])`` imports two leads and carries both through
``qualified_leads``, the last table that any of them names. Or say how far: ``through="campaigns"``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import (
    METADATA,
    STAGE_TABLES,
    lead_batches,
    lead_files,
    resolution_order,
)

CREATED = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
STAGES = tuple(table.name for table in STAGE_TABLES)
PROVENANCE = {"run_id": "run-0", "created_at": CREATED}

DEFAULTS: dict[str, dict[str, Any]] = {
    "imported_leads": {
        "line_no": 2,
        "company_name": "Example Power",
        "oem_count": 0,
        "do_not_contact": False,
        "existing_customer": False,
    },
    "resolved_leads": {
        "decision": "new",
        "is_duplicate": False,
        "cluster_size": 1,
        "oem_count": 0,
        "suppressed": False,
    },
    "qualified_leads": {"score": 65.0, "tier": "GOLD", "confidence": 0.5, "icp_score": 62.0},
    "enriched_leads": {"domain_kind": "none", "email_kind": "none", "fact_count": 0, "completeness": 0.0},
    "analyzed_leads": {"expansion_score": 50.0},
    "campaigns": {"contactable": False, "message_count": 0},
    "crm_synced_leads": {"crm": "preview", "operation": "skip"},
}
"""Columns that a stage's rows have besides those of every stage."""


def file_row(file_id: str = "file-1", **columns: Any) -> dict[str, Any]:
    """A row of lead_files."""
    row = {
        "file_id": file_id,
        "file_name": f"{file_id}.csv",
        "archive_path": f"{file_id}.csv",
        "size_bytes": 100,
        "status": "accepted",
        "row_count": 1,
        "blank_rows": 0,
        "batch_count": 1,
        "registered_at": CREATED,
    }
    return row | columns


def batch_row(batch_id: str = "batch-1", **columns: Any) -> dict[str, Any]:
    """A row of lead_batches."""
    row = {
        "batch_id": batch_id,
        "batch_seq": 1,
        "file_id": "file-1",
        "batch_no": 1,
        "first_record": 1,
        "first_line": 2,
        "byte_offset": 20,
        "row_count": 1,
        "registered_at": CREATED,
    }
    return row | columns


def stage_row(
    stage: str, batch_id: str = "batch-1", lead_id: str = "lead-1", **columns: Any
) -> dict[str, Any]:
    """A row of one of the seven stage tables: status ok, nothing else known."""
    row = {"batch_id": batch_id, "lead_id": lead_id, "status": "ok", "input_hash": "hash", **PROVENANCE}
    if stage == "imported_leads":
        row |= {"file_id": "file-1", "record_no": 1}
    else:
        row |= {"engine": "rules", "engine_version": "1", "latency_ms": 1.0, "cost_usd": 0.0}
    if stage == "resolved_leads":
        row["entity_id"], row["account_id"] = f"entity-{lead_id}", f"account-{lead_id}"
    return row | DEFAULTS[stage] | columns


def seed_batch(
    warehouse: Warehouse,
    batch_id: str = "batch-1",
    leads: Sequence[Mapping[str, Any]] = ({},),
    *,
    through: str | None = None,
    batch_seq: int | None = None,
    file_id: str | None = None,
) -> list[str]:
    """Store a file, a batch and its leads with a row in every stage table up to ``through``.

    Args:
        leads: per lead, columns of imported_leads; under a stage's name, columns of its row there.
        through: last stage to fill; by default the last one that a lead names, else imported_leads.
        batch_seq: order of the batch; by default the next free one.
        file_id: source file; by default ``file-<batch_id>``.

    Returns:
        The lead ids in order: as given, else ``<batch_id>-<number from 1>``.
    """
    named = [stage for stage in STAGES if any(stage in lead for lead in leads)]
    last = through or (named[-1] if named else STAGES[0])
    file_id = file_id or f"file-{batch_id}"
    ids = [str(lead.get("lead_id", f"{batch_id}-{number}")) for number, lead in enumerate(leads, 1)]
    with warehouse.transaction() as connection:
        seq = batch_seq or _next_seq(connection)
        count = len(leads)
        warehouse.upsert(connection, lead_files, [file_row(file_id, row_count=count)])
        batch = batch_row(batch_id, file_id=file_id, row_count=count, batch_seq=seq)
        warehouse.upsert(connection, lead_batches, [batch])
        for stage in STAGES[: STAGES.index(last) + 1]:
            rows = [
                stage_row(stage, batch_id, lead_id, **_columns(stage, number, file_id, lead))
                for number, (lead_id, lead) in enumerate(zip(ids, leads, strict=True), 1)
            ]
            warehouse.upsert(connection, METADATA.tables[stage], rows)
            if stage == "resolved_leads":
                place = {"batch_id": batch_id, "resolve_seq": seq, "leads": count, **PROVENANCE}
                warehouse.upsert(connection, resolution_order, [place])
    return ids


def _columns(stage: str, number: int, file_id: str, lead: Mapping[str, Any]) -> dict[str, Any]:
    if stage != "imported_leads":
        return dict(lead.get(stage, {}))
    position = {"record_no": number, "line_no": number + 1, "file_id": file_id}
    own = {name: value for name, value in lead.items() if name not in (*STAGES, "lead_id")}
    return position | own


def _next_seq(connection: sa.Connection) -> int:
    return int(connection.scalar(sa.select(sa.func.coalesce(sa.func.max(lead_batches.c.batch_seq), 0)))) + 1
