from __future__ import annotations

import runpy
from pathlib import Path

import pytest

from sales_agent_dagster.warehouse import docs
from sales_agent_dagster.warehouse.schema import METADATA
from sales_agent_dagster.warehouse.views import VIEWS


def test_the_page_is_current() -> None:
    assert docs.TABLES_MD.read_text(encoding="utf-8") == docs.tables_markdown(), "run `make docs`"


def test_the_page_tells_every_table_view_and_column() -> None:
    page = docs.tables_markdown()
    for table in METADATA.sorted_tables:
        assert f"\n## {table.name}\n" in page
        assert table.comment
        for column in table.columns:
            assert column.comment, f"{table.name}.{column.name} has no comment"
            assert f"| `{column.name}` | " in page
    for view in VIEWS:
        assert f"\n## {view.name}\n" in page


def test_the_page_tells_types_and_keys() -> None:
    page = docs.tables_markdown()
    assert "| `raw` | jsonb (json) |  | Header name to raw cell, for the cells that were mapped. |" in page
    assert "Primary key: `batch_id`, `lead_id`." in page
    assert "`batch_id`, `lead_id` refers to [imported_leads](#imported_leads)." in page


def test_the_command_writes_the_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Path, "resolve", lambda _self: tmp_path / "package" / "warehouse" / "docs.py")
    (tmp_path / "docs").mkdir()
    runpy.run_path(docs.__file__, run_name="__main__")
    assert (tmp_path / "docs" / "tables.md").read_text(encoding="utf-8") == docs.tables_markdown()
