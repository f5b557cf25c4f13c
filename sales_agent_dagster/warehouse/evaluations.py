"""Evaluations in the warehouse: storing them, accepting one, finding what to compare with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sales_agent_dagster.domain.evaluation import EvaluationFigures, EvaluationKey
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import agent_calls, agent_replays, evaluation_cases, evaluation_runs

_FIGURES = tuple(field.name for field in fields(EvaluationFigures))
_KEY = tuple(field.name for field in fields(EvaluationKey))


@dataclass(frozen=True, slots=True)
class StoredEvaluation:
    """One row of ``evaluation_runs``."""

    evaluation_id: str
    key: EvaluationKey
    golden_version: str
    figures: EvaluationFigures
    accepted: bool
    created_at: datetime


@dataclass(frozen=True, slots=True)
class CallFigures:
    """What the ledger says of one run's calls.

    Attributes:
        finished: calls with any outcome; invalid: those whose answer did not fit the schema.
    """

    finished: int
    invalid: int
    saved_usd: float


def store_evaluation(
    warehouse: Warehouse, run: Mapping[str, Any], cases: Sequence[Mapping[str, Any]]
) -> None:
    """Write a row of ``evaluation_runs`` and its rows of ``evaluation_cases``, all or none.

    Raises:
        TransientError: the database is locked or does not answer.
    """
    stamp = {"evaluation_id": run["evaluation_id"]}
    with warehouse.transaction() as connection:
        warehouse.upsert(connection, evaluation_runs, [run])
        warehouse.upsert(connection, evaluation_cases, [{**case, **stamp} for case in cases])


def accept_evaluation(warehouse: Warehouse, evaluation_id: str) -> None:
    """Make an evaluation's figures those that later ones are compared with."""
    with warehouse.transaction() as connection:
        connection.execute(
            sa.update(evaluation_runs)
            .where(evaluation_runs.c.evaluation_id == evaluation_id)
            .values(accepted=True)
        )


def latest_evaluation(
    connection: sa.Connection, key: EvaluationKey, golden_version: str
) -> StoredEvaluation | None:
    """The newest evaluation of exactly this engine, prompts and scheme on these golden leads."""
    runs = evaluation_runs.c
    same = (runs[name] == value for name, value in asdict(key).items())
    return _newest(connection, runs.golden_version == golden_version, *same)


def accepted_evaluation(
    connection: sa.Connection, engine: str, golden_version: str | None = None
) -> StoredEvaluation | None:
    """The newest accepted evaluation of an engine, whatever its prompts; on these golden leads if given."""
    runs = evaluation_runs.c
    leads = sa.true() if golden_version is None else runs.golden_version == golden_version
    return _newest(connection, runs.accepted, runs.engine == engine, leads)


def _newest(connection: sa.Connection, *where: sa.ColumnElement[bool]) -> StoredEvaluation | None:
    query = sa.select(evaluation_runs).where(*where).order_by(evaluation_runs.c.created_at.desc()).limit(1)
    row = connection.execute(query).mappings().first()
    if row is None:
        return None
    return StoredEvaluation(
        row["evaluation_id"],
        EvaluationKey(**{name: row[name] for name in _KEY}),
        row["golden_version"],
        EvaluationFigures(**{name: row[name] for name in _FIGURES}),
        row["accepted"],
        row["created_at"],
    )


def call_figures(connection: sa.Connection, run_id: str) -> CallFigures:
    """What the ledger says of one run's calls."""
    calls, replays = agent_calls.c, agent_replays.c
    invalid = sa.func.coalesce(sa.func.sum(sa.case((calls.outcome == "invalid", 1), else_=0)), 0)
    finished = connection.execute(sa.select(sa.func.count(), invalid).where(calls.run_id == run_id)).one()
    saved = connection.scalar(sa.select(sa.func.sum(replays.saved_usd)).where(replays.run_id == run_id))
    return CallFigures(int(finished[0]), int(finished[1]), float(saved or 0.0))
