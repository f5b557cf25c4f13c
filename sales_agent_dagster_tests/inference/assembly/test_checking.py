"""What is known of the models before a question: from the server's list, if it has one and gives it."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor

import pytest

from sales_agent_dagster.inference.cerebras.client import CerebrasClient
from sales_agent_dagster.inference.cerebras.errors import ProviderDown, Rejected
from sales_agent_dagster.settings import Settings
from sales_agent_dagster_tests.inference.assembly.conftest import MakeEngine

CHECK = "sales_agent_dagster.inference.cerebras.engine.check_models"


@pytest.mark.parametrize("status", [404, 405])
def test_a_server_without_a_list_is_asked_for_it_once(
    make_engine: MakeEngine,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    status: int,
) -> None:
    asked: list[Settings] = []

    async def no_list(client: CerebrasClient, settings: Settings) -> None:
        asked.append(settings)
        raise Rejected(status)

    monkeypatch.setattr(CHECK, no_list)
    engine = make_engine()
    for _ in range(3):
        engine.check()
    assert (len(asked), caplog.text.count("gives no list of models")) == (1, 1)


def test_batches_that_wait_for_the_same_list_warn_once(
    make_engine: MakeEngine, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    asked: list[Settings] = []

    def waiting() -> int:
        return sum("_check_models" in str(task.get_coro()) for task in asyncio.all_tasks())

    async def none_in_time(client: CerebrasClient, settings: Settings) -> None:
        asked.append(settings)
        while waiting() < 2:
            await asyncio.sleep(0.001)
        await asyncio.sleep(0.001)  # the second one is there now; here it begins to wait
        raise ProviderDown("no answer")

    monkeypatch.setattr(CHECK, none_in_time)
    engine = make_engine()
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _: engine.check(), range(2)))
    assert (len(asked), caplog.text.count("The models could not be checked")) == (1, 1)
