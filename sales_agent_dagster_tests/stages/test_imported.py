from __future__ import annotations

import hashlib
import multiprocessing
import random
import re
import signal
import tempfile
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from sales_agent_dagster.domain.errors import (
    ConfigurationError,
    PermanentError,
    TransientError,
    UnknownRecord,
)
from sales_agent_dagster.inference.engine import ScorecardEngine
from sales_agent_dagster.settings import Settings
from sales_agent_dagster.stages import imported
from sales_agent_dagster.stages.base import StageContext
from sales_agent_dagster.stages.imported import ImportSummary, import_batch, import_is_current, lead_id_of
from sales_agent_dagster.stages.intake.register import register_file
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import (
    imported_leads,
    lead_batches,
    rejected_rows,
    resolved_leads,
)
from sales_agent_dagster_tests.conftest import NOW, MakeContext
from sales_agent_dagster_tests.rows import stage_row

CONTENT = (
    "company_name,contact_phone,contact_email,Shoe Size\n"
    "TOLMERE ELECTRIC LLC,(512) 555-0161,,44\n"
    '"Orvanne\nPower",713-555-0162,info@orvanne.example,\n'
    "\n"
    "Accept All Cookies,(512) 555-0163,,\n"
    "Quillfen Air,3035550164,,\n"
    "Brackwater Solar,,,,surplus\n"
)
Table = list[dict[str, Any]]


def stored(warehouse: Warehouse, table: sa.Table) -> Table:
    with warehouse.reading() as connection:
        rows = connection.execute(sa.select(table).order_by(table.c.batch_id, *sorted_by(table)))
        return [row._asdict() for row in rows]


def sorted_by(table: sa.Table) -> list[sa.Column[Any]]:
    return [table.c.record_no] if "record_no" in table.c else []


def everything(warehouse: Warehouse) -> tuple[Table, Table]:
    return stored(warehouse, imported_leads), stored(warehouse, rejected_rows)


@pytest.fixture
def contexts(tmp_path: Path, warehouse: Warehouse, settings: Settings, context: MakeContext) -> Any:
    """Registers a file and gives the contexts of its batches."""

    def contexts(content: str = CONTENT, **changed: Any) -> list[StageContext]:
        path = tmp_path / "leads.csv"
        path.write_text(content, newline="")
        own = settings.model_copy(update=changed)
        found = register_file(path, warehouse, own, NOW)
        return [context(warehouse, batch_id=batch_id, settings=own) for batch_id in found.batch_ids]

    return contexts


def test_rows_become_leads_or_rejected_rows(warehouse: Warehouse, contexts: Any) -> None:
    (context,) = contexts()
    assert import_batch(context) == ImportSummary(rows=5, imported=3, rejected=2, written=5)
    leads, faults = everything(warehouse)
    first, second, third = leads
    assert first["lead_id"] == lead_id_of(first["file_id"], 1)
    assert (first["batch_id"], first["run_id"], first["created_at"]) == (context.batch_id, "run-1", NOW)
    assert (first["status"], first["reason"]) == ("ok", None)
    assert (first["company_name"], first["legal_suffix"], first["phone"]) == (
        "Tolmere Electric",
        "LLC",
        "+15125550161",
    )
    assert first["raw"] == {"company_name": "TOLMERE ELECTRIC LLC", "contact_phone": "(512) 555-0161"}
    assert first["extra"] == {"Shoe Size": "44"}
    assert first["email"] is None
    assert "name_case" in first["repairs"]
    assert second["email"] == "info@orvanne.example"
    assert [(lead["record_no"], lead["line_no"]) for lead in leads] == [(1, 2), (2, 3), (4, 7)]
    assert third["company_name"] == "Quillfen Air"
    assert [
        (row["record_no"], row["line_no"], row["field"], row["value"], row["reason_code"]) for row in faults
    ] == [
        (3, 6, "company_name", "Accept All Cookies", "name_junk"),
        (5, 8, "row", "surplus", "too_many_cells"),
    ]
    for row in faults:
        assert (row["file_name"], row["run_id"], row["created_at"]) == ("leads.csv", "run-1", NOW)
        assert row["reason"]
        assert row["remedy"]
    assert faults[1]["raw"] == {"company_name": "Brackwater Solar", "column 5": "surplus"}


def test_lead_ids_depend_on_content_and_record_number_only() -> None:
    assert lead_id_of("abc", 7) == "L" + hashlib.sha256(b"abc:7").hexdigest()[:20]
    assert re.fullmatch(r"L[0-9a-f]{20}", lead_id_of("", 0))
    assert len({lead_id_of(file_id, number) for file_id in ("a", "b") for number in range(50)}) == 100


def test_a_second_run_writes_nothing(warehouse: Warehouse, contexts: Any) -> None:
    (context,) = contexts()
    assert not import_is_current(context)
    import_batch(context)
    assert import_is_current(context)
    before = everything(warehouse)
    again = replace(context, run_id="run-2", now=lambda: NOW + timedelta(days=1))
    assert import_batch(again) == ImportSummary(rows=5, imported=3, rejected=2, written=0)
    assert everything(warehouse) == before


