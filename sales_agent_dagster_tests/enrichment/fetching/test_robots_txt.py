"""robots.txt is honoured, over real sockets."""

from __future__ import annotations

import asyncio
import time

import pytest

from sales_agent_dagster.enrichment.fetching.addresses import AllowList
from sales_agent_dagster.enrichment.fetching.failures import (
    Reason,
    SiteFailed,
)
from sales_agent_dagster.enrichment.fetching.fetcher import Fetcher, FetchLimits
from sales_agent_dagster_tests.enrichment.fetching.visits import (
    CONTROLS,
    LIMITS,
    get,
    reason_of,
)
from sales_agent_dagster_tests.website_farm.firms import firm
from sales_agent_dagster_tests.website_farm.raw import raw_server, repeats, says
from sales_agent_dagster_tests.website_farm.running import RunningFarm


@pytest.mark.parametrize(
    ("robots", "path", "reason"),
    [
        ("User-agent: *\nDisallow: /", "/", Reason.ROBOTS),
        ("User-agent: sales-agent-dagster\nDisallow: /team", "/team", Reason.ROBOTS),
        (500, "/", Reason.ROBOTS_UNKNOWN),
        (503, "/", Reason.ROBOTS_UNKNOWN),
        (429, "/", Reason.ROBOTS_UNKNOWN),
    ],
)
def test_robots_txt_is_honoured(farm: RunningFarm, robots: str | int, path: str, reason: Reason):
    site = farm.farm.add(1, robots=robots)
    assert reason_of(farm, f"http://{site.firm.host}{path}") is reason
    assert farm.farm.paths(site.firm.host) == ["/robots.txt"]


@pytest.mark.parametrize("robots", [404, 403, 401, "", "User-agent: sales-agent\nDisallow: /x"])
def test_robots_txt_that_does_not_forbid_allows(farm: RunningFarm, robots: str | int):
    site = farm.farm.add(1, robots=robots)
    assert get(farm, f"http://{site.firm.host}/").status == 200


def test_robots_txt_is_asked_for_once_per_origin(farm: RunningFarm):
    site = farm.farm.add(1, "to_www", robots="User-agent: *\nCrawl-delay: 3")

    async def run() -> list[float]:
        fetcher = Fetcher(LIMITS, resolver=farm.resolver(), allowed=farm.allowed, controls=CONTROLS)
        delays = []
        for _ in range(2):
            async with fetcher.visit(time.monotonic() + 120) as visit:
                page = await visit.get(f"http://{site.firm.host}/")
                await visit.link(page, "/team")
                delays += [
                    visit.delay_s(page.target),
                    visit.delay_s(page.target._replace(host=site.firm.host)),
                ]
        await fetcher.close()
        return delays

    assert asyncio.run(run()) == [0.0, 3.0] * 2
    assert farm.farm.paths(site.firm.host) == ["/robots.txt", "/", "/"]
    assert farm.farm.paths(f"www.{site.firm.host}") == ["/robots.txt", "/", "/team", "/", "/team"]


def test_robots_txt_of_where_a_redirect_leads_is_honoured(farm: RunningFarm):
    site = farm.farm.add(1, "to_www")
    www = f"www.{site.firm.host}"
    farm.farm.sites[www] = type(site)(site.firm, robots="User-agent: *\nDisallow: /")
    assert reason_of(farm, f"http://{site.firm.host}") is Reason.ROBOTS
    assert farm.farm.paths(www) == ["/robots.txt"]


def test_a_robots_txt_elsewhere_counts(farm: RunningFarm):
    site = farm.farm.add(1, robots=f"http://www.{firm(1).host}/robots.txt")
    www = f"www.{site.firm.host}"
    farm.farm.sites[www] = type(site)(site.firm, robots="User-agent: *\nDisallow: /team")
    assert get(farm, f"http://{site.firm.host}/").status == 200
    assert reason_of(farm, f"http://{site.firm.host}/team") is Reason.ROBOTS


@pytest.mark.parametrize("robots", ["/robots.txt", "http://10.0.0.1/robots.txt"])
def test_a_robots_txt_that_leads_nowhere_is_none(farm: RunningFarm, robots: str):
    site = farm.farm.add(1, robots=robots)
    assert get(farm, f"http://{site.firm.host}/").status == 200


@pytest.mark.parametrize("kind", ["hang", "reset"])
def test_a_site_that_cannot_be_reached_for_its_robots_txt_cannot_be_reached(farm: RunningFarm, kind: str):
    speak = says() if kind == "reset" else repeats(b"", b"")

    async def run() -> None:
        async with raw_server(speak) as endpoint:
            resolver = farm.resolver()
            resolver.answers["raw.example"] = [[endpoint]]
            allowed = AllowList.parse([f"127.0.0.1:{endpoint.port}", f"127.0.0.1:{farm.port}"])
            limits = FetchLimits(timeout_s=0.05)
            fetcher = Fetcher(limits, resolver=resolver, allowed=allowed, controls=CONTROLS)
            try:
                async with fetcher.visit(time.monotonic() + 120) as visit:
                    await visit.get("http://raw.example/")
            finally:
                await fetcher.close()

    with pytest.raises(SiteFailed) as caught:
        asyncio.run(run())
    assert caught.value.reason is (Reason.UNREACHABLE if kind == "reset" else Reason.TIMEOUT)
