"""Graphs of several model steps go on where a killed process stopped.

A chunk's state is kept after every step, while the next one runs, under an id made from all that its result
depends on. The next process that runs the same chunk continues it; when the chunk is done its states are
deleted. A state that cannot be continued is thrown away and the chunk starts over, and without a place to
keep states the chunk runs all the same: answers that were paid for come from the ledger, so checkpoints save
time, never money, and never change a result.

Only graphs with several model steps are kept (marketing), and only when a model answers: writing a state
after each step costs about 1 ms of CPU per lead there, twice what the graph itself takes, which a step of
model calls outweighs by far and a step of rules does not. States hold what the graph works on, names of
contacts included, for as long as the chunk is not done.
"""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from pydantic import SecretStr

from sales_agent_dagster.agents.serialization import StateSerializer
from sales_agent_dagster.domain.errors import ConfigurationError, TransientError
from sales_agent_dagster.domain.hashing import content_hash
from sales_agent_dagster.settings import Settings

if TYPE_CHECKING:
    from langchain_core.runnables import RunnableConfig
    from langgraph.checkpoint.base import BaseCheckpointSaver

    Saver = BaseCheckpointSaver[str]

ABANDONED_SECONDS = 7 * 24 * 3600
"""States of chunks that nobody came back to are deleted after this long."""

SCHEMA = "agent_checkpoints"
"""PostgreSQL schema of the saver's own tables: they are no part of the warehouse's."""

BUSY_SECONDS = 30
"""How long a writer waits for another process's write to the same file."""

SETUP_PAUSE = 0.02
"""Seconds before a file that another one was setting up is tried again."""

CONNECT_SECONDS = 10
VALKEY_EXTRA = "SALES_AGENT_CHECKPOINTS=valkey needs the extra: pip install 'sales_agent_dagster[valkey]'."
_UUID_EPOCH = 0x01B21DD213814000  # 100-ns intervals from 1582-10-15 to 1970-01-01, RFC 9562 section 5.1
_SETUP_LOCK = 0x5A1E5A6E
_log = logging.getLogger(__name__)
_warned: set[str] = set()


@dataclass(frozen=True, slots=True)
class CheckpointStore:
    """Where states are kept.

    Attributes:
        url: path of the SQLite file, or URL of the server.
    """

    kind: Literal["sqlite", "postgres", "valkey"]
    url: SecretStr


def checkpoint_store(settings: Settings) -> CheckpointStore | None:
    """The store that the settings name; None when nothing is to be kept.

    ``auto`` is PostgreSQL when the warehouse is there, else a SQLite file under ``home``. All processes of
    a home share the file: each write is one short transaction, and a state is read by another process only
    after a kill.

    Raises:
        ConfigurationError: the store needs a server that the settings do not name.
    """
    kind, database = settings.checkpoints, settings.database_url
    if kind == "none":
        return None
    on_postgres = database is not None and database.get_secret_value().startswith("postgres")
    if kind == "valkey":
        if settings.redis_url is None:
            raise ConfigurationError("SALES_AGENT_CHECKPOINTS=valkey needs SALES_AGENT_REDIS_URL.")
        return CheckpointStore("valkey", settings.redis_url)
    if kind == "postgres" and not on_postgres:
        raise ConfigurationError(
            "SALES_AGENT_CHECKPOINTS=postgres needs SALES_AGENT_DATABASE_URL=postgresql://..."
        )
    if database is not None and on_postgres and kind != "sqlite":
        return CheckpointStore("postgres", database)
    return CheckpointStore("sqlite", SecretStr(str(settings.home.resolve() / "checkpoints.db")))


@dataclass(frozen=True)
class Resumption:
    """How the runs of one graph are continued.

    Attributes:
        state: the graph's state type.
        version: hash of what the nodes work with besides state and context, such as prompts and templates.
        constants: objects in the state that are stored by name.
    """

    state: type
    version: str
    constants: Mapping[str, object] = field(default_factory=dict)

    @cached_property
    def serializer(self) -> StateSerializer:
        """Reads and writes the graph's states."""
        return StateSerializer(self.state, self.constants)

    def thread_id(self, graph: Any, state: Mapping[str, Any], *context: str) -> str:
        """Id of a run: the same for the same input, graph, version and context in every process."""
        _, blob = self.serializer.dumps_typed(dict(state))
        shape = [graph.name, sorted(graph.nodes), self.serializer.version, self.version]
        return f"{graph.name}-{content_hash(shape, blob.hex(), context)}"


@asynccontextmanager
async def open_saver(store: CheckpointStore, serializer: StateSerializer) -> AsyncIterator[Saver]:
    """LangGraph's saver for the store, bound to the running loop; closed at the end."""
    openers = {"sqlite": _open_sqlite, "postgres": _open_postgres, "valkey": _open_valkey}
    async with openers[store.kind](store.url.get_secret_value(), serializer) as saver:
        yield saver


@asynccontextmanager
async def _open_sqlite(path: str, serializer: StateSerializer) -> AsyncIterator[Saver]:
    import aiosqlite
    from langgraph.checkpoint.sqlite.aio import AsyncSqliteSaver

    async with aiosqlite.connect(path, timeout=BUSY_SECONDS) as connection:
        # A power cut may cost the last states, which then are computed again; a killed process costs none.
        await connection.execute("PRAGMA synchronous = NORMAL")
        saver = AsyncSqliteSaver(connection, serde=serializer)
        await _set_up_file(saver)
        await _delete_abandoned(saver, "?")
        yield saver


