"""Verdicts are kept: a batch is done when its rows are there and every check that may stop it has passed."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from sales_agent_dagster.settings import CheckSettings, Enforcement
from sales_agent_dagster.stages.base import StageContext
from sales_agent_dagster.stages.quality.base import CheckOutcome
from sales_agent_dagster.warehouse.schema import check_results


def is_blocking(check: str, enforcement: CheckSettings) -> bool:
    """Whether a failure of the check stops the assets below."""
    return getattr(enforcement, check) is Enforcement.BLOCK


def keep_results(work: StageContext, asset: str, outcomes: Mapping[str, CheckOutcome]) -> None:
    """Store the verdicts on one asset of the batch in place of earlier ones."""
    rows = [
        {
            "batch_id": work.batch_id,
            "asset": asset,
            "check_name": name,
            "passed": outcome.passed,
            "blocking": is_blocking(name, work.settings.checks),
            "description": outcome.description,
            "run_id": work.run_id,
            "created_at": work.now(),
        }
        for name, outcome in outcomes.items()
    ]
    with work.warehouse.transaction() as connection:
        work.warehouse.upsert(connection, check_results, rows)


def open_checks(
    connection: sa.Connection,
    batch_id: str,
    rules: Mapping[str, Mapping[str, object]],
    enforcement: CheckSettings,
) -> list[tuple[str, str]]:
    """Asset and check of every blocking check in ``rules`` that has not run on the batch or has failed."""
    query = sa.select(check_results.c.asset, check_results.c.check_name).where(
        check_results.c.batch_id == batch_id, check_results.c.passed
    )
    passed = set(connection.execute(query).tuples())
    return [
        (asset, check)
        for asset, checks in rules.items()
        for check in checks
        if is_blocking(check, enforcement) and (asset, check) not in passed
    ]
