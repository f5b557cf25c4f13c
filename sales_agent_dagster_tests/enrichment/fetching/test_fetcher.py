"""Every rule of fetching, against real servers."""

from __future__ import annotations

import asyncio
import time
from ipaddress import ip_address
from typing import Any

import pytest

from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.enrichment.fetching.addresses import AllowList, Endpoint
from sales_agent_dagster.enrichment.fetching.failures import (
    DeadlinePassed,
    OwnNetworkFailed,
    Reason,
    SiteFailed,
)
from sales_agent_dagster.enrichment.fetching.fetcher import Fetcher, FetchLimits, Visit
from sales_agent_dagster_tests.enrichment.fetching.visits import (
    CONTROLS,
    LIMITS,
    OK,
    from_raw,
    get,
    raw_reason,
    reason_of,
    visiting,
)
from sales_agent_dagster_tests.website_farm.raw import Speak, repeats, says
from sales_agent_dagster_tests.website_farm.running import RunningFarm
from sales_agent_dagster_tests.website_farm.sites import HTML, KINDS, Reply


def test_a_page_is_fetched_with_what_it_said(farm: RunningFarm):
    site = farm.farm.add(1)
    page = get(farm, f"http://{site.firm.host}")
    assert (page.status, page.is_text, page.cut) == (200, True, False)
    assert site.firm.name.replace("&", "&amp;") in page.text
    assert page.target.url == f"http://{site.firm.host}/"
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.fetched_at.utcoffset().total_seconds() == 0


def test_requests_say_who_asks_and_nothing_else(farm: RunningFarm):
    site = farm.farm.add(1)
    get(farm, f"http://{site.firm.host}", contact="https://us.example/bot")
    assert farm.farm.log[-1].headers == {
        "host": site.firm.host,
        "user-agent": "sales-agent-dagster (+https://us.example/bot)",
        "accept": "text/html,application/xhtml+xml,text/plain;q=0.9",
        "accept-encoding": "gzip, deflate",
        "accept-language": "en",
    }


@pytest.mark.parametrize("contact", ["a\nb", "caf\u00e9", "x) evil", "back\\slash"])
def test_a_contact_that_cannot_be_sent_is_refused(contact: str):
    with pytest.raises(ConfigurationError, match="contact"):
        Fetcher(LIMITS, contact=contact)


@pytest.mark.parametrize("url", ["www.iana.org", "ftp://www.iana.org/", "https://www.iana.org:8443/"])
def test_a_control_that_cannot_be_fetched_is_refused(url: str):
    with pytest.raises(ConfigurationError, match="controls cannot be fetched"):
        Fetcher(LIMITS, controls=(url,))


@pytest.mark.parametrize("variable", ["HTTP_PROXY", "ALL_PROXY", "http_proxy"])
def test_proxies_of_the_environment_are_not_used(
    farm: RunningFarm, monkeypatch: pytest.MonkeyPatch, variable: str
):
    monkeypatch.setenv(variable, "http://127.0.0.1:1")
    site = farm.farm.add(1)
    assert get(farm, f"http://{site.firm.host}").status == 200


def test_cookies_are_not_kept(farm: RunningFarm, monkeypatch: pytest.MonkeyPatch):
    site = farm.farm.add(1)
    cookie = [HTML, (b"set-cookie", b"id=1")]
    monkeypatch.setitem(KINDS, "plain", lambda firm, path: Reply(200, b"<p>ok</p>", cookie))

    async def work(visit: Visit) -> list[str]:
        pages = [await visit.get(f"http://{site.firm.host}/{number}") for number in range(2)]
        return [page.headers["set-cookie"] for page in pages]

    assert visiting(farm, work) == ["id=1", "id=1"]
    assert not any("cookie" in seen.headers for seen in farm.farm.log)


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("to_private", Reason.FORBIDDEN),
        ("to_metadata", Reason.FORBIDDEN),
        ("to_file", Reason.FORBIDDEN),
        ("loop", Reason.REDIRECTS),
        ("bomb", Reason.TOO_LARGE),
        ("reset", Reason.UNREACHABLE),
    ],
)
def test_bad_sites_fail_by_their_own_fault(farm: RunningFarm, kind: str, reason: Reason):
    site = farm.farm.add(1, kind)
    assert reason_of(farm, f"http://{site.firm.host}") is reason


@pytest.mark.parametrize("address", ["127.0.0.1", "10.1.1.1", "::1", "169.254.169.254"])
def test_a_redirect_to_a_name_with_a_private_address_is_not_followed(farm: RunningFarm, address: str):
    site = farm.farm.add(1, "to_local")
    resolver = farm.resolver()
    resolver.answers["inside.example"] = [[Endpoint(ip_address(address), 80)]]
    assert reason_of(farm, f"http://{site.firm.host}", resolver=resolver) is Reason.FORBIDDEN
    assert "inside.example" in resolver.asked
    assert farm.farm.paths("inside.example") == []


