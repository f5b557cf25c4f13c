"""Websites on a farm: 200 hosts of which a fifth hangs and a tenth fails; beside naive clients.

    python -m benchmarks.enrichment.farm
    python -m benchmarks.enrichment.farm --only batch --repeat 5

The farm is a process of its own on loopback; so is everything that is measured (``farm_worker``). A lead's
time is from its turn to its answer, and beside it from when its batch was given in. An answer is whole, or
partial with the missing provider named for a later pass; a lead with neither stops the benchmark.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from sales_agent_dagster.settings import PROJECT_ROOT
from sales_agent_dagster_tests.website_farm import farm_process

HOSTS = 200
BATCHES = 10
console = Console(width=120)


def worker(name: str, **arguments: Any) -> dict[str, Any]:
    """What a worker process found."""
    with started(name, **arguments) as process:
        return finished(process, name)


def started(name: str, **arguments: Any) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "benchmarks.enrichment.farm_worker", name, json.dumps(arguments)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=PROJECT_ROOT)


def finished(process: subprocess.Popen[str], name: str) -> dict[str, Any]:
    output, _ = process.communicate()
    if process.returncode:
        raise SystemExit(f"{name} failed")
    found: dict[str, Any] = json.loads(output.splitlines()[-1])
    return found


def table(title: str, *columns: str) -> Table:
    made = Table(title=title, title_justify="left")
    for number, column in enumerate(columns):
        made.add_column(column, justify="right" if number else "left")
    return made


def seconds(values: Sequence[float]) -> str:
    """Median, and the range where there are several."""
    shown = f"{statistics.median(values):.2f}"
    return shown if len(values) == 1 else f"{shown} ({min(values):.2f}-{max(values):.2f})"


def row(name: str, found: Sequence[dict[str, Any]], goal: str) -> tuple[str, ...]:
    last = found[-1]
    if any(each["whole"] + each["partial"] != each["leads"] for each in found):
        raise SystemExit(f"{name}: a lead has no answer and no provider named for later")
    return (
        name,
        seconds([each["wall_s"] for each in found]),
        str(round(statistics.median(each["p50_ms"] for each in found))),
        str(round(statistics.median(each["p95_ms"] for each in found))),
        str(round(max(each["max_ms"] for each in found))),
        str(round(statistics.median(each["given_p95_ms"] for each in found))),
        f"{last['whole']} + {last['partial']} / {last['leads']}",
        f"{statistics.median(each['cpu_s'] for each in found):.1f}",
        goal,
    )


COLUMNS = (
    *("batch", "wall s", "p50 ms", "p95 ms", "max ms", "p95 since given in, ms"),
    *("whole + partial", "CPU s", "goal"),
)


def batch(repeat: int) -> None:
    """One batch of 200 leads, cold and warm, and naive clients."""
    cold, warm = [], []
    with farm_process("--hosts", str(HOSTS)) as port, tempfile.TemporaryDirectory() as home:
        for number in range(repeat):
            folder = Path(home, str(number))
            cold.append(worker("collect", port=port, home=str(folder), hosts=[0, HOSTS]))
            warm.append(worker("collect", port=port, home=str(folder), hosts=[0, HOSTS]))
        shown = table(f"{HOSTS} leads, {repeat} runs", *COLUMNS)
        shown.add_row(*row("waterfall, cold", cold, "6 s, p95 3,000 ms"))
        shown.add_row(*row("waterfall, warm cache: what was answered", warm, ""))
        console.print(shown)
    only_answering = table("All of it cached", "batch", "wall ms", "fetches", "goal")
    with (
        farm_process("--hosts", str(HOSTS), "--hanging", "0") as port,
        tempfile.TemporaryDirectory() as home,
    ):
        found = []
        for number in range(repeat):
            folder = str(Path(home, str(number)))
            worker("collect", port=port, home=folder, hosts=[0, HOSTS], deadline_ms=30_000)
            found.append(worker("collect", port=port, home=folder, hosts=[0, HOSTS], deadline_ms=30_000))
        walls = [1000 * each["wall_s"] for each in found]
        fetches = max(each["fetches"] for each in found)
        only_answering.add_row(
            "warm cache", f"{statistics.median(walls):.0f}", str(fetches), "300 ms, 0 fetches"
        )
    console.print(only_answering)


def batches(repeat: int) -> None:
    """Ten batches at once, every lead with a host of its own: in one process, and in two."""
    shown = table(f"{BATCHES} batches of {HOSTS} leads at once", *COLUMNS)
    for processes in (1, 2):
        found = []
        for _ in range(max(1, repeat // 2)):
            with (
                farm_process("--hosts", str(BATCHES * HOSTS)) as port,
                tempfile.TemporaryDirectory() as home,
            ):
                share = BATCHES // processes
                running = [
                    started(
                        "collect",
                        port=port,
                        home=str(Path(home, str(number))),
                        hosts=[number * share * HOSTS, (number + 1) * share * HOSTS],
                        batches=share,
                    )
                    for number in range(processes)
                ]
                parts = [finished(process, "collect") for process in running]
                found.append(_together(parts))
        shown.add_row(*row(f"{processes} process{'es' * (processes > 1)}", found, "p95 3,000 ms"))
    console.print(shown)


def _together(parts: list[dict[str, Any]]) -> dict[str, Any]:
    total = {name: sum(part[name] for part in parts) for name in ("leads", "whole", "partial", "cpu_s")}
    slowest = ("wall_s", "p50_ms", "p95_ms", "max_ms", "given_p95_ms")
    worst = {name: max(part[name] for part in parts) for name in slowest}
    return {**total, **worst}


def memory(repeat: int) -> None:
    """Resident memory of one process after each of twenty batches, new hosts every time."""
    rounds = 20
    with (
        farm_process("--hosts", str(rounds * HOSTS), "--hanging", "0", "--median-ms", "5") as port,
        tempfile.TemporaryDirectory() as home,
    ):
        found = worker("memory", port=port, home=home, rounds=rounds, hosts=HOSTS)
    shown = table("Memory of one process, MB", "after batch", "resident", "goal")
    for number in (1, 5, 10, 15, 20):
        shown.add_row(str(number), f"{found['resident_mb'][number - 1]:.0f}", "flat" if number == 20 else "")
    console.print(shown)


def naive(repeat: int) -> None:
    """The same pages with ``requests.get`` and its defaults: one after the other, and all at once."""
    shown = table(
        f"{HOSTS} leads with requests.get, its defaults", "client", "wall s", "p95 ms", "answered", "CPU s"
    )
    with farm_process("--hosts", str(HOSTS)) as port:
        found = worker("naive_threads", port=port, hosts=HOSTS)
        shown.add_row(
            "a thread per lead, no bounds",
            f"{found['wall_s']:.1f}",
            str(round(found["p95_ms"])),
            f"{found['answered']} / {HOSTS}",
            f"{found['cpu_s']:.1f}",
        )
    with farm_process("--hosts", "40", "--hanging", "0") as port:
        found = worker("naive_sequential", port=port, hosts=40)
    per_lead = found["wall_s"] / 40
    hanging = round(0.2 * HOSTS)
    shown.add_row(
        "one after the other",
        f"{per_lead * (HOSTS - hanging):.0f} + {hanging} hangs (of 30 s here: {hanging * 30:,} s)",
        "",
        f"{HOSTS - hanging} / {HOSTS}",
        f"{found['cpu_s'] * (HOSTS - hanging) / 40:.1f}",
    )
    console.print(shown)
    console.print(
        "One after the other: taken on 40 answering hosts and scaled; without a time-out it never ends."
    )


PARTS: dict[str, Callable[[int], None]] = {
    "batch": batch,
    "batches": batches,
    "memory": memory,
    "naive": naive,
}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="benchmarks.enrichment.farm", description=__doc__)
    parser.add_argument("--only", action="append", choices=PARTS)
    parser.add_argument("--repeat", type=int, default=3)
    options = parser.parse_args(arguments)
    for name in options.only or PARTS:
        PARTS[name](options.repeat)


if __name__ == "__main__":
    main()
