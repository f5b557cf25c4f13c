"""Agents on a model: throughput, overhead, faults, replays, cost; beside a naive client in the same run.

    python -m benchmarks.inference
    python -m benchmarks.inference --only calls --only invoke

The model is the tests' stand-in in a process of its own, on loopback, with the latency asked for: what is
measured is the client, not a provider. Every figure comes from a process of its own (``inference_worker``),
the naive client's too (``naive_client``). Latencies of the naive client are of one request per lead. A bare
request is one over a plain socket: what the stand-in and the machine take at least.

Prints Markdown, the summary with its goals last.
"""

from __future__ import annotations

import argparse
import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table

from benchmarks.import_csv import write_leads
from sales_agent_dagster.settings import PROJECT_ROOT
from sales_agent_dagster_tests.cerebras_server import server_process

CONCURRENCY = 64
NAIVE_LEADS = 100
SAMPLE = PROJECT_ROOT / "data" / "samples" / "dealer_leads_sample.csv"
console = Console(width=160)
summary: list[tuple[str, str, str, str]] = []
"""Figure, measured, the naive client's, goal."""


class Server:
    """The stand-in, over HTTP."""

    def __init__(self, url: str) -> None:
        self.url = url

    def stats(self) -> dict[str, Any]:
        """Its counters."""
        with urllib.request.urlopen(f"{self.url}/admin/stats") as response:
            found: dict[str, Any] = json.load(response)
        return found

    def behave(self, latency_ms: float, faults: dict[str, Any] | None = None) -> None:
        """As new, with that latency and those faults."""
        self._post("reset", {})
        self._post("latency", {"latency_ms": latency_ms})
        self._post("faults", faults or {})

    def _post(self, what: str, body: dict[str, Any]) -> None:
        request = urllib.request.Request(f"{self.url}/admin/{what}", json.dumps(body).encode(), method="POST")
        urllib.request.urlopen(request).close()


def worker(name: str, **arguments: Any) -> dict[str, Any]:
    """What a worker process found."""
    with started(name, **arguments) as process:
        output, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"{name} failed")
    found: dict[str, Any] = json.loads(output.splitlines()[-1])
    return found