def test_only_what_is_missing_or_changed_is_written(warehouse: Warehouse, contexts: Any) -> None:
    (context,) = contexts()
    import_batch(context)
    leads, faults = everything(warehouse)
    with warehouse.transaction() as connection:
        connection.execute(sa.delete(imported_leads).where(imported_leads.c.record_no == 2))
        connection.execute(
            sa.update(imported_leads)
            .where(imported_leads.c.record_no == 4)
            .values(input_hash="other", city="X")
        )
        connection.execute(sa.update(rejected_rows).where(rejected_rows.c.record_no == 3).values(reason="X"))
    again = replace(context, run_id="run-2")
    assert import_batch(again).written == 3
    new_leads, new_faults = everything(warehouse)
    assert [lead["run_id"] for lead in new_leads] == ["run-1", "run-2", "run-2"]
    assert [row["run_id"] for row in new_faults] == ["run-2", "run-1"]
    assert [{**lead, "run_id": "run-1"} for lead in new_leads] == leads
    assert [{**row, "run_id": "run-1"} for row in new_faults] == faults


def test_a_new_version_imports_every_row_again(
    warehouse: Warehouse, contexts: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (context,) = contexts()
    import_batch(context)
    monkeypatch.setattr(imported, "IMPORT_VERSION", imported.IMPORT_VERSION + "+")
    assert import_batch(replace(context, run_id="run-2")).written == 3
    leads, faults = everything(warehouse)
    assert {lead["run_id"] for lead in leads} == {"run-2"}
    assert {row["run_id"] for row in faults} == {"run-1"}


def test_a_row_that_changes_sides_leaves_nothing_behind(warehouse: Warehouse, contexts: Any) -> None:
    """As when a newer version rejects what an older one imported, and the other way round."""
    (context,) = contexts()
    import_batch(context)
    leads, faults = everything(warehouse)
    (junk,) = (row for row in faults if row["record_no"] == 3)
    once_lead = {**leads[0], "lead_id": lead_id_of(leads[0]["file_id"], 3), "record_no": 3}
    once_rejected = {**junk, "record_no": 1}
    downstream = stage_row("resolved_leads", context.batch_id, once_lead["lead_id"])
    with warehouse.transaction() as connection:
        connection.execute(sa.delete(rejected_rows).where(rejected_rows.c.record_no == 3))
        connection.execute(sa.delete(imported_leads).where(imported_leads.c.record_no == 1))
        warehouse.upsert(connection, imported_leads, [once_lead])
        warehouse.upsert(connection, resolved_leads, [downstream])
        warehouse.upsert(connection, rejected_rows, [once_rejected])
    assert import_batch(context) == ImportSummary(rows=5, imported=3, rejected=2, written=4)
    assert everything(warehouse) == (leads, faults)
    assert stored(warehouse, resolved_leads) == []


def test_batches_are_imported_each_by_itself(warehouse: Warehouse, contexts: Any) -> None:
    (whole,) = contexts()
    import_batch(whole)
    expected = everything(warehouse)
    with warehouse.transaction() as connection:
        for table in (imported_leads, rejected_rows, lead_batches):
            connection.execute(sa.delete(table))
        connection.execute(sa.text("DELETE FROM lead_files"))
    parts = contexts(batch_size=2)
    assert [import_batch(part).rows for part in reversed(parts)] == [1, 2, 2]
    leads, faults = everything(warehouse)
    assert {row["batch_id"] for row in leads + faults} == {part.batch_id for part in parts}
    same_batch = {"batch_id": whole.batch_id}
    assert ([row | same_batch for row in leads], [row | same_batch for row in faults]) == expected


def test_a_run_that_dies_before_its_commit_leaves_nothing(
    warehouse: Warehouse, contexts: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    (context,) = contexts()
    write = Warehouse.upsert

    def dying(self: Warehouse, connection: sa.Connection, table: sa.Table, rows: Any) -> None:
        write(self, connection, table, rows)
        if table is rejected_rows:
            raise TransientError("The lights went out.")

    with monkeypatch.context() as patched:
        patched.setattr(Warehouse, "upsert", dying)
        with pytest.raises(TransientError):
            import_batch(context)
    assert everything(warehouse) == ([], [])
    assert import_batch(context).written == 5


def test_what_the_engine_lacks_is_told_before_anything_is_written(
    warehouse: Warehouse, contexts: Any
) -> None:
    class Lacking(ScorecardEngine):
        def check(self) -> None:
            raise ConfigurationError("no such model")

    [context] = contexts()
    with pytest.raises(ConfigurationError, match="no such model"):
        import_batch(replace(context, engine=Lacking()))
    assert everything(warehouse) == ([], [])


def test_an_unknown_batch_is_named(warehouse: Warehouse, context: MakeContext) -> None:
    with pytest.raises(UnknownRecord, match="no batch nowhere"):
        import_batch(context(warehouse, batch_id="nowhere"))


def test_a_batch_whose_rows_are_not_all_there_is_refused(warehouse: Warehouse, contexts: Any) -> None:
    (context,) = contexts()
    with warehouse.transaction() as connection:
        connection.execute(sa.update(lead_batches).values(row_count=6))
    with pytest.raises(PermanentError, match=r"registered with 6 rows.*leads\.csv has 5 there"):
        import_batch(context)
    assert everything(warehouse) == ([], [])


def test_a_lost_archive_is_named(warehouse: Warehouse, contexts: Any) -> None:
    (context,) = contexts()
    for path in context.settings.archive_dir.rglob("*.csv"):
        path.unlink()
    with pytest.raises(PermanentError, match="cannot be read"):
        import_batch(context)


def test_a_file_that_reads_otherwise_than_it_was_registered_is_refused(
    warehouse: Warehouse, contexts: Any
) -> None:
    (context,) = contexts()
    with warehouse.transaction() as connection:
        connection.execute(sa.text("UPDATE lead_files SET delimiter = '|'"))
    with pytest.raises(PermanentError, match=r"leads\.csv no longer reads as it did"):
        import_batch(context)


def register_and_import(path: Path, url: str, settings: Settings) -> None:
    warehouse = Warehouse(url)
    found = register_file(path, warehouse, settings, NOW)
    for batch_id in found.batch_ids:
        # The import does not ask the profile.
        context = StageContext(warehouse, settings, None, ScorecardEngine(), batch_id, "run")  # type: ignore[arg-type]
        import_batch(context)
    warehouse.dispose()


def test_runs_killed_at_any_moment_lose_and_repeat_nothing(
    tmp_path: Path, warehouse: Warehouse, settings: Settings
) -> None:
    path = tmp_path / "leads.csv"
    rows = (f"Tolmere {number} Electric,,,\n" if number % 9 else ",,,x\n" for number in range(600))
    path.write_text("company_name,contact_phone,contact_email,notes\n" + "".join(rows))
    url = warehouse.url.render_as_string(hide_password=False)
    own = settings.model_copy(update={"batch_size": 20})
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload([__name__])
    chance = random.Random(7)
    killed = 0
    for _ in range(8):
        process = processes.Process(target=register_and_import, args=(path, url, own))
        process.start()
        process.join(chance.uniform(0.02, 0.4))
        process.kill()
        process.join()
        killed += process.exitcode == -signal.SIGKILL
    assert killed >= 1
    register_and_import(path, url, own)
    batches = stored(warehouse, lead_batches)
    assert [batch["row_count"] for batch in batches] == [20] * 30
    leads, faults = everything(warehouse)
    assert (len(leads), len(faults)) == (533, 67)
    assert sorted(row["record_no"] for row in leads + faults) == list(range(1, 601))
    with warehouse.transaction() as connection:
        connection.execute(sa.delete(imported_leads))
        connection.execute(sa.delete(rejected_rows))
    register_and_import(path, url, own)
    assert [undated(table) for table in everything(warehouse)] == [undated(leads), undated(faults)]


def undated(rows: Table) -> Table:
    return [{**row, "created_at": None} for row in rows]


CELLS = st.text(st.characters(exclude_categories=["Cs"], exclude_characters='\x00"'), max_size=15)


@given(
    rows=st.lists(st.tuples(CELLS, CELLS, CELLS, CELLS), min_size=1, max_size=12),
    batch_size=st.integers(1, 5),
)
@hypothesis_settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=30
)
def test_rows_in_are_rows_imported_and_rejected(
    sqlite_warehouse: Warehouse,
    settings: Settings,
    context: MakeContext,
    rows: list[tuple[str, ...]],
    batch_size: int,
) -> None:
    quoted = ["".join(f'"{cell}",' for cell in row)[:-1] for row in rows]
    own = settings.model_copy(update={"batch_size": batch_size})
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "any.csv"
        text = "company_name,contact_phone,website,notes\r\n" + "\r\n".join(quoted)
        path.write_bytes(text.encode())
        found = register_file(path, sqlite_warehouse, own, NOW)
    filled = sum(any(cell.strip() for cell in row) for row in rows)
    assert (found.outcome == "quarantined") == (filled == 0)
    summaries = [
        import_batch(context(sqlite_warehouse, batch_id=batch_id, settings=own))
        for batch_id in found.batch_ids
    ]
    assert sum(summary.rows for summary in summaries) == filled
    for batch_id, summary in zip(found.batch_ids, summaries, strict=True):
        with sqlite_warehouse.reading() as connection:
            leads, faults = (
                connection.scalar(sa.select(sa.func.count()).where(table.c.batch_id == batch_id))
                for table in (imported_leads, rejected_rows)
            )
        assert (leads, faults) == (summary.imported, summary.rejected)
        assert leads + faults == summary.rows
