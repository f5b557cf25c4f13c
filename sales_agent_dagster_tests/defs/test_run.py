"""The real graph on a real file, in a Dagster home of its own."""

from __future__ import annotations

import asyncio
import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from sales_agent_dagster.defs.run import materialize_batch
from sales_agent_dagster.domain.errors import TransientError
from sales_agent_dagster.inference.engine import Answer, OutputT, Task
from sales_agent_dagster.settings import PROJECT_ROOT, CheckSettings, Enforcement, Settings, Sla, SlaTable
from sales_agent_dagster.stages.intake.register import register_file
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.reports import funnel
from sales_agent_dagster.warehouse.schema import STAGE_TABLES, qualified_leads
from sales_agent_dagster_tests.agents.engines import OneByOne

LEADS = """Company,Contact,Phone,Email,Website,City,State,Zip,Brands
Example Electric LLC,Jo Doe,(407) 555-0100,jo@example.com,example.com,Orlando,FL,32801,"Generac, Tesla"
Sample Air Conditioning,Al Roe,407-555-0101,al@example.org,example.org,Tampa,FL,33601,Carrier
Sample Air Conditioning,Al Roe,407-555-0101,al@example.org,example.org,Tampa,FL,33601,Carrier
,Nobody,,,,,,,
"""


class SlowEngine(OneByOne):
    """Takes 30 ms to answer."""

    name = "slow"
    version = "1"

    async def answer(self, task: Task[OutputT]) -> Answer[OutputT]:
        await asyncio.sleep(0.03)
        return Answer(task.rules(), self.name, self.version, 30.0)


