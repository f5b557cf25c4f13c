"""What ``farm`` measures, in a process of its own: ``python -m benchmarks.enrichment.farm_worker NAME JSON``.

The answer is the last line of the output, as JSON.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import psutil
import requests

from sales_agent_dagster.domain.calls import CallScope
from sales_agent_dagster.enrichment.collecting import Collected, Subject
from sales_agent_dagster.enrichment.fetching.addresses import AllowList
from sales_agent_dagster.enrichment.fetching.fetcher import Fetcher, FetchLimits
from sales_agent_dagster.enrichment.offline import OfflineProvider
from sales_agent_dagster.enrichment.providers import COLUMNS
from sales_agent_dagster.enrichment.waterfall import Step, Waterfall
from sales_agent_dagster.enrichment.website.provider import WebsiteProvider
from sales_agent_dagster.settings import Settings, load_settings
from sales_agent_dagster.stages.fact_service import FactService
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster_tests.website_farm.app import COUNTER
from sales_agent_dagster_tests.website_farm.running import FarmResolver

SHARE_OF_SLA = 0.8
"""Part of the SLA's 3,000 ms that a lead waits for providers, as in the stage."""

PAGES = ("/", "/contact", "/team", "/about-us", "/services")


def subjects(numbers: range) -> list[Subject]:
    empty = dict.fromkeys(COLUMNS)
    return [
        Subject(
            f"lead-{number:04d}",
            {**empty, "company_name": f"Firm {number}", "website": f"http://firm-{number:04d}.example/"}
            | {"website_host": f"firm-{number:04d}.example"},
        )
        for number in numbers
    ]


def service(port: int, settings: Settings, warehouse: Warehouse) -> FactService:
    """Offline facts and websites; nothing but the farm can be reached."""
    website = settings.website
    fetcher = Fetcher(
        FetchLimits(per_host=website.per_host, timeout_s=website.timeout_s),
        allowed=AllowList.parse([f"127.0.0.1:{port}"]),
        resolver=FarmResolver(port),
        controls=("http://counter.example/",),
    )
    steps = (Step(provider="offline"), Step(provider="website"))
    providers = (
        OfflineProvider(),
        WebsiteProvider(fetcher, website.pages, settings.enrichment.pending_deadline_ms / 1000),
    )
    return FactService(settings, Waterfall(steps=steps), list(zip(steps, providers, strict=True)), warehouse)


def opened(home: str) -> tuple[Settings, Warehouse]:
    """Default settings and a warehouse in ``home``."""
    settings = load_settings(_env_file=None, home=Path(home))
    settings.home.mkdir(parents=True, exist_ok=True)
    warehouse = Warehouse(settings.warehouse_url.get_secret_value())
    warehouse.migrate()
    return settings, warehouse


def counted(port: int) -> int:
    """Requests that came to the farm."""
    return int(requests.get(f"http://127.0.0.1:{port}/", headers={"Host": COUNTER}, timeout=10).text)


def percentile(values: Sequence[float], part: float) -> float:
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]


def collect(
    port: int, home: str, hosts: tuple[int, int], batches: int = 1, deadline_ms: float | None = None
) -> dict[str, Any]:
    """Batches at once through the waterfall, with a warehouse in ``home``."""
    settings, warehouse = opened(home)
    facts = service(port, settings, warehouse)
    limit_ms = deadline_ms or SHARE_OF_SLA * (settings.sla.enrichment.p95_ms or 3000)
    size = (hosts[1] - hosts[0]) // batches
    parts = [subjects(range(start, start + size)) for start in range(hosts[0], hosts[1], size)]
    before = counted(port)

    async def run() -> list[Collected]:
        scopes = [CallScope("run", f"batch-{number}") for number in range(batches)]
        asked = (
            facts.collect(part, scope, [limit_ms] * len(part))
            for part, scope in zip(parts, scopes, strict=True)
        )
        return [
            lead for found in await asyncio.gather(*asked) for lead in found if isinstance(lead, Collected)
        ]

    cpu, started = time.process_time(), time.monotonic()
    found = asyncio.run(run())
    wall_s, cpu_s = time.monotonic() - started, time.process_time() - cpu
    fetches = counted(port) - before
    facts.close()
    warehouse.dispose()
    latencies = [lead.latency_ms for lead in found]
    since_given = [lead.waited_ms + lead.latency_ms for lead in found]
    return {
        "leads": hosts[1] - hosts[0],
        "whole": sum(is_whole(lead) for lead in found),
        "partial": sum(is_named_partial(lead) for lead in found),
        "wall_s": wall_s,
        "cpu_s": cpu_s,
        "fetches": fetches,
        "p50_ms": percentile(latencies, 0.5),
        "p95_ms": percentile(latencies, 0.95),
        "max_ms": max(latencies),
        "given_p95_ms": percentile(since_given, 0.95),
    }


def is_whole(lead: Collected) -> bool:
    """Every provider of the waterfall has answered, in full."""
    return set(lead.answered) == {"offline", "website"} and not lead.missing


def is_named_partial(lead: Collected) -> bool:
    """A provider has not answered, or not in full: it is named, with a reason, for a later pass."""
    named = {item.provider for item in lead.missing if item.reason and item.later}
    return bool(named) and {"offline", "website"} <= {*lead.answered, *named}


def memory(port: int, home: str, rounds: int, hosts: int) -> dict[str, Any]:
    """Resident memory after each round of new hosts through the waterfall, its warehouse in ``home``."""
    process, resident = psutil.Process(os.getpid()), []
    settings, warehouse = opened(home)
    facts = service(port, settings, warehouse)
    for number in range(rounds):
        given = subjects(range(number * hosts, (number + 1) * hosts))
        found = asyncio.run(facts.collect(given, CallScope("run", f"batch-{number}"), [30_000.0] * hosts))
        if not all(isinstance(lead, Collected) and is_whole(lead) for lead in found):
            raise SystemExit("a lead of the memory rounds has no whole answer")
        resident.append(process.memory_info().rss / 1e6)
    facts.close()
    warehouse.dispose()
    return {"resident_mb": resident}


def naive_lead(port: int, number: int) -> tuple[float, bool]:
    """Milliseconds and whether anything came back."""
    started, answered = time.monotonic(), False
    for path in PAGES:
        try:
            requests.get(f"http://127.0.0.1:{port}{path}", headers={"Host": f"firm-{number:04d}.example"})
            answered = True
        except requests.RequestException:
            break
    return (time.monotonic() - started) * 1000, answered


def naive_threads(port: int, hosts: int) -> dict[str, Any]:
    cpu, started = time.process_time(), time.monotonic()
    with ThreadPoolExecutor(hosts) as threads:
        found = list(threads.map(lambda number: naive_lead(port, number), range(hosts)))
    return {
        "wall_s": time.monotonic() - started,
        "cpu_s": time.process_time() - cpu,
        "p95_ms": percentile([milliseconds for milliseconds, _ in found], 0.95),
        "answered": sum(answered for _, answered in found),
    }


def naive_sequential(port: int, hosts: int) -> dict[str, Any]:
    cpu, started = time.process_time(), time.monotonic()
    for number in range(hosts):
        naive_lead(port, number)
    return {"wall_s": time.monotonic() - started, "cpu_s": time.process_time() - cpu}


WORKERS = {work.__name__: work for work in (collect, memory, naive_threads, naive_sequential)}


if __name__ == "__main__":
    print(json.dumps(WORKERS[sys.argv[1]](**json.loads(sys.argv[2]))))
