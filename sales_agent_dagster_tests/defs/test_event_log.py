"""Dagster's databases stay open while a run lasts, those of others are left alone, and nothing is lost."""

from __future__ import annotations

from pathlib import Path

import dagster as dg
import sqlalchemy as sa
from sqlalchemy.pool import NullPool

from sales_agent_dagster.defs.event_log import kept_open

FULL, NORMAL = 2, 1


def synchronous(file: Path) -> int:
    """What a connection like Dagster's waits for."""
    engine = sa.create_engine(f"sqlite:///{file}", poolclass=NullPool)
    with engine.connect() as connection:
        return int(connection.exec_driver_sql("PRAGMA synchronous").scalar_one())


def logs(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*-wal"))


def test_databases_of_the_folder_are_kept_open(tmp_path: Path) -> None:
    home = tmp_path / "dagster"
    home.mkdir()
    with kept_open(home), dg.DagsterInstance.local_temp(str(home)) as instance:
        instance.add_dynamic_partitions("batches", ["b1"])
        assert "index.db-wal" in logs(home)
        assert synchronous(home / "history" / "runs" / "index.db") == NORMAL
    assert logs(home) == []
    assert synchronous(home / "history" / "runs" / "index.db") == FULL
    with dg.DagsterInstance.local_temp(str(home)) as instance:
        assert instance.get_dynamic_partitions("batches") == ["b1"]
    assert logs(home) == []


def test_other_databases_are_left_alone(tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    with kept_open(tmp_path / "dagster"):
        assert synchronous(other) == FULL
        memory = sa.create_engine("sqlite://", poolclass=NullPool)
        with memory.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == FULL
