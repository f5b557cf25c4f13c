"""New leads against a warehouse that holds many: how fast, and how right.

    python -m benchmarks.dedupe.incremental --rows 100000
    python -m benchmarks.dedupe.incremental --rows 1000000 --style trades:38 --seed 1301 --bulk
    python -m benchmarks.dedupe.incremental --rows 1000000 --style trades:38 --seed 1301 --bulk --postgres

Fills the linkage index of an empty warehouse with leads whose companies are known, then decides about
batches of 200 leads that it has not seen: some known, some new, some twice in the batch. Deciding only reads,
so every batch sees the same index. One fresh process decides all: ``cold`` is its first batch, after its
imports; p50, p95 and CPU are of the others. The warehouse is a SQLite file, with ``--postgres`` a PostgreSQL
started for it, or what ``--url`` names. ``--bulk`` writes the index in bulk, as one batch.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa
from rich.console import Console
from rich.table import Table

from benchmarks.dedupe.generator import Leads, generate, split_batch
from benchmarks.dedupe.index_loading import load_index
from benchmarks.dedupe.metrics import lead_level
from sales_agent_dagster.matching.decide import Decision, Outcome, entity_id_of
from sales_agent_dagster.matching.lead import RawLead
from sales_agent_dagster.matching.model import load_model
from sales_agent_dagster.matching.normalise import normalise
from sales_agent_dagster.stages.identity.index import lead_no_of, look_up
from sales_agent_dagster.stages.identity.index_writing import IndexedBatch, IndexedLead, write_index
from sales_agent_dagster.stages.identity.resolving import resolve
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster_tests.postgres_server import running_postgres

BATCH, FILL = 200, 25_000
COLUMNS = (
    "p50 ms", "p95 ms", "CPU ms", "cold ms", "lead-level F1", "P", "R", "F1 with reviews", "fill seconds",
)  # fmt: skip
_CELLS = {"name": "company_name", "linkedin": "linkedin_url", "contact": "contact_name"}


def main() -> None:
    options = _options()
    if options.decide:
        print(json.dumps(_timed(Warehouse(options.url), options.place, options.decide)))
        return
    with tempfile.TemporaryDirectory() as folder, _database(options, Path(folder)) as url:
        _measure(options, url, Path(folder))


@contextmanager
def _database(options: argparse.Namespace, folder: Path) -> Iterator[str]:
    if options.postgres:
        with running_postgres(shared_buffers="1GB") as url:
            yield url
    else:
        yield options.url or f"sqlite:///{folder / 'warehouse.db'}"


def _measure(options: argparse.Namespace, url: str, folder: Path) -> None:
    leads = generate(options.rows + BATCH * options.batches, options.seed, "normal", options.style)
    existing, new = split_batch(leads, BATCH * options.batches, options.seed)
    batches = [new.take(np.arange(BATCH) + BATCH * number) for number in range(options.batches)]
    warehouse = without_checks(url)
    started = time.perf_counter()
    place = (load_index if options.bulk else fill)(warehouse, existing)
    filled = time.perf_counter() - started
    pq.write_table(pa.concat_tables([batch.table for batch in batches]), folder / "new.parquet")
    command = [sys.executable, "-m", __spec__.name, "--url", url, "--place", str(place)]
    told = subprocess.run(
        [*command, "--decide", str(folder / "new.parquet")], capture_output=True, check=True
    )
    timed = [
        ([Decided(*one) for one in decisions], *clocks) for decisions, *clocks in json.loads(told.stdout)
    ]
    wall, cpu = (1000 * np.array([run[clock] for run in timed]) for clock in (1, 2))
    known = set(existing.truth["entity"].to_pylist())
    table = Table(title=f"{BATCH} new leads against {len(existing):,}, {warehouse.engine.dialect.name}")
    for column in COLUMNS:
        table.add_column(column, justify="right")
    sure, all_in = (_quality(existing, batches, timed, known, reviews) for reviews in (False, True))
    table.add_row(
        *(f"{np.percentile(wall[1:], share):.0f}" for share in (50, 95)),
        f"{np.percentile(cpu[1:], 50):.0f}",
        f"{wall[0]:.0f}",
        *(f"{value:.4f}" for value in (sure.f1, sure.precision, sure.recall, all_in.f1)),
        f"{filled:.0f}",
    )
    Console(width=120).print(table)


def fill(warehouse: Warehouse, leads: Leads) -> int:
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
            batch = IndexedBatch(place, indexed, known)
            write_index(warehouse, connection, batch, stamp)
    return place + 1


def _parts(leads: Leads) -> Iterator[Leads]:
    for low in range(0, len(leads), FILL):
        yield leads.take(np.arange(low, min(low + FILL, len(leads))))


def _texts(row: dict[str, str | None]) -> dict[str, str]:
    return {name: value or "" for name, value in row.items()}


class Decided(NamedTuple):
    """What counts of a decision; ``proposed`` is the entity of its best proposal."""

    lead_id: str
    outcome: str
    entity_id: str
    proposed: str | None


Timed = tuple[list[Decided], float, float]
"""Decisions of a batch, and the wall and CPU seconds that they took."""


def _timed(warehouse: Warehouse, place: int, leads: Path) -> list[Timed]:
    """All batches of a file, one after the other."""
    rows, model = pq.read_table(leads).to_pylist(), load_model()
    timed = []
    for low in range(0, len(rows), BATCH):
        cells = _cells(rows[low : low + BATCH])
        started, before = time.perf_counter(), time.process_time()
        with warehouse.reading() as connection:
            decisions = resolve(connection, cells, place, 0, model).decisions
        clocks = time.perf_counter() - started, time.process_time() - before
        timed.append(([_decided(decision) for decision in decisions], *clocks))
    return timed


def _decided(decision: Decision) -> Decided:
    proposed = decision.proposals[0].entity_id if decision.proposals else None
    return Decided(decision.lead_id, decision.outcome.value, decision.entity_id, proposed)


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
            joined = decision.entity_id if decision.outcome == Outcome.MERGE else own
            if reviews and decision.outcome == Outcome.REVIEW and decision.proposed:
                joined = decision.proposed
            attached.append(-1 if joined == own else founded[joined])
            right.append(entity if entity in seen else -1)
            seen.add(entity)
    return lead_level(np.array(attached, dtype=np.int64), np.array(right, dtype=np.int64))


def without_checks(url: str) -> Warehouse:
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
    parser.add_argument("--postgres", action="store_true", help="on a PostgreSQL started here")
    parser.add_argument("--bulk", action="store_true", help="fill the index in bulk")
    parser.add_argument("--decide", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--place", type=int, help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
