"""CRM sync against the tests' stand-ins: first sync, second sync, planning, a large pull.

``python -m benchmarks.crm [--leads 10000] [--crm close hubspot salesforce] [--latency-ms 80]``. Each stand-in
is a process of its own that answers after the latency asked for and keeps the vendor's limits: HubSpot's 100
calls in 10 s and 5 searches a second; of Salesforce no limit per second is known; of Close none is published,
``--close-rate`` sets one. A first sync can be no faster than its calls divided by each limit, nor than
calls x latency / concurrency: the largest of these binds, and the ratio is to it. What the sync takes beyond
the time in which a call was in flight is our own work.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from sales_agent_dagster.crm.contract import Connector
from sales_agent_dagster.crm.http import Exchange, TransportOptions
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

HUBSPOT_TEN_SECONDS, HUBSPOT_SEARCHES = 100, 5
"""Limits of HubSpot's smallest plan, and of searches for every plan."""

Fill = Callable[[Any, int], None]


class Tally:
    """Calls that went out, as a transport's hook."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.clear()

    def clear(self) -> None:
        """Forget what was counted."""
        self.searches = 0
        self._spans: list[tuple[float, float]] = []

    def __call__(self, exchange: Exchange) -> None:
        """Count one."""
        end = time.perf_counter()
        with self._lock:
            self._spans.append((end - exchange.seconds, end))
            self.searches += exchange.url.endswith("/search")

    @property
    def calls(self) -> int:
        """All of them."""
        return len(self._spans)

    def in_flight_s(self) -> float:
        """Seconds in which at least one call was on its way."""
        seconds, until = 0.0, 0.0
        for start, end in sorted(self._spans):
            seconds += max(0.0, end - max(start, until))
            until = max(until, end)
        return seconds


@dataclass(frozen=True)
class Vendor:
    """How a stand-in is started, filled and reached."""

    run: Callable[[float, float | None], Any]
    fill: Fill
    settings: Callable[[str], Mapping[str, Any]]


def bounds(name: str, tally: Tally, latency_ms: float, close_rate: float | None) -> dict[str, float]:
    """Seconds that the calls take at least, by what limits them."""
    found = {"latency / concurrency": tally.calls * latency_ms / 1000 / CONCURRENCY}
    if name == "hubspot":
        found["calls in 10 s"] = tally.calls * 10 / HUBSPOT_TEN_SECONDS
        found["searches a second"] = tally.searches / HUBSPOT_SEARCHES
    if name == "close" and close_rate:
        found["calls a second"] = (tally.calls - tally.searches) / close_rate
    return found


def _close() -> Vendor:
    from sales_agent_dagster_tests.close_server.calls import API_KEY
    from sales_agent_dagster_tests.close_server.running import running_close

    return Vendor(
        lambda latency_ms, rate: running_close(
            latency_ms=latency_ms,
            real_clock=True,
            **({"requests": round(rate * 5), "window_s": 5.0} if rate else {}),
        ),
        lambda server, number: server.fill(number),
        lambda url: {"close": CloseSettings(api_key=API_KEY, base_url=url)},
    )


def _hubspot() -> Vendor:
    from sales_agent_dagster_tests.hubspot_server import TOKEN
    from sales_agent_dagster_tests.hubspot_server.running import running_server

    return Vendor(
        lambda latency_ms, _: running_server(
            latency_ms=latency_ms, ten_seconds=HUBSPOT_TEN_SECONDS, search_second=HUBSPOT_SEARCHES
        ),
        lambda server, number: server.add_many("companies", [{"name": f"Firm {n}"} for n in range(number)]),
        lambda url: {"hubspot": HubSpotSettings(token=TOKEN, base_url=url)},
    )


def _salesforce() -> Vendor:
    from sales_agent_dagster_tests.crm.salesforce.organisation import set_up
    from sales_agent_dagster_tests.salesforce_server.oauth import CLIENT_ID, CLIENT_SECRET
    from sales_agent_dagster_tests.salesforce_server.running import running_server

    @contextmanager
    def run(latency_ms: float, _: float | None) -> Iterator[Any]:
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


def _serve(name: str, latency_ms: float, close_rate: float | None, pipe: Connection) -> None:
    """A stand-in until the pipe says None; a number in the pipe is records to add."""
    vendor = VENDORS[name]()
    with vendor.run(latency_ms, close_rate) as server:
        pipe.send(server.url)
        while (number := pipe.recv()) is not None:
            vendor.fill(server, number)
            pipe.send(number)


@contextmanager
def stand_in(
    name: str, latency_ms: float, close_rate: float | None
) -> Iterator[tuple[str, Callable[[int], None]]]:
    """A stand-in in a process of its own: its URL, and how to add records."""
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(name, latency_ms, close_rate, theirs), daemon=True)
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


def measure(
    name: str, leads: int, latency_ms: float, close_rate: float | None, pulled: int
) -> dict[str, Any]:
    """One vendor: figures by name."""
    with tempfile.TemporaryDirectory() as folder, stand_in(name, latency_ms, close_rate) as (url, fill):
        warehouse = Warehouse(f"sqlite:///{Path(folder) / 'warehouse.db'}")
        warehouse.migrate()
        for start in range(0, leads, 1000):
            want(warehouse, f"batch-{start}", [_company(n) for n in range(start, min(leads, start + 1000))])
        tally = Tally()
        with _connected(name, url, tally) as connector:
            connector.ensure_fields(dry_run=False)
            figures = _first(warehouse, connector, leads, tally)
            limits = bounds(name, tally, latency_ms, close_rate)
            binding = max(limits, key=limits.__getitem__)
            figures |= {"binds": binding, "bound_s": limits[binding]}
            figures["ratio"] = figures["first_s"] / limits[binding]
            figures |= _second(warehouse, connector, leads)
        with _connected(name, url, tally) as connector:
            fill(pulled)
            figures |= _pull(warehouse, connector, tally)
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
def _connected(name: str, url: str, tally: Tally) -> Iterator[Connector]:
    vendor = VENDORS[name]()
    settings = Settings(_env_file=None, crm=CrmSettings(system=name, mode="live"), **vendor.settings(url))
    options = TransportOptions(dry_run=False, concurrency=CONCURRENCY, hook=tally)
    connector = connect(name, settings, options)
    try:
        yield connector
    finally:
        connector.close()


def _options(leads: int) -> dict[str, Any]:
    return {"max_creates": leads, "max_updates": leads, "overlap_s": 0.0}


def _first(warehouse: Warehouse, connector: Connector, leads: int, tally: Tally) -> dict[str, Any]:
    tally.clear()
    before, cpu, started = peak_mb(), time.process_time(), time.perf_counter()
    card = sync(context_of(warehouse, connector, _now, **_options(leads)))
    seconds = time.perf_counter() - started
    if card["created"] != leads or card["stopped"]:
        raise RuntimeError(f"the first sync created {card['created']} of {leads}: {card['stopped']}")
    return {
        "first_s": seconds,
        "calls": tally.calls,
        "searches": tally.searches,
        "in_flight_s": tally.in_flight_s(),
        "cpu_s": time.process_time() - cpu,
        "memory_mb": peak_mb() - before,
    }


def _second(warehouse: Warehouse, connector: Connector, leads: int) -> dict[str, Any]:
    writes, started = connector.counters.writes, time.perf_counter()
    sync(context_of(warehouse, connector, _now, **_options(leads)))
    figures = {
        "second_s": time.perf_counter() - started,
        "second_writes": connector.counters.writes - writes,
    }
    cpu, started = time.process_time(), time.perf_counter()
    left = pending(context_of(warehouse, connector, _now, **_options(leads)))
    return figures | {
        "planning_s": time.perf_counter() - started,
        "planning_cpu_s": time.process_time() - cpu,
        "left": len(left),
    }


def _pull(warehouse: Warehouse, connector: Connector, tally: Tally) -> dict[str, Any]:
    tally.clear()
    before, cpu, started = peak_mb(), time.process_time(), time.perf_counter()
    context = context_of(warehouse, connector, _now, live=False)
    pull(context)
    return {
        "pulled": context.card.pulled,
        "pull_s": time.perf_counter() - started,
        "pull_calls": tally.calls,
        "pull_cpu_s": time.process_time() - cpu,
        "pull_mb": peak_mb() - before,
    }


def _now() -> datetime:
    return datetime.now(UTC)


ROWS = {
    "first sync, seconds": "first_s",
    "its calls": "calls",
    "searches among them": "searches",
    "what binds": "binds",
    "bound, seconds": "bound_s",
    "ratio to it": "ratio",
    "seconds with a call in flight": "in_flight_s",
    "own CPU seconds": "cpu_s",
    "memory that it took, MB": "memory_mb",
    "second sync with its pull, seconds": "second_s",
    "its writes": "second_writes",
    "planning of all leads, seconds": "planning_s",
    "its CPU seconds": "planning_cpu_s",
    "operations left after it": "left",
    "records and events pulled": "pulled",
    "that pull, seconds": "pull_s",
    "its calls ": "pull_calls",
    "its CPU seconds ": "pull_cpu_s",
    "memory that it took, MB ": "pull_mb",
}


def _shown(name: str, value: float | str) -> str:
    if isinstance(value, str):
        return value
    return f"{value:,.2f}" if name == "ratio" else f"{value:,.1f}".removesuffix(".0")


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--leads", type=int, default=10_000)
    parser.add_argument("--crm", nargs="+", choices=CONNECTORS, default=list(CONNECTORS))
    parser.add_argument("--latency-ms", type=float, default=80.0)
    parser.add_argument("--close-rate", type=float, help="calls a second that Close allows per kind of call")
    parser.add_argument("--pulled", type=int, default=PULLED, help="records that people add before the pull")
    given = parser.parse_args()
    table = Table(title=f"{given.leads:,} companies, {given.latency_ms:g} ms, {CONCURRENCY} in flight")
    table.add_column("")
    measured = []
    for name in given.crm:
        table.add_column(name, justify="right")
        measured.append(measure(name, given.leads, given.latency_ms, given.close_rate, given.pulled))
    for title, key in ROWS.items():
        table.add_row(title.rstrip(), *(_shown(key, figures[key]) for figures in measured))
    Console(width=110).print(table)


if __name__ == "__main__":
    main()
