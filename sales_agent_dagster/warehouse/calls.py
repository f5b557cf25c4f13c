"""The ledger of calls in the warehouse: satisfies ``inference.ports.CallStore``."""

from __future__ import annotations

import threading
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Any

import sqlalchemy as sa

from sales_agent_dagster.domain.calls import CallOutcome, CallRecord, CallScope, Replays, Spend, Usage
from sales_agent_dagster.domain.hashing import content_hash
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import agent_calls, agent_replays
from sales_agent_dagster.warehouse.schema.calls import MAX_RESPONSE

MAX_ERROR = 500
"""Characters of an error that are kept."""

KEYS_AT_ONCE = 500
"""Keys in one statement; more would be slower to prepare than to send as several."""

PRUNED_AT_ONCE = 5_000
"""Responses deleted in one transaction, so that other writers need not wait for long."""

_SAME_NAME = (
    "call_key",
    "agent",
    "prompt_version",
    "model",
    "parameters_hash",
    "schema_hash",
    "input_hash",
    "lead_id",
    "cost_usd",
    "price_date",
    "latency_ms",
    "queue_ms",
    "prompt_ms",
    "completion_ms",
    "attempts",
    "called_at",
)
"""Columns that a record has under the same name."""


def _insert(table: sa.Table, on_conflict: str) -> sa.TextClause:
    """An INSERT of all columns in the words that both databases have.

    As text, because SQLAlchemy compiles its own INSERT with ON CONFLICT anew for every execution: 1 ms.
    """
    names = [column.name for column in table.columns]
    values = ", ".join(f":{name}" for name in names)
    statement = sa.text(f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({values}) {on_conflict}")
    return statement.bindparams(*(sa.bindparam(column.name, type_=column.type) for column in table.columns))


_INSERT_CALL = _insert(agent_calls, "ON CONFLICT DO NOTHING")
_ADD_REPLAYS = _insert(
    agent_replays,
    "ON CONFLICT (run_id, batch_id, agent, model, day) DO UPDATE SET "
    "replays = agent_replays.replays + excluded.replays, "
    "saved_usd = agent_replays.saved_usd + excluded.saved_usd",
)


_CALLS = agent_calls.c
_FIND = sa.select(agent_calls).where(
    _CALLS.call_key.in_(sa.bindparam("keys", expanding=True)), _CALLS.response.is_not(None)
)
_LEAD_SPEND = (
    sa.select(_CALLS.lead_id, sa.func.sum(_CALLS.cost_usd))
    .where(
        _CALLS.batch_id == sa.bindparam("batch_id"),
        _CALLS.lead_id.in_(sa.bindparam("lead_ids", expanding=True)),
        _CALLS.cost_usd > 0,
    )
    .group_by(_CALLS.lead_id)
)
"""Made once: making a statement takes as long as running it."""


class WarehouseCalls:
    """Calls in ``agent_calls``, on SQLite and PostgreSQL.

    Methods raise TransientError when the database is locked or does not answer.
    """

    def __init__(self, warehouse: Warehouse) -> None:
        self._warehouse = warehouse
        self._thread = threading.local()

    @property
    def is_near(self) -> bool:
        """True of SQLite: a file in this machine's memory, whose readers wait for no writer."""
        return self._warehouse.url.get_backend_name() == "sqlite"

    @contextmanager
    def one_reading(self) -> Iterator[None]:
        """What this thread looks up meanwhile is read over one connection, and is of one moment on SQLite."""
        with self._warehouse.reading() as connection:
            self._thread.connection = connection
            try:
                yield
            finally:
                del self._thread.connection

    def _reading(self) -> AbstractContextManager[sa.Connection]:
        connection: sa.Connection | None = getattr(self._thread, "connection", None)
        return self._warehouse.reading() if connection is None else nullcontext(connection)

    def find(self, call_keys: Collection[str]) -> dict[str, CallRecord]:
        """Finished calls with an answer, by key."""
        found: dict[str, CallRecord] = {}
        with self._reading() as connection:
            for keys in _portions(sorted(set(call_keys))):
                rows = connection.execute(_FIND, {"keys": keys}).mappings()
                found |= {row["call_key"]: _record(row) for row in rows}
        return found

    def add(self, records: Sequence[CallRecord]) -> None:
        """Keep finished calls, all or none; adding one a second time changes nothing.

        The first answer to a key stays: a later ``ok`` for it is kept as ``duplicate``, cost and all.
        """
        if not records:
            return
        # In one order everywhere, so that two processes with the same keys cannot wait for each other.
        rows = sorted(map(_row, records), key=lambda row: (row["call_key"], row["called_at"]))
        with self._warehouse.transaction() as connection:
            if connection.execute(_INSERT_CALL, rows).rowcount == len(rows):
                return
            there = set[str]()
            for call_ids in _portions([row["call_id"] for row in rows]):
                query = sa.select(agent_calls.c.call_id).where(agent_calls.c.call_id.in_(call_ids))
                there.update(connection.scalars(query))
            late = {"outcome": CallOutcome.DUPLICATE.value, "response": None}
            duplicates = [row | late for row in rows if row["call_id"] not in there]
            if duplicates:
                connection.execute(_INSERT_CALL, duplicates)

    def add_replays(self, replays: Sequence[Replays]) -> None:
        """Count answers that were not bought again."""
        rows = [
            {
                **asdict(item.scope),
                "agent": item.agent,
                "model": item.model,
                "day": item.day,
                "replays": item.count,
                "saved_usd": item.saved_usd,
            }
            for item in sorted(replays, key=lambda item: (item.agent, item.model))
        ]
        if rows:
            with self._warehouse.transaction() as connection:
                connection.execute(_ADD_REPLAYS, rows)

    def spend(self, scope: CallScope, day: date) -> Spend:
        """What the run, the batch and the UTC day have spent so far."""
        calls = agent_calls.c

        def total(where: sa.ColumnElement[bool]) -> sa.ScalarSelect[float]:
            return (
                sa.select(sa.func.coalesce(sa.func.sum(calls.cost_usd), 0.0)).where(where).scalar_subquery()
            )

        query = sa.select(
            total(calls.run_id == scope.run_id),
            total(calls.batch_id == scope.batch_id),
            total(calls.call_day == day.isoformat()),
        )
        with self._warehouse.reading() as connection:
            return Spend(*connection.execute(query).one())

    def lead_spend(self, batch_id: str, lead_ids: Collection[str]) -> dict[str, float]:
        """US dollars spent on each lead in the batch; leads without spend are left out."""
        spent: dict[str, float] = {}
        with self._reading() as connection:
            for portion in _portions(sorted(set(lead_ids))):
                rows = connection.execute(_LEAD_SPEND, {"batch_id": batch_id, "lead_ids": portion})
                spent |= dict(rows.tuples().all())
        return spent

    def prune(self, before: datetime) -> int:
        """Delete the responses, not the calls, that are older than a UTC time; returns how many."""
        calls = agent_calls.c
        old = sa.select(calls.call_id).where(calls.called_at < before, calls.response.is_not(None))
        delete = (
            sa.update(agent_calls)
            .where(calls.call_id.in_(old.limit(PRUNED_AT_ONCE).scalar_subquery()))
            .values(response=None)
        )
        pruned = 0
        while True:
            with self._warehouse.transaction() as connection:
                portion = connection.execute(delete).rowcount
            pruned += portion
            if portion < PRUNED_AT_ONCE:
                return pruned


def _portions(values: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(values), KEYS_AT_ONCE):
        yield values[start : start + KEYS_AT_ONCE]


def _row(record: CallRecord) -> dict[str, Any]:
    called_at = record.called_at.astimezone(UTC)
    scope, usage = record.scope, record.usage
    return {
        **{name: getattr(record, name) for name in _SAME_NAME},
        "call_id": content_hash(
            record.call_key, scope.run_id, scope.batch_id, record.lead_id, called_at, record.attempts
        ),
        "run_id": scope.run_id,
        "batch_id": scope.batch_id,
        "outcome": record.outcome.value,
        "response": _kept(record),
        "error": record.error and _plain(record.error)[:MAX_ERROR],
        "prompt_tokens": usage.prompt,
        "cached_tokens": usage.cached,
        "completion_tokens": usage.completion,
        "reasoning_tokens": usage.reasoning,
        "called_at": called_at,
        "call_day": called_at.date().isoformat(),
    }


def _kept(record: CallRecord) -> str | None:
    """The response if it can be replayed; one longer than any answer may be is not worth its place."""
    if record.outcome is not CallOutcome.OK or record.response is None:
        return None
    response = _plain(record.response)
    return response if len(response) <= MAX_RESPONSE else None


def _plain(text: str) -> str:
    """Text that both databases take: no NUL, no lone surrogates."""
    return text.replace("\0", "").encode("utf-8", "replace").decode()


def _record(row: sa.RowMapping) -> CallRecord:
    return CallRecord(
        **{name: row[name] for name in _SAME_NAME},
        scope=CallScope(row["run_id"], row["batch_id"]),
        outcome=CallOutcome(row["outcome"]),
        response=row["response"],
        error=row["error"],
        usage=Usage(
            row["prompt_tokens"], row["cached_tokens"], row["completion_tokens"], row["reasoning_tokens"]
        ),
    )
