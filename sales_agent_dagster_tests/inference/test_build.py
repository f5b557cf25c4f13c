"""Which engine the settings make."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.inference.build import build_engine, engine_name
from sales_agent_dagster.settings import CerebrasSettings, Settings
from sales_agent_dagster.warehouse.calls import WarehouseCalls
from sales_agent_dagster.warehouse.database import Warehouse


@pytest.fixture
def store(settings: Settings) -> WarehouseCalls:
    """Never opened."""
    return WarehouseCalls(Warehouse(settings.warehouse_url.get_secret_value()))


@pytest.mark.parametrize(
    ("chosen", "name"),
    [
        ({}, "scorecard"),
        ({"cerebras_api_key": SecretStr("k")}, "cerebras"),
        ({"cerebras_base_url": "http://127.0.0.1:1"}, "cerebras"),
        ({"cerebras_api_key": SecretStr("k"), "engine": "scorecard"}, "scorecard"),
    ],
)
def test_auto_is_cerebras_when_there_is_somebody_to_ask(
    settings: Settings, store: WarehouseCalls, chosen: dict[str, object], name: str
) -> None:
    asked = settings.model_copy(update=chosen)
    assert engine_name(asked) == name
    engine = build_engine(asked, store)
    assert engine.name == name
    engine.close()


def test_an_engine_that_lacks_its_key_says_so(settings: Settings, store: WarehouseCalls) -> None:
    asked = settings.model_copy(update={"engine": "cerebras"})
    with pytest.raises(ConfigurationError, match="CEREBRAS_API_KEY"):
        build_engine(asked, store)


def test_rows_of_another_model_or_effort_are_outdated(settings: Settings, store: WarehouseCalls) -> None:
    versions = set()
    for chosen in ({}, {"model": "other"}, {"reasoning_effort": "high"}):
        update = {"cerebras_base_url": "http://127.0.0.1:1", "cerebras": CerebrasSettings(**chosen)}
        engine = build_engine(settings.model_copy(update=update), store)
        versions.add(engine.version)
        engine.close()
    assert len(versions) == 3
