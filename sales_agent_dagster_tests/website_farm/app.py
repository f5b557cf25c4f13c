"""The farm as an ASGI application: one server, many hosts, told apart by the Host header."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from sales_agent_dagster_tests.cerebras_server.sending import (
    Receive,
    Scope,
    Send,
    hang,
    reply,
    reset_connection,
)
from sales_agent_dagster_tests.website_farm.firms import Firm, firm
from sales_agent_dagster_tests.website_farm.sites import KINDS, NOT_FOUND, TEXT, Reply, redirect

COUNTER = "counter.example"
"""Host that answers how many requests came to all others."""

HANG_S = 30.0
DRIP_S = 0.02


@dataclass(frozen=True, slots=True)
class Site:
    """A host of the farm.

    Attributes:
        kind: see ``sites.KINDS``.
        robots: its robots.txt; a number is the status that is answered instead, an address where it is.
        latency_ms: before each answer, robots.txt included.
    """

    firm: Firm
    kind: str = "plain"
    robots: str | int = 404
    latency_ms: float = 0.0

    def answer(self, path: str) -> Reply:
        if path == "/robots.txt":
            if isinstance(self.robots, int):
                return Reply(self.robots, NOT_FOUND.body)
            if self.robots.startswith(("/", "http:")):
                return redirect(self.robots)
            return Reply(200, self.robots.encode(), [TEXT])
        return KINDS[self.kind](self.firm, path)


@dataclass(frozen=True, slots=True)
class Seen:
    """A request as it came."""

    host: str
    path: str
    headers: Mapping[str, str]


@dataclass
class Farm:
    """Hosts by name, and what was asked of them.

    Attributes:
        log: the requests, in order.
        in_flight, most_in_flight: requests that wait for their latency, by host, and under ``""`` in all.
    """

    sites: dict[str, Site] = field(default_factory=dict)
    log: list[Seen] = field(default_factory=list)
    in_flight: Counter[str] = field(default_factory=Counter)
    most_in_flight: Counter[str] = field(default_factory=Counter)

    def add(self, number: int, kind: str = "plain", **options: object) -> Site:
        """A firm's website, also under ``www.``: there it is an honest one."""
        site = Site(firm(number), kind, **options)  # type: ignore[arg-type]
        self.sites[site.firm.host] = site
        self.sites[f"www.{site.firm.host}"] = Site(site.firm, latency_ms=site.latency_ms)
        return site

    def clear(self) -> None:
        """No hosts, nothing asked."""
        for part in (self.sites, self.log, self.in_flight, self.most_in_flight):
            part.clear()

    def paths(self, host: str) -> list[str]:
        """What was asked of a host, in order."""
        return [seen.path for seen in self.log if seen.host == host]

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode(): value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get("host", "").partition(":")[0]
        path = scope["raw_path"].decode() + (
            f"?{scope['query_string'].decode()}" if scope["query_string"] else ""
        )
        if host == COUNTER:
            await reply(send, 200, b"%d" % len(self.log), [TEXT])
            return
        self.log.append(Seen(host, path, headers))
        site = self.sites.get(host)
        if site is None:
            await reply(send, 421, b"no such host here", [TEXT])
            return
        await self._wait(host, site.latency_ms)
        answer = site.answer(path)
        if answer.does == "reset":
            await reset_connection(receive)
        elif answer.does == "hang":
            await hang(receive, HANG_S)
        elif answer.does == "answer":
            await reply(send, answer.status, answer.body, answer.headers)
        else:
            await self._send_slowly(answer, receive, send)

    async def _wait(self, host: str, latency_ms: float) -> None:
        """Let time pass; what is in flight is counted meanwhile, as an asker sees it."""
        if not latency_ms:
            return
        for name in (host, ""):
            self.in_flight[name] += 1
            self.most_in_flight[name] = max(self.most_in_flight[name], self.in_flight[name])
        try:
            await asyncio.sleep(latency_ms / 1000)
        finally:
            for name in (host, ""):
                self.in_flight[name] -= 1

    async def _send_slowly(self, answer: Reply, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": answer.status, "headers": answer.headers})
        half = len(answer.body) // 2
        if answer.does == "hang_inside":
            await send({"type": "http.response.body", "body": answer.body[:half], "more_body": True})
            await hang(receive, HANG_S)
            return
        for place in range(len(answer.body)):
            await send(
                {"type": "http.response.body", "body": answer.body[place : place + 1], "more_body": True}
            )
            await asyncio.sleep(DRIP_S)