def test_a_name_that_turns_private_between_two_visits_is_not_fetched(farm: RunningFarm):
    site = farm.farm.add(1)
    resolver = farm.resolver()
    resolver.answers[site.firm.host] = [[resolver.farm], [Endpoint(ip_address("127.0.0.1"), 80)]]

    async def twice(visit: Visit) -> list[int]:
        return [(await visit.get(f"http://{site.firm.host}/{path}")).status for path in ("", "team")]

    assert visiting(farm, twice, resolver=resolver) == [200, 200]
    assert reason_of(farm, f"http://{site.firm.host}", resolver=resolver) is Reason.FORBIDDEN


def test_without_the_allow_list_loopback_is_closed(farm: RunningFarm):
    site = farm.farm.add(1)
    nobody = AllowList.parse(["192.0.2.1"])
    assert reason_of(farm, f"http://{site.firm.host}", allowed=nobody) is Reason.FORBIDDEN
    assert farm.farm.log == []


@pytest.mark.parametrize(("redirects", "status"), [(1, 200), (3, 200)])
def test_redirects_are_followed(farm: RunningFarm, redirects: int, status: int):
    site = farm.farm.add(1, "to_www")
    limits = FetchLimits(redirects=redirects)
    page = get(farm, f"http://{site.firm.host}/team?x=1#y", limits=limits)
    assert (page.status, page.target.url) == (404, f"http://www.{site.firm.host}/team?x=1")


def test_no_redirect_is_followed_when_none_is_allowed(farm: RunningFarm):
    site = farm.farm.add(1, "to_www")
    assert reason_of(farm, f"http://{site.firm.host}", limits=FetchLimits(redirects=0)) is Reason.REDIRECTS
    assert farm.farm.paths(f"www.{site.firm.host}") == []


def test_a_long_page_is_cut(farm: RunningFarm):
    site = farm.farm.add(1, "huge")
    page = get(farm, f"http://{site.firm.host}")
    assert page.cut
    assert len(page.text) == LIMITS.page_bytes


def test_what_is_no_text_is_not_read(farm: RunningFarm):
    site = farm.farm.add(1, "pdf")
    page = get(farm, f"http://{site.firm.host}")
    assert (page.status, page.is_text, page.text) == (200, False, "")


@pytest.mark.parametrize("kind", ["packed", "latin"])
def test_packing_and_charsets_are_undone(farm: RunningFarm, kind: str):
    site = farm.farm.add(1, kind)
    page = get(farm, f"http://{site.firm.host}")
    assert site.firm.city in page.text
    assert kind == "packed" or "Caf\u00e9 M\u00fcller\u2019s" in page.text


@pytest.mark.parametrize("kind", ["hang", "hang_inside", "drip"])
def test_a_silent_site_is_down_after_its_time(farm: RunningFarm, kind: str):
    site = farm.farm.add(1, kind)
    limits = FetchLimits(timeout_s=0.05)
    assert reason_of(farm, f"http://{site.firm.host}", limits=limits) is Reason.TIMEOUT


@pytest.mark.parametrize("kind", ["hang", "hang_inside", "drip"])
def test_our_own_deadline_says_nothing_about_a_site(farm: RunningFarm, kind: str):
    site = farm.farm.add(1, kind)
    with pytest.raises(DeadlinePassed):
        get(farm, f"http://{site.firm.host}", seconds=0.05)


def test_a_deadline_in_the_past_asks_nothing(farm: RunningFarm):
    site = farm.farm.add(1)
    with pytest.raises(DeadlinePassed):
        get(farm, f"http://{site.firm.host}", seconds=-1.0)
    assert farm.farm.log == []


def test_waiting_for_a_place_counts_against_the_deadline_and_not_the_site(farm: RunningFarm):
    site = farm.farm.add(1, "hang")
    limits = FetchLimits(in_flight=1, timeout_s=5.0)

    async def run() -> list[object]:
        fetcher = Fetcher(limits, resolver=farm.resolver(), allowed=farm.allowed, controls=CONTROLS)

        async def visit() -> None:
            async with fetcher.visit(time.monotonic() + 0.1) as visit:
                await visit.get(f"http://{site.firm.host}")

        found = await asyncio.gather(*(visit() for _ in range(3)), return_exceptions=True)
        await fetcher.close()
        return found

    assert [type(found) for found in asyncio.run(run())] == [DeadlinePassed] * 3


