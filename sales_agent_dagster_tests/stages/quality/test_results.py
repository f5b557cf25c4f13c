"""Verdicts kept, and what they leave open."""

from __future__ import annotations

import sqlalchemy as sa

from sales_agent_dagster.settings import CheckSettings, Enforcement
from sales_agent_dagster.stages.quality import CheckOutcome, is_blocking, keep_results, open_checks
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import check_results
from sales_agent_dagster_tests.conftest import MakeContext
from sales_agent_dagster_tests.rows import seed_batch

CHECKS = CheckSettings(latency_sla=Enforcement.WARN)
RULES = {"qualified_leads": {"row_conservation": object(), "latency_sla": object()}}
GOOD, BAD = CheckOutcome(True, "As expected.", {}), CheckOutcome(False, "Two are missing.", {})


def test_a_blocking_check_is_open_until_it_has_passed(warehouse: Warehouse, context: MakeContext) -> None:
    seed_batch(warehouse)
    work = context(warehouse)

    def still_open() -> list[tuple[str, str]]:
        with warehouse.reading() as connection:
            return open_checks(connection, "batch-1", RULES, CHECKS)

    blocked = [("qualified_leads", "row_conservation")]
    assert still_open() == blocked, "it never ran"
    keep_results(work, "campaigns", {"row_conservation": GOOD})
    assert still_open() == blocked, "another asset's"
    keep_results(work, "qualified_leads", {"row_conservation": BAD, "latency_sla": BAD})
    assert still_open() == blocked, "it failed; the other one only warns"
    keep_results(work, "qualified_leads", {"row_conservation": GOOD})
    assert still_open() == []
    with warehouse.reading() as connection:
        rows = connection.execute(sa.select(check_results)).all()
    assert {(row.asset, row.check_name, row.passed) for row in rows} == {
        ("campaigns", "row_conservation", True),
        ("qualified_leads", "latency_sla", False),
        ("qualified_leads", "row_conservation", True),
    }
    assert all(row.blocking for row in rows), "by default"


def test_settings_say_which_checks_block() -> None:
    assert is_blocking("row_conservation", CHECKS)
    assert not is_blocking("latency_sla", CHECKS)
