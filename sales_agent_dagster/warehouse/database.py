"""The warehouse connection: URL, transactions, migrations, idempotent writes."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa

from sales_agent_dagster.warehouse import connecting, migrating, writing


class Warehouse:
    """Tables on SQLite or PostgreSQL.

    Cheap to make: nothing is opened before the first use. Safe to share between threads, to pickle
    (only the URL travels) and to use on both sides of a fork (each process gets its own connections).

    Args:
        url: SQLAlchemy URL. ``postgresql://`` and ``postgres://`` mean the psycopg 3 driver.

    Raises:
        ConfigurationError: the URL is malformed or names another database.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self.url = connecting.parse_url(url)
        self._engine: sa.Engine | None = None
        self._owner = 0
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type[Warehouse], tuple[str]]:
        return Warehouse, (self._url,)

    def __repr__(self) -> str:
        return f"Warehouse({self.url.render_as_string(hide_password=True)!r})"

    @property
    def engine(self) -> sa.Engine:
        """This process's engine."""
        with self._lock:
            if self._engine is not None and self._owner != os.getpid():
                # A forked child must forget its parent's connections without closing them.
                self._engine.dispose(close=False)
                self._engine = None
            if self._engine is None:
                self._engine = connecting.create_engine(self.url)
                self._owner = os.getpid()
            return self._engine

    def dispose(self) -> None:
        """Close all connections. The warehouse stays usable and opens new ones."""
        with self._lock:
            if self._engine is not None:
                self._engine.dispose(close=self._owner == os.getpid())
                self._engine = None

    def migrate(self) -> None:
        """Bring the schema to the newest version; does nothing when it is there already.

        Raises:
            ConfigurationError: the database was written by a newer version of this package.
            TransientError: the database is locked or the connection was lost.
        """
        with connecting.translated_errors():
            migrating.migrate(self.engine)

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """One write transaction: all or nothing. SQLite takes the write lock at once.

        Raises:
            TransientError: the database is locked or the connection was lost.
        """
        with connecting.translated_errors(), self.engine.connect() as connection:
            writer = connection.execution_options(write_lock=True)
            with writer.begin():
                yield writer

    def exclusive(self, connection: sa.Connection, name: str) -> None:
        """Wait until no other transaction holds the lock ``name``; hold it until this one ends.

        A SQLite transaction already is the only writer.
        """
        if connection.dialect.name == "postgresql":
            connection.execute(sa.select(sa.func.pg_advisory_xact_lock(sa.func.hashtextextended(name, 0))))

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection for reading: what it writes all the same is rolled back.

        On SQLite all its statements see the same state.

        Raises:
            TransientError: the database is locked or the connection was lost.
        """
        with connecting.translated_errors(), self.engine.connect() as connection:
            connection.begin()  # never committed
            yield connection

    def upsert(self, connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert rows, or replace those with the same key. Missing nullable columns become NULL.

        A key that occurs twice in ``rows`` keeps its last row. NaN becomes NULL and NUL characters are
        dropped, on both databases alike.

        Raises:
            ValueError: a row has a column that the table has not.
            TypeError: a value's type does not fit its column, or a time has no zone.
            sqlalchemy.exc.IntegrityError: a constraint is broken.
        """
        writing.upsert(connection, table, rows)