@pytest.fixture(autouse=True)
def own_dagster_home(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    settings.dagster_home.mkdir(parents=True)
    shutil.copy(PROJECT_ROOT / "dagster.yaml", settings.dagster_home)
    return settings.dagster_home


@pytest.fixture
def generous(settings: Settings) -> Settings:
    """One of four rows is bad on purpose."""
    return settings.model_copy(update={"max_rejected_ratio": 0.5})


@pytest.fixture
def batch_id(settings: Settings, sqlite_warehouse: Warehouse, tmp_path: Path) -> str:
    file = tmp_path / "leads.csv"
    file.write_text(LEADS)
    registration = register_file(file, sqlite_warehouse, settings, datetime.now(UTC))
    assert registration.outcome == "new", registration.reason
    return registration.batch_ids[0]


def rows_by_stage(warehouse: Warehouse) -> dict[str, int]:
    with warehouse.reading() as connection:
        return {row.stage: row.rows for row in funnel(connection)}


def events(home: Path, run_id: str, kind: dg.DagsterEventType) -> list[dg.DagsterEvent]:
    with dg.DagsterInstance.from_config(str(home)) as instance:
        entries = instance.all_logs(run_id, of_type=kind)
        return [entry.dagster_event for entry in entries if entry.dagster_event]


def test_a_batch_goes_through_all_seven_tables(
    batch_id: str, generous: Settings, sqlite_warehouse: Warehouse, own_dagster_home: Path
) -> None:
    result = materialize_batch(batch_id, generous)
    assert result.failures == ()
    assert rows_by_stage(sqlite_warehouse) == {table.name: 3 for table in STAGE_TABLES}
    with sqlite_warehouse.reading() as connection:
        assert set(connection.scalars(sa.select(qualified_leads.c.run_id))) == {result.run_id}
    checks = events(own_dagster_home, result.run_id, dg.DagsterEventType.ASSET_CHECK_EVALUATION)
    assert len(checks) > 20
    assert all(event.asset_check_evaluation_data.passed for event in checks)
    with dg.DagsterInstance.from_config(str(own_dagster_home)) as instance:
        run = instance.get_run_by_id(result.run_id)
        assert run is not None
        assert run.job_name == "lead_pipeline"
        assert run.tags["dagster/partition"] == batch_id
        assert instance.get_materialized_partitions(dg.AssetKey("crm_synced_leads")) == {batch_id}

    again = materialize_batch(batch_id, generous)
    assert again.failures == ()
    steps = events(own_dagster_home, again.run_id, dg.DagsterEventType.STEP_SUCCESS)
    assert not [event.step_key for event in steps if "run_chunk" in str(event.step_key)]
    done = events(own_dagster_home, again.run_id, dg.DagsterEventType.ASSET_MATERIALIZATION)
    told = [event.step_materialization_data.materialization.metadata["work"].value for event in done]
    assert told == ["0 computed, 3 current"] * 7


def test_nothing_is_said_on_the_terminal(
    batch_id: str, generous: Settings, capfd: pytest.CaptureFixture[str]
) -> None:
    materialize_batch(batch_id, generous)
    assert capfd.readouterr() == ("", "")


def test_a_slow_engine_is_stopped_by_its_sla(
    batch_id: str, generous: Settings, sqlite_warehouse: Warehouse
) -> None:
    strict = generous.model_copy(update={"sla": SlaTable(qualification=Sla(p95_ms=20))})
    result = materialize_batch(batch_id, strict, engine=SlowEngine())
    (failure,) = result.failures
    assert failure.step == "check_qualified_leads"
    assert failure.message.startswith("latency_sla failed: ")
    assert list(rows_by_stage(sqlite_warehouse)) == ["imported_leads", "resolved_leads", "qualified_leads"]

    warn = strict.model_copy(update={"checks": CheckSettings(latency_sla=Enforcement.WARN)})
    assert materialize_batch(batch_id, warn, engine=SlowEngine()).failures == ()
    assert len(rows_by_stage(sqlite_warehouse)) == len(STAGE_TABLES)


def test_too_many_rejected_rows_stop_the_batch(
    batch_id: str, settings: Settings, sqlite_warehouse: Warehouse
) -> None:
    (failure,) = materialize_batch(batch_id, settings).failures
    assert failure.step == "check_imported_leads"
    assert failure.message.startswith("rejected_ratio failed: 1 of 4 rows rejected.")
    assert list(rows_by_stage(sqlite_warehouse)) == ["imported_leads"]


def test_a_wrong_profile_is_told_with_its_faults(batch_id: str, generous: Settings, tmp_path: Path) -> None:
    profile = tmp_path / "profile.yaml"
    profile.write_text("name: x\n")
    (failure, *_) = materialize_batch(
        batch_id, generous.model_copy(update={"profile_path": profile})
    ).failures
    assert " fault" in failure.message


def test_an_unknown_batch_fails_in_the_import(settings: Settings, sqlite_warehouse: Warehouse) -> None:
    (failure,) = materialize_batch("no-such-batch", settings).failures
    assert failure.step == "imported_leads"
    assert "no-such-batch" in failure.message


def test_dagster_home_wins_over_settings(
    batch_id: str, generous: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "elsewhere"))
    result = materialize_batch(batch_id, generous)
    assert events(tmp_path / "elsewhere", result.run_id, dg.DagsterEventType.RUN_SUCCESS)


def test_an_engine_that_fails_degrades_rows_not_the_run(
    batch_id: str, generous: Settings, sqlite_warehouse: Warehouse
) -> None:
    class Broken(OneByOne):
        name = "broken"
        version = "1"

        async def answer(self, task: Task[OutputT]) -> Answer[OutputT]:
            raise TransientError("rate limit")

    assert materialize_batch(batch_id, generous, engine=Broken()).failures == ()
    with sqlite_warehouse.reading() as connection:
        found: Any = connection.execute(
            sa.select(qualified_leads.c.status, qualified_leads.c.reason).where(
                qualified_leads.c.status != "skipped"
            )
        ).all()
    assert {row.status for row in found} == {"degraded"}
    assert all("rate limit" in row.reason for row in found)


def test_the_production_instance_records_runs_on_postgres(
    batch_id: str,
    generous: Settings,
    empty_postgres_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    home = tmp_path / "production"
    home.mkdir()
    shutil.copy(PROJECT_ROOT / "deploy" / "dagster.yaml", home)
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    url = empty_postgres_url.replace("postgresql://", "postgresql+psycopg2://")
    monkeypatch.setenv("DAGSTER_PG_URL", url)
    result = materialize_batch(batch_id, generous)
    assert result.failures == ()
    assert events(home, result.run_id, dg.DagsterEventType.RUN_SUCCESS)