def test_concurrency_is_bounded(farm: RunningFarm):
    sites = [farm.farm.add(number, latency_ms=5) for number in range(6)]

    async def run() -> None:
        limits = FetchLimits(in_flight=4, per_host=2)
        fetcher = Fetcher(limits, resolver=farm.resolver(), allowed=farm.allowed, controls=CONTROLS)

        async def visit(host: str) -> None:
            async with fetcher.visit(time.monotonic() + 120) as visit:
                await visit.get(f"http://{host}/")
                await asyncio.gather(*(visit.get(f"http://{host}/{path}") for path in range(4)))

        await asyncio.gather(*(visit(site.firm.host) for site in sites for _ in range(2)))
        await fetcher.close()

    asyncio.run(run())
    most = farm.farm.most_in_flight
    assert most[""] == 4
    assert max(most[site.firm.host] for site in sites) == 2


def test_links_are_followed_from_where_the_page_was_found(farm: RunningFarm):
    site = farm.farm.add(1, "to_www")

    async def work(visit: Visit) -> str:
        home = await visit.get(f"http://{site.firm.host}/")
        return (await visit.link(home, "team")).target.url

    assert visiting(farm, work) == f"http://www.{site.firm.host}/team"


@pytest.mark.parametrize(
    ("speak", "reason"),
    [
        (says(b"SSH-2.0-OpenSSH_9.6\r\n\r\n"), Reason.PROTOCOL),
        (says(b"HTTP/1.1 twohundred OK\r\n\r\n"), Reason.PROTOCOL),
        (says(), Reason.UNREACHABLE),
        (says(OK + b"Content-Length: 100\r\n\r\nshort"), Reason.UNREACHABLE),
        (says(OK + b"Content-Length: -1\r\n\r\n"), Reason.PROTOCOL),
        (says(OK + b"Content-Encoding: br\r\nContent-Length: 2\r\n\r\nok"), Reason.PROTOCOL),
        (says(OK + b"X: y\r\n" * 101 + b"Content-Length: 2\r\n\r\nok"), Reason.PROTOCOL),
        (repeats(OK, b"X-Endless: " + b"y" * 1000 + b"\r\n"), Reason.PROTOCOL),
        (repeats(b"", b"HTTP/1.1 103 Early Hints\r\nX: y\r\n\r\n" * 100), Reason.TOO_LARGE),
        (repeats(OK + b"Transfer-Encoding: chunked\r\n\r\n", b"1" * 50), Reason.PROTOCOL),
        (
            says(b"HTTP/1.1 302 Found\r\nLocation: http://a b.example/\r\nContent-Length: 0\r\n\r\n"),
            Reason.FORBIDDEN,
        ),
    ],
)
def test_servers_that_do_not_speak_http(farm: RunningFarm, speak: Speak, reason: Reason):
    farm.farm.add(0)
    assert raw_reason(farm, speak) is reason


@pytest.mark.parametrize(
    "start",
    [b"\r\n", b"Content-Length: 99999999999\r\n\r\n", b"Transfer-Encoding: chunked\r\n\r\nfffffffffff\r\n"],
)
def test_an_endless_body_is_cut(farm: RunningFarm, start: bytes):
    page = from_raw(farm, repeats(OK + start, b"<p>word</p>" * 1000))
    assert page.cut
    assert len(page.text) == LIMITS.page_bytes


def test_a_redirect_without_target_is_a_page(farm: RunningFarm):
    page = from_raw(farm, says(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\n\r\n"))
    assert (page.status, page.text) == (302, "")


def test_a_name_that_does_not_exist_is_unknown(farm: RunningFarm):
    assert reason_of(farm, "http://unknown-firm.example/") is Reason.UNKNOWN_HOST


@pytest.mark.parametrize("host", ["unknown-firm.example", "closed.example"])
def test_without_a_network_of_ours_nothing_is_said_about_a_site(farm: RunningFarm, host: str):
    resolver = farm.resolver()
    resolver.answers["closed.example"] = [[Endpoint(ip_address("127.0.0.1"), 1)]]
    allowed = AllowList.parse(["127.0.0.1:1", f"127.0.0.1:{farm.port}"])
    options: dict[str, Any] = {"resolver": resolver, "allowed": allowed}
    with pytest.raises(OwnNetworkFailed):
        get(farm, f"http://{host}/", controls=("http://unknown-control.example/",), **options)
    with pytest.raises(SiteFailed):
        get(farm, f"http://{host}/", **options)


def test_without_a_resolver_nothing_is_said_about_a_site(farm: RunningFarm):
    resolver = farm.resolver()
    resolver.broken = True
    with pytest.raises(OwnNetworkFailed):
        get(farm, "http://firm-0001.example/", resolver=resolver)


def test_a_host_of_the_allow_list_does_not_vouch_for_our_network(farm: RunningFarm):
    good, bad = farm.farm.add(1), farm.farm.add(2, "reset")

    async def work(visit: Visit) -> None:
        await visit.get(f"http://{good.firm.host}/")
        with pytest.raises(OwnNetworkFailed):
            await visit.get(f"http://{bad.firm.host}/")

    visiting(farm, work, controls=("http://unknown-control.example/",))
