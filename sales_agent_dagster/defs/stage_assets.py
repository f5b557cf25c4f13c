"""Makes an asset of a stage: a plain one, or for the agents a graph of plan, chunk and report ops.

Belongs here: the shape of an asset's steps. Does not belong here: which assets there are (``assets.py``).
"""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

import dagster as dg
from pydantic import Field

from sales_agent_dagster.defs.failures import only_transient_retried
from sales_agent_dagster.defs.materialization import materialization
from sales_agent_dagster.defs.metadata import presentation
from sales_agent_dagster.defs.partitions import LEAD_BATCHES
from sales_agent_dagster.defs.resources import RESOURCE_KEYS, stage_context
from sales_agent_dagster.inference.engine import Prompt
from sales_agent_dagster.stages.base import Stage, StageContext
from sales_agent_dagster.stages.imported import IMPORT_VERSION, import_batch
from sales_agent_dagster.warehouse.schema import imported_leads

_MakeAsset = Callable[[Callable[..., Any]], dg.AssetsDefinition]


class PlanConfig(dg.Config):
    """Launch-time settings of an agent stage."""

    chunk_size: int | None = Field(
        default=None, ge=1, le=10_000, description="Leads per op; unset is SALES_AGENT_CHUNK_SIZE."
    )
    retry_degraded: bool = Field(
        default=False, description="Also compute the rows again that a lesser engine had to answer."
    )


def import_asset(description: str) -> dg.AssetsDefinition:
    """``imported_leads``: the batch's rows of the archived file."""

    def run_import(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        work = stage_context(context)
        with only_transient_retried(context):
            summary = import_batch(work)
            figures = {"rows_in_file": summary.rows, "rejected": summary.rejected}
            return materialization(work, imported_leads, figures=figures)

    make: _MakeAsset = dg.asset(
        name=imported_leads.name,
        partitions_def=LEAD_BATCHES,
        required_resource_keys=RESOURCE_KEYS,
        **presentation(imported_leads, import_batch, IMPORT_VERSION, description),
    )
    return make(run_import)


class CrmConfig(dg.Config):
    """Launch-time settings of the sync with the CRM."""

    apply: bool | None = Field(
        default=None,
        description="True also sends the batch's plan to the CRM, False only plans; unset is as set for the "
        "batch (`sales-agent crm mode`). Nothing is sent unless SALES_AGENT_CRM__MODE=live.",
    )


def stage_asset(stage: Stage, description: str) -> dg.AssetsDefinition:
    """One step that runs the whole stage; for stages that do not ask an engine."""

    async def run_stage(context: dg.AssetExecutionContext) -> dg.MaterializeResult[Any]:
        return await _run(context, stage, stage_context(context))

    return _one_step(stage, description)(run_stage)


def crm_asset(stage: Stage, description: str, freshness_policy: dg.FreshnessPolicy) -> dg.AssetsDefinition:
    """The same for the stage that writes to the CRM when the run's config or the batch's setting says so."""

    async def run_stage(context: dg.AssetExecutionContext, config: CrmConfig) -> dg.MaterializeResult[Any]:
        return await _run(context, stage, replace(stage_context(context), apply=config.apply))

    return _one_step(stage, description, freshness_policy)(run_stage)


async def _run(
    context: dg.AssetExecutionContext, stage: Stage, work: StageContext
) -> dg.MaterializeResult[Any]:
    with only_transient_retried(context):
        await stage.run(work)
        return materialization(work, stage.table)


def _one_step(
    stage: Stage, description: str, freshness_policy: dg.FreshnessPolicy | None = None
) -> _MakeAsset:
    make: _MakeAsset = dg.asset(
        name=stage.name,
        deps=[stage.upstream],
        partitions_def=LEAD_BATCHES,
        required_resource_keys=RESOURCE_KEYS,
        freshness_policy=freshness_policy,
        **presentation(stage.table, type(stage), stage.version, description),
    )
    return make


def agent_asset(stage: Stage, prompt: Prompt, description: str) -> dg.AssetsDefinition:
    """A graph: plan the chunks, invoke the agent over each, report.

    A chunk is retried alone when it meets a ``TransientError``. A batch whose rows are all current has
    no chunk steps. Chunks are written by their own step, so the report finds them in the table and no
    lead travels between steps but its id.
    """
    plan, run_chunk, report = _plan_op(stage), _run_chunk_op(stage), _report_op(stage)

    @dg.graph_asset(
        name=stage.name,
        ins={"upstream": dg.AssetIn(key=stage.upstream, dagster_type=dg.Nothing)},
        partitions_def=LEAD_BATCHES,
        **presentation(
            stage.table,
            type(stage),
            f"{stage.version} {stage.wording()}".strip(),
            description,
            kinds=("python", "langgraph"),
            prompt=prompt,
        ),
    )
    def agent_graph(upstream: Any) -> Any:
        chunks = plan.alias("plan")(upstream)
        return report.alias("report")(chunks.map(run_chunk.alias("run_chunk")).collect())

    return agent_graph


def _plan_op(stage: Stage) -> dg.OpDefinition:
    @dg.op(
        name=f"plan_{stage.name}",
        description="Find the leads whose row is missing or out of date; cut them into chunks.",
        ins={"upstream": dg.In(dg.Nothing)},
        out=dg.DynamicOut(list, description="Lead ids of one chunk."),
        required_resource_keys=RESOURCE_KEYS,
    )
    def plan(context: dg.OpExecutionContext, config: PlanConfig) -> Iterator[dg.DynamicOutput[list[str]]]:
        work = replace(stage_context(context), retry_degraded=config.retry_degraded)
        with only_transient_retried(context):
            found = stage.plan(work)
        context.log.info(f"{len(found.todo)} of {found.total} leads to compute")
        for number, lead_ids in enumerate(found.chunks(config.chunk_size or work.settings.chunk_size), 1):
            yield dg.DynamicOutput(list(lead_ids), mapping_key=f"{number:04d}")

    return plan


def _run_chunk_op(stage: Stage) -> dg.OpDefinition:
    @dg.op(
        name=f"run_chunk_of_{stage.name}",
        description="Invoke the agent over the chunk and store its rows in one transaction.",
        out=dg.Out(dg.Nothing),
        required_resource_keys=RESOURCE_KEYS,
    )
    async def run_chunk(context: dg.OpExecutionContext, lead_ids: list[str]) -> None:
        with only_transient_retried(context):
            await stage.run_chunk(stage_context(context), lead_ids)

    return run_chunk


def _report_op(stage: Stage) -> dg.OpDefinition:
    @dg.op(
        name=f"report_{stage.name}",
        description="Describe what the table now holds for the batch.",
        ins={"chunks": dg.In(dg.Nothing)},
        required_resource_keys=RESOURCE_KEYS,
    )
    def report(context: dg.OpExecutionContext) -> dg.MaterializeResult[Any]:
        with only_transient_retried(context):
            return materialization(stage_context(context), stage.table, agent=stage.agent)

    return report
