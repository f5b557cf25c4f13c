from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from sales_agent_dagster.inference.cerebras.engine import CerebrasEngine
from sales_agent_dagster.inference.flow.breaker import BreakerRules
from sales_agent_dagster.inference.flow.rates import Window
from sales_agent_dagster.inference.flow.retry import RetryRules
from sales_agent_dagster.settings import CerebrasSettings, Settings
from sales_agent_dagster.warehouse.calls import WarehouseCalls
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster_tests.cerebras_server.running import RunningServer

MakeEngine = Callable[..., CerebrasEngine]


@pytest.fixture
def make_engine(
    cerebras: RunningServer, settings: Settings, sqlite_warehouse: Warehouse
) -> Iterator[MakeEngine]:
    """Makes engines that ask the stand-in, with quick retries; keywords are ``CerebrasSettings``."""
    made = []

    def make(
        calls: WarehouseCalls | None = None,
        *,
        more: dict[str, object] | None = None,
        breaker: BreakerRules = BreakerRules(open_s=0.2),  # noqa: B008
        retries: RetryRules = RetryRules(base_s=0.01),  # noqa: B008
        window: Window = Window(),  # noqa: B008
        **chosen: object,
    ) -> CerebrasEngine:
        asked = settings.model_copy(
            update={
                "cerebras_base_url": cerebras.url,
                "cerebras": CerebrasSettings.model_validate(chosen),
                **(more or {}),
            }
        )
        engine = CerebrasEngine(
            asked,
            calls or WarehouseCalls(sqlite_warehouse),
            breaker_rules=breaker,
            retry_rules=retries,
            window=window,
        )
        made.append(engine)
        return engine

    yield make
    for engine in made:
        engine.close()
