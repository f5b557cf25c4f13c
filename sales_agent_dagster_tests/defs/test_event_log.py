"""Dagster's databases stay open while a run lasts, those of others are left alone, and nothing is lost."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import pytest
import sqlalchemy as sa
from alembic.script import Script, ScriptDirectory
from dagster._core.storage.sql import get_alembic_config
from sqlalchemy.pool import NullPool, Pool

from sales_agent_dagster.defs.event_log import STORAGES, kept_open
from sales_agent_dagster.warehouse.migrating import alembic_config

FULL, NORMAL = 2, 1


def dagsters_engine(file: Path) -> sa.Engine:
    """Made as Dagster's storages make theirs."""
    engine: sa.Engine = STORAGES[0].create_engine(f"sqlite:///{file}", poolclass=NullPool)
    return engine


def synchronous(file: Path) -> int:
    """What a connection of Dagster's waits for."""
    with dagsters_engine(file).connect() as connection:
        return int(connection.exec_driver_sql("PRAGMA synchronous").scalar_one())


def logs(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.rglob("*-wal"))


def test_dagster_makes_its_engines_where_they_are_replaced() -> None:
    assert [storage.create_engine for storage in STORAGES] == [sa.create_engine] * 2


def test_databases_of_the_folder_are_kept_open(tmp_path: Path) -> None:
    home = tmp_path / "dagster"
    home.mkdir()
    opened: list[str] = []

    def count(connection: object, _: object) -> None:
        opened.append(str(connection))

    sa.event.listen(Pool, "connect", count)
    try:
        with kept_open(home), dg.DagsterInstance.local_temp(str(home)) as instance:
            instance.add_dynamic_partitions("batches", ["b1"])
            assert "index.db-wal" in logs(home)
            assert synchronous(home / "history" / "runs" / "index.db") == NORMAL
            before = len(opened)
            for number in range(20):
                instance.add_dynamic_partitions("batches", [f"b{number}"])
            assert len(opened) == before, "a statement does not open the database"
    finally:
        sa.event.remove(Pool, "connect", count)
    assert logs(home) == []
    assert synchronous(home / "history" / "runs" / "index.db") == FULL
    with dg.DagsterInstance.local_temp(str(home)) as instance:
        assert len(instance.get_dynamic_partitions("batches")) == 20
    assert logs(home) == []


def test_all_is_as_before_after_an_error(tmp_path: Path) -> None:
    def fail() -> None:
        with kept_open(tmp_path):
            assert STORAGES[0].create_engine is not sa.create_engine
            assert synchronous(tmp_path / "kept.db") == NORMAL
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert [storage.create_engine for storage in STORAGES] == [sa.create_engine] * 2
    assert logs(tmp_path) == []


def test_a_killed_process_has_lost_nothing_that_was_committed(tmp_path: Path) -> None:
    with kept_open(tmp_path):
        writer = dagsters_engine(tmp_path / "kept.db")
        with writer.begin() as connection:
            connection.exec_driver_sql("CREATE TABLE event (number INTEGER)")
            connection.exec_driver_sql("INSERT INTO event VALUES (7)")
        writer.dispose()
        # Another connection sees what the process would leave behind.
        with sa.create_engine(f"sqlite:///{tmp_path / 'kept.db'}", poolclass=NullPool).connect() as reader:
            assert reader.exec_driver_sql("SELECT number FROM event").scalar_one() == 7


def test_other_databases_are_left_alone(tmp_path: Path) -> None:
    other = tmp_path / "other.db"
    with kept_open(tmp_path / "dagster"):
        assert synchronous(other) == FULL
        assert isinstance(dagsters_engine(other).pool, NullPool)
        memory: sa.Engine = STORAGES[0].create_engine("sqlite://", poolclass=NullPool)
        with memory.connect() as connection:
            assert connection.exec_driver_sql("PRAGMA synchronous").scalar_one() == FULL


def test_dagsters_migrations_are_read_once_and_only_meanwhile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []

    def load(self: ScriptDirectory) -> Iterator[Script]:
        read.append(self.dir)
        return original(self)

    original = ScriptDirectory._load_revisions
    monkeypatch.setattr(ScriptDirectory, "_load_revisions", load)
    with kept_open(tmp_path), dg.DagsterInstance.local_temp(str(tmp_path)) as instance:
        assert instance.get_runs() == []
        assert len(read) == 1
        with sa.create_engine("sqlite://", poolclass=NullPool).connect() as connection:
            ours = [ScriptDirectory.from_config(alembic_config(connection)) for _ in range(2)]
        assert ours[0] is not ours[1]
    own = [ScriptDirectory.from_config(get_alembic_config(STORAGES[1].__file__)) for _ in range(2)]
    assert own[0] is not own[1]