def started(name: str, **arguments: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks.inference_worker", name, json.dumps(arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT_ROOT)


def percentile(values: Sequence[float], part: float) -> float:
    return sorted(values)[min(len(values) - 1, int(part * len(values)))]


def note(figure: str, measured: str, naive: str, goal: str) -> None:
    """A line of the summary."""
    summary.append((figure, measured, naive, goal))


def table(title: str, *columns: str) -> Table:
    console.print(f"\n{title}:\n")
    made = Table(box=box.MARKDOWN)
    for number, column in enumerate(columns):
        made.add_column(column, justify="right" if number else "left")
    return made


def leads_file(folder: Path, count: int) -> Path:
    if count == 200:
        return SAMPLE
    path = folder / f"leads-{count}.csv"
    write_leads(path, count)
    return path


def pipeline(server: Server, latency_ms: float, counts: Sequence[int]) -> None:
    """All four agents through Dagster; the same again; the naive client's single agent."""
    shown = table(
        f"All assets and checks through Dagster, provider {latency_ms:g} ms, concurrency {CONCURRENCY}",
        *("leads", "calls", "provider-bound s", "seconds", "ratio", "extra s", "CPU s", "$/lead", "again: s"),
        "again: calls",
    )
    with tempfile.TemporaryDirectory() as folder:
        for count in counts:
            file = leads_file(Path(folder), count)
            server.behave(latency_ms)
            arguments = {
                "url": server.url,
                "home": f"{folder}/home-{count}",
                "file": str(file),
                "policy": "all",
                "chosen": {"concurrency": CONCURRENCY},
            }
            run = worker("pipeline", **arguments)
            calls = server.stats()["requests"]
            again = worker("pipeline", **arguments)
            bound = calls * latency_ms / 1000 / CONCURRENCY
            for failure in run["failures"]:
                console.print(failure)
            shown.add_row(
                *(f"{run['leads']:,}", f"{calls:,}", f"{bound:.2f}", f"{run['seconds']:.2f}"),
                *(f"{run['seconds'] / bound:.2f}", f"{run['seconds'] - bound:.2f}", f"{run['cpu']:.1f}"),
                *(f"{run['usd'] / run['leads']:.6f}", f"{again['seconds']:.2f}"),
                str(server.stats()["requests"] - calls),
            )
            goal = bound + 4 if count == 200 else 1.25 * bound
            name = f"{run['leads']:,} leads through Dagster with all checks, {calls:,} calls"
            note(name, f"{run['seconds']:.1f} s, {run['cpu']:.1f} s of CPU", "", f"{goal:.1f} s")
            note("the same again: calls", str(server.stats()["requests"] - calls), "", "0")
    console.print(shown)
    naive = table(
        "Naive client, one agent", "leads", "semaphore", "seconds", "leads/min", "CPU ms/call", "failed"
    )
    for at_once in (5, 50):
        server.behave(latency_ms)
        found = worker("naive", url=server.url, leads=NAIVE_LEADS, at_once=at_once)
        rate = NAIVE_LEADS / found["seconds"] * 60
        naive.add_row(
            *(str(NAIVE_LEADS), str(at_once), f"{found['seconds']:.1f}", f"{rate:,.0f}"),
            *(f"{found['cpu'] / NAIVE_LEADS * 1000:.1f}", str(found["failed"])),
        )
    console.print(naive)


def calls(server: Server, count: int) -> None:
    """CPU per call and calls per second when the provider takes no time."""
    shown = table(
        "Provider 0 ms: what the client costs", "client", "calls", "calls/s", "CPU ms/call", "failed"
    )
    server.behave(0)
    ours = worker("calls", url=server.url, leads=count, chunk=500, chosen={"concurrency": CONCURRENCY})
    shown.add_row("qualification, chunks of 500", *_rates(ours, count))
    server.behave(0)
    naive = worker("naive", url=server.url, leads=NAIVE_LEADS, at_once=50)
    shown.add_row("naive, semaphore 50", *_rates(naive, NAIVE_LEADS))
    console.print(shown)
    (_, rate, cpu, _), (_, naive_rate, naive_cpu, _) = _rates(ours, count), _rates(naive, NAIVE_LEADS)
    note("client CPU per call: graph, model, validation, ledger", f"{cpu} ms", f"{naive_cpu} ms", "3 ms")
    note("calls per second from one process, provider 0 ms", rate, naive_rate, "300")


def _rates(found: dict[str, Any], count: int) -> tuple[str, ...]:
    return (
        f"{count:,}",
        f"{count / found['seconds']:,.0f}",
        f"{found['cpu'] / count * 1000:.2f}",
        str(found["failed"]),
    )


def invoke(server: Server, latency_ms: float, count: int) -> None:
    """One lead at a time: what is added to the provider's latency."""
    shown = table(
        f"One lead at a time, provider {latency_ms:g} ms",
        *("client", "p50 ms", "p95 ms", "p50 added to the latency", "to a bare request's p50"),
    )
    times = {}
    for name, work, arguments in (
        ("bare request", "bare", {}),
        ("qualification", "invoke", {"chosen": {}}),
        ("naive", "naive", {"at_once": 1}),
    ):
        server.behave(latency_ms)
        times[name] = worker(work, url=server.url, leads=count, **arguments)["latencies"]
    p50 = {name: statistics.median(found) for name, found in times.items()}
    for name, found in times.items():
        shown.add_row(
            *(name, f"{p50[name]:.1f}", f"{percentile(found, 0.95):.1f}", f"{p50[name] - latency_ms:.1f}"),
            f"{p50[name] - p50['bare request']:.1f}",
        )
    console.print(shown)
    added = {name: f"{value - p50['bare request']:.1f} ms" for name, value in p50.items()}
    note("added to one lead's latency, p50", added["qualification"], added["naive"], "5 ms")


def faults(server: Server, latency_ms: float, count: int) -> None:
    """10 % 500, 5 % 429, 2 % hang."""
    shown = table(
        f"10 % 500, 5 % 429, 2 % hang, provider {latency_ms:g} ms, {count} leads (SLA: p95 1,000 ms)",
        *("client", "answered", "p50 ms", "p95 ms", "p99 ms", "max ms", "requests/lead", "extra spend"),
    )
    mix = {
        "rates": {"500": 0.10, "429": 0.05, "hang": 0.02},
        "seed": 1,
    }
    rows: dict[str, list[str]] = {}
    for name, chosen in (
        ("hedged after 500 ms", {"hedge_after_ms": 500}),
        ("no hedge", {}),
    ):
        server.behave(latency_ms, mix)
        found = worker("calls", url=server.url, leads=count, chunk=500, chosen=chosen)
        rows[name] = _fault_row(server, found, count, count + 200)
    server.behave(latency_ms, mix)
    found = worker("naive", url=server.url, leads=NAIVE_LEADS, at_once=50)
    rows["naive, semaphore 50"] = _fault_row(server, found, NAIVE_LEADS, NAIVE_LEADS + 5)
    for name, row in rows.items():
        shown.add_row(name, *row)
    console.print(shown)
    ours, naive = rows["hedged after 500 ms"], rows["naive, semaphore 50"]
    note("10 % 500, 5 % 429, 2 % hang, hedged: p95 per lead, ms", ours[2], naive[2], "1,000")
    note("the same: answered", ours[0], naive[0], "all")
    note("the same: extra spend", ours[-1], naive[-1], "20 %")


def _fault_row(server: Server, found: dict[str, Any], count: int, asked: int) -> list[str]:
    times, stats = found["latencies"], server.stats()
    return [
        f"{count - found['failed']} of {count}",
        *(f"{percentile(times, part):,.0f}" for part in (0.5, 0.95, 0.99, 1.0)),
        f"{stats['requests'] / asked:.2f}",
        f"{stats['billed'] / asked - 1:+.1%}",
    ]


def killed(server: Server, latency_ms: float) -> None:
    """Kill -9 in the middle of 200 leads, then the same file again."""
    shown = table(
        "kill -9 midway, then again", "leads", "bought before", "bought in all", "bought twice", "allowed"
    )
    with tempfile.TemporaryDirectory() as folder:
        arguments = {
            "url": server.url,
            "home": f"{folder}/home",
            "file": str(SAMPLE),
            "policy": "all",
            "chosen": {"concurrency": CONCURRENCY},
        }
        server.behave(latency_ms)
        with started("pipeline", **arguments) as process:
            while server.stats()["billed"] < 300:
                time.sleep(0.01)
            process.send_signal(signal.SIGKILL)
        before = server.stats()["billed"]
        run = worker("pipeline", **arguments)
        stats = server.stats()
        shown.add_row(
            *(str(run["leads"]), str(before), str(stats["billed"]), str(stats["duplicate_bills"])),
            str(CONCURRENCY),
        )
    console.print(shown)
    note("kill -9 in the middle: calls bought twice", str(stats["duplicate_bills"]), "", str(CONCURRENCY))


def cost(server: Server) -> None:
    """US dollars per lead by policy, at the built-in price list and the stand-in's token counts."""
    shown = table("Cost of 200 leads", "policy", "calls", "input tokens", "output tokens", "$", "$/lead")
    for policy, goal in (("all", "$0.002"), ("uncertain", "$0.0003")):
        with tempfile.TemporaryDirectory() as folder:
            server.behave(0)
            chosen = {"concurrency": CONCURRENCY}
            home = f"{folder}/home"
            run = worker(
                "pipeline", url=server.url, home=home, file=str(SAMPLE), policy=policy, chosen=chosen
            )
            stats = server.stats()
        shown.add_row(
            *(policy, str(stats["billed"]), f"{stats['prompt_tokens']:,}", f"{stats['completion_tokens']:,}"),
            *(f"{run['usd']:.4f}", f"{run['usd'] / run['leads']:.6f}"),
        )
        note(f"cost per lead, four agents, policy {policy}", f"${run['usd'] / run['leads']:.5f}", "", goal)
    console.print(shown)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parts = ("pipeline", "calls", "invoke", "faults", "killed", "cost")
    parser.add_argument("--only", action="append", choices=parts)
    parser.add_argument("--leads", type=int, action="append", help="of the pipeline; 200 is the sample list")
    parser.add_argument("--latency-ms", type=float, default=300)
    parser.add_argument("--calls", type=int, default=3000)
    options = parser.parse_args()
    wanted = options.only or parts
    with server_process() as url:
        server = Server(url)
        if "pipeline" in wanted:
            pipeline(server, options.latency_ms, options.leads or [200, 1000])
        if "calls" in wanted:
            calls(server, options.calls)
        if "invoke" in wanted:
            invoke(server, options.latency_ms, 60)
        if "faults" in wanted:
            faults(server, options.latency_ms, 300)
        if "killed" in wanted:
            killed(server, options.latency_ms)
        if "cost" in wanted:
            cost(server)
    shown = table("Summary", "figure", "measured", "naive client", "goal")
    for line in summary:
        shown.add_row(*line)
    console.print(shown)
    console.print(f"Load of the machine over the last 5 minutes: {os.getloadavg()[1]:.1f}.")


if __name__ == "__main__":
    main()
