"""From a database URL to an engine: drivers, connection settings, which failures are worth a retry."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
import psycopg
import sqlalchemy as sa

from sales_agent_dagster.domain.errors import ConfigurationError, TransientError

MAPPED_BYTES = 1 << 30
"""Beginning of a SQLite file that is mapped into memory: address space, not memory that is taken up."""
BUSY_SECONDS = 30
"""How long a SQLite writer waits for another one's lock before it is a TransientError."""

POSTGRES_TRANSIENT_CLASSES = frozenset({"08", "40", "53", "57"})
"""SQLSTATE classes where the same statement may pass later: connection exception, transaction rollback
(serialization, deadlock), insufficient resources, operator intervention (restart)
(https://www.postgresql.org/docs/current/errcodes-appendix.html)."""

_EXAMPLES = "postgresql://user:password@host:5432/name or sqlite:////absolute/path/warehouse.db"


def parse_url(url: str) -> sa.URL:
    """SQLAlchemy URL with the driver filled in.

    Raises:
        ConfigurationError: not a URL, another database, or SQLite without a file. The message never
            repeats the URL, because that may hold a password.
    """
    try:
        parsed = sa.make_url(url)
    except (sa.exc.ArgumentError, ValueError):
        raise ConfigurationError(
            f"SALES_AGENT_DATABASE_URL is not a database URL. Use {_EXAMPLES}."
        ) from None
    if parsed.drivername in ("postgres", "postgresql", "postgresql+psycopg"):
        return parsed.set(drivername="postgresql+psycopg")
    if parsed.drivername not in ("sqlite", "sqlite+pysqlite"):
        raise ConfigurationError(
            f"SALES_AGENT_DATABASE_URL: {parsed.drivername}:// is not supported. Use {_EXAMPLES}."
        )
    if parsed.database in (None, "", ":memory:"):
        raise ConfigurationError(
            f"SALES_AGENT_DATABASE_URL: SQLite needs a file, several processes share it. Use {_EXAMPLES}."
        )
    return parsed


def create_engine(url: sa.URL) -> sa.Engine:
    """Engine for a URL from ``parse_url``. A SQLite file's folder is created."""
    shared: dict[str, Any] = {
        "json_serializer": lambda value: orjson.dumps(value).decode(),
        "json_deserializer": _from_json,
        "hide_parameters": True,  # rows hold people's addresses: keep them out of error messages
    }
    if url.get_backend_name() == "postgresql":
        options = {"application_name": "sales_agent", "options": "-c timezone=UTC"}
        return sa.create_engine(url, pool_pre_ping=True, connect_args=options, **shared)
    Path(str(url.database)).parent.mkdir(parents=True, exist_ok=True)
    engine = sa.create_engine(url, connect_args={"timeout": BUSY_SECONDS}, **shared)
    sa.event.listen(engine, "connect", _configure_sqlite)
    sa.event.listen(engine, "begin", _begin_sqlite)
    return engine


def _from_json(stored: Any) -> Any:
    # SQLite gives a JSON column numeric affinity: a document that is a bare number comes back as one.
    return stored if isinstance(stored, int | float) else orjson.loads(stored)


def _configure_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    # The driver's own transaction handling begins late and never IMMEDIATE; SQLAlchemy's documented
    # way out is to switch it off and to begin by event.
    connection.isolation_level = None
    connection.execute(f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}")
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute("PRAGMA foreign_keys = ON")


def map_file(connection: sa.Connection) -> None:
    """Let this connection read the file's pages where they lie: for look-ups of many keys, on SQLite.

    Not for every connection: mapped pages count as the process's memory, and imports must stay small.
    """
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA mmap_size = {MAPPED_BYTES}")


def _begin_sqlite(connection: sa.Connection) -> None:
    writing = connection.get_execution_options().get("write_lock", False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


_UNREACHED = " Is the server of SALES_AGENT_DATABASE_URL running?"


@contextmanager
def translated_errors() -> Iterator[None]:
    """Turn database failures that may pass by themselves into TransientError, the cause kept.

    Raises:
        TransientError: a lock, a deadlock, a lost or refused connection.
        ConfigurationError: the server refuses the user or does not know the database.
    """
    try:
        yield
    except sa.exc.DBAPIError as error:
        if _is_refusal(error.orig):
            raise ConfigurationError(f"SALES_AGENT_DATABASE_URL: {_first_line(error.orig)}") from error
        if error.connection_invalidated or _is_transient(error.orig):
            remedy = _UNREACHED if _is_unreached(error.orig) else ""
            raise TransientError(
                f"The warehouse is not available: {_first_line(error.orig)}.{remedy}"
            ) from error
        raise


def _is_transient(cause: BaseException | None) -> bool:
    if isinstance(cause, sqlite3.Error):
        # Extended codes keep the primary code in the low byte (https://www.sqlite.org/rescode.html).
        code = getattr(cause, "sqlite_errorcode", 0) & 0xFF
        return code in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
    if isinstance(cause, psycopg.errors.QueryCanceled):
        return False
    if isinstance(cause, psycopg.OperationalError | psycopg.InterfaceError):
        return cause.sqlstate is None or cause.sqlstate[:2] in POSTGRES_TRANSIENT_CLASSES
    return False


def _is_refusal(cause: BaseException | None) -> bool:
    """True for a connection that no waiting will bring about; libpq gives no code for these, only words."""
    if not isinstance(cause, psycopg.OperationalError) or cause.sqlstate is not None:
        return False
    return "authentication failed" in str(cause) or "does not exist" in str(cause)


def _is_unreached(cause: BaseException | None) -> bool:
    return isinstance(cause, psycopg.OperationalError) and cause.sqlstate is None


def _first_line(cause: BaseException | None) -> str:
    return str(cause).strip().splitlines()[0] if str(cause).strip() else type(cause).__name__
