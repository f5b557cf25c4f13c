from typing import Any

import pytest

from sales_agent_dagster.domain.calls import CallScope
from sales_agent_dagster.domain.lookups import LookupKey, LookupOutcome, Reservation, Settlement, SpendingCaps
from sales_agent_dagster.enrichment.collecting import OLD
from sales_agent_dagster.stages.quality import RULES, CheckOutcome, Subject
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.lookups import WarehouseLookups
from sales_agent_dagster.warehouse.providers import provider_services
from sales_agent_dagster.warehouse.schema import enriched_leads, enrichment_queue
from sales_agent_dagster_tests.conftest import NOW, MakeContext
from sales_agent_dagster_tests.rows import seed_batch

SCOPE = CallScope("run-1", "batch-1")
FOUND, NOT_FOUND, FAILED = LookupOutcome.FOUND, LookupOutcome.NOT_FOUND, LookupOutcome.FAILED


def looked_up(warehouse: Warehouse, *outcomes: LookupOutcome, cost: float = 1.0) -> None:
    WarehouseLookups(warehouse).settle(
        [
            Settlement(
                None,
                LookupKey("apollo_company", f"{number}.example"),
                SCOPE,
                "lead-1",
                outcome,
                2 if outcome is FOUND else 0,
                cost if outcome is FOUND else 0.0,
                0.5,
                100.0 * number,
                NOW,
            )
            for number, outcome in enumerate(outcomes, 1)
        ]
    )


@pytest.fixture
def judge(warehouse: Warehouse, context: MakeContext) -> Any:
    """Verdict of a rule on the enriched leads of a batch of four."""
    seed_batch(warehouse, leads=[{}] * 4, through="enriched_leads")

    def verdict(rule: str) -> CheckOutcome:
        with warehouse.reading() as connection:
            subject = Subject(context(warehouse), connection, enriched_leads, "enrichment")
            return RULES["enriched_leads"][rule](subject)

    return verdict


def test_without_lookups_every_rule_passes(judge: Any) -> None:
    for rule in ("provider_hit_rate", "provider_errors", "provider_staleness"):
        assert judge(rule).passed
    assert judge("provider_errors").description == "Nobody was asked."


@pytest.mark.parametrize(
    ("hits", "misses", "passed"), [(2, 18, True), (1, 19, False), (0, 19, True), (0, 20, False)]
)
def test_hit_rate(warehouse: Warehouse, judge: Any, hits: int, misses: int, passed: bool) -> None:
    looked_up(warehouse, *[FOUND] * hits, *[NOT_FOUND] * misses)
    outcome = judge("provider_hit_rate")
    assert outcome.passed is passed
    assert f"of {hits + misses}" in outcome.description
    assert ("worth its place" in outcome.description) is not passed


@pytest.mark.parametrize(("failed", "passed"), [(4, True), (5, False)])
def test_errors(warehouse: Warehouse, judge: Any, failed: int, passed: bool) -> None:
    looked_up(warehouse, *[FAILED] * failed, *[FOUND] * (20 - failed))
    outcome = judge("provider_errors")
    assert outcome.passed is passed
    assert outcome.metadata["actual"] == {"apollo_company": failed / 20}


@pytest.mark.parametrize(("stale", "passed"), [(0, True), (1, False)])
def test_staleness(warehouse: Warehouse, judge: Any, stale: int, passed: bool) -> None:
    common = {"batch_id": "batch-1", "provider": "website", "attempts": 1, "due_at": NOW, "run_id": "run-1"}
    rows = [
        {**common, "created_at": NOW, "lead_id": "batch-1-1", "reason": OLD if stale else "away"},
    ]
    with warehouse.transaction() as connection:
        warehouse.upsert(connection, enrichment_queue, rows)
    outcome = judge("provider_staleness")
    assert outcome.passed is passed
    assert outcome.metadata["actual"] == stale / 4


def test_figures_of_a_provider(warehouse: Warehouse) -> None:
    looked_up(warehouse, FOUND, FOUND, NOT_FOUND, FAILED, LookupOutcome.SUPPRESSED)
    reservation = Reservation(LookupKey("apollo_company", "x.example"), SCOPE, "lead-1", 1.0, 0.5, "1")
    WarehouseLookups(warehouse).reserve([reservation], SpendingCaps(), NOW)
    with warehouse.reading() as connection:
        (service,) = provider_services(connection, "batch-1").values()
        view = connection.exec_driver_sql("SELECT * FROM enrichment_providers").mappings().one()
    assert (service.found, service.not_found, service.failed, service.unsettled) == (2, 1, 1, 1)
    assert (service.hit_rate, service.usd_per_fact, service.p95_ms) == (2 / 3, 1.5 / 4, 500.0)
    assert (service.credits, service.cost_usd) == (3.0, 1.5)
    told = {name: view[name] for name in ("lookups", "found", "not_found", "failed", "unsettled", "facts")}
    assert told == {"lookups": 6, "found": 2, "not_found": 1, "failed": 2, "unsettled": 1, "facts": 4}
    assert (view["hit_rate"], view["usd_per_fact"], view["mean_ms"]) == (
        pytest.approx(2 / 3),
        pytest.approx(1.5 / 4),
        300.0,
    )
