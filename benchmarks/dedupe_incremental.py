"""How long 200 new leads take against a warehouse that is full already.

    python -m benchmarks.dedupe_incremental --rows 1000000
    python -m benchmarks.dedupe_incremental --rows 1000000 --url postgresql://user@localhost/scratch

Loads generated leads into an empty warehouse (a temporary SQLite file, or the PostgreSQL database at
``--url``), as if they had come in batches of 100,000; then matches batches of 200 it has never seen. Two
figures: the match step alone (normalise, look up, score, decide), and the whole stage with everything it
writes. ``--cold`` also times the match step in a new process each, without imports.
"""

from __future__ import annotations

import argparse
import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from benchmarks.dedupe.generator import COLUMNS, Leads, generate, split_batch
from sales_agent_dagster.domain.profile import load_profile
from sales_agent_dagster.inference.engine import ScorecardEngine
from sales_agent_dagster.matching.blocking import MAX_BLOCK, block_keys
from sales_agent_dagster.matching.columns import normalise_columns
from sales_agent_dagster.matching.counts import values_of
from sales_agent_dagster.matching.decide import entity_id_of
from sales_agent_dagster.matching.lead import NormLead
from sales_agent_dagster.matching.model import load_model
from sales_agent_dagster.matching.normalise import NORM_VERSION
from sales_agent_dagster.settings import PROJECT_ROOT, load_settings
from sales_agent_dagster.stages.base import StageContext
from sales_agent_dagster.stages.identity.index import lead_no_of, value_hashes
from sales_agent_dagster.stages.identity.resolving import resolve
from sales_agent_dagster.stages.known_companies import next_place
from sales_agent_dagster.stages.resolved import LEAD_COLUMNS, ResolvedLeads
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import (
    capped_keys,
    imported_leads,
    lead_batches,
    lead_block_keys,
    lead_files,
    lead_norm,
    resolution_order,
    resolved_leads,
    value_counts,
)
from sales_agent_dagster_tests.rows import PROVENANCE, batch_row, file_row, stage_row

LOADED_AT_ONCE = 100_000
BATCH = 200
SEED = 4100
"""Seeds from here on are this benchmark's own."""

_COLUMNS = {
    "company_name": "name",
    "phone": "phone",
    "website": "website",
    "email": "email",
    "linkedin_url": "linkedin",
    "contact_name": "contact",
    "street": "street",
    "city": "city",
    "state": "state",
    "zip": "zip",
}


def main() -> None:
    options = _options()
    if options.cold_run:
        print(_timed(_match_step(Warehouse(options.url), options.cold_run)))
        return
    with tempfile.TemporaryDirectory() as folder:
        warehouse = Warehouse(options.url or f"sqlite:///{folder}/warehouse.db")
        warehouse.migrate()
        started = time.perf_counter()
        existing, batches = _world(options.rows, options.batches)
        _load(warehouse, existing)
        for number, batch in enumerate(batches):
            _register(warehouse, f"new-{number}", 100 + number, batch)
        print(f"{len(existing):,} leads loaded in {time.perf_counter() - started:.0f} s, {warehouse}")
        _print("match step", [_timed(_match_step(warehouse, f"new-{n}")) for n in range(len(batches))])
        if options.cold:
            _print("match step, new process", [_cold(warehouse, f"new-{n}") for n in range(5)])
        _print("whole stage", [_timed(_stage(warehouse, f"new-{n}")) for n in range(len(batches))])
        _print_decisions(warehouse)


def _world(rows: int, batches: int) -> tuple[Leads, list[Leads]]:
    leads = generate(rows + batches * BATCH, SEED)
    existing, arriving = split_batch(leads, batches * BATCH, SEED)
    order = np.arange(len(arriving))
    return existing, [arriving.take(order[low : low + BATCH]) for low in range(0, len(order), BATCH)]


def _load(warehouse: Warehouse, leads: Leads) -> None:
    """The leads with their index; each its own company, as companies do not change the work."""
    counts: Counter[tuple[str, str]] = Counter()
    sizes: Counter[int] = Counter()
    for place, low in enumerate(range(0, len(leads), LOADED_AT_ONCE), 1):
        some = leads.take(np.arange(low, min(low + LOADED_AT_ONCE, len(leads))))
        batch_id = f"old-{place}"
        _register(warehouse, batch_id, place, some)
        _index(warehouse, batch_id, place, some, counts, sizes)
    if warehouse.engine.dialect.name == "postgresql":
        with warehouse.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")


def _register(warehouse: Warehouse, batch_id: str, seq: int, leads: Leads) -> None:
    cells = {column: leads.table[name].to_pylist() for column, name in _COLUMNS.items()}
    ids = leads.table[COLUMNS[0]].to_pylist()
    rows = [
        stage_row(
            "imported_leads",
            batch_id,
            lead_id,
            file_id=batch_id,
            record_no=number + 1,
            **{column: values[number] for column, values in cells.items()},
        )
        for number, lead_id in enumerate(ids)
    ]
    for row in rows:
        row["company_name"] = row["company_name"] or "unknown"
    with warehouse.transaction() as connection:
        warehouse.upsert(connection, lead_files, [file_row(batch_id)])
        warehouse.upsert(connection, lead_batches, [batch_row(batch_id, file_id=batch_id, batch_seq=seq)])
        warehouse.upsert(connection, imported_leads, rows)


