"""The whole flow over the samples, without Dagster."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from sales_agent_dagster.domain.errors import UnknownRecord
from sales_agent_dagster.settings import PROJECT_ROOT, Settings
from sales_agent_dagster.stages.intake.register import register_file
from sales_agent_dagster.stages.pipeline import STAGES, BatchRun, load_ahead, run_batch
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import (
    METADATA,
    STAGE_TABLES,
    imported_leads,
    lead_batches,
    rejected_rows,
    resolved_leads,
)
from sales_agent_dagster_tests.conftest import NOW, MakeContext

SAMPLES = sorted((PROJECT_ROOT / "data" / "samples").glob("*.csv"))
RAW = {
    ("imported_leads", "raw"),
    ("imported_leads", "extra"),
    ("rejected_rows", "raw"),
    ("rejected_rows", "value"),
}
"""Columns that keep cells as the file has them, whatever they hold."""

PEOPLE = ("contact_name", "contact_first_name", "contact_last_name")
"""Some people are called Null."""

Tables = dict[str, list[dict[str, Any]]]


def register(warehouse: Warehouse, settings: Settings, files: list[Path]) -> list[str]:
    return [
        batch_id for file in files for batch_id in register_file(file, warehouse, settings, NOW).batch_ids
    ]


def run(warehouse: Warehouse, context: MakeContext, batches: list[str], run_id: str) -> list[BatchRun]:
    return [run_batch(context(warehouse, batch_id, run_id=run_id)) for batch_id in batches]


def tables(warehouse: Warehouse) -> Tables:
    """Every row of every table, in order of the keys."""
    with warehouse.reading() as connection:
        return {
            table.name: [
                dict(row)
                for row in connection.execute(sa.select(table).order_by(*table.primary_key)).mappings()
            ]
            for table in METADATA.sorted_tables
        }


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for item in value.values():
            yield from leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item)
    else:
        yield value


def check_conservation(found: Tables) -> None:
    keys = [(row["batch_id"], row["lead_id"]) for row in found["imported_leads"]]
    assert keys
    for table in STAGE_TABLES:
        assert [(row["batch_id"], row["lead_id"]) for row in found[table.name]] == keys
    arrived = Counter(row["batch_id"] for row in (*found["imported_leads"], *found["rejected_rows"]))
    assert arrived == {row["batch_id"]: row["row_count"] for row in found["lead_batches"]}


def check_reasons(found: Tables) -> None:
    for table in STAGE_TABLES:
        for row in found[table.name]:
            assert row["status"] == "ok" or row["reason"], (table.name, row["lead_id"])
    assert all(row["reason"] for row in (*found["resolved_leads"], *found["crm_synced_leads"]))


def check_no_nan(found: Tables) -> None:
    for table, rows in found.items():
        for row in rows:
            for column, value in row.items():
                for leaf in leaves(value):
                    assert not (isinstance(leaf, float) and math.isnan(leaf)), (table, column)
                    if isinstance(leaf, str) and (table, column) not in RAW:
                        # The matcher's index keeps comparable texts, where nothing known is no text.
                        assert leaf.strip() or table == "lead_norm", (table, column)
                        assert column in PEOPLE or leaf.lower() not in ("nan", "null"), (table, column)


def check_crm(found: Tables) -> None:
    """Outbox and preview hold exactly what the rows plan."""
    planned = [
        (row["batch_id"], row["lead_id"], row["operation"])
        for row in found["crm_synced_leads"]
        if row["operation"] in ("create", "update")
    ]
    assert [(row["batch_id"], row["lead_id"], row["operation"]) for row in found["crm_outbox"]] == planned
    created = Counter(row["entity_id"] for row in found["crm_outbox"] if row["operation"] == "create")
    assert set(created.values()) == {1}
    assert {row["entity_id"] for row in found["crm_preview_records"]} == created.keys()


def test_samples_go_through_and_a_second_run_writes_nothing(
    warehouse: Warehouse, context: MakeContext, settings: Settings
) -> None:
    batches = register(warehouse, settings, SAMPLES)
    assert len(batches) >= len(SAMPLES) > 0
    first = run(warehouse, context, batches, "run-1")
    found = tables(warehouse)
    check_conservation(found)
    check_reasons(found)
    check_no_nan(found)
    check_crm(found)
    assert sum(done.imported.imported for done in first) == len(found["imported_leads"])
    assert [list(done.plans) for done in first] == [[stage.name for stage in STAGES]] * len(batches)
    assert sum(done.computed for done in first) == len(STAGES) * len(found["imported_leads"])

    second = run(warehouse, context, batches, "run-2")
    assert [done.computed for done in second] == [0] * len(batches)
    assert [done.imported.written for done in second] == [0] * len(batches)
    assert tables(warehouse) == found


def test_both_databases_hold_the_same(
    sqlite_warehouse: Warehouse, postgres_warehouse: Warehouse, context: MakeContext, settings: Settings
) -> None:
    held = []
    for warehouse in (sqlite_warehouse, postgres_warehouse):
        run(warehouse, context, register(warehouse, settings, SAMPLES[:2]), "run-1")
        rows = tables(warehouse)
        for row in (row for table in rows.values() for row in table):
            row.pop("latency_ms", None)
            for name, value in row.items():
                if hasattr(value, "utcoffset"):
                    row[name] = value.replace(tzinfo=None) - (value.utcoffset() or timedelta())
        held.append(rows)
    assert held[0] == held[1]


def test_an_unknown_batch_is_refused(warehouse: Warehouse, context: MakeContext) -> None:
    with pytest.raises(UnknownRecord):
        run_batch(context(warehouse, "no-such-batch"))


def test_stages_follow_the_tables() -> None:
    order = [table.name for table in STAGE_TABLES]
    assert [stage.table for stage in STAGES] == list(STAGE_TABLES[1:])
    assert [stage.name for stage in STAGES] == order[1:]
    assert [stage.upstream for stage in STAGES] == order[:-1]


def test_rows_rejected_at_import_reach_no_stage(
    warehouse: Warehouse, context: MakeContext, settings: Settings, tmp_path: Path
) -> None:
    source = tmp_path / "leads.csv"
    source.write_text(
        "Company,Phone\nExample Power,330-555-0101\n,330-555-0102\nExample Power Inc,3305550101\n"
    )
    batches = register(warehouse, settings, [source])
    [done] = run(warehouse, context, batches, "run-1")
    assert (done.imported.rows, done.imported.imported, done.imported.rejected) == (3, 2, 1)
    with warehouse.reading() as connection:
        counts = {
            table.name: connection.scalar(sa.select(sa.func.count()).select_from(table))
            for table in (lead_batches, imported_leads, rejected_rows, resolved_leads)
        }
        entities = connection.scalars(sa.select(resolved_leads.c.entity_id)).all()
    assert counts == {"lead_batches": 1, "imported_leads": 2, "rejected_rows": 1, "resolved_leads": 2}
    assert len(set(entities)) == 1


def test_what_later_stages_wait_for_is_loaded_once_in_the_background(monkeypatch: pytest.MonkeyPatch) -> None:
    warmed: list[str] = []
    for stage in STAGES:
        monkeypatch.setattr(stage, "warm_up", lambda self: warmed.append(self.name))
    load_ahead.cache_clear()
    load_ahead().join()
    load_ahead().join()
    assert warmed == [stage.name for stage in STAGES]
