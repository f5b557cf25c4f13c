"""An agent's asset on real tables, with a stage that does next to nothing."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from typing import Any

import dagster as dg
import pytest
import sqlalchemy as sa

from sales_agent_dagster.defs.failures import run_failures
from sales_agent_dagster.defs.stage_assets import agent_asset, stage_asset
from sales_agent_dagster.domain.errors import PermanentError, TransientError
from sales_agent_dagster.inference.engine import Prompt
from sales_agent_dagster.stages.base import Stage, StageContext
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import qualified_leads
from sales_agent_dagster_tests.defs.conftest import BATCH, TinyStage

PROMPT = Prompt("qualification", "1", "Judge.")
CHUNKS_OF_TWO = {"ops": {"qualified_leads": {"ops": {"plan": {"config": {"chunk_size": 2}}}}}}


def run(
    stage: Stage, instance: dg.DagsterInstance, resources: dict[str, Any], **options: Any
) -> dg.ExecuteInProcessResult:
    return dg.materialize(
        [agent_asset(stage, PROMPT, "Tiny.")],
        partition_key=BATCH,
        instance=instance,
        resources=resources,
        raise_on_error=False,
        **options,
    )


def steps(result: dg.ExecuteInProcessResult, event: dg.DagsterEventType) -> list[str]:
    return [str(found.step_key) for found in result.filter_events(lambda found: found.event_type is event)]


def metadata(result: dg.ExecuteInProcessResult) -> dict[str, Any]:
    (materialization,) = result.asset_materializations_for_node("qualified_leads")
    return {name: value.value for name, value in materialization.metadata.items()}


def stored(warehouse: Warehouse) -> set[str]:
    with warehouse.reading() as connection:
        return set(connection.scalars(sa.select(qualified_leads.c.lead_id)))


def test_chunks_are_steps_and_every_lead_has_its_row(
    five_leads: list[str],
    instance: dg.DagsterInstance,
    resources: dict[str, Any],
    sqlite_warehouse: Warehouse,
) -> None:
    stage = TinyStage()
    result = run(stage, instance, resources, run_config=CHUNKS_OF_TWO)
    assert result.success
    assert [len(chunk) for chunk in stage.chunks] == [2, 2, 1]
    assert steps(result, dg.DagsterEventType.STEP_SUCCESS) == [
        "qualified_leads.plan",
        "qualified_leads.run_chunk[0001]",
        "qualified_leads.run_chunk[0002]",
        "qualified_leads.run_chunk[0003]",
        "qualified_leads.report",
    ]
    assert stored(sqlite_warehouse) == set(five_leads)
    assert metadata(result)["work"] == "5 computed, 0 current"


def test_chunk_size_comes_from_settings_by_default(
    five_leads: list[str], instance: dg.DagsterInstance, resources: dict[str, Any]
) -> None:
    stage = TinyStage()
    assert run(stage, instance, resources).success
    assert [len(chunk) for chunk in stage.chunks] == [5]


def test_a_second_run_has_no_chunk_steps(
    five_leads: list[str], instance: dg.DagsterInstance, resources: dict[str, Any]
) -> None:
    first = run(TinyStage(), instance, resources)
    again = TinyStage()
    second = run(again, instance, resources)
    assert second.success
    assert again.chunks == []
    assert steps(second, dg.DagsterEventType.STEP_SUCCESS) == [
        "qualified_leads.plan",
        "qualified_leads.report",
    ]
    assert metadata(second)["work"] == "0 computed, 5 current"
    assert _data_version(second) == _data_version(first)


def test_a_new_version_of_the_rules_changes_data_version_and_code_version(
    five_leads: list[str], instance: dg.DagsterInstance, resources: dict[str, Any]
) -> None:
    class NewRules(TinyStage):
        version = "2"

    first = run(TinyStage(), instance, resources)
    second = run(NewRules(), instance, resources)
    assert metadata(second)["work"] == "5 computed, 0 current"
    assert _data_version(second) != _data_version(first)

    class NewWords(TinyStage):
        def wording(self) -> str:
            return "2"

    versions = {
        agent_asset(stage, prompt, "Tiny.").code_versions_by_key[dg.AssetKey("qualified_leads")]
        for stage in (TinyStage(), NewRules(), NewWords())
        for prompt in (PROMPT, Prompt("qualification", "2", "Judge well."))
    }
    assert len(versions) == 6


def test_an_empty_batch_is_reported(
    sqlite_warehouse: Warehouse, instance: dg.DagsterInstance, resources: dict[str, Any]
) -> None:
    result = run(TinyStage(), instance, resources)
    assert result.success
    assert metadata(result)["work"] == "0 computed, 0 current"


def test_a_transient_error_is_retried_in_its_chunk_alone(
    five_leads: list[str], instance: dg.DagsterInstance, resources: dict[str, Any]
) -> None:
    stage = TinyStage(TransientError("locked"))
    result = run(stage, instance, resources, run_config=CHUNKS_OF_TWO)
    assert result.success
    assert steps(result, dg.DagsterEventType.STEP_UP_FOR_RETRY) == ["qualified_leads.run_chunk[0001]"]
    assert sorted(map(len, stage.chunks)) == [1, 2, 2, 2]
    assert metadata(result)["work"] == "5 computed, 0 current"


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (PermanentError("no such model"), "no such model"),
        (ZeroDivisionError("bug"), "ZeroDivisionError: bug"),
    ],
)
def test_any_other_error_fails_its_chunk_at_once(
    five_leads: list[str],
    instance: dg.DagsterInstance,
    resources: dict[str, Any],
    sqlite_warehouse: Warehouse,
    fault: Exception,
    told: str,
) -> None:
    stage = TinyStage(fault)
    result = run(stage, instance, resources, run_config=CHUNKS_OF_TWO)
    assert not result.success
    assert steps(result, dg.DagsterEventType.STEP_UP_FOR_RETRY) == []
    assert steps(result, dg.DagsterEventType.STEP_FAILURE) == ["qualified_leads.run_chunk[0001]"]
    (failure,) = run_failures(instance, result.run_id)
    assert failure.step == "qualified_leads.run_chunk[0001]"
    assert failure.message == told
    assert stored(sqlite_warehouse) == set(five_leads[2:]), "the other chunks are stored all the same"
    assert not result.asset_materializations_for_node("qualified_leads")

    after = run(TinyStage(), instance, resources)
    assert metadata(after)["work"] == "2 computed, 3 current"


@pytest.mark.parametrize("make", [agent_asset, stage_asset])
def test_an_interrupt_stops_the_run_and_is_never_retried(
    five_leads: list[str], instance: dg.DagsterInstance, resources: dict[str, Any], make: Any
) -> None:
    class Interrupted(TinyStage):
        async def run_chunk(self, context: StageContext, lead_ids: Sequence[str]) -> int:
            self.chunks.append(tuple(lead_ids))
            os.kill(os.getpid(), signal.SIGINT)
            return await super().run_chunk(context, lead_ids)

    stage = Interrupted()
    asset = make(stage, PROMPT, "Tiny.") if make is agent_asset else make(stage, "Tiny.")
    result = dg.materialize(
        [asset], partition_key=BATCH, instance=instance, resources=resources, raise_on_error=False
    )
    assert not result.success
    assert len(stage.chunks) == 1
    assert steps(result, dg.DagsterEventType.STEP_UP_FOR_RETRY) == []


def test_retries_are_bounded(
    five_leads: list[str], instance: dg.DagsterInstance, resources: dict[str, Any]
) -> None:
    stage = TinyStage(*[TransientError("still locked")] * 9)
    result = run(stage, instance, resources)
    assert not result.success
    assert len(stage.chunks) == 4
    (failure,) = run_failures(instance, result.run_id)
    assert "still locked" in failure.message


def test_a_stage_without_agent_is_one_step(
    five_leads: list[str], instance: dg.DagsterInstance, resources: dict[str, Any]
) -> None:
    stage = TinyStage(TransientError("locked"))
    result = dg.materialize(
        [stage_asset(stage, "Tiny.")], partition_key=BATCH, instance=instance, resources=resources
    )
    assert steps(result, dg.DagsterEventType.STEP_SUCCESS) == ["qualified_leads"]
    assert steps(result, dg.DagsterEventType.STEP_UP_FOR_RETRY) == ["qualified_leads"]
    assert "latency_p95_ms" not in metadata(result)


def _data_version(result: dg.ExecuteInProcessResult) -> str:
    (materialization,) = result.asset_materializations_for_node("qualified_leads")
    return str((materialization.tags or {})["dagster/data_version"])
