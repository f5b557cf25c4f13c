"""Blocking and warning checks in real runs."""

from __future__ import annotations

from typing import Any

import dagster as dg
import pytest

from sales_agent_dagster.defs.checks import asset_checks
from sales_agent_dagster.defs.failures import run_failures
from sales_agent_dagster.defs.partitions import LEAD_BATCHES
from sales_agent_dagster.defs.resources import build_resources
from sales_agent_dagster.defs.stage_assets import agent_asset
from sales_agent_dagster.domain.profile import Profile
from sales_agent_dagster.settings import CheckSettings, Enforcement, Settings, Sla, SlaTable
from sales_agent_dagster.stages.quality import RULES
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import STAGE_TABLES, qualified_leads
from sales_agent_dagster_tests.defs.conftest import BATCH, TinyStage
from sales_agent_dagster_tests.defs.test_stage_assets import PROMPT

TOO_TIGHT = SlaTable(qualification=Sla(p95_ms=1e-9))


@dg.asset(deps=["qualified_leads"], partitions_def=LEAD_BATCHES)
def below() -> None:
    """Whatever comes after."""


def run(
    settings: Settings, warehouse: Warehouse, profile: Profile, instance: dg.DagsterInstance
) -> dg.ExecuteInProcessResult:
    checks = asset_checks(qualified_leads, "qualification", settings.checks)
    return dg.materialize(
        [agent_asset(TinyStage(), PROMPT, "Tiny."), checks, below],
        partition_key=BATCH,
        instance=instance,
        resources=dict(build_resources(settings, warehouse=warehouse, profile=profile)),
        raise_on_error=False,
    )


def evaluations(result: dg.ExecuteInProcessResult) -> dict[str, dg.AssetCheckEvaluation]:
    return {found.check_name: found for found in result.get_asset_check_evaluations()}


def test_sound_rows_pass_in_one_step(
    five_leads: list[str],
    settings: Settings,
    sqlite_warehouse: Warehouse,
    profile: Profile,
    instance: dg.DagsterInstance,
) -> None:
    result = run(settings, sqlite_warehouse, profile, instance)
    assert result.success
    found = evaluations(result)
    assert list(found) == list(RULES["qualified_leads"])
    assert all(evaluation.passed for evaluation in found.values())
    assert {evaluation.partition for evaluation in found.values()} == {BATCH}
    assert all({"expected", "actual"} <= set(evaluation.metadata) for evaluation in found.values())
    assert isinstance(found["latency_sla"].metadata["p95_ms"], dg.FloatMetadataValue)
    steps = [event.step_key for event in result.get_step_success_events()]
    assert steps.count("check_qualified_leads") == 1
    assert "below" in steps


def test_a_blocking_breach_stops_what_is_below(
    five_leads: list[str],
    settings: Settings,
    sqlite_warehouse: Warehouse,
    profile: Profile,
    instance: dg.DagsterInstance,
) -> None:
    slow = settings.model_copy(update={"sla": TOO_TIGHT})
    result = run(slow, sqlite_warehouse, profile, instance)
    assert not result.success
    breach = evaluations(result)["latency_sla"]
    assert not breach.passed
    assert breach.severity is dg.AssetCheckSeverity.ERROR
    assert not result.asset_materializations_for_node("below")
    assert result.asset_materializations_for_node("qualified_leads"), "what is done stays"
    (failure,) = run_failures(instance, result.run_id)
    assert failure.step == "check_qualified_leads"
    assert failure.message.startswith("latency_sla failed: p50 ")


def test_a_warning_breach_stops_nothing(
    five_leads: list[str],
    settings: Settings,
    sqlite_warehouse: Warehouse,
    profile: Profile,
    instance: dg.DagsterInstance,
) -> None:
    checks = CheckSettings(latency_sla=Enforcement.WARN)
    slow = settings.model_copy(update={"sla": TOO_TIGHT, "checks": checks})
    result = run(slow, sqlite_warehouse, profile, instance)
    assert result.success
    breach = evaluations(result)["latency_sla"]
    assert not breach.passed
    assert breach.severity is dg.AssetCheckSeverity.WARN
    assert result.asset_materializations_for_node("below")


@pytest.mark.parametrize("table", STAGE_TABLES, ids=lambda table: table.name)
@pytest.mark.parametrize("mode", list(Enforcement))
def test_every_rule_is_a_check_and_every_setting_is_obeyed(table: Any, mode: Enforcement) -> None:
    enforcement = CheckSettings(**dict.fromkeys(CheckSettings.model_fields, mode))
    checks = asset_checks(table, None, enforcement)
    specs = list(checks.check_specs)
    assert [spec.name for spec in specs] == list(RULES[table.name])
    assert {spec.blocking for spec in specs} == {mode is Enforcement.BLOCK}
    assert {spec.partitions_def for spec in specs} == {LEAD_BATCHES}
    assert all(spec.description for spec in specs)


def test_every_enforcement_setting_belongs_to_a_rule() -> None:
    assert set(CheckSettings.model_fields) == {name for rules in RULES.values() for name in rules}
