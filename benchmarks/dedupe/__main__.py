"""Every contender on the same unseen lists, side by side.

    python -m benchmarks.dedupe                  10,000 rows, normal and hard, and 100,000
    python -m benchmarks.dedupe --rows 10000 --profile hard --seeds 2001 2002 --style commerce:40
    python -m benchmarks.dedupe --full           1,000,000 as well (minutes)

Thresholds are fixed beforehand: the matcher's in its shipped model, Splink's by table size, the naive rules'
in the rules. Seeds and styles here are used nowhere else: tuning has styles 0 to 9 and seeds below 100, tests
have seeds 100 to 199.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from benchmarks.dedupe import naive_rules, splink_yardstick, standard_sets
from benchmarks.dedupe.answers import judge
from benchmarks.dedupe.contender import ours
from benchmarks.dedupe.generator import generate, write
from benchmarks.dedupe.measure import Measured, measured
from benchmarks.dedupe.styles import PROFILES

ROOT = Path(__file__).resolve().parents[2]
SEEDS, STYLES = (1001,), ("trades:51", "commerce:51", "mixed:51")
PLANS = ((10_000, "normal"), (10_000, "hard"), (100_000, "normal"))
FULL = (1_000_000, "normal")
COLUMNS = (
    "list", "contender", "clustered F1", "P", "R", "pairs F1", "branch-neutral F1", "auto precision",
    "reviews / 1,000", "block recall", "seconds", "CPU", "peak MB",
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """One made-up list."""

    rows: int
    profile: str
    seed: int
    style: str

    def __str__(self) -> str:
        return f"{self.rows:,} {self.profile} {self.style} seed {self.seed}"


def main() -> None:
    options = _options()
    console = Console(width=200)
    table = Table(title="Deduplication at thresholds fixed beforehand")
    for column in COLUMNS:
        table.add_column(column, justify="left" if column in COLUMNS[:2] else "right", no_wrap=True)
    if "splink" in options.contenders and not splink_yardstick.installed():
        console.print(
            "Splink is missing: pip install 'splink==5.0.0' (the bench extra). Going on without it."
        )
        options.contenders.remove("splink")
    found: dict[str, list[float]] = {}
    for case in _cases(options):
        console.print(f"[dim]{case} ...[/dim]")
        with tempfile.TemporaryDirectory() as folder:
            for row in _run(case, options.contenders, Path(folder)):
                table.add_row(*row)
                found.setdefault(row[1], []).append(float(row[2]))
    console.print(table)
    for name, scores in found.items():
        middle, least = median(scores), min(scores)
        console.print(
            f"{name}: clustered F1 over {len(scores)} lists: median {middle:.4f}, least {least:.4f}"
        )
    if not options.rows:
        console.print(_standard_sets(console))


def _standard_sets(console: Console) -> Table:
    """The matcher on sets that packages ship."""
    table = Table(title="Labelled sets")
    for column in ("set", "rows", "clustered F1", "P", "R", "goal", "seconds"):
        table.add_column(column, justify="left" if column == "set" else "right", no_wrap=True)
    for load in standard_sets.SETS:
        try:
            found = load()
        except standard_sets.NotInstalledError as missing:
            console.print(str(missing))
            continue
        truth = pa.table({"record_id": found.table["record_id"], "entity": found.entity})
        figures = ours(found.table, truth)
        scores = [f"{value:.4f}" for value in figures["clustered"]]
        table.add_row(found.name, f"{len(truth):,}", *scores, f"{found.goal}", f"{figures['seconds']:.1f}")
    return table


def _cases(options: argparse.Namespace) -> Iterator[Case]:
    plans = [(rows, profile) for rows in options.rows or () for profile in options.profile or ["normal"]]
    plans = plans or [*PLANS, *([FULL] if options.full else [])]
    for rows, profile in plans:
        # The large ones take minutes each, and vary less.
        styles = options.style if rows <= 20_000 else options.style[:1]
        for style in styles:
            for seed in options.seeds:
                yield Case(rows, profile, seed, style)


def _run(case: Case, contenders: list[str], folder: Path) -> Iterator[list[str]]:
    leads = generate(case.rows, case.seed, case.profile, case.style)
    files = {name: folder / f"{name}.parquet" for name in ("leads", "truth", "decided")}
    write(leads.table, files["leads"])
    write(leads.truth, files["truth"])
    for name in contenders:
        if name == "naive" and case.rows > naive_rules.MAX_ROWS:
            continue
        if name == "command":
            yield [str(case), "sales-agent dedupe", *_command(files, folder)]
            continue
        command = [sys.executable, "-m", "benchmarks.dedupe.contender", name, files["leads"], files["truth"]]
        run = _measured(command)
        yield [str(case), name, *_cells(json.loads(run.output), run)]


def _command(files: dict[str, Path], folder: Path) -> list[str]:
    """The command as a user runs it, judged by nothing but its output file."""
    home = folder / "home"
    script = Path(sys.executable).with_name("sales-agent")
    run = _measured(
        [script, "dedupe", files["leads"], "--out", files["decided"]], {"SALES_AGENT_HOME": str(home)}
    )
    truth = pq.read_table(files["truth"])
    entity, company = (truth[name].to_numpy() for name in ("entity", "company"))
    quality = judge(pq.read_table(files["decided"]), truth["record_id"].to_pylist(), entity, company)
    score = quality.clustered
    figures = {
        "clustered": (score.f1, score.precision, score.recall),
        "branch_neutral": (quality.neutral.f1,) if quality.neutral else (),
        "auto": (0.0, quality.merges.precision),
        "reviews_per_1000": quality.reviews,
        "seconds": run.seconds,
        "cpu_seconds": run.cpu,
    }
    return _cells(figures, run)


def _measured(command: list[Any], environment: dict[str, str] | None = None) -> Measured:
    try:
        return measured(command, ROOT, environment)
    except subprocess.CalledProcessError as failed:
        raise SystemExit(f"{' '.join(map(str, command))} failed:\n{failed.stderr[-2000:]}") from None


def _cells(figures: dict[str, Any], run: Measured) -> list[str]:
    def part(name: str, number: int) -> str:
        values = figures.get(name, ())
        return f"{values[number]:.4f}" if len(values) > number else ""

    def plain(name: str, digits: int) -> str:
        return f"{figures[name]:.{digits}f}" if name in figures else ""

    return [
        *(part("clustered", number) for number in range(3)),
        part("pairs", 0),
        part("branch_neutral", 0),
        part("auto", 1),
        plain("reviews_per_1000", 1),
        plain("block_recall", 4),
        plain("seconds", 1),
        plain("cpu_seconds", 1),
        f"{figures.get('peak_mb', run.peak_mb):,.0f}",
    ]


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, nargs="+", help="sizes of the lists, instead of the usual ones")
    parser.add_argument(
        "--profile", choices=list(PROFILES), nargs="+", help="with --rows; normal if not given"
    )
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    parser.add_argument("--style", nargs="+", default=list(STYLES), help="worlds, such as commerce:40")
    parser.add_argument("--full", action="store_true", help="a million rows as well")
    parser.add_argument(
        "--contenders",
        nargs="+",
        default=["ours", "command", "splink", "naive"],
        help="which, and in which order",
    )
    return parser.parse_args()


if __name__ == "__main__":
    main()
