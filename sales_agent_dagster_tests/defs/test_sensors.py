"""The sensors on real files, a real warehouse and a Dagster instance in memory."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from sales_agent_dagster.defs import sensors
from sales_agent_dagster.defs.partitions import PARTITION_TAG
from sales_agent_dagster.defs.sensors import incoming_files
from sales_agent_dagster.settings import Settings
from sales_agent_dagster.stages.intake.register import register_file
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import lead_batches, lead_files
from sales_agent_dagster_tests.rows import seed_batch

HEADER = "Company,Phone,City,State\n"


@pytest.fixture
def instance() -> Iterator[dg.DagsterInstance]:
    with dg.DagsterInstance.ephemeral() as instance:
        yield instance


class Tick:
    """Evaluates the sensor again and again, keeping its cursor, as the daemon does."""

    def __init__(self, settings: Settings, warehouse: Warehouse, instance: dg.DagsterInstance) -> None:
        self.settings, self.warehouse, self.instance = settings, warehouse, instance
        self.cursor: str | None = None
        settings.incoming_dir.mkdir()

    def drop(self, name: str, companies: int = 1, *, age: float = 60, header: str = HEADER) -> Path:
        rows = "".join(f"{name} {number},407-555-01{number:02},Orlando,FL\n" for number in range(companies))
        return self.write(name, header + rows, age=age)

    def write(self, name: str, text: str, *, age: float = 60) -> Path:
        path = self.settings.incoming_dir / name
        path.write_text(text)
        moment = time.time() - age
        os.utime(path, (moment, moment))
        return path

    def evaluate(self) -> dg.SensorResult:
        """One tick whose cursor is never stored."""
        context = dg.build_sensor_context(
            instance=self.instance,
            cursor=self.cursor,
            resources={"settings": self.settings, "warehouse": self.warehouse},
        )
        result = incoming_files(context)
        assert isinstance(result, dg.SensorResult)
        return result

    def __call__(self) -> list[str]:
        """One tick; what it asks for is done. Returns the batches requested."""
        result = self.evaluate()
        requests = list(result.run_requests or [])
        for request in result.dynamic_partitions_requests or []:
            self.instance.add_dynamic_partitions(request.partitions_def_name, list(request.partition_keys))
        for run in requests:
            self.start(str(run.partition_key))
        self.cursor = result.cursor
        return [str(run.partition_key) for run in requests]

    def start(self, batch_id: str) -> None:
        """A run of the batch, as far as the instance is concerned."""
        self.instance.create_run_for_job(
            _nothing.to_job(name="lead_pipeline"), tags={PARTITION_TAG: batch_id}
        )

    def remembered(self) -> set[str]:
        return set(json.loads(self.cursor or "{}")["files"])

    def files(self) -> dict[str, str]:
        with self.warehouse.reading() as connection:
            query = sa.select(lead_files.c.file_name, lead_files.c.status)
            return dict(connection.execute(query).tuples().all())


@dg.graph
def _nothing() -> None: ...


@pytest.fixture
def tick(settings: Settings, warehouse: Warehouse, instance: dg.DagsterInstance) -> Tick:
    return Tick(settings, warehouse, instance)


def test_a_new_file_becomes_a_partition_and_a_run(tick: Tick) -> None:
    tick.drop("dealers.csv")
    result = tick.evaluate()
    (run,) = result.run_requests or []
    (partition,) = result.dynamic_partitions_requests or []
    assert run.run_key == run.partition_key == partition.partition_keys[0]
    assert str(run.run_key).startswith("dealers-")
    assert partition.partitions_def_name == "lead_batches"


def test_nothing_new_is_a_skip_with_a_reason(tick: Tick) -> None:
    result = tick.evaluate()
    assert result.skip_reason is not None
    assert str(tick.settings.incoming_dir) in str(result.skip_reason.skip_message)


def test_an_unchanged_file_is_neither_requested_nor_read_again(tick: Tick) -> None:
    tick.drop("dealers.csv")
    assert len(tick()) == 1
    with tick.warehouse.transaction() as connection:
        connection.execute(sa.delete(lead_batches))
        connection.execute(sa.delete(lead_files))
    assert tick() == []
    assert tick.files() == {}, "who reads it again registers it again"


def test_a_file_that_changed_is_read_again_whatever_its_time_says(tick: Tick) -> None:
    path = tick.drop("dealers.csv")
    assert len(tick()) == 1
    status = path.stat()
    path.write_bytes(path.read_bytes().replace(b"Orlando", b"Tampa!!"))
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    assert len(tick()) == 1


def test_a_file_whose_permissions_were_given_is_read_again(tick: Tick) -> None:
    path = tick.drop("dealers.csv")
    tick()
    with tick.warehouse.transaction() as connection:
        connection.execute(sa.delete(lead_batches))
        connection.execute(sa.delete(lead_files))
    path.chmod(0o640)
    tick()
    assert tick.files() == {"dealers.csv": "accepted"}


def test_a_half_written_file_waits(tick: Tick) -> None:
    path = tick.drop("dealers.csv", age=0)
    assert tick() == []
    assert tick.remembered() == set()
    os.utime(path, (time.time() - 60,) * 2)
    assert len(tick()) == 1


def test_a_file_from_the_future_is_taken(tick: Tick) -> None:
    tick.drop("dealers.csv", age=-3600)
    assert len(tick()) == 1


def test_same_content_under_another_name_is_known(tick: Tick) -> None:
    original = tick.drop("dealers.csv")
    assert len(tick()) == 1
    tick.write("copy.csv", original.read_text())
    assert tick() == []
    assert tick.remembered() == {"dealers.csv", "copy.csv"}


def test_broken_files_are_quarantined_and_others_go_on(tick: Tick) -> None:
    tick.write("empty.csv", "")
    tick.write("other.txt", "no header here\nat all\n")
    tick.drop("dealers.csv")
    assert len(tick()) == 1
    assert tick.files() == {"empty.csv": "quarantined", "other.txt": "quarantined", "dealers.csv": "accepted"}
    assert tick.remembered() == {"empty.csv", "other.txt", "dealers.csv"}


@pytest.mark.parametrize(
    "name", [".hidden.csv", "~dealers.csv", "dealers.csv.part", "dealers.xlsx", "dealers", ".dealers.csv.Xy3"]
)
def test_other_names_are_not_looked_at(tick: Tick, name: str) -> None:
    tick.drop(name)
    assert tick() == []
    assert tick.files() == {}


@pytest.mark.parametrize("name", ["dealers.CSV", "dealers.tsv", "dealers.txt"])
def test_all_suffixes_of_lead_files_count(tick: Tick, name: str) -> None:
    tick.drop(name)
    assert len(tick()) == 1


def test_folders_are_not_files(tick: Tick) -> None:
    folder = tick.settings.incoming_dir / "folder.csv"
    folder.mkdir()
    os.utime(folder, (0, 0))
    assert tick() == []
    assert tick.files() == {}


def test_a_file_that_is_gone_keeps_no_other_file_out(tick: Tick) -> None:
    (tick.settings.incoming_dir / "gone.csv").symlink_to(tick.settings.incoming_dir / "nowhere")
    tick.drop("dealers.csv")
    assert len(tick()) == 1


def test_a_missing_folder_is_made(tick: Tick) -> None:
    tick.settings.incoming_dir.rmdir()
    assert tick() == []
    assert tick.settings.incoming_dir.is_dir()


def test_a_folder_that_cannot_be_read_stops_nothing(tick: Tick) -> None:
    tick.settings.incoming_dir.rmdir()
    tick.settings.incoming_dir.write_text("a file where the folder should be")
    assert tick() == []


def test_oldest_files_come_first(tick: Tick) -> None:
    tick.drop("b.csv", age=100)
    tick.drop("a.csv", age=50)
    tick.drop("c.csv", age=200)
    assert [batch[0] for batch in tick()] == ["c", "b", "a"]


def test_many_batches_are_spread_over_ticks(tick: Tick, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensors, "BATCHES_PER_TICK", 3)
    for number in range(8):
        tick.drop(f"{number}.csv", age=100 - number)
    requested = [tick(), tick(), tick()]
    assert [len(batches) for batches in requested] == [3, 3, 2]
    assert [batch[0] for batches in requested for batch in batches] == list("01234567")
    assert tick() == []


def test_the_rest_of_a_large_file_is_requested_when_it_has_waited(
    tick: Tick, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sensors, "BATCHES_PER_TICK", 2)
    tick.settings = tick.settings.model_copy(update={"batch_size": 1})
    tick.drop("dealers.csv", companies=5)
    first = tick()
    assert len(first) == 2
    assert tick() == [], "still young: whoever registered it may be running it"
    _register_long_ago(tick.warehouse)
    rest = tick() + tick()
    assert [batch[-4:] for batch in first + rest] == ["0001", "0002", "0003", "0004", "0005"]


def test_a_tick_that_runs_long_leaves_files_for_the_next(tick: Tick, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sensors, "TICK_SECONDS", -1.0)
    tick.drop("dealers.csv")
    assert tick() == []
    monkeypatch.undo()
    assert len(tick()) == 1


def test_batches_left_behind_by_a_crash_are_requested(tick: Tick) -> None:
    seed_batch(tick.warehouse, "left-behind", batch_seq=1)
    assert tick() == ["left-behind"]
    assert tick() == []


def test_a_crash_between_partition_and_run_repeats_the_request(tick: Tick) -> None:
    tick.drop("dealers.csv")
    (lost,) = tick.evaluate().run_requests or []
    tick.instance.add_dynamic_partitions("lead_batches", [str(lost.partition_key)])
    _register_long_ago(tick.warehouse)
    assert tick() == [lost.partition_key]


def test_a_batch_that_somebody_runs_is_left_to_them(tick: Tick) -> None:
    path = tick.drop("cli.csv")
    registration = register_file(path, tick.warehouse, tick.settings, datetime.now(UTC))
    path.unlink()
    assert tick() == [], "registered this minute by another process"
    tick.start(registration.batch_ids[0])
    _register_long_ago(tick.warehouse)
    assert tick() == [], "it has a run"
    tick.drop("dealers.csv")
    assert len(tick()) == 1, "and does not stand in the way"


def test_another_warehouse_is_noticed(tick: Tick) -> None:
    seed_batch(tick.warehouse, "one", batch_seq=1)
    seed_batch(tick.warehouse, "two", batch_seq=2)
    assert tick() == ["one", "two"]
    with tick.warehouse.transaction() as connection:
        for table in ("imported_leads", "lead_batches", "lead_files"):
            connection.execute(sa.text(f"DELETE FROM {table}"))
    seed_batch(tick.warehouse, "three", batch_seq=1)
    seed_batch(tick.warehouse, "four", batch_seq=2)
    assert tick() == ["three", "four"]


def test_files_that_left_the_folder_are_forgotten(tick: Tick) -> None:
    tick.drop("dealers.csv").unlink()
    path = tick.drop("others.csv")
    tick()
    path.unlink()
    tick()
    assert tick.remembered() == set()


def test_an_archive_that_cannot_be_written_keeps_no_other_file_out(tick: Tick) -> None:
    tick.settings.archive_dir.parent.mkdir(parents=True, exist_ok=True)
    tick.settings.archive_dir.write_text("a file where the folder should be")
    tick.drop("dealers.csv")
    seed_batch(tick.warehouse, "waiting", batch_seq=1)
    assert tick() == ["waiting"]


def test_a_busy_warehouse_makes_the_file_wait(
    tick: Tick, sqlite_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sales_agent_dagster.domain.errors import TransientError

    def busy(*_: Any) -> None:
        raise TransientError("database is locked")

    tick.drop("dealers.csv")
    with monkeypatch.context() as patch:
        patch.setattr(sensors, "register_file", busy)
        assert tick() == []
    assert tick.remembered() == set()
    assert len(tick()) == 1


def _register_long_ago(warehouse: Warehouse) -> None:
    with warehouse.transaction() as connection:
        moment = datetime(2026, 1, 1, tzinfo=UTC)
        connection.execute(sa.update(lead_batches).values(registered_at=moment))
