"""The code location as Dagster loads it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
import yaml

from sales_agent_dagster.defs.build import build_defs
from sales_agent_dagster.defs.run import LOCATION_TAG
from sales_agent_dagster.settings import PROJECT_ROOT, Enforcement, Settings
from sales_agent_dagster.stages.pipeline import STAGES
from sales_agent_dagster.stages.quality import RULES
from sales_agent_dagster.warehouse.schema import STAGE_TABLES

FLOW = [
    "imported_leads",
    "resolved_leads",
    "qualified_leads",
    "enriched_leads",
    "analyzed_leads",
    "campaigns",
    "crm_synced_leads",
]
PULLED = ["crm_leads", "crm_contacts", "crm_events"]
HEAVY = ("langgraph", "pandas", "phonenumbers.geodata", "cerebras", "requests.sessions")


@pytest.fixture
def defs(settings: Settings) -> dg.Definitions:
    return build_defs(settings=settings)


def test_the_definitions_are_loadable(defs: dg.Definitions) -> None:
    dg.Definitions.validate_loadable(defs)


def test_the_assets_are_the_flow(defs: dg.Definitions) -> None:
    graph = defs.resolve_asset_graph()
    assert sorted(key.to_user_string() for key in graph.get_all_asset_keys()) == sorted([*FLOW, *PULLED])
    for upstream, name in zip([None, *FLOW], FLOW, strict=False):
        parents = {key.to_user_string() for key in graph.get(dg.AssetKey(name)).parent_keys}
        assert parents == ({upstream} if upstream else set())
    assert [table.name for table in STAGE_TABLES] == FLOW
    assert [stage.name for stage in STAGES] == FLOW[1:]


def test_every_asset_is_described(defs: dg.Definitions) -> None:
    for spec in defs.resolve_all_asset_specs():
        in_flow = spec.key.to_user_string() in FLOW
        assert spec.owners == ["team:revops"]
        assert {"python", "sqlite"} <= spec.kinds
        assert len(str(spec.description)) > (80 if in_flow else 20)
        assert {"dagster/table_name", "dagster/column_schema", "dagster/code_references"} <= set(
            spec.metadata
        )
        assert spec.group_name == "lead_pipeline", "a second group would hide the graph behind two boxes"
        if in_flow:
            assert spec.partitions_def == dg.DynamicPartitionsDefinition(name="lead_batches")
            assert spec.code_version
            assert "dagster/column_lineage" in spec.metadata


def test_agents_are_marked_as_langgraph(defs: dg.Definitions) -> None:
    marked = {
        spec.key.to_user_string() for spec in defs.resolve_all_asset_specs() if "langgraph" in spec.kinds
    }
    assert marked == {stage.name for stage in STAGES if stage.agent}


def test_the_storage_kind_is_the_warehouse(settings: Settings) -> None:
    url = "postgresql://user:password@127.0.0.1/nowhere"
    defs = build_defs(settings=Settings(_env_file=None, home=settings.home, database_url=url))
    assert all("postgresql" in spec.kinds for spec in defs.resolve_all_asset_specs())


def test_jobs_sensors_and_checks(defs: dg.Definitions) -> None:
    assert [job.name for job in defs.jobs or []] == ["lead_pipeline", "crm_pull"]
    sensors = {sensor.name: sensor.default_status for sensor in defs.sensors or []}
    running = dg.DefaultSensorStatus.RUNNING
    assert sensors == {"incoming_files": running, "failure_log": running}
    keys = {(key.asset_key.to_user_string(), key.name) for key in defs.resolve_asset_graph().asset_check_keys}
    assert keys == {(table, rule) for table, rules in RULES.items() for rule in rules}
    assert list(RULES) == FLOW


def test_the_job_runs_all_assets_and_checks_in_this_process(defs: dg.Definitions) -> None:
    job = defs.resolve_job_def("lead_pipeline")
    assert job.executor_def is dg.in_process_executor
    assert {key.to_user_string() for key in job.asset_layer.executable_asset_keys} == set(FLOW)
    assert len(job.nodes) == 2 * len(FLOW), "one check step per asset"


def test_the_last_asset_has_a_freshness_policy(defs: dg.Definitions) -> None:
    policies = {
        spec.key.to_user_string(): spec.freshness_policy
        for spec in defs.resolve_all_asset_specs()
        if spec.freshness_policy
    }
    assert list(policies) == ["crm_synced_leads"]


def test_enforcement_comes_from_settings(settings: Settings) -> None:
    checks = settings.checks.model_copy(update={"rejected_ratio": Enforcement.WARN})
    defs = build_defs(settings=settings.model_copy(update={"checks": checks}))
    specs = [spec for checks_def in defs.asset_checks or [] for spec in checks_def.check_specs]
    blocking = {spec.name: spec.blocking for spec in specs if spec.asset_key.to_user_string() == FLOW[0]}
    assert blocking == {"row_conservation": True, "schema_and_ranges": True, "rejected_ratio": False}


def test_loading_opens_no_database_and_imports_nothing_heavy(tmp_path: Path) -> None:
    program = (
        "import json, sys; import sales_agent_dagster.definitions;"
        f"print(json.dumps([name for name in {HEAVY!r} if name in sys.modules]))"
    )
    environment = {"PATH": os.environ["PATH"], "SALES_AGENT_HOME": str(tmp_path / "home")}
    printed = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        cwd=PROJECT_ROOT,
        env=environment,
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert json.loads(printed) == []
    assert not (tmp_path / "home").exists()


def test_the_workspace_loads_in_dagster_itself(tmp_path: Path) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "DAGSTER_HOME": str(tmp_path),
        "SALES_AGENT_HOME": str(tmp_path / "home"),
    }
    command = [sys.executable, "-m", "dagster", "definitions", "validate", "-w", "workspace.yaml"]
    done = subprocess.run(
        command, cwd=PROJECT_ROOT, env=environment, check=False, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_the_location_is_named_alike_everywhere() -> None:
    workspace = yaml.safe_load((PROJECT_ROOT / "workspace.yaml").read_text())
    (module,) = (entry["python_module"] for entry in workspace["load_from"])
    assert module["module_name"] == "sales_agent_dagster.definitions"
    assert list(LOCATION_TAG.values()) == [f"__repository__@{module['location_name']}"]


@pytest.mark.parametrize("path", ["dagster.yaml", "deploy/dagster.yaml"])
def test_instances_are_quiet_and_retry_crashes_only(path: str) -> None:
    instance = yaml.safe_load((PROJECT_ROOT / path).read_text())
    assert instance["telemetry"]["enabled"] is False
    assert instance["nux"]["enabled"] is False
    assert instance["run_retries"]["enabled"] is True
    assert instance["run_retries"]["retry_on_asset_or_op_failure"] is False


def test_the_embedded_instance_runs_one_batch_at_a_time() -> None:
    instance = yaml.safe_load((PROJECT_ROOT / "dagster.yaml").read_text())
    assert instance["concurrency"]["runs"]["max_concurrent_runs"] == 1
    assert "storage" not in instance