def _index(
    warehouse: Warehouse,
    batch_id: str,
    place: int,
    leads: Leads,
    counts: Counter[tuple[str, str]],
    sizes: Counter[int],
) -> None:
    raw = {name: leads.table[name].combine_chunks().fill_null("") for name in COLUMNS[1:]}
    table = normalise_columns(raw)
    ids = leads.table[COLUMNS[0]].to_pylist()
    norms = [table.lead(row, lead_id) for row, lead_id in enumerate(ids)]
    own: Counter[tuple[str, str]] = Counter(value for norm in norms for value in values_of(norm))
    counts.update(own)
    keys, capped = _keys(table, place, sizes)
    with warehouse.transaction() as connection:
        place_row = {"batch_id": batch_id, "resolve_seq": place, "leads": len(ids), **PROVENANCE}
        warehouse.upsert(connection, resolution_order, [place_row])
        warehouse.upsert(connection, resolved_leads, [_resolved(batch_id, lead_id) for lead_id in ids])
        warehouse.upsert(connection, lead_norm, list(_norm_rows(batch_id, place, norms)))
        warehouse.upsert(connection, lead_block_keys, keys)
        warehouse.upsert(connection, capped_keys, capped)
        values = list(own)
        warehouse.upsert(
            connection,
            value_counts,
            [
                {"value_hash": key, "resolve_seq": place, "leads": counts[value], "spread": 1}
                for key, value in zip(value_hashes(values), values, strict=True)
            ],
        )


def _resolved(batch_id: str, lead_id: str) -> dict[str, Any]:
    return stage_row("resolved_leads", batch_id, lead_id, entity_id=entity_id_of(lead_id))


def _norm_rows(batch_id: str, place: int, norms: Sequence[NormLead]) -> Iterator[dict[str, Any]]:
    for offset, norm in enumerate(norms):
        yield {
            "lead_no": lead_no_of(place, offset),
            "batch_id": batch_id,
            "founder_id": norm.lead_id,
            "account_id": f"A{norm.lead_id}",
            "norm_version": NORM_VERSION,
            **norm._asdict(),
        }


def _keys(table: Any, place: int, sizes: Counter[int]) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    rows, capped = [], []
    for kind, places, hashes in block_keys(table):
        for offset, key in zip(places.tolist(), hashes.tolist(), strict=True):
            if sizes[key] >= MAX_BLOCK:
                continue
            sizes[key] += 1
            rows.append({"key_hash": key, "lead_no": lead_no_of(place, offset)})
            if sizes[key] == MAX_BLOCK:
                capped.append({"key_hash": key, "kind": kind, "resolve_seq": place})
    return rows, capped


def _match_step(warehouse: Warehouse, batch_id: str) -> Callable[[], object]:
    """Deciding for a batch whose rows are at hand."""
    query = imported_leads.select().with_only_columns(*(imported_leads.c[name] for name in LEAD_COLUMNS))
    with warehouse.reading() as connection:
        rows = connection.execute(
            query.where(imported_leads.c.batch_id == batch_id).order_by(imported_leads.c.record_no)
        ).mappings()
        leads = [dict(row) for row in rows]
    model = load_model()

    def run() -> object:
        with warehouse.reading() as connection:
            return resolve(connection, leads, next_place(connection), 1, model)

    return run


def _stage(warehouse: Warehouse, batch_id: str) -> Callable[[], object]:
    settings = load_settings(_env_file=None)
    profile = load_profile(PROJECT_ROOT / "data" / "profile.yaml")
    context = StageContext(warehouse, settings, profile, ScorecardEngine(), batch_id, "run")
    return lambda: asyncio.run(ResolvedLeads().run(context))


def _timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return (time.perf_counter() - started) * 1000


def _cold(warehouse: Warehouse, batch_id: str) -> float:
    url = warehouse.url.render_as_string(hide_password=False)
    command = [sys.executable, "-m", "benchmarks.dedupe_incremental", "--cold-run", batch_id, "--url", url]
    return float(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def _print(name: str, milliseconds: Sequence[float]) -> None:
    ordered = sorted(milliseconds)
    p95 = ordered[min(len(ordered) - 1, -(-95 * len(ordered) // 100) - 1)]
    print(
        f"{name}: {len(ordered)} batches of {BATCH}, p50 {statistics.median(ordered):.0f} ms, "
        f"p95 {p95:.0f} ms, first {milliseconds[0]:.0f} ms"
    )


def _print_decisions(warehouse: Warehouse) -> None:
    with warehouse.reading() as connection:
        found = Counter(
            connection.scalars(
                resolved_leads.select()
                .with_only_columns(resolved_leads.c.decision)
                .where(resolved_leads.c.batch_id.startswith("new-"))
            )
        )
    print(f"decisions: {dict(sorted(found.items()))}")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=100_000, help="leads that are there already")
    parser.add_argument("--batches", type=int, default=20, help="batches of 200 to match")
    parser.add_argument("--url", default="", help="empty PostgreSQL database; default is a SQLite file")
    parser.add_argument("--cold", action="store_true", help="also time new processes")
    parser.add_argument("--cold-run", default="", help=argparse.SUPPRESS)
    return parser.parse_args()


if __name__ == "__main__":
    main()
