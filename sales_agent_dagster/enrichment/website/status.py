"""What an answered page is: a website, a bot wall, a parked domain, or nothing.

Markers are those that the services themselves put on their pages. They count on short pages only: a company
may well write about domains for sale, and its contact form may well have a captcha.
"""

from __future__ import annotations

import re
from enum import StrEnum

from sales_agent_dagster.domain.shared_hosts import is_shared_host, tenant_host
from sales_agent_dagster.domain.values.web import host_without_www
from sales_agent_dagster.enrichment.fetching.fetcher import Page
from sales_agent_dagster.enrichment.website.document import Document


class Status(StrEnum):
    """State of a website, as it is stored."""

    OK = "ok"
    BLOCKED = "blocked"  # it is there and does not let programs read it
    PARKED = "parked"  # the domain is for sale or unused
    DOWN = "down"  # it does not work
    NONE = "none"  # there is no website of this company at the address


_SHORT = 1500
"""Characters of visible text up to which a page may be a wall or a parking page."""

_PARKING_HOSTS = frozenset(
    {
        "hugedomains.com",
        "dan.com",
        "afternic.com",
        "sedo.com",
        "sedoparking.com",
        "bodis.com",
        "uniregistry.com",
    }
    | {"parkingcrew.net", "above.com", "domainmarket.com", "buydomains.com", "undeveloped.com", "atom.com"}
)
_PARKED = re.compile(
    r"domain (?:name )?(?:is|may be) (?:available )?for sale|buy this domain|this domain is parked"
    r"|parked free|domain parking|is parked,? courtesy|domain has expired|expired domain"
    r"|registered (?:at|with|via) \w+.{0,40} parked|inquire about this domain|make an offer on this domain"
    r"|future home of|get this domain|related searches.{0,200}privacy policy"
)
_PARKED_SOURCES = re.compile(r"sedoparking|parkingcrew|bodis\.com|parklogic|above\.com/|dan\.com/|afternic")
_WALLED = re.compile(
    r"just a moment\.\.\.|checking your browser|verify (?:that )?you are (?:a )?human"
    r"|are you a (?:human|robot)|complet(?:e|ing) the (?:captcha|security check)"
    r"|attention required! \| cloudflare"
    r"|enable javascript and cookies to continue|request unsuccessful\. incapsula|access denied"
    r"|sucuri website firewall|ddos protection by|unusual traffic|pardon our interruption|bot verification"
)
_EMPTY = re.compile(
    r"welcome to nginx|apache2? (?:ubuntu|debian)? ?(?:default|test) page|^it works!$|iis windows server"
    r"|^index of /\S*$|default web site page"
    r"|(?:web)?site (?:is )?(?:coming soon|(?:currently )?under construction)",
    re.MULTILINE,
)
_SUSPENDED = re.compile(
    r"account (?:has been )?suspended|this site (?:has been|is) suspended|bandwidth limit exceeded"
)
_REFUSALS = frozenset({401, 403, 407, 429, 451})
_GONE = frozenset({404, 410})


def status_of(page: Page, document: Document) -> tuple[Status, str]:
    """State of a website by its home page, and why."""
    by_host = _by_host(page.target.host)
    if by_host is not None:
        return by_host
    words = f"{document.title}\n{document.text}"[: 2 * _SHORT].casefold()
    if page.status != 200:
        return _by_status(page, words)
    if not page.is_text:
        return Status.NONE, "not a web page"
    if len(document.text) <= _SHORT:
        return _by_words(document, words)
    return Status.OK, ""


def _by_host(host: str) -> tuple[Status, str] | None:
    plain = host_without_www(host)
    if any(plain == parking or plain.endswith(f".{parking}") for parking in _PARKING_HOSTS):
        return Status.PARKED, f"leads to {plain}"
    if is_shared_host(plain) and tenant_host(plain) is None:
        return Status.NONE, f"leads to {plain}, which many share"
    return None


def _by_status(page: Page, words: str) -> tuple[Status, str]:
    status = page.status
    walled = "cf-mitigated" in page.headers or _WALLED.search(words) is not None
    if status in _REFUSALS or (walled and status >= 500):
        return Status.BLOCKED, f"status {status}" + (", a bot wall" if walled else "")
    if status in _GONE:
        return Status.NONE, f"status {status}"
    if 200 <= status < 300:
        return Status.NONE, f"status {status}, no page"
    return Status.DOWN, f"status {status}"


def _by_words(document: Document, words: str) -> tuple[Status, str]:
    if _PARKED.search(words) or any(map(_PARKED_SOURCES.search, document.sources)):
        return Status.PARKED, "a parking page"
    if _WALLED.search(words):
        return Status.BLOCKED, "a bot wall"
    if _SUSPENDED.search(words):
        return Status.DOWN, "its account is suspended"
    if _EMPTY.search(words):
        return Status.NONE, "a server's default page"
    return Status.OK, ""
