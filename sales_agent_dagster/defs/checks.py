"""Asset checks: one partitioned step per asset, made from the rules of ``stages.quality``.

A step, not a check each: what a step costs in Dagster is more than what most rules cost.
"""

import inspect
from collections.abc import Iterator

import dagster as dg
import sqlalchemy as sa

from sales_agent_dagster.defs.failures import only_transient_retried
from sales_agent_dagster.defs.partitions import LEAD_BATCHES
from sales_agent_dagster.defs.resources import RESOURCE_KEYS, stage_context
from sales_agent_dagster.settings import CheckSettings
from sales_agent_dagster.stages.base import StageContext
from sales_agent_dagster.stages.quality import RULES, CheckOutcome, Subject, is_blocking, keep_results


def asset_checks(table: sa.Table, agent: str | None, enforcement: CheckSettings) -> dg.AssetChecksDefinition:
    """All checks of one asset as one step.

    A failed rule that ``enforcement`` sets to ``block`` is an ERROR and stops the assets below; one set to
    ``warn`` is shown as a WARN and stops nothing.
    """
    name, rules = table.name, RULES[table.name]
    blocking = {rule: is_blocking(rule, enforcement) for rule in rules}

    @dg.multi_asset_check(
        name=f"check_{name}",
        specs=[
            dg.AssetCheckSpec(
                rule,
                asset=name,
                description=inspect.getdoc(function),
                blocking=blocking[rule],
                partitions_def=LEAD_BATCHES,
            )
            for rule, function in rules.items()
        ],
        required_resource_keys=RESOURCE_KEYS,
    )
    def check(context: dg.AssetCheckExecutionContext) -> Iterator[dg.AssetCheckResult]:
        with only_transient_retried(context):
            work = stage_context(context.op_execution_context)
            outcomes = _judge(work, table, agent)
            keep_results(work, name, outcomes)
        for rule, outcome in outcomes.items():
            yield dg.AssetCheckResult(
                check_name=rule,
                asset_key=name,
                passed=outcome.passed,
                severity=dg.AssetCheckSeverity.ERROR if blocking[rule] else dg.AssetCheckSeverity.WARN,
                description=outcome.description,
                metadata=outcome.metadata,
            )

    return check


def _judge(work: StageContext, table: sa.Table, agent: str | None) -> dict[str, CheckOutcome]:
    with work.warehouse.reading() as connection:
        subject = Subject(work, connection, table, agent)
        return {name: rule(subject) for name, rule in RULES[table.name].items()}
