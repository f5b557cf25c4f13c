"""Reading one website: the home page, then the pages that say who the company is."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import urlsplit, urlunsplit

from sales_agent_dagster.domain.errors import TransientError
from sales_agent_dagster.domain.values.web import host_without_www
from sales_agent_dagster.enrichment.fetching.failures import DeadlinePassed, Reason, SiteFailed
from sales_agent_dagster.enrichment.fetching.fetcher import Fetcher, Page, Visit
from sales_agent_dagster.enrichment.website.document import Document, read_document
from sales_agent_dagster.enrichment.website.links import telling_pages
from sales_agent_dagster.enrichment.website.reading import ReadPage
from sales_agent_dagster.enrichment.website.status import Status, status_of

READING_S = 0.05
"""Time before the deadline that is left for reading what was fetched."""

PAGE_S = 0.5
"""What a page is reckoned to take, where pauses between pages leave room for a few only."""

LONG_PAGE = 200_000
"""Characters; the usual page has a quarter of them and takes five milliseconds."""

_STATUS = {
    Reason.ROBOTS: Status.BLOCKED,
    Reason.ROBOTS_UNKNOWN: Status.DOWN,
    Reason.UNKNOWN_HOST: Status.DOWN,
    Reason.UNREACHABLE: Status.DOWN,
    Reason.TLS: Status.DOWN,
    Reason.TIMEOUT: Status.DOWN,
    Reason.PROTOCOL: Status.DOWN,
    Reason.REDIRECTS: Status.DOWN,
    Reason.NOT_TEXT: Status.NONE,
    Reason.TOO_LARGE: Status.NONE,
}
_REFRESH = re.compile(r"\s*\d{1,2}\s*[;,]\s*url\s*=\s*['\"]?([^'\"]+)", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Website:
    """What a visit found.

    Attributes:
        why: it is not ok; else empty.
        url: of the home page after redirects; None when it was not reached.
        pages: the home page first; none unless the website is ok.
        complete: False when the time was over before all pages were there.
        left_out: pages that no visit has time for, and why; None for none.
    """

    status: Status
    why: str = ""
    url: str | None = None
    pages: tuple[ReadPage, ...] = ()
    complete: bool = True
    left_out: str | None = None


async def visit_website(
    fetcher: Fetcher,
    url: str,
    most_pages: int,
    deadline: float,
    patience_s: float,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Website:
    """Visit a website until ``deadline``, a moment of the fetcher's clock.

    Args:
        fetcher: fetches.
        url: of its home page.
        most_pages: read in all.
        deadline: what is there by then counts.
        patience_s: time of the longest visit there is: pages that its pauses leave no room for are left out.
        sleep: waits between requests where robots.txt wants that.

    Raises:
        SiteFailed: with `Reason.FORBIDDEN` only: the address may not be fetched.
        OwnNetworkFailed, DeadlinePassed: nothing is known about the website.
    """
    async with fetcher.visit(deadline - READING_S) as visit:
        try:
            home = await _home(visit, url)
            document = await _read(home)
            home, document = await _refreshed(visit, home, document)
        except SiteFailed as failure:
            if failure.reason is Reason.FORBIDDEN:
                raise
            return Website(_STATUS[failure.reason], failure.detail)
        status, why = status_of(home, document)
        if status is not Status.OK:
            return Website(status, why, home.target.url)
        found = [ReadPage("home", home.target.url, home.fetched_at, document)]
        more = telling_pages(home.target.url, document.links, most_pages - 1)
        rest = await _more(visit, home, more, patience_s, sleep)
        pages = (*found, *rest.pages)
        return Website(Status.OK, "", home.target.url, pages, rest.complete, rest.left_out)


async def _read(page: Page) -> Document:
    """The page taken apart; a long one in a thread, so that other visits go on meanwhile."""
    if len(page.text) < LONG_PAGE:
        return read_document(page.text)
    return await asyncio.to_thread(read_document, page.text)


async def _home(visit: Visit, url: str) -> Page:
    """The home page, or that of the nearest address that works: lists are careless about https and www."""
    try:
        return await visit.get(url)
    except SiteFailed as failure:
        for other in _others(url, failure.reason):
            try:
                return await visit.get(other)
            except SiteFailed:
                continue
        raise


def _others(url: str, reason: Reason) -> list[str]:
    parts = urlsplit(url)
    if parts.port is not None:
        return []
    if reason is Reason.UNKNOWN_HOST:
        bare = host_without_www(parts.netloc)
        return [urlunsplit(parts._replace(netloc=f"www.{bare}" if bare == parts.netloc else bare))]
    if reason in (Reason.TLS, Reason.UNREACHABLE):
        return [urlunsplit(parts._replace(scheme="http" if parts.scheme == "https" else "https"))]
    return []


async def _refreshed(visit: Visit, home: Page, document: Document) -> tuple[Page, Document]:
    """The page that an empty one sends browsers to, once."""
    match = _REFRESH.match(document.refresh or "")
    if match is None or len(document.text) > 500:
        return home, document
    page = await visit.link(home, match[1].strip())
    return page, await _read(page)


class _Rest(NamedTuple):
    """Pages after the home page, in order; the other attributes are `Website`'s."""

    pages: list[ReadPage]
    complete: bool
    left_out: str | None


async def _more(
    visit: Visit,
    home: Page,
    wanted: list[tuple[str, str]],
    patience_s: float,
    sleep: Callable[[float], Awaitable[None]],
) -> _Rest:
    """The other pages that could be read."""
    delay_s = visit.delay_s(home.target)
    left_out = None
    if delay_s:
        most = max(0, int((patience_s - PAGE_S) / (delay_s + PAGE_S)))
        if over := len(wanted[most:]):
            left_out = f"{over} of its pages left out: its robots.txt asks for pauses of {delay_s:g} s"
        wanted = wanted[:most]
        results = await _one_by_one(visit, home, wanted, delay_s, sleep)
    else:
        fetching = (visit.link(home, url) for _, url in wanted)
        results = await asyncio.gather(*fetching, return_exceptions=True)
    pages = []
    for (kind, _), page in zip(wanted, results, strict=True):
        if isinstance(page, BaseException):
            if not isinstance(page, SiteFailed | TransientError):
                raise page
        elif page.status == 200 and page.is_text:
            pages.append(ReadPage(kind, page.target.url, page.fetched_at, await _read(page)))
    complete = not any(isinstance(page, TransientError) for page in results)
    return _Rest(pages, complete, left_out)


async def _one_by_one(
    visit: Visit,
    home: Page,
    wanted: list[tuple[str, str]],
    delay_s: float,
    sleep: Callable[[float], Awaitable[None]],
) -> list[Page | BaseException]:
    """With pauses; what does not fit into the time is not begun."""
    results: list[Page | BaseException] = []
    for _, url in wanted:
        if visit.time_left_s() <= delay_s:
            results.append(DeadlinePassed("its robots.txt asks for longer pauses"))
            continue
        await sleep(delay_s)
        try:
            results.append(await visit.link(home, url))
        except (SiteFailed, TransientError) as failure:
            results.append(failure)
    return results
