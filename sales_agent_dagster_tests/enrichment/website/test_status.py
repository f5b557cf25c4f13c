"""A website, a bot wall, a parked domain, or nothing."""

from __future__ import annotations

import pytest

from sales_agent_dagster.enrichment.fetching.addresses import AllowList
from sales_agent_dagster.enrichment.fetching.fetcher import Page
from sales_agent_dagster.enrichment.fetching.targets import read_target
from sales_agent_dagster.enrichment.website.document import read_document
from sales_agent_dagster.enrichment.website.status import Status, status_of
from sales_agent_dagster_tests.enrichment.website.html import NOW
from sales_agent_dagster_tests.website_farm import pages
from sales_agent_dagster_tests.website_farm.firms import firm

LONG = "<p>We install and service standby generators in three counties.</p>" + "<p>More of it.</p>" * 200


def judged(
    html: str, status: int = 200, url: str = "https://acme.example/", is_text: bool = True, **headers: str
) -> Status:
    page = Page(read_target(url, AllowList()), status, headers, html, is_text, False, NOW)
    return status_of(page, read_document(html))[0]


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (200, Status.OK),
        (401, Status.BLOCKED),
        (403, Status.BLOCKED),
        (429, Status.BLOCKED),
        (451, Status.BLOCKED),
        (404, Status.NONE),
        (410, Status.NONE),
        (204, Status.NONE),
        (400, Status.DOWN),
        (500, Status.DOWN),
        (502, Status.DOWN),
        (503, Status.DOWN),
        (302, Status.DOWN),
    ],
)
def test_statuses(status: int, expected: Status):
    assert judged(LONG, status) is expected


@pytest.mark.parametrize("status", [403, 429, 503, 520])
def test_bot_walls_of_any_status_are_walls(status: int):
    assert judged(pages.WALL, status) is Status.BLOCKED
    assert judged("<p>wait</p>", status, **{"cf-mitigated": "challenge"}) is Status.BLOCKED


@pytest.mark.parametrize(
    "text",
    [
        "Checking your browser before accessing acme.example",
        "Please verify you are a human",
        "Request unsuccessful. Incapsula incident ID: 7",
        "Access Denied. You don't have permission. Reference #18",
        "Pardon Our Interruption",
    ],
)
def test_walls_that_say_they_are_fine(text: str):
    assert judged(f"<h1>{text}</h1>") is Status.BLOCKED


@pytest.mark.parametrize(
    "html",
    [
        pages.PARKED.format(host="acme.example"),
        pages.REGISTRAR.format(host="acme.example"),
        "<p>acme.example - this domain may be for sale</p>",
        "<p>This domain has expired. Renew now.</p>",
        '<p>acme</p><script src="https://parkingcrew.net/x.js"></script>',
        "<h1>Future home of something quite cool</h1>",
    ],
)
def test_parking_pages(html: str):
    assert judged(html) is Status.PARKED


@pytest.mark.parametrize(
    "html",
    [
        "<title>Welcome to nginx!</title><h1>Welcome to nginx!</h1>",
        "<title>Apache2 Ubuntu Default Page: It works</title>",
        "<h1>It works!</h1>",
        "<title>Index of /</title><h1>Index of /</h1>",
        "<p>This site is currently under construction</p>",
    ],
)
def test_default_pages_are_no_website(html: str):
    assert judged(html) is Status.NONE


def test_a_suspended_account_is_down():
    assert judged("<h1>Account Suspended</h1>") is Status.DOWN


@pytest.mark.parametrize(
    "said",
    [
        "This domain is for sale",
        "Buy this domain",
        "Please verify you are a human",
        "Access denied",
        "Account suspended",
        "Welcome to nginx",
    ],
)
def test_long_pages_may_say_such_things(said: str):
    assert judged(f"<p>{said}</p>{LONG}") is Status.OK


@pytest.mark.parametrize(
    "said", ["Homes under construction", "Nothing works! It works!", "Index of / services"]
)
def test_short_pages_of_firms_may_too(said: str):
    assert judged(f"<h1>Acme Electric</h1><p>{said}</p>") is Status.OK


def test_something_else_than_a_page_is_no_website():
    assert judged("", is_text=False) is Status.NONE


@pytest.mark.parametrize(
    ("url", "status"),
    [
        ("https://www.hugedomains.com/domain_profile.cfm?d=acme", Status.PARKED),
        ("https://dan.com/buy-domain/acme.com", Status.PARKED),
        ("https://www.facebook.com/acme", Status.NONE),
        ("https://generac.com/dealer/7", Status.NONE),
        ("https://acme.business.site/", Status.OK),
        ("https://notdan.com/", Status.OK),
    ],
)
def test_where_it_led_to_counts(url: str, status: Status):
    assert judged(LONG, url=url) is status


def test_honest_pages_are_websites():
    for number in range(20):
        assert judged(pages.home(firm(number), before=pages.COOKIES)) is Status.OK
