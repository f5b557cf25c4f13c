"""New leads against a warehouse that holds many: how fast, and how right.

    python -m benchmarks.dedupe.incremental --rows 100000
    python -m benchmarks.dedupe.incremental --rows 1000000 --batches 30 --url postgresql://...

Fills the linkage index of an empty warehouse (SQLite in a temporary folder unless a URL is given) with leads
whose companies are known, then decides about batches of 200 leads that it has not seen: some known, some new,
some twice in the batch. Deciding only reads, so every batch sees the same index. ``cold`` is the first batch
of a fresh process, after its imports.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import sqlalchemy as sa
from rich.console import Console
from rich.table import Table

from benchmarks.dedupe.generator import Leads, generate, split_batch
from benchmarks.dedupe.metrics import lead_level
from sales_agent_dagster.matching.decide import Decision, Outcome, entity_id_of
from sales_agent_dagster.matching.lead import RawLead
from sales_agent_dagster.matching.model import load_model
from sales_agent_dagster.matching.normalise import normalise
from sales_agent_dagster.stages.identity.index import lead_no_of, look_up
from sales_agent_dagster.stages.identity.index_writing import IndexedBatch, IndexedLead, write_index
from sales_agent_dagster.stages.identity.resolving import count_values, resolve
from sales_agent_dagster.warehouse.database import Warehouse

BATCH, FILL = 200, 25_000
COLUMNS = (
    "p50 ms", "p95 ms", "CPU ms", "cold ms", "lead-level F1", "P", "R", "F1 with reviews", "fill seconds",
)  # fmt: skip
_CELLS = {"name": "company_name", "linkedin": "linkedin_url", "contact": "contact_name"}


def main() -> None:
    options = _options()
    if options.cold:
        print(json.dumps(_cold(options.url, pq.read_table(options.cold).to_pylist(), options.place)))
        return
    with tempfile.TemporaryDirectory() as folder:
        url = options.url or f"sqlite:///{Path(folder) / 'warehouse.db'}"
        _measure(options, url, Path(folder))


def _measure(options: argparse.Namespace, url: str, folder: Path) -> None:
    leads = generate(options.rows + BATCH * options.batches, options.seed, "normal", options.style)
    existing, new = split_batch(leads, BATCH * options.batches, options.seed)
    batches = [new.take(np.arange(BATCH) + BATCH * number) for number in range(options.batches)]
    warehouse = _without_checks(url)
    started = time.perf_counter()
    place = _fill(warehouse, existing)
    filled = time.perf_counter() - started
    pq.write_table(batches[0].table, folder / "cold.parquet")
    command = [sys.executable, "-m", __spec__.name, "--url", url, "--place", str(place)]
    cold = subprocess.run([*command, "--cold", str(folder / "cold.parquet")], capture_output=True, check=True)
    decide = _decider(warehouse, place)
    timed = [_timed(decide, _cells(batch.table.to_pylist())) for batch in batches]
    wall, cpu = (1000 * np.array([run[clock] for run in timed[1:]]) for clock in (1, 2))
    known = set(existing.truth["entity"].to_pylist())
    table = Table(title=f"{BATCH} new leads against {len(existing):,}, {warehouse.engine.dialect.name}")
    for column in COLUMNS:
        table.add_column(column, justify="right")
    sure, all_in = (_quality(existing, batches, timed, known, reviews) for reviews in (False, True))
    table.add_row(
        *(f"{np.percentile(wall, share):.0f}" for share in (50, 95)),
        f"{np.percentile(cpu, 50):.0f}",
        f"{json.loads(cold.stdout) * 1000:.0f}",
        *(f"{value:.4f}" for value in (sure.f1, sure.precision, sure.recall, all_in.f1)),
        f"{filled:.0f}",
    )
    Console(width=120).print(table)


def _fill(warehouse: Warehouse, leads: Leads) -> int:
    """Index the leads, each under its true company; the place after the last batch."""
    founder: dict[int, str] = {}
    place = 0
    for place, part in enumerate(_parts(leads), 1):
        norms = [normalise(RawLead(row.pop("record_id"), **_texts(row))) for row in part.table.to_pylist()]
        founders = [
            founder.setdefault(entity, norm.lead_id)
            for entity, norm in zip(part.truth["entity"].to_pylist(), norms, strict=True)
        ]
        stamp = {"batch_id": f"batch {place}", "run_id": "benchmark", "created_at": datetime.now(UTC)}
        with warehouse.transaction() as connection:
            known = look_up(connection, norms, place, {})
            indexed = [
                IndexedLead(lead_no_of(place, offset), norm, first, first)
                for offset, (norm, first) in enumerate(zip(norms, founders, strict=True))
            ]
            batch = IndexedBatch(place, indexed, known, count_values(known))
            write_index(warehouse, connection, batch, stamp)
    return place + 1


def _parts(leads: Leads) -> Iterator[Leads]:
    for low in range(0, len(leads), FILL):
        yield leads.take(np.arange(low, min(low + FILL, len(leads))))


def _texts(row: dict[str, str | None]) -> dict[str, str]:
    return {name: value or "" for name, value in row.items()}


Decide = Callable[[list[dict[str, Any]]], list[Decision]]


def _decider(warehouse: Warehouse, place: int) -> Decide:
    model = load_model()

    def decide(cells: list[dict[str, Any]]) -> list[Decision]:
        with warehouse.reading() as connection:
            return list(resolve(connection, cells, place, 0, model).decisions)

    return decide


Timed = tuple[list[Decision], float, float]
"""Decisions, and the wall and CPU seconds that they took."""


def _timed(decide: Decide, cells: list[dict[str, Any]]) -> Timed:
    started, before = time.perf_counter(), time.process_time()
    decisions = decide(cells)
    return decisions, time.perf_counter() - started, time.process_time() - before


def _cold(url: str, rows: list[dict[str, Any]], place: int) -> float:
    return _timed(_decider(Warehouse(url), place), _cells(rows))[1]


def _cells(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Leads as the import stores them."""
    cells = []
    for number, row in enumerate(rows):
        lead_id = row.pop("record_id")
        renamed = {_CELLS.get(name, name): value for name, value in row.items()}
        cells.append({"lead_id": lead_id, "record_no": number, "phone_2": None, **renamed})
    return cells


