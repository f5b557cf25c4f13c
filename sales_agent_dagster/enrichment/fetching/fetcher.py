"""Fetching pages: politely, within limits, and from public addresses only."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import lru_cache, partial
from typing import Any

import httpcore2

from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.enrichment.fetching import robots
from sales_agent_dagster.enrichment.fetching.addresses import AllowList, is_public
from sales_agent_dagster.enrichment.fetching.bodies import TEXT_TYPES, decode, is_text
from sales_agent_dagster.enrichment.fetching.connecting import CheckedBackend
from sales_agent_dagster.enrichment.fetching.exchange import Answer, exchange
from sales_agent_dagster.enrichment.fetching.failures import (
    DeadlinePassed,
    OwnNetworkFailed,
    Reason,
    SiteFailed,
)
from sales_agent_dagster.enrichment.fetching.resolving import Resolver, SystemResolver
from sales_agent_dagster.enrichment.fetching.slots import Slots
from sales_agent_dagster.enrichment.fetching.targets import Target, join, read_target
from sales_agent_dagster.enrichment.fetching.uplink import Uplink

AGENT = "sales-agent-dagster"
"""Our name in robots.txt files, and the user agent's first word."""

HEADER_BYTES = 131_072
"""Bytes per answer beyond the page itself: headers, framing, packing that makes larger."""

# When these happen to a site, they may be our own network's doing.
_DOUBTFUL = frozenset({Reason.UNKNOWN_HOST, Reason.UNREACHABLE, Reason.TIMEOUT, Reason.TLS})
# With these a robots.txt that cannot be fetched leaves nothing to fetch: the site cannot be reached.
_UNREACHED = frozenset({*_DOUBTFUL, Reason.PROTOCOL})


@dataclass(frozen=True, slots=True)
class FetchLimits:
    """Most of everything.

    Attributes:
        page_bytes: of one page, unpacked; a longer one is cut.
        redirects: followed per page.
        timeout_s: that one request may take.
        per_host, in_flight: requests at once, to one host and in all.
    """

    page_bytes: int = 1_048_576
    redirects: int = 5
    timeout_s: float = 10.0
    per_host: int = 2
    in_flight: int = 256


@dataclass(frozen=True, slots=True)
class Page:
    """A page as it was answered, whatever its status.

    Attributes:
        target: where it was found, after redirects.
        headers: by lower-case name.
        text: empty when it is neither HTML nor plain text.
        is_text: it is one of these.
        cut: it was longer than allowed.
        fetched_at: UTC.
    """

    target: Target
    status: int
    headers: Mapping[str, str]
    text: str
    is_text: bool
    cut: bool
    fetched_at: datetime


