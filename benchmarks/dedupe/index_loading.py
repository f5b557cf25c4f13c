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
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import sqlalchemy as sa
from numpy.typing import NDArray

from benchmarks.dedupe.generator import Leads
from benchmarks.dedupe.preparation import raw_columns
from sales_agent_dagster.matching.arrays import counting, starts_of
from sales_agent_dagster.matching.blocking import Keys, block_keys, limit_of
from sales_agent_dagster.matching.columns import normalise_columns
from sales_agent_dagster.matching.counts import address_value, city_value
from sales_agent_dagster.matching.facts import Facts
from sales_agent_dagster.matching.hashing import hash_texts
from sales_agent_dagster.matching.lead import NORM_FIELDS
from sales_agent_dagster.matching.normalise import NORM_VERSION
from sales_agent_dagster.matching.table import LeadTable
from sales_agent_dagster.stages.identity.index import lead_no_of
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
_SIGN = np.uint64(0x7FFFFFFFFFFFFFFF)
_SPREADING = ("name", "phone", "host", "email")


def load_index(warehouse: Warehouse, leads: Leads) -> int:
    """Index leads, each under its true company, in an empty warehouse; the place after them."""
    table = normalise_columns(raw_columns(leads.table))
    facts = Facts(table, table.size)
    _write(warehouse, resolution_order, _order(table.size))
    _write(warehouse, lead_norm, _norms(leads, table))
    counts = pa.concat_tables(_counts(facts)).sort_by("value_hash")
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


def _counts(facts: Facts) -> Iterator[pa.Table]:
    """Per kind its values' hashes, leads and spread."""
    table = facts.table
    phones = facts.phones.codes.reshape(2, -1)
    phones[1][phones[0] == phones[1]] = 0
    street = _texts(table, address_value, "street_no", "street", "state", "zip5")
    city = _texts(table, city_value, "city", "state")
    street = pc.if_else(table["street"].codes == 0, "", street)
    city = pc.if_else(table["city"].codes == 0, "", city)
    yield _counted("name", table.core_values.values, table.core, facts.name_spread)
    yield _counted("phone", facts.phones.values, phones.ravel(), facts.phone_spread)
    yield _counted("host", table["host"].values, table["host"].codes, facts.host_spread)
    yield _counted("email", table["email"].values, table["email"].codes, facts.email_spread)
    yield _counted("contact", table["contact"].values, table["contact"].codes)
    yield _counted("zip", table["zip5"].values, table["zip5"].codes)
    words = [dict.fromkeys(text.split()) for text in table.core_values.values.to_pylist()]
    held = pa.array([word for row in table.core.tolist() for word in words[row]], pa.string())
    for kind, texts in (("street", street), ("city", city), ("token", held)):
        coded = texts.dictionary_encode()
        yield _counted(kind, coded.dictionary, coded.indices.to_numpy())


def _texts(table: LeadTable, make: Any, *names: str) -> pa.StringArray:
    columns = [table[name].values.take(pa.array(table[name].codes)).to_pylist() for name in names]
    return pa.array(map(make, *columns), pa.string())


def _counted(
    kind: str, values: pa.StringArray, codes: NDArray[Any], spread: NDArray[Any] | None = None
) -> pa.Table:
    leads = np.bincount(codes, minlength=len(values))
    hashes = hash_texts(pc.binary_join_element_wise(kind, values, "\x1f")) & _SIGN
    use = (leads > 0) & np.asarray(pc.not_equal(values, ""))
    return pa.table(
        {
            "value_hash": hashes[use].astype(np.int64),
            "resolve_seq": np.full(int(use.sum()), PLACE),
            "leads": leads[use],
            "spread": np.ones(int(use.sum()), np.int64) if spread is None else spread[use].astype(np.int64),
        }
    )


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