def _quality(
    existing: Leads,
    batches: list[Leads],
    timed: list[Timed],
    known: set[int],
    reviews: bool,
) -> Any:
    """Lead-level score over all batches; with ``reviews``, a lead in question counts as attached."""
    founded = {
        entity_id_of(lead_id): entity
        for leads in (existing, *batches)
        for lead_id, entity in zip(
            leads.table["record_id"].to_pylist(), leads.truth["entity"].to_pylist(), strict=True
        )
    }
    attached, right = [], []
    for batch, (decisions, *_) in zip(batches, timed, strict=True):
        seen = set(known)
        for entity, decision in zip(batch.truth["entity"].to_pylist(), decisions, strict=True):
            own = entity_id_of(decision.lead_id)
            joined = decision.entity_id if decision.outcome is Outcome.MERGE else own
            if reviews and decision.outcome is Outcome.REVIEW and decision.proposals:
                joined = decision.proposals[0].entity_id
            attached.append(-1 if joined == own else founded[joined])
            right.append(entity if entity in seen else -1)
            seen.add(entity)
    return lead_level(np.array(attached, dtype=np.int64), np.array(right, dtype=np.int64))


def _without_checks(url: str) -> Warehouse:
    """A warehouse whose foreign keys are not checked: only the linkage index is filled."""
    warehouse = Warehouse(url)
    warehouse.migrate()  # which switches the checks on again
    warehouse.dispose()
    off = {"sqlite": "PRAGMA foreign_keys=OFF", "postgresql": "SET session_replication_role = replica"}
    statement = off[warehouse.engine.dialect.name]

    def switch_off(connection: Any, _: Any) -> None:
        cursor = connection.cursor()
        cursor.execute(statement)
        cursor.close()

    sa.event.listen(warehouse.engine, "connect", switch_off)
    return warehouse


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000, help="existing leads, about")
    parser.add_argument("--batches", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1002)
    parser.add_argument("--style", default="trades:51")
    parser.add_argument("--url", help="an empty warehouse, instead of a SQLite file")
    parser.add_argument("--cold", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--place", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
