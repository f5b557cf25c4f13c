"""The linkage index of many leads at once: what the product writes batch by batch, written in bulk.

Leads count as one batch. The tests compare its rows with those that the product writes.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from io import BytesIO
from itertools import groupby
from operator import attrgetter
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import sqlalchemy as sa
from numpy.typing import NDArray

from benchmarks.dedupe.generator import Leads
from benchmarks.dedupe.preparation import raw_columns
from sales_agent_dagster.matching.arrays import counting, starts_of
from sales_agent_dagster.matching.blocking import Keys, block_keys, limit_of
from sales_agent_dagster.matching.columns import normalise_columns
from sales_agent_dagster.matching.counts import held_values
from sales_agent_dagster.matching.lead import NORM_FIELDS
from sales_agent_dagster.matching.normalise import NORM_VERSION
from sales_agent_dagster.matching.table import LeadTable
from sales_agent_dagster.stages.identity.figures import value_hashes
from sales_agent_dagster.stages.identity.index import lead_no_of
from sales_agent_dagster.stages.identity.spread import spreads_of
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import (
    capped_keys,
    lead_block_keys,
    lead_norm,
    resolution_order,
    value_counts,
)

PLACE = 1
_AT_ONCE = 200_000


def load_index(warehouse: Warehouse, leads: Leads) -> int:
    """Index leads, each under its true company, in an empty warehouse; the place after them."""
    table = normalise_columns(raw_columns(leads.table))
    _write(warehouse, resolution_order, _order(table.size))
    _write(warehouse, lead_norm, _norms(leads, table))
    counts = pa.concat_tables(_counts(table)).sort_by("value_hash")
    _write(warehouse, value_counts, counts)
    keys, capped = zip(*_keys(table), strict=True)
    _write(warehouse, capped_keys, pa.concat_tables(capped).sort_by("key_hash"))
    _write(warehouse, lead_block_keys, pa.concat_tables(keys).sort_by("key_hash"))
    if warehouse.engine.dialect.name == "postgresql":
        with warehouse.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")
    return PLACE + 1


def _order(size: int) -> pa.Table:
    now = datetime.now(UTC).isoformat(sep=" ")
    row = {"batch_id": "batch 1", "resolve_seq": PLACE, "leads": size, "run_id": "bench", "created_at": now}
    return pa.Table.from_pylist([row])


def _norms(leads: Leads, table: LeadTable) -> pa.Table:
    lead_ids = leads.table["record_id"].combine_chunks()
    entity = leads.truth["entity"].to_numpy()
    first = np.unique(entity, return_index=True, return_inverse=True)
    founders = lead_ids.take(pa.array(first[1][first[2]]))
    values = {name: table[name].values.take(pa.array(table[name].codes)) for name in NORM_FIELDS}
    size = table.size
    return pa.table(
        {
            "lead_no": np.arange(size) + lead_no_of(PLACE, 0),
            "batch_id": ["batch 1"] * size,
            "lead_id": lead_ids,
            "founder_id": founders,
            "account_id": founders,
            "norm_version": [NORM_VERSION] * size,
            **values,
        }
    )


def _keys(table: LeadTable) -> Iterator[tuple[pa.Table, pa.Table]]:
    """Per kind the keys of all leads, and those of them that are full."""
    for kind, some in groupby(block_keys(table), attrgetter("kind")):
        _, rows, hashes = zip(*some, strict=True)
        hashes, rows, sizes = _limited(Keys(kind, np.concatenate(rows), np.concatenate(hashes)))
        full = sizes >= limit_of(kind)
        yield (
            pa.table({"key_hash": hashes, "lead_no": rows + lead_no_of(PLACE, 0)}),
            pa.table(
                {
                    "key_hash": hashes[np.cumsum(sizes) - sizes][full],
                    "kind": pa.array([kind] * int(full.sum()), pa.string()),
                    "resolve_seq": np.full(int(full.sum()), PLACE),
                }
            ),
        )


def _limited(keys: Keys) -> tuple[NDArray[Any], NDArray[Any], NDArray[Any]]:
    """Keys and rows in order of the keys, as many rows per key as it takes, and their number."""
    order = np.lexsort((keys.rows, keys.hashes))
    hashes, rows = keys.hashes[order], keys.rows[order]
    once = np.append(True, (hashes[1:] != hashes[:-1]) | (rows[1:] != rows[:-1])) if len(hashes) else []
    hashes, rows = hashes[once], rows[once]
    starts = starts_of(hashes)
    sizes = np.diff(np.append(starts, len(hashes)))
    kept = counting(sizes) < limit_of(keys.kind)
    return hashes[kept], rows[kept], np.minimum(sizes, limit_of(keys.kind))


def _counts(table: LeadTable) -> Iterator[pa.Table]:
    """Per kind its values' hashes, leads and spread."""
    spreads = spreads_of(table)
    for kind, values, leads in held_values(table):
        spread = [spreads.get((kind, value), 1) for value in values.to_pylist()]
        place = np.full(len(values), PLACE)
        hashes = value_hashes(kind, values)
        yield pa.table({"value_hash": hashes, "resolve_seq": place, "leads": leads, "spread": spread})


def _write(warehouse: Warehouse, table: sa.Table, rows: pa.Table) -> None:
    """All rows of an empty table; its indexes are made after."""
    indexes = list(table.indexes)
    with warehouse.transaction() as connection:
        for index in indexes:
            index.drop(connection)
        for part in _parts(rows):
            _insert(connection, table, part)
        for index in indexes:
            index.create(connection)


def _parts(rows: pa.Table) -> Iterable[pa.Table]:
    return (rows.slice(low, _AT_ONCE) for low in range(0, len(rows), _AT_ONCE))


def _insert(connection: sa.Connection, table: sa.Table, rows: pa.Table) -> None:
    names: Sequence[str] = rows.column_names
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "sqlite":
        marks = ", ".join("?" * len(names))
        values = zip(*(column.to_pylist() for column in rows.columns), strict=True)
        driver.executemany(f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({marks})", values)
        return
    text = BytesIO()
    options = pa_csv.WriteOptions(include_header=False, quoting_style="all_valid")
    pa_csv.write_csv(rows, text, options)
    sql = f"COPY {table.name} ({', '.join(names)}) FROM STDIN (FORMAT csv)"
    with driver.cursor() as cursor, cursor.copy(sql) as copy:
        copy.write(text.getbuffer())
