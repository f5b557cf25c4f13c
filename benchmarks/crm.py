"""CRM sync against the tests' stand-ins: first sync, second sync, planning, a large pull.

``python -m benchmarks.crm [--leads 10000] [--crm close hubspot salesforce] [--latency-ms 80]``. Each stand-in
is a process of its own that answers after the latency asked for. The bound of a first sync is what its calls
take when all places in flight are always taken: calls x latency / concurrency.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from sales_agent_dagster.crm.contract import Connector
from sales_agent_dagster.crm.http import TransportOptions
from sales_agent_dagster.crm.registry import CONNECTORS, connect
from sales_agent_dagster.settings import (
    CloseSettings,
    CrmSettings,
    HubSpotSettings,
    SalesforceSettings,
    Settings,
)
from sales_agent_dagster.stages.crm.pulling import pull
from sales_agent_dagster.stages.crm.syncing import pending, sync
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster_tests.stages.crm.wanting import company, context_of, want

CONCURRENCY = 8
PULLED = 12_000
"""More records than one search of Close or HubSpot gives."""

Fill = Callable[[Any, int], None]


@dataclass(frozen=True)
class Vendor:
    """How a stand-in is started, filled and reached."""

    run: Callable[[float], Any]
    fill: Fill
    settings: Callable[[str], Mapping[str, Any]]


def _close() -> Vendor:
    from sales_agent_dagster_tests.close_server.calls import API_KEY
    from sales_agent_dagster_tests.close_server.running import running_close

    return Vendor(
        lambda latency_ms: running_close(latency_ms=latency_ms, real_clock=True),
        lambda server, number: server.fill(number),
        lambda url: {"close": CloseSettings(api_key=API_KEY, base_url=url)},
    )


def _hubspot() -> Vendor:
    from sales_agent_dagster_tests.hubspot_server import TOKEN
    from sales_agent_dagster_tests.hubspot_server.running import running_server

    return Vendor(
        lambda latency_ms: running_server(latency_ms=latency_ms),
        lambda server, number: server.add_many("companies", [{"name": f"Firm {n}"} for n in range(number)]),
        lambda url: {"hubspot": HubSpotSettings(token=TOKEN, base_url=url, requests_per_10s=100_000)},
    )


def _salesforce() -> Vendor:
    from sales_agent_dagster_tests.crm.salesforce.organisation import set_up
    from sales_agent_dagster_tests.salesforce_server.oauth import CLIENT_ID, CLIENT_SECRET
    from sales_agent_dagster_tests.salesforce_server.running import running_server

    @contextmanager
    def run(latency_ms: float) -> Iterator[Any]:
        with running_server(latency_ms=latency_ms, running=True) as server:
            set_up(server)
            yield server

    def fill(server: Any, number: int) -> None:
        for each in range(number):
            server.create("Lead", LastName="Unknown", Company=f"Firm {each}")

    return Vendor(
        run,
        fill,
        lambda url: {
            "salesforce": SalesforceSettings(
                instance_url=url, client_id=CLIENT_ID, client_secret=CLIENT_SECRET
            )
        },
    )


VENDORS = {"close": _close, "hubspot": _hubspot, "salesforce": _salesforce}


def _serve(name: str, latency_ms: float, pipe: Connection) -> None:
    """A stand-in until the pipe says None; a number in the pipe is records to add."""
    vendor = VENDORS[name]()
    with vendor.run(latency_ms) as server:
        pipe.send(server.url)
        while (number := pipe.recv()) is not None:
            vendor.fill(server, number)
            pipe.send(number)


@contextmanager
def stand_in(name: str, latency_ms: float) -> Iterator[tuple[str, Callable[[int], None]]]:
    """A stand-in in a process of its own: its URL, and how to add records."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(name, latency_ms, theirs), daemon=True)
    process.start()
    theirs.close()

    def fill(number: int) -> None:
        ours.send(number)
        ours.recv()

    try:
        yield ours.recv(), fill
    finally:
        ours.send(None)
        process.join(timeout=10)
        process.kill()


