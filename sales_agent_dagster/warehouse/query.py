"""Read-only SQL for analysts: one statement, nothing but reading, a cap on rows and on time."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from sales_agent_dagster.domain.errors import PermanentError
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import METADATA
from sales_agent_dagster.warehouse.views import VIEWS

TIMEOUT_SECONDS = 60
READING = ("SELECT", "WITH", "VALUES", "EXPLAIN")

_SKIPPED = re.compile(r"\A(?:\s+|--[^\n]*(?:\n|\Z)|/\*.*?\*/|\()*", re.DOTALL)
_UNKNOWN_TABLE = re.compile(r"no such table: (?:main\.)?(\S+)|relation \"([^\"]+)\" does not exist")
_ALLOWED_ACTIONS = frozenset(
    {sqlite3.SQLITE_SELECT, sqlite3.SQLITE_READ, sqlite3.SQLITE_FUNCTION, sqlite3.SQLITE_RECURSIVE}
)


@dataclass(frozen=True, slots=True)
class QueryResult:
    """Rows of a query.

    Attributes:
        truncated: True when there were more rows than the limit.
    """

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    truncated: bool


def run_query(
    warehouse: Warehouse, sql: str, limit: int = 1000, timeout_seconds: float = TIMEOUT_SECONDS
) -> QueryResult:
    """Run one reading statement and return at most ``limit`` rows.

    The database itself enforces reading (a read-only connection or transaction), so a statement that
    hides a write fails too.

    Raises:
        PermanentError: no warehouse yet, several statements, a write, an error in the SQL (an unknown
            table comes with the nearest names), or longer than ``timeout_seconds``.
        TransientError: the database is locked or the connection was lost.
    """
    _require_reading(sql)
    if warehouse.url.get_backend_name() == "sqlite":
        return _query_sqlite(Path(str(warehouse.url.database)), sql, limit, timeout_seconds)
    return _query_postgres(warehouse, sql, limit, timeout_seconds)


def _require_reading(sql: str) -> None:
    start = _SKIPPED.match(sql)
    rest = sql[start.end() :] if start else sql
    word = re.match(r"\w*", rest)
    first = word.group().upper() if word else ""
    if not first:
        raise PermanentError("The query is empty.")
    if first not in READING:
        raise PermanentError(f"{first} is refused: a query reads only, with {', '.join(READING)}.")


def _query_sqlite(path: Path, sql: str, limit: int, timeout_seconds: float) -> QueryResult:
    if not path.exists():
        raise PermanentError("There is no warehouse yet: import a file first (sales-agent run FILE).")
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=timeout_seconds)
    try:
        connection.execute("PRAGMA query_only = ON")
        connection.set_authorizer(_authorize)
        deadline = time.monotonic() + timeout_seconds
        connection.set_progress_handler(lambda: time.monotonic() > deadline, 10_000)
        cursor = connection.execute(sql)
        names = [item[0] for item in cursor.description or ()]
        return _result(names, cursor.fetchmany(limit + 1), limit)
    except (sqlite3.Error, sqlite3.Warning) as error:
        raise PermanentError(_explain(str(error), timeout_seconds)) from error
    finally:
        connection.close()


def _authorize(action: int, _first: str | None, second: str | None, *_where: str | None) -> int:
    if action == sqlite3.SQLITE_FUNCTION and second == "load_extension":
        return sqlite3.SQLITE_DENY
    return sqlite3.SQLITE_OK if action in _ALLOWED_ACTIONS else sqlite3.SQLITE_DENY


def _query_postgres(warehouse: Warehouse, sql: str, limit: int, timeout_seconds: float) -> QueryResult:
    with warehouse.reading() as connection:
        connection.exec_driver_sql("SET TRANSACTION READ ONLY")
        connection.exec_driver_sql(f"SET LOCAL statement_timeout = {int(timeout_seconds * 1000)}")
        driver: Any = connection.connection.driver_connection
        errors = connection.dialect.loaded_dbapi
        try:
            # Preparing makes the server refuse more than one statement, which could leave the
            # transaction and with it READ ONLY.
            cursor = driver.execute(sql, prepare=True)
            names = [item.name for item in cursor.description or ()]
            return _result(names, cursor.fetchmany(limit + 1), limit)
        except errors.Error as error:
            raise PermanentError(_explain(str(error), timeout_seconds)) from error


def _result(columns: Sequence[str], rows: Sequence[Sequence[Any]], limit: int) -> QueryResult:
    return QueryResult(tuple(columns), [tuple(row) for row in rows[:limit]], len(rows) > limit)


def _explain(message: str, timeout_seconds: float) -> str:
    """The database's message in words an analyst can act on."""
    lowered = message.lower()
    if any(words in lowered for words in ("read-only", "readonly", "not authorized", "prohibited")):
        return "The query is refused: it may read only."
    if "one statement" in lowered or "multiple commands" in lowered:
        return "The query is refused: one statement at a time."
    if "interrupted" in lowered or "statement timeout" in lowered:
        return f"The query took longer than {timeout_seconds:g} s and was stopped."
    unknown = _UNKNOWN_TABLE.search(message)
    if unknown is None:
        return f"The query failed: {message.strip()}"
    name = next(group for group in unknown.groups() if group)
    known = sorted([*METADATA.tables, *(view.name for view in VIEWS)])
    if near := get_close_matches(name, known, n=3, cutoff=0.6):
        return f"There is no table or view {name}. Did you mean {', '.join(near)}?"
    views = ", ".join(view.name for view in VIEWS)
    return f"There is no table or view {name}. Start with one of {views}; docs/tables.md has all."
