"""Write ``docs/tables.md`` from the schema: ``python -m sales_agent_dagster.warehouse.docs``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite

from sales_agent_dagster.warehouse.schema import METADATA
from sales_agent_dagster.warehouse.views import VIEWS, View

TABLES_MD = Path(__file__).resolve().parents[2] / "docs" / "tables.md"
_POSTGRES, _SQLITE = postgresql.dialect(), sqlite.dialect()  # type: ignore[no-untyped-call]


def tables_markdown() -> str:
    """The whole page."""
    parts = [
        "# Tables and views",
        "Made from the schema by `make docs`; do not edit. Types are PostgreSQL's, in brackets SQLite's "
        "where they differ. Times are UTC. Missing is NULL. Lists in text columns are separated by comma "
        "and space.",
        *_contents(),
    ]
    parts += [_table(table) for table in METADATA.sorted_tables]
    parts += [_view(view) for view in VIEWS]
    return "\n\n".join(parts) + "\n"


def _contents() -> Iterator[str]:
    tables = [(table.name, table.comment or "") for table in METADATA.sorted_tables]
    yield _grid(("Table", "Rows"), ((_link(name), comment) for name, comment in tables))
    yield _grid(("View", "Rows"), ((_link(view.name), view.comment) for view in VIEWS))


def _table(table: sa.Table) -> str:
    parts = [f"## {table.name}", table.comment or "", f"Primary key: {_names(table.primary_key)}."]
    for foreign in sorted(table.foreign_key_constraints, key=lambda key: str(key.name)):
        parts.append(f"{_names(foreign.columns)} refers to {_link(foreign.referred_table.name)}.")
    rows = (
        (
            f"`{column.name}`",
            _type(column.type),
            "" if column.nullable else "not null",
            column.comment or "",
        )
        for column in table.columns
    )
    parts.append(_grid(("Column", "Type", "", "Meaning"), rows))
    return "\n\n".join(parts)


def _view(view: View) -> str:
    rows = ((f"`{name}`", comment) for name, comment in view.columns.items())
    return "\n\n".join([f"## {view.name}", view.comment, _grid(("Column", "Meaning"), rows)])


def _type(column_type: sa.types.TypeEngine[object]) -> str:
    names = [column_type.compile(dialect=dialect).lower() for dialect in (_POSTGRES, _SQLITE)]
    return names[0] if names[0] == names[1] else f"{names[0]} ({names[1]})"


def _names(columns: Iterable[sa.Column[object]]) -> str:
    return ", ".join(f"`{column.name}`" for column in columns)


def _link(name: str) -> str:
    return f"[{name}](#{name})"


def _grid(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |" for line in lines)


if __name__ == "__main__":
    TABLES_MD.write_text(tables_markdown(), encoding="utf-8")