def peak_mb() -> float:
    """Peak memory of this process so far, MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure(name: str, leads: int, latency_ms: float) -> dict[str, float]:
    """One vendor: figures by name."""
    with tempfile.TemporaryDirectory() as folder, stand_in(name, latency_ms) as (url, fill):
        warehouse = Warehouse(f"sqlite:///{Path(folder) / 'warehouse.db'}")
        warehouse.migrate()
        for start in range(0, leads, 1000):
            want(warehouse, f"batch-{start}", [_company(n) for n in range(start, min(leads, start + 1000))])
        with _connected(name, url) as connector:
            connector.ensure_fields(dry_run=False)
            figures = _syncs(warehouse, connector, leads, latency_ms)
        with _connected(name, url) as connector:
            fill(PULLED)
            before, started = peak_mb(), time.perf_counter()
            context = context_of(warehouse, connector, _now, live=False)
            pull(context)
            figures |= {
                "pulled": context.card.pulled,
                "pull_s": time.perf_counter() - started,
                "pull_mb": peak_mb() - before,
            }
        warehouse.dispose()
    return figures


def _company(number: int) -> dict[str, Any]:
    return company(
        f"E{number:07}",
        company=f"Firm {number} of the benchmark",
        phone=f"+1212555{number % 10000:04}",
        website=f"https://firm-{number}.example/",
        score=float(number % 100),
        tier="GOLD",
    )


@contextmanager
def _connected(name: str, url: str) -> Iterator[Connector]:
    vendor = VENDORS[name]()
    settings = Settings(_env_file=None, crm=CrmSettings(system=name, mode="live"), **vendor.settings(url))
    connector = connect(name, settings, TransportOptions(dry_run=False, concurrency=CONCURRENCY))
    try:
        yield connector
    finally:
        connector.close()


def _syncs(warehouse: Warehouse, connector: Connector, leads: int, latency_ms: float) -> dict[str, float]:
    options = {"max_creates": leads, "max_updates": leads, "overlap_s": 0.0}
    calls = connector.counters.requests
    before, started = peak_mb(), time.perf_counter()
    card = sync(context_of(warehouse, connector, _now, **options))
    first = time.perf_counter() - started
    calls = connector.counters.requests - calls
    if card["created"] != leads or card["stopped"]:
        raise RuntimeError(f"the first sync created {card['created']} of {leads}: {card['stopped']}")
    figures = {
        "first_s": first,
        "calls": calls,
        "bound_s": calls * latency_ms / 1000 / CONCURRENCY,
        "memory_mb": peak_mb() - before,
    }
    writes, started = connector.counters.writes, time.perf_counter()
    sync(context_of(warehouse, connector, _now, **options))
    figures |= {
        "second_s": time.perf_counter() - started,
        "second_writes": connector.counters.writes - writes,
    }
    started = time.perf_counter()
    left = pending(context_of(warehouse, connector, _now, **options))
    return figures | {"planning_s": time.perf_counter() - started, "left": len(left)}


def _now() -> Any:
    from datetime import UTC, datetime

    return datetime.now(UTC)


ROWS = {
    "first sync, seconds": "first_s",
    "its calls": "calls",
    "calls x latency / concurrency, seconds": "bound_s",
    "memory that it took, MB": "memory_mb",
    "second sync with its pull, seconds": "second_s",
    "its writes": "second_writes",
    "planning of all leads, seconds": "planning_s",
    "operations left after it": "left",
    f"records and events pulled, {PULLED:,} of them new": "pulled",
    "that pull, seconds": "pull_s",
    "memory that it took, MB ": "pull_mb",
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--leads", type=int, default=10_000)
    parser.add_argument("--crm", nargs="+", choices=CONNECTORS, default=list(CONNECTORS))
    parser.add_argument("--latency-ms", type=float, default=80.0)
    given = parser.parse_args()
    table = Table(title=f"{given.leads:,} companies, {given.latency_ms:g} ms, {CONCURRENCY} in flight")
    table.add_column("")
    measured = []
    for name in given.crm:
        table.add_column(name, justify="right")
        measured.append(measure(name, given.leads, given.latency_ms))
    for title, key in ROWS.items():
        table.add_row(title.rstrip(), *(f"{figures[key]:,.1f}".removesuffix(".0") for figures in measured))
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
