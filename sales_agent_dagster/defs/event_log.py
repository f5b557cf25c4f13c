"""Makes Dagster's embedded event log cheap for the length of a run.

Dagster makes an engine for every statement there: a run of seven assets writes more than 200 events through
about 750 engines, and each opens the database and compiles its statement anew. Closing the last connection to
a database in WAL mode checkpoints and deletes its log, and every commit waits for the disk. Together that is
more than half of what Dagster adds to a run.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from dagster._core.storage.event_log.sqlite import sqlite_event_log
from dagster._core.storage.runs.sqlite import sqlite_run_storage
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry, QueuePool

STORAGES: tuple[Any, ...] = (sqlite_event_log, sqlite_run_storage)
"""Dagster's modules that make engines for a run's statements, by a ``create_engine`` of theirs."""


@contextmanager
def kept_open(folder: Path) -> Iterator[None]:
    """Keep every SQLite database below ``folder`` open that Dagster opens meanwhile, and sync at checkpoints.

    A killed process loses nothing: what is committed is with the operating system. A power cut may lose the
    last events, never the database; leads and money are in the warehouse, which is not concerned.
    See https://www.sqlite.org/pragma.html#pragma_synchronous.
    """
    engines = _Engines(folder.resolve())
    for storage in STORAGES:
        storage.create_engine = engines.create_engine
    try:
        yield
    finally:
        for storage in STORAGES:
            storage.create_engine = sa.create_engine
        engines.close()


class _LastingPool(QueuePool):
    """Outlasts ``Engine.dispose``, which Dagster calls after every statement."""

    def dispose(self) -> None:
        """Nothing: see ``close``."""

    def recreate(self) -> _LastingPool:
        """The same."""
        return self

    def close(self) -> None:
        """Close all connections."""
        super().dispose()


class _Engines:
    """One engine per database below a folder; for others there is always a new one, as Dagster wants it."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._kept: dict[str, sa.Engine] = {}

    def create_engine(self, url: str, **options: Any) -> sa.Engine:
        """In place of ``sqlalchemy.create_engine``."""
        if url in self._kept:
            return self._kept[url]
        file = sa.make_url(url).database
        if not file or not Path(file).resolve().is_relative_to(self._root):
            return sa.create_engine(url, **options)
        engine = sa.create_engine(url, **{**options, "poolclass": _LastingPool})
        sa.event.listen(engine, "connect", _opened)
        return self._kept.setdefault(url, engine)

    def close(self) -> None:
        """Close all databases that were kept open."""
        for engine in self._kept.values():
            if isinstance(engine.pool, _LastingPool):
                engine.pool.close()


def _opened(connection: DBAPIConnection, _: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    cursor.execute("PRAGMA synchronous = NORMAL")
    # Dagster does the same, but after it has made the tables, each in a commit of its own.
    cursor.execute("PRAGMA journal_mode = WAL")
    cursor.close()
