import asyncio
import threading
from pathlib import Path
from typing import Any

import pytest

from sales_agent_dagster.domain.calls import CallScope
from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.enrichment.collecting import Collected, Subject
from sales_agent_dagster.enrichment.offline import OfflineProvider
from sales_agent_dagster.enrichment.waterfall import Step, Waterfall
from sales_agent_dagster.settings import Settings
from sales_agent_dagster.stages.fact_service import FactService, build_fact_service
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster_tests.enrichment.asking import lead
from sales_agent_dagster_tests.enrichment.scripted import PAID, Scripted, found

SCOPE = CallScope("run-1", "batch-1")


def collect(service: FactService, *hosts: str) -> list[Any]:
    subjects = [Subject(host, lead(website_host=host)) for host in hosts]
    return asyncio.run(service.collect(subjects, SCOPE, [20_000.0] * len(hosts)))


def made(settings: Settings, warehouse: Warehouse, provider: Scripted) -> FactService:
    steps = (Step(provider="offline"), Step(provider=provider.spec.name))
    providers = list(zip(steps, (OfflineProvider(), provider), strict=True))
    return FactService(settings, Waterfall(steps=steps), providers, warehouse)


def threads() -> list[str]:
    return [thread.name for thread in threading.enumerate() if thread.name == "enrichment"]


def test_the_default_asks_nobody_and_starts_no_thread(
    sqlite_warehouse: Warehouse, settings: Settings
) -> None:
    service = build_fact_service(settings, sqlite_warehouse)
    assert not service.uses_network
    (collected,) = collect(service, "a.example")
    assert isinstance(collected, Collected)
    assert collected.answered == ("offline",)
    assert threads() == []
    service.close()


def test_one_loop_serves_callers_in_any_and_is_gone_when_closed(
    sqlite_warehouse: Warehouse, settings: Settings
) -> None:
    provider = Scripted()
    service = made(settings, sqlite_warehouse, provider)
    assert service.uses_network
    for _ in range(2):  # usable again after it was closed
        for host in ("a.example", "a.example"):
            (collected,) = collect(service, host)
            assert collected.facts[-1] == found().facts[0]
        assert threads() == ["enrichment"]
        service.close()
        assert threads() == []
    assert provider.keys == ["a.example"]
    assert provider.closed == 2


def test_what_is_paid_for_is_waited_for_at_the_end(sqlite_warehouse: Warehouse, settings: Settings) -> None:
    provider = Scripted(PAID, waits={"a.example": 0.2})
    service = made(settings, sqlite_warehouse, provider)
    subjects = [Subject("lead-1", lead(website_host="a.example"))]

    async def impatient() -> None:
        task = asyncio.create_task(service.collect(subjects, SCOPE, [20_000.0]))
        while not provider.keys:
            await asyncio.sleep(0.005)
        task.cancel()

    asyncio.run(impatient())
    service.close()
    again = made(settings, sqlite_warehouse, Scripted(PAID))
    (collected,) = collect(again, "a.example")
    again.close()
    assert (collected.answered, collected.credits) == (("offline", "apollo_company"), 0.0)


def test_breakers_and_answers_are_shared_by_redis(
    sqlite_warehouse: Warehouse, settings: Settings, redis_url: str
) -> None:
    given = Settings.model_validate(settings.model_dump() | {"redis_url": redis_url})
    provider = Scripted()
    for _ in range(2):
        service = made(given, sqlite_warehouse, provider)
        assert collect(service, "a.example")[0].facts[-1] == found().facts[0]
        service.close()
    assert provider.keys == ["a.example"]


def test_a_wrong_waterfall_is_refused(
    sqlite_warehouse: Warehouse, settings: Settings, tmp_path: Path
) -> None:
    given = Settings.model_validate(settings.model_dump() | {"waterfall_path": tmp_path / "none.yaml"})
    with pytest.raises(ConfigurationError, match="does not exist"):
        build_fact_service(given, sqlite_warehouse)