async def _set_up_file(saver: Any) -> None:
    """The saver's tables. While another one writes, the change to WAL fails at once, whatever the timeout."""
    until = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            await saver.setup()
        except sqlite3.OperationalError as error:
            if "locked" not in str(error) or time.monotonic() > until:
                raise
            await asyncio.sleep(SETUP_PAUSE)
        else:
            return


@asynccontextmanager
async def _open_postgres(url: str, serializer: StateSerializer) -> AsyncIterator[Saver]:
    from langgraph.checkpoint.postgres.aio import AsyncPostgresSaver
    from psycopg import AsyncConnection
    from psycopg.rows import dict_row

    async with await AsyncConnection.connect(
        url.replace("postgresql+psycopg://", "postgresql://", 1),
        autocommit=True,
        prepare_threshold=0,
        row_factory=dict_row,
        connect_timeout=CONNECT_SECONDS,
        options=f"-c search_path={SCHEMA}",
        application_name="sales_agent_checkpoints",
    ) as connection:
        saver = AsyncPostgresSaver(connection, serde=serializer)
        await _set_up(connection, saver)
        await _delete_abandoned(saver, "%s")
        yield saver


async def _set_up(connection: Any, saver: Any) -> None:
    """The saver's tables, made by one process at a time.

    The lock is tried, not awaited: a waiting session holds a snapshot, and CREATE INDEX CONCURRENTLY, which
    the saver uses, waits for every snapshot.
    """
    while True:
        cursor = await connection.execute("SELECT pg_try_advisory_lock(%s) AS taken", (_SETUP_LOCK,))
        if (await cursor.fetchone())["taken"]:
            break
        await asyncio.sleep(0.05)
    try:
        await connection.execute(f"CREATE SCHEMA IF NOT EXISTS {SCHEMA}")
        await saver.setup()
    finally:
        await connection.execute("SELECT pg_advisory_unlock(%s)", (_SETUP_LOCK,))


@asynccontextmanager
async def _open_valkey(url: str, serializer: StateSerializer) -> AsyncIterator[Saver]:
    try:
        from langgraph_checkpoint_aws.checkpoint.valkey import AsyncValkeySaver
    except ImportError:
        raise ConfigurationError(VALKEY_EXTRA) from None

    async with AsyncValkeySaver.from_conn_string(
        url, ttl_seconds=ABANDONED_SECONDS, serde=serializer, socket_connect_timeout=CONNECT_SECONDS
    ) as saver:
        yield saver


async def _delete_abandoned(saver: Any, placeholder: str) -> None:
    """Delete the runs that nobody came back to, whatever graph and version of the code they are of.

    The saver could only list them by reading them, and it reads only what this graph's states are made of.
    """
    query = f"SELECT DISTINCT thread_id AS thread_id FROM checkpoints WHERE checkpoint_id < {placeholder}"
    cursor = await saver.conn.execute(query, (_id_at(time.time() - ABANDONED_SECONDS),))
    for row in await cursor.fetchall():
        await saver.adelete_thread(row["thread_id"] if isinstance(row, dict) else row[0])


def _id_at(seconds: float) -> str:
    """Start of every checkpoint id given at a Unix time: they are UUIDs of version 6, ordered by time."""
    high = f"{(int(seconds * 10_000_000) + _UUID_EPOCH) >> 12:012x}"
    return f"{high[:8]}-{high[8:]}"


async def run_resumable(
    graph: Any, state: dict[str, Any], context: Any, store: CheckpointStore, resumption: Resumption
) -> dict[str, Any]:
    """Run a compiled graph, or what is left of it, and return its final state.

    Raises:
        TransientError: the engine's; the states stay for the next attempt.
    """
    engine = context.engine
    profile = context.profile.model_dump_json()
    thread_id = resumption.thread_id(graph, state, engine.name, engine.version, profile, context.policy)
    async with AsyncExitStack() as stack:
        try:
            saver = await stack.enter_async_context(open_saver(store, resumption.serializer))
            return await _continued(graph, state, context, saver, thread_id)
        except _failures(store) as error:
            _warn_once(store, error)
    result: dict[str, Any] = await graph.ainvoke(state, context=context)
    return result


async def _continued(
    graph: Any, state: dict[str, Any], context: Any, saver: Saver, thread_id: str
) -> dict[str, Any]:
    config: RunnableConfig = {"configurable": {"thread_id": thread_id}}
    kept = graph.copy({"checkpointer": saver})
    result: dict[str, Any] | None = None
    if await _readable(saver, config):
        try:
            result = await kept.ainvoke(None, config, context=context, durability="async")
        except TransientError:
            raise
        except Exception as error:  # noqa: BLE001 - whatever is wrong with it, it is only a copy
            _log.warning("A kept run cannot be continued (%s); it starts over.", type(error).__name__)
    if result is None:
        await saver.adelete_thread(thread_id)
        result = await kept.ainvoke(state, config, context=context, durability="async")
    await saver.adelete_thread(thread_id)
    return result


async def _readable(saver: Saver, config: RunnableConfig) -> bool:
    try:
        return await saver.aget_tuple(config) is not None
    except ValueError:
        return False


def _failures(store: CheckpointStore) -> tuple[type[Exception], ...]:
    """What the store raises when it is out of reach."""
    if store.kind == "postgres":
        import psycopg

        return (psycopg.Error, OSError)
    if store.kind == "valkey":
        from valkey.exceptions import ValkeyError

        return (ValkeyError, OSError)
    return (sqlite3.Error, OSError)


def _warn_once(store: CheckpointStore, error: Exception) -> None:
    if store.kind not in _warned:
        _warned.add(store.kind)
        _log.warning(
            "Checkpoints in %s do not work (%s); chunks run without them.", store.kind, type(error).__name__
        )