class Fetcher:
    """Fetches pages; one per event loop. What several visits share: concurrency, robots.txt, our uplink.

    Args:
        contact: page or mailbox where a website's owner reaches us; sent with every request.
        controls: addresses of hosts that prove that our network works, as only other websites do else.
        clock: seconds that only grow; deadlines are moments of it.

    Raises:
        ConfigurationError: the contact cannot be sent in a header, or a control is no address to fetch.
    """

    def __init__(
        self,
        limits: FetchLimits,
        *,
        contact: str | None = None,
        allowed: AllowList | None = None,
        resolver: Resolver | None = None,
        controls: tuple[str, ...] = (),
        ssl_context: ssl.SSLContext | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.limits = limits
        self.allowed = allowed or AllowList()
        self.resolver = resolver or SystemResolver()
        self.agent = _agent(contact)
        self.clock = clock
        self.known_rules = robots.RobotsCache(clock)
        self.slots = Slots(limits.in_flight, limits.per_host)
        self.ssl_context = ssl_context
        self.uplink = Uplink(tuple(partial(self._probe, self._control(url)) for url in controls), clock)

    @asynccontextmanager
    async def visit(self, deadline: float) -> AsyncIterator[Visit]:
        """A visit to one website, until a moment of the clock; its connections are closed after it."""
        visit = Visit(self, deadline)
        try:
            yield visit
        finally:
            await visit.close()

    async def close(self) -> None:
        """Release what all visits share. Usable again after."""
        await self.uplink.close()
        self.resolver.close()

    def backend(self) -> CheckedBackend:
        """A network that knows no address yet."""
        longest = max(self.limits.page_bytes, robots.MAX_BYTES)
        return CheckedBackend(self.resolver, self.allowed, longest + HEADER_BYTES)

    def _control(self, url: str) -> Target:
        try:
            return read_target(url, self.allowed)
        except SiteFailed as failure:
            raise ConfigurationError(
                f"{url!r} in the website settings' controls cannot be fetched: {failure.detail}"
            ) from None

    async def _probe(self, target: Target) -> None:
        stream = await self.backend().connect_tcp(target.host, target.port)
        try:
            if target.scheme == "https":
                stream = await stream.start_tls(self.ssl_context or default_context(), target.host)
        finally:
            await stream.aclose()


class Visit:
    """Pages of one website: its connections are kept and its name is resolved once."""

    def __init__(self, fetcher: Fetcher, deadline: float) -> None:
        self._fetcher = fetcher
        self._deadline = deadline
        self._backend = fetcher.backend()
        self._rules: dict[str, robots.RobotRules] = {}
        self._pool: httpcore2.AsyncConnectionPool | None = None

    async def get(self, url: str) -> Page:
        """The page at a URL, redirects followed; every hop is checked like the first.

        Raises:
            SiteFailed: the site does not give the page; this is a fact about it.
            OwnNetworkFailed: our network does not work.
            DeadlinePassed: the visit's time is over.
        """
        return await self._in_time(self._get(read_target(url, self._fetcher.allowed)))

    async def link(self, page: Page, reference: str) -> Page:
        """The page that a link on ``page`` leads to; raises as `get`."""
        return await self._in_time(self._get(join(page.target, reference, self._fetcher.allowed)))

    def delay_s(self, target: Target) -> float:
        """Pause between requests that the target's robots.txt asks for, once a page of it was fetched."""
        rules = self._rules.get(target.origin)
        return rules.delay_s if rules else 0.0

    def time_left_s(self) -> float:
        """Seconds until the deadline."""
        return self._deadline - self._fetcher.clock()

    async def close(self) -> None:
        """Close the connections."""
        if self._pool is not None:
            await self._pool.aclose()

    async def _in_time(self, getting: Coroutine[Any, Any, Page]) -> Page:
        try:
            async with asyncio.timeout(max(0.0, self.time_left_s())):
                return await getting
        except TimeoutError:
            raise DeadlinePassed("the time for this website is over") from None

    async def _get(self, target: Target) -> Page:
        for _ in range(self._fetcher.limits.redirects + 1):
            rules = await self._rules_of(target)
            if not rules.readable:
                raise SiteFailed(Reason.ROBOTS_UNKNOWN, "its robots.txt cannot be read")
            if not rules.allow(target.url, AGENT):
                raise SiteFailed(Reason.ROBOTS, "its robots.txt does not want us")
            answer = await self._ask(target, self._fetcher.limits.page_bytes, _is_page)
            if answer.location is None:
                return _page(target, answer)
            target = join(target, answer.location, self._fetcher.allowed)
        raise SiteFailed(Reason.REDIRECTS, f"more than {self._fetcher.limits.redirects} redirects")

    async def _rules_of(self, target: Target) -> robots.RobotRules:
        origin = target.origin
        rules = self._rules.get(origin) or self._fetcher.known_rules.get(origin)
        if rules is None:
            rules = await self._fetch_rules(target._replace(path="/robots.txt"))
            self._fetcher.known_rules.put(origin, rules)
        self._rules[origin] = rules
        return rules

    async def _fetch_rules(self, target: Target) -> robots.RobotRules:
        """RFC 9309: unreadable is a no, missing is a yes."""
        try:
            for _ in range(robots.REDIRECTS + 1):
                answer = await self._ask(target, robots.MAX_BYTES, lambda kind: True)
                if answer.location is None:
                    text = decode(answer.body.data, "utf-8")
                    return robots.rules_of_status(answer.status) or robots.read_rules(text, AGENT)
                target = join(target, answer.location, self._fetcher.allowed)
        except SiteFailed as failure:
            if failure.reason in _UNREACHED:
                raise
        return robots.ABSENT

    async def _ask(self, target: Target, most: int, wanted: Callable[[str], bool]) -> Answer:
        fetcher = self._fetcher
        began = fetcher.clock()
        try:
            async with fetcher.slots.of(target.host):
                began = fetcher.clock()
                answer = await exchange(
                    self._connections(), target, fetcher.agent, most, fetcher.limits.timeout_s, wanted
                )
        except SiteFailed as failure:
            if failure.reason in _DOUBTFUL and not await fetcher.uplink.works(began):
                raise OwnNetworkFailed("nothing outside answers") from None
            raise
        if await self._is_outside(target):
            fetcher.uplink.answered()
        return answer

    async def _is_outside(self, target: Target) -> bool:
        """False for a host that only the allow-list lets us reach: it may stand beside us."""
        endpoints = await self._backend.endpoints(target.host, target.port)
        return all(is_public(endpoint.address) for endpoint in endpoints)

    def _connections(self) -> httpcore2.AsyncConnectionPool:
        if self._pool is None:
            fetcher = self._fetcher
            self._pool = httpcore2.AsyncConnectionPool(
                ssl_context=fetcher.ssl_context or default_context(),
                max_connections=2 * fetcher.limits.per_host,  # a site and where it redirects to
                network_backend=self._backend,
            )
        return self._pool


@lru_cache(maxsize=1)
def default_context() -> ssl.SSLContext:
    """The machine's certificate authorities; read once, as that takes longer than a request."""
    return httpcore2.default_ssl_context()


def _is_page(kind: str) -> bool:
    return not kind or kind in TEXT_TYPES


def _page(target: Target, answer: Answer) -> Page:
    readable = _is_page(answer.kind) and is_text(answer.kind, answer.body.data)
    text = decode(answer.body.data, answer.charset) if readable else ""
    now = datetime.now(UTC)
    return Page(target, answer.status, answer.headers, text, readable, answer.body.cut, now)


def _agent(contact: str | None) -> str:
    if contact is None:
        return AGENT
    if not (contact.isascii() and contact.isprintable()) or set(contact) & set("()\\"):
        raise ConfigurationError(
            f"The website settings' contact {contact!r} cannot be sent: plain ASCII without brackets, please."
        )
    return f"{AGENT} (+{contact})"
