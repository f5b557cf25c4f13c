"""The provider against a farm of websites."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from typing import Any

import pytest

from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.enrichment.answers import kept
from sales_agent_dagster.enrichment.fetching.addresses import AllowList, Endpoint
from sales_agent_dagster.enrichment.fetching.fetcher import Fetcher, FetchLimits
from sales_agent_dagster.enrichment.providers import Failed, FailureKind, Found, LookupRequest, Outcome
from sales_agent_dagster.enrichment.website.provider import SPEC, WebsiteProvider, build
from sales_agent_dagster.enrichment.website.visiting import Website, visit_website
from sales_agent_dagster.settings import EnrichmentSettings, Settings, WebsiteSettings
from sales_agent_dagster_tests.enrichment.website.html import NOW
from sales_agent_dagster_tests.website_farm.running import FarmResolver, RunningFarm
from sales_agent_dagster_tests.website_farm.sites import HTML, KINDS, Reply, html, redirect

LIMITS = FetchLimits(page_bytes=200_000, timeout_s=60.0)


def look_up(
    farm: RunningFarm,
    *websites: str,
    seconds: float = 120.0,
    limits: FetchLimits = LIMITS,
    resolver: FarmResolver | None = None,
    allowed: AllowList | None = None,
    controls: tuple[str, ...] = ("http://control.example/",),
    pages: int = 6,
) -> list[Outcome]:
    async def run() -> list[Outcome]:
        fetcher = Fetcher(
            limits, resolver=resolver or farm.resolver(), allowed=allowed or farm.allowed, controls=controls
        )
        provider = WebsiteProvider(fetcher, pages, 30.0)
        requests = [LookupRequest("lead", website, {"website": website}) for website in websites]
        try:
            return list(await provider.lookup(requests, time.monotonic() + seconds))
        finally:
            await provider.close()

    return asyncio.run(run())


def found(outcome: Outcome) -> dict[str, list[str]]:
    assert isinstance(outcome, Found), outcome
    values: dict[str, list[str]] = {}
    for fact in outcome.facts:
        values.setdefault(fact.field, []).append(fact.value)
    return values


@pytest.mark.parametrize(
    ("kind", "status"),
    [
        ("plain", "ok"),
        ("rich", "ok"),
        ("cookies", "ok"),
        ("packed", "ok"),
        ("latin", "ok"),
        ("broken", "ok"),
        ("to_www", "ok"),
        ("only_cookies", "ok"),
        ("wall", "blocked"),
        ("soft_wall", "blocked"),
        ("too_many", "blocked"),
        ("forbidden", "blocked"),
        ("parked", "parked"),
        ("registrar", "parked"),
        ("error", "down"),
        ("reset", "down"),
        ("loop", "down"),
        ("missing", "none"),
        ("pdf", "none"),
        ("bomb", "none"),
    ],
)
def test_every_kind_of_website_has_its_status(farm: RunningFarm, kind: str, status: str):
    site = farm.farm.add(1, kind)
    [outcome] = look_up(farm, f"http://{site.firm.host}/")
    values = found(outcome)
    assert values["website_status"] == [status]
    if status == "ok" and kind != "only_cookies":
        assert values["company_phone"] == [site.firm.phone]
        assert values["founded"] == [str(site.firm.founded)]
    elif status != "ok":
        assert outcome.texts == {}
        assert list(values) == ["website_status"]
        assert outcome.facts[0].quote


def test_pages_are_read_once_and_no_more_than_wanted(farm: RunningFarm):
    site = farm.farm.add(1)
    [outcome] = look_up(farm, f"http://{site.firm.host}/")
    asked = ["/robots.txt", "/", "/contact", "/team", "/about-us", "/services"]
    assert sorted(farm.farm.paths(site.firm.host)) == sorted(asked)
    assert list(outcome.texts) == [
        f"website {name}" for name in ("home", "contact", "team", "about", "services")
    ]
    farm.farm.log.clear()
    look_up(farm, f"http://{site.firm.host}/", pages=2)
    assert farm.farm.paths(site.firm.host) == ["/robots.txt", "/", "/contact"]


def test_cookie_dialogs_are_not_read(farm: RunningFarm):
    site = farm.farm.add(1, "cookies")
    [outcome] = look_up(farm, f"http://{site.firm.host}/")
    assert not any("cookie" in text.casefold() for text in outcome.texts.values())


@pytest.mark.parametrize("kind", ["to_private", "to_metadata", "to_file"])
def test_forbidden_addresses_are_no_fact(farm: RunningFarm, kind: str):
    site = farm.farm.add(1, kind)
    [outcome] = look_up(farm, f"http://{site.firm.host}/")
    assert isinstance(outcome, Failed)
    assert outcome.kind is FailureKind.BLOCKED
    assert "10.0.0.7" not in outcome.reason


@pytest.mark.parametrize("kind", ["hang", "hang_inside", "drip"])
def test_a_site_slower_than_the_deadline_is_late_and_one_that_says_nothing_for_long_is_down(
    farm: RunningFarm, kind: str
):
    site = farm.farm.add(1, kind)
    [late] = look_up(farm, f"http://{site.firm.host}/", seconds=0.15)
    assert isinstance(late, Failed)
    assert late.kind is FailureKind.LATE
    [down] = look_up(farm, f"http://{site.firm.host}/", limits=FetchLimits(timeout_s=0.05))
    assert found(down)["website_status"] == ["down"]


def test_what_is_there_at_the_deadline_counts(farm: RunningFarm):
    site = farm.farm.add(1, "hang_later")
    [outcome] = look_up(farm, f"http://{site.firm.host}/", seconds=0.4)
    assert found(outcome)["company_phone"] == [site.firm.phone]
    assert list(outcome.texts) == ["website home"]
    assert not outcome.complete


def test_pages_that_fail_for_good_are_not_waited_for_again(farm: RunningFarm):
    site = farm.farm.add(1, "hang_later")
    [outcome] = look_up(farm, f"http://{site.firm.host}/", limits=FetchLimits(timeout_s=0.1))
    assert found(outcome)["website_status"] == ["ok"]
    assert outcome.complete


def test_without_a_network_of_ours_nothing_is_a_fact(farm: RunningFarm):
    resolver = farm.resolver()
    resolver.broken = True
    outcomes = look_up(farm, "http://firm-0001.example/", "http://unknown-1.example/", resolver=resolver)
    outcomes += look_up(farm, "http://unknown-1.example/", controls=("http://unknown-2.example/",))
    assert [type(outcome) for outcome in outcomes] == [Failed] * 3
    assert {outcome.kind for outcome in outcomes if isinstance(outcome, Failed)} == {FailureKind.TRANSIENT}


def test_a_network_that_fails_after_the_home_page_leaves_it_incomplete(farm: RunningFarm):
    site = farm.farm.add(1, "to_www")
    farm.farm.sites[f"www.{site.firm.host}"] = type(site)(site.firm, "reset_later")
    resolver = farm.resolver()

    def later(firm: object, path: str) -> Reply:
        resolver.answers["control.example"] = [[Endpoint(ip_address("127.0.0.1"), 1)]]
        return KINDS["plain"](site.firm, path) if path == "/" else Reply(does="reset")

    KINDS["reset_later"] = later
    ticks = iter(range(0, 10_000_000, 10))  # nobody has answered lately
    try:

        async def run() -> bool:
            fetcher = Fetcher(
                LIMITS,
                resolver=resolver,
                allowed=AllowList.parse(["127.0.0.1:1", f"127.0.0.1:{farm.port}"]),
                controls=("http://control.example/",),
                clock=lambda: float(next(ticks)),
            )
            website = await visit_website(fetcher, f"http://{site.firm.host}/", 6, 1_000_000.0, 30.0)
            await fetcher.close()
            return website.complete

        assert asyncio.run(run()) is False
    finally:
        del KINDS["reset_later"]


@pytest.mark.parametrize(
    "robots", ["User-agent: *\nDisallow: /", "User-agent: sales-agent-dagster\nDisallow: /"]
)
def test_sites_that_do_not_want_us_are_blocked(farm: RunningFarm, robots: str):
    site = farm.farm.add(1, robots=robots)
    [outcome] = look_up(farm, f"http://{site.firm.host}/")
    assert found(outcome) == {"website_status": ["blocked"]}
    assert outcome.facts[0].quote == "its robots.txt does not want us"


def test_a_site_whose_robots_txt_fails_is_down(farm: RunningFarm):
    site = farm.farm.add(1, robots=503)
    [outcome] = look_up(farm, f"http://{site.firm.host}/")
    assert found(outcome) == {"website_status": ["down"]}


def test_pages_that_robots_txt_keeps_from_us_are_left_out(farm: RunningFarm):
    site = farm.farm.add(1, robots="User-agent: *\nDisallow: /team")
    [outcome] = look_up(farm, f"http://{site.firm.host}/")
    assert "/team" not in farm.farm.paths(site.firm.host)
    assert "contact_person" not in found(outcome)
    assert outcome.complete


@pytest.mark.parametrize(
    ("delay", "seconds", "read", "complete", "left_out"),
    [
        (3, 20.0, 5, True, None),
        (3, 5.0, 2, False, None),
        (10, 30.0, 3, True, 2),
        (10, 5.0, 1, False, 2),
        (29, 30.0, 2, True, 3),
        (30, 30.0, 1, True, 4),  # no visit has time for such a pause: nothing is left for a later one
        (9000, 2.4, 1, True, 4),
    ],
)
def test_pauses_that_robots_txt_asks_for_are_made(
    farm: RunningFarm, delay: int, seconds: float, read: int, complete: bool, left_out: int | None
):
    site = farm.farm.add(1, robots=f"User-agent: *\nCrawl-delay: {delay}")
    now = [0.0]

    async def sleep(seconds: float) -> None:
        now[0] += seconds

    async def run() -> Website:
        fetcher = Fetcher(
            LIMITS, resolver=farm.resolver(), allowed=farm.allowed, controls=(), clock=lambda: now[0]
        )
        website = await visit_website(fetcher, f"http://{site.firm.host}/", 6, seconds, 30.0, sleep)
        await fetcher.close()
        return website

    website = asyncio.run(run())
    assert (len(website.pages), website.complete) == (read, complete)
    told = f"{left_out} of its pages left out: its robots.txt asks for pauses of {delay} s"
    assert website.left_out == (told if left_out else None)
    assert farm.farm.most_in_flight[""] <= 1


def _closed_for(farm: RunningFarm, resolver: FarmResolver, port: int) -> FarmResolver:
    """A resolver after which nobody listens on a port."""
    resolve: Callable[[str, int], Awaitable[list[Endpoint]]] = resolver.resolve

    async def resolve_ports(host: str, asked: int) -> list[Endpoint]:
        await resolve(host, asked)
        return [Endpoint(ip_address("127.0.0.1"), 1) if asked == port else resolver.farm]

    resolver.resolve = resolve_ports  # type: ignore[method-assign]
    return resolver


def test_http_is_tried_where_https_is_refused(farm: RunningFarm):
    site = farm.farm.add(1)
    resolver = _closed_for(farm, farm.resolver(), 443)
    allowed = AllowList.parse(["127.0.0.1:1", f"127.0.0.1:{farm.port}"])
    [outcome] = look_up(farm, f"https://{site.firm.host}/", resolver=resolver, allowed=allowed)
    assert found(outcome)["website_url"] == [f"http://{site.firm.host}/"]


def test_the_name_with_or_without_www_is_tried_where_the_other_is_unknown(farm: RunningFarm):
    site = farm.farm.add(1)
    resolver = farm.resolver()

    async def only_www(host: str, port: int) -> list[Endpoint]:
        return await FarmResolver.resolve(
            resolver, host if host.startswith(("www.", "control")) else "unknown-", port
        )

    resolver.resolve = only_www  # type: ignore[method-assign]
    [outcome] = look_up(farm, f"http://{site.firm.host}/", resolver=resolver)
    assert found(outcome)["website_url"] == [f"http://www.{site.firm.host}/"]
    [outcome] = look_up(farm, "http://www.unknown-1.example/", resolver=farm.resolver())
    assert found(outcome)["website_status"] == ["down"]


def test_where_an_empty_page_sends_browsers_is_the_home_page(
    farm: RunningFarm, monkeypatch: pytest.MonkeyPatch
):
    site = farm.farm.add(1)
    forward = html('<meta http-equiv="refresh" content="0;URL=\'/home\'">')
    home = KINDS["rich"](site.firm, "/")
    monkeypatch.setitem(
        KINDS, "plain", lambda firm, path: {"/": forward, "/home": home}.get(path, html("", 404))
    )
    [outcome] = look_up(farm, f"http://{site.firm.host}/")
    assert found(outcome)["website_url"] == [f"http://{site.firm.host}/home"]
    assert found(outcome)["company_name"] == [site.firm.name]


@pytest.mark.parametrize(
    ("location", "status"),
    [("http://facebook.example/", "ok"), ("https://www.linkedin.com/company/acme", None)],
)
def test_where_a_website_leads_to_counts(
    farm: RunningFarm, monkeypatch: pytest.MonkeyPatch, location: str, status: str | None
):
    site = farm.farm.add(1)
    farm.farm.sites["facebook.example"] = type(site)(site.firm, "rich")
    monkeypatch.setitem(KINDS, "plain", lambda firm, path: redirect(location))
    [outcome] = look_up(farm, f"http://{site.firm.host}/")
    if status is None:
        assert isinstance(outcome, Failed)
        assert outcome.kind is FailureKind.BLOCKED
    else:
        assert found(outcome)["website_status"] == [status]
        [phone] = [fact for fact in outcome.facts if fact.field == "company_phone"]
        assert phone.confidence == 0.72  # another domain: perhaps another firm


def test_long_pages_are_read_too(farm: RunningFarm, monkeypatch: pytest.MonkeyPatch):
    site = farm.farm.add(1)
    home = KINDS["plain"](site.firm, "/").body + b"<i>" + b"x" * 250_000
    monkeypatch.setitem(KINDS, "plain", lambda firm, path: Reply(200, home, [HTML]))
    [outcome] = look_up(farm, f"http://{site.firm.host}/", limits=FetchLimits(), pages=1)
    assert found(outcome)["company_phone"] == [site.firm.phone]


KEYS: list[tuple[Any, str | None]] = [
    ("https://www.Acme.com/", "acme.com"),
    ("acme.com", "acme.com"),
    ("http://acme.com/locations/dayton/", "acme.com/locations/dayton"),
    ("https://acme.business.site/", "acme.business.site"),
    ("https://www.facebook.com/acme", None),
    ("https://www.linkedin.com/company/acme", None),
    ("generac.com", None),
    ("not a website", None),
    ("", None),
    (None, None),
]


@pytest.mark.parametrize(("website", "key"), KEYS)
def test_leads_with_one_website_share_an_answer(website: str | None, key: str | None):
    provider = WebsiteProvider(Fetcher(LIMITS), 6, 30.0)
    assert provider.key_of({"website": website}, {}) == key


def test_a_request_without_a_website_is_wrong(farm: RunningFarm):
    [outcome] = look_up(farm, "")
    assert isinstance(outcome, Failed)
    assert outcome.kind is FailureKind.PERMANENT


def test_only_websites_that_are_there_are_remembered_for_long(farm: RunningFarm):
    good, bad = farm.farm.add(1), farm.farm.add(2, "error")
    settings = EnrichmentSettings(organization_days=90, negative_days=14)
    days = []
    for outcome in look_up(farm, f"http://{good.firm.host}/", f"http://{bad.firm.host}/"):
        answer = kept(outcome, SPEC, settings, NOW)
        assert answer is not None
        days.append((answer.fresh_until - NOW).days)
    assert days == [90, 14]


def test_settings_are_obeyed(settings: Settings):
    website = WebsiteSettings(
        contact="https://us.example",
        pages=3,
        page_kb=64,
        redirects=1,
        timeout_s=2,
        allowed_networks=("10.0.0.0/8:81",),
    )
    provider = build(settings.model_copy(update={"website": website}))
    assert (provider.spec, provider._pages) == (SPEC, 3)
    fetcher = provider._fetcher
    assert fetcher.limits == FetchLimits(page_bytes=65536, redirects=1, timeout_s=2.0)
    assert fetcher.agent == "sales-agent-dagster (+https://us.example)"
    assert fetcher.allowed.names_port(81)


def test_wrong_settings_are_named(settings: Settings):
    website = WebsiteSettings(allowed_networks=("intranet",))
    with pytest.raises(ConfigurationError, match="intranet"):
        build(settings.model_copy(update={"website": website}))
