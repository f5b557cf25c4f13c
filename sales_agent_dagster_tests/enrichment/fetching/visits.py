"""Visits to the farm and to servers that send anything."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pytest

from sales_agent_dagster.enrichment.fetching.addresses import AllowList
from sales_agent_dagster.enrichment.fetching.failures import (
    Reason,
    SiteFailed,
)
from sales_agent_dagster.enrichment.fetching.fetcher import Fetcher, FetchLimits, Page, Visit
from sales_agent_dagster_tests.website_farm.raw import Speak, raw_server
from sales_agent_dagster_tests.website_farm.running import FarmResolver, RunningFarm

T = TypeVar("T")
LIMITS = FetchLimits(page_bytes=100_000, redirects=3, timeout_s=60.0, per_host=2, in_flight=8)
CONTROLS = ("http://control.example/",)
OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n"


def visiting(
    farm: RunningFarm,
    work: Callable[[Visit], Awaitable[T]],
    *,
    limits: FetchLimits = LIMITS,
    resolver: FarmResolver | None = None,
    seconds: float = 120.0,
    allowed: AllowList | None = None,
    **options: Any,
) -> T:
    """What ``work`` makes of a visit."""

    async def run() -> T:
        fetcher = Fetcher(
            limits,
            resolver=resolver or farm.resolver(),
            allowed=allowed or farm.allowed,
            controls=options.pop("controls", CONTROLS),
            **options,
        )
        try:
            async with fetcher.visit(time.monotonic() + seconds) as visit:
                return await work(visit)
        finally:
            await fetcher.close()

    return asyncio.run(run())


def get(farm: RunningFarm, url: str, **options: Any) -> Page:
    return visiting(farm, lambda visit: visit.get(url), **options)


def reason_of(farm: RunningFarm, url: str, **options: Any) -> Reason:
    with pytest.raises(SiteFailed) as caught:
        get(farm, url, **options)
    return caught.value.reason


def from_raw(farm: RunningFarm, speak: Speak, **options: Any) -> Page:
    """The page that a raw server gives after a robots.txt of 404."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if not asked:
            asked.append(1)
            writer.write(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
        else:
            await speak(reader, writer)

    asked: list[int] = []

    async def run() -> Page:
        async with raw_server(serve) as endpoint:
            resolver = farm.resolver()
            resolver.answers["raw.example"] = [[endpoint]]
            allowed = AllowList.parse([f"127.0.0.1:{endpoint.port}", f"127.0.0.1:{farm.port}"])
            fetcher = Fetcher(LIMITS, resolver=resolver, allowed=allowed, controls=CONTROLS)
            try:
                async with fetcher.visit(time.monotonic() + options.get("seconds", 120.0)) as visit:
                    return await visit.get("http://raw.example/")
            finally:
                await fetcher.close()

    return asyncio.run(run())


def raw_reason(farm: RunningFarm, speak: Speak) -> Reason:
    with pytest.raises(SiteFailed) as caught:
        from_raw(farm, speak)
    return caught.value.reason
