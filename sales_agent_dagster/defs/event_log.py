"""Makes Dagster's embedded event log cheap for the length of a run.

Dagster opens a connection per statement there: a run of seven assets writes more than 200 events in about 750
connections. Closing the last connection to a database in WAL mode checkpoints and deletes its log, and every
commit waits for the disk: together more than half of what Dagster adds to a run.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry, NullPool

_FILE = "sales_agent_dagster/file"


@contextmanager
def kept_open(folder: Path) -> Iterator[None]:
    """Keep every SQLite database below ``folder`` open that Dagster opens meanwhile, and sync at checkpoints.

    A killed process loses nothing: what is committed is with the operating system. A power cut may lose the
    last events, never the database; leads and money are in the warehouse, which is not concerned.
    See https://www.sqlite.org/pragma.html#pragma_synchronous.
    """
    root, kept = folder.resolve(), dict[str, sqlite3.Connection]()

    def opened(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        if file := _file_below(root, connection):
            record.info[_FILE] = file
            cursor = connection.cursor()
            cursor.execute("PRAGMA synchronous = NORMAL")
            if not Path(file).stat().st_size:
                # Dagster does the same, but after it has made the tables, each in a commit of its own.
                cursor.execute("PRAGMA journal_mode = WAL")

    def closing(connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        if file := record.info.get(_FILE):
            if file not in kept:
                kept[file] = sqlite3.connect(file, check_same_thread=False)
            # Only who has read holds the write-ahead log open; the database may have got one just now.
            kept[file].execute("SELECT COUNT(*) FROM sqlite_master").fetchone()

    event.listen(NullPool, "connect", opened)
    event.listen(NullPool, "close", closing)
    try:
        yield
    finally:
        event.remove(NullPool, "connect", opened)
        event.remove(NullPool, "close", closing)
        for connection in kept.values():
            connection.close()


def _file_below(root: Path, connection: object) -> str | None:
    """The database's file when it is below the folder; None for others, and for other databases."""
    if not isinstance(connection, sqlite3.Connection):
        return None
    file: str = connection.execute("PRAGMA database_list").fetchone()[2]
    return file if file and Path(file).is_relative_to(root) else None
