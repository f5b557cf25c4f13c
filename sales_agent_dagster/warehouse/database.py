"""The warehouse connection: URL, transactions, migrations, idempotent writes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import sqlalchemy as sa


class Warehouse:
    """Tables on SQLite or PostgreSQL.

    Args:
        url: SQLAlchemy URL. ``postgresql://`` and ``postgres://`` mean the psycopg 3 driver.
    """

    def __init__(self, url: str) -> None:
        self.engine = sa.create_engine(url)

    def migrate(self) -> None:
        """Bring the schema to the newest version; does nothing when it is there already."""

    @contextmanager
    def transaction(self) -> Iterator[sa.Connection]:
        """One write transaction: all or nothing. SQLite takes the write lock at once.

        Raises:
            TransientError: the database is locked or the connection was lost.
        """
        with self.engine.begin() as connection:
            yield connection

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """A connection for reading."""
        with self.engine.connect() as connection:
            yield connection

    def upsert(self, connection: sa.Connection, table: sa.Table, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert rows, or replace those with the same key. Missing nullable columns become NULL."""
