"""Makes Dagster's embedded SQLite storage quick enough for a run in the caller's own process.

Dagster opens a connection for every event and closes it again. Closing the last connection to a WAL
database checkpoints it, and each commit waits for the disk: together more than the pipeline's own work on
200 leads. Holding one connection per file open avoids the checkpoints; ``synchronous=NORMAL`` avoids the
waiting. With WAL it is as safe against a killed process as FULL; a power failure may lose the last events
of Dagster's own history, never rows of the warehouse. Source: https://sqlite.org/pragma.html#pragma_synchronous
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa


@contextmanager
def held_open(folder: Path) -> Iterator[None]:
    """While inside, each SQLite file under ``folder`` that this process opens stays open once."""
    root = folder.resolve()
    with ExitStack() as holders:
        held: set[str] = set()

        def connected(connection: Any, _: Any) -> None:
            if not isinstance(connection, sqlite3.Connection):
                return
            file = connection.execute("PRAGMA database_list").fetchone()[2]
            if not file or root not in Path(file).parents:
                return
            connection.execute("PRAGMA synchronous=NORMAL")
            if file not in held:
                held.add(file)
                holder = holders.enter_context(closing(sqlite3.connect(file, check_same_thread=False)))
                holder.execute("SELECT count(*) FROM sqlite_master").fetchone()

        sa.event.listen(sa.pool.Pool, "connect", connected)
        try:
            yield
        finally:
            sa.event.remove(sa.pool.Pool, "connect", connected)
