"""Company leads with known truth: deterministic by seed, of any size, without network.

    python -m benchmarks.dedupe.generator --rows 10000 --seed 7 --out leads.csv --truth truth.csv

``--profile hard`` corrupts more; ``--style commerce:3`` makes another world: other words, sources and rates,
all drawn from that number. The extension decides between CSV and Parquet. Leads have the columns of a list
as users have them; the truth says for each ``record_id`` its entity (one firm at one location), company
(branches share it), kind and copy number (0 is the clean original).
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq
from numpy.typing import NDArray

from benchmarks.dedupe.copies import Rows
from benchmarks.dedupe.population import populate
from benchmarks.dedupe.styles import PROFILES, Style, draw_style

COLUMNS = (
    "record_id",
    "name",
    "phone",
    "website",
    "email",
    "linkedin",
    "contact",
    "street",
    "city",
    "state",
    "zip",
)
MAX_COPIES = 6


@dataclass(frozen=True)
class Leads:
    """A list of leads and the truth about it, row by row.

    Attributes:
        table: ``COLUMNS``, strings, null where empty.
        truth: ``record_id``, ``entity``, ``company``, ``kind``, ``copy``.
    """

    table: pa.Table
    truth: pa.Table

    def __len__(self) -> int:
        return self.table.num_rows

    def take(self, rows: NDArray[np.int64]) -> Leads:
        """Some rows, in the order given."""
        return Leads(self.table.take(rows), self.truth.take(rows))


def generate(rows: int, seed: int, profile: str = "normal", style: str = "trades:0") -> Leads:
    """Exactly ``rows`` leads; the same arguments give the same bytes.

    Raises:
        ValueError: unknown style or profile, or fewer than 50 rows.
    """
    if rows < 50:
        raise ValueError("a world has at least 50 rows")
    world = draw_style(style, profile)
    rng = np.random.default_rng([seed, rows, 31])
    entity, copy = _row_plan(rng, world, rows)
    population = populate(rng, world, int(entity.max()) + 1)
    order = rng.permutation(rows)
    entity, copy = entity[order], copy[order]
    fields = Rows(rng, world, population, entity, copy).build()
    record_id = pa.array([f"R{number:07d}" for number in range(rows)])
    columns = [record_id, *(_nullable(fields[name]) for name in COLUMNS[1:])]
    truth = {
        "record_id": record_id,
        "entity": pa.array(entity),
        "company": pa.array(population.company[entity]),
        "kind": pa.array(population.kind[entity].tolist()).dictionary_encode(),
        "copy": pa.array(copy),
    }
    return Leads(pa.table(columns, names=COLUMNS), pa.table(truth))


def split_batch(leads: Leads, size: int, seed: int) -> tuple[Leads, Leads]:
    """Existing leads, and a batch of ``size`` to match against them.

    About 45 % of the batch is known (a copy of an existing lead), 10 % is duplicated within the batch
    only, the rest is new.

    Raises:
        ValueError: the leads hold too few duplicates for the size.
    """
    rng = np.random.default_rng([seed, size, 77])
    entity = leads.truth["entity"].to_numpy()
    copy = leads.truth["copy"].to_numpy()
    rows_of = np.bincount(entity)
    known, pairs = size * 45 // 100, size // 20
    copied = rng.permutation(np.flatnonzero(rows_of > 1))
    doubles = rng.permutation(np.flatnonzero(rows_of == 2))[:pairs]
    copied = copied[~np.isin(copied, doubles)][:known]
    if len(copied) < known or len(doubles) < pairs:
        raise ValueError(f"{len(leads)} leads hold too few duplicates for a batch of {size}")
    fresh = rng.permutation(np.flatnonzero(rows_of == 1))[: size - known - 2 * pairs]
    last_copy = np.isin(entity, copied) & (copy == (rows_of - 1)[entity])
    chosen = last_copy | np.isin(entity, doubles) | np.isin(entity, fresh)
    batch = rng.permutation(np.flatnonzero(chosen))
    return leads.take(np.flatnonzero(~chosen)), leads.take(batch)


def write(table: pa.Table, path: Path) -> None:
    """Write as Parquet or CSV, by the extension."""
    if path.suffix == ".parquet":
        pq.write_table(table, path)
    else:
        options = pa_csv.WriteOptions(quoting_style="needed")
        pa_csv.write_csv(table, path, options)


def _row_plan(
    rng: np.random.Generator, style: Style, rows: int
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Entity and copy number of each row, entity by entity, cut at ``rows``."""
    copied = rng.random(rows) < style.copied
    copies = np.where(copied, np.minimum(rng.geometric(1 - style.more, rows), MAX_COPIES), 0)
    counts = 1 + copies
    entity = np.repeat(np.arange(rows), counts)[:rows]
    starts = np.cumsum(counts) - counts
    return entity, (np.arange(len(entity)) - starts[entity])[:rows]


def _nullable(values: NDArray[np.object_]) -> pa.Array:
    return pa.array([value or None for value in values], pa.string())


def main() -> None:
    options = _options()
    leads = generate(options.rows, options.seed, options.profile, options.style)
    write(leads.table, options.out)
    if options.truth:
        write(leads.truth, options.truth)
    if options.shares:
        from benchmarks.dedupe.shares import shares

        print(json.dumps(shares(leads), indent=1))


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000, help="rows of the list")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--profile", choices=list(PROFILES), default="normal")
    parser.add_argument("--style", default="trades:0", help="family of words and number, such as commerce:3")
    parser.add_argument("--out", type=Path, required=True, help="the leads, .csv or .parquet")
    parser.add_argument("--truth", type=Path, help="the truth, .csv or .parquet")
    parser.add_argument("--shares", action="store_true", help="print how easy the true pairs are")
    return parser.parse_args()


if __name__ == "__main__":
    main()
