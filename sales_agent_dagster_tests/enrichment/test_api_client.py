import asyncio
import logging
from typing import Any

import httpx2
import pytest

from sales_agent_dagster.enrichment.api_client import ApiClient, Reply
from sales_agent_dagster.enrichment.providers import Failed
from sales_agent_dagster_tests.provider_servers import serving
from sales_agent_dagster_tests.provider_servers.hunter import HunterApp


def sent(url: str, **params: str) -> Reply | Failed:
    client = ApiClient(url, {"x-api-key": serving.KEY})

    async def send() -> Reply | Failed:
        try:
            return await client.send("GET", "/email-verifier", params=params, cost=1.0)
        finally:
            await client.close()

    return asyncio.run(send())


@pytest.mark.parametrize(
    ("status", "cost"),
    [(500, 0.0), (501, 0.0), (503, 0.0), (502, 1.0), (504, 1.0), (519, 0.0), (520, 1.0), (522, 1.0),
     (524, 1.0), (525, 0.0)],
)  # fmt: skip
def test_what_a_gateway_says_may_have_cost_a_credit(
    hunter: HunterApp, hunter_url: str, status: int, cost: float
) -> None:
    hunter.script.append(serving.Reply(status, "away"))
    failed = sent(hunter_url, email="a@acme.example")
    assert isinstance(failed, Failed)
    assert (failed.reason, failed.credits) == (f"status {status}", cost)


def test_what_a_proxy_refused_was_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise httpx2.ProxyError("407 Proxy Authentication Required")

    monkeypatch.setattr(httpx2.AsyncClient, "stream", refuse)
    failed = sent("http://127.0.0.1:9")
    assert isinstance(failed, Failed)
    assert (failed.reason, failed.credits) == ("no connection", 0.0)


def test_addresses_of_persons_are_not_logged(
    hunter: HunterApp, hunter_url: str, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        assert isinstance(sent(hunter_url, email="jo.reed@acme.example"), Reply)
    assert "reed" not in caplog.text
