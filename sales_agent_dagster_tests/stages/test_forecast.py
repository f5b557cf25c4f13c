from __future__ import annotations

import pytest

from sales_agent_dagster.inference.prices import load_prices
from sales_agent_dagster.settings import CerebrasSettings, Settings
from sales_agent_dagster.stages.forecast import AGENT_STAGES, TYPICAL_USAGE, Forecast, forecast
from sales_agent_dagster.stages.pipeline import STAGES
from sales_agent_dagster.warehouse.calls import WarehouseCalls
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster_tests.calls import CALLED, call
from sales_agent_dagster_tests.rows import seed_batch

DAY = CALLED.date()


@pytest.fixture
def model_settings(settings: Settings) -> Settings:
    return settings.model_copy(update={"engine": "cerebras"})


def foreseen(warehouse: Warehouse, settings: Settings, **leads: int) -> Forecast:
    with warehouse.reading() as connection:
        return forecast(connection, settings, load_prices(), leads, DAY)


def test_every_agent_is_foreseen() -> None:
    assert set(AGENT_STAGES) == set(TYPICAL_USAGE) == {stage.agent for stage in STAGES} - {None}


def test_without_calls_typical_usage_at_list_prices(
    sqlite_warehouse: Warehouse, model_settings: Settings
) -> None:
    expected = foreseen(sqlite_warehouse, model_settings, qualification=100, growth=0)
    usage = TYPICAL_USAGE["qualification"]
    assert expected.usd == pytest.approx(100 * (usage.prompt * 0.35 + usage.completion * 0.75) / 1e6)
    assert expected.by_agent["growth"] == 0.0
    assert not expected.measured


def test_with_calls_their_cost_and_the_share_that_is_asked_about(
    warehouse: Warehouse, model_settings: Settings
) -> None:
    rows = [{"engine": "cerebras"}, {"engine": "rules"}]
    ids = seed_batch(warehouse, leads=[{"qualified_leads": row} for row in rows])
    WarehouseCalls(warehouse).add([call("a", lead_id=ids[0], cost_usd=0.25)])
    expected = foreseen(warehouse, model_settings, qualification=100)
    assert expected == Forecast({"qualification": 12.5}, measured=True)
    assert not foreseen(warehouse, model_settings, qualification=100, growth=1).measured
    other = model_settings.model_copy(update={"cerebras": CerebrasSettings(model="other")})
    assert not foreseen(warehouse, other, qualification=100).measured


@pytest.mark.parametrize("update", [{"engine": "scorecard"}, {"engine": "auto"}, {"model_policy": "none"}])
def test_what_asks_no_model_is_free(
    sqlite_warehouse: Warehouse, model_settings: Settings, update: dict[str, str]
) -> None:
    free = model_settings.model_copy(update=update)
    assert foreseen(sqlite_warehouse, free, qualification=100) == Forecast({}, measured=True)
