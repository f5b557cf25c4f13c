"""Writing the linkage index: in the transaction that writes the decisions."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from sales_agent_dagster.matching.blocking import keys_of_leads, limit_of
from sales_agent_dagster.matching.counts import ValueCounts, values_of
from sales_agent_dagster.matching.lead import NormLead
from sales_agent_dagster.matching.normalise import NORM_VERSION
from sales_agent_dagster.matching.table import LeadTable, appended
from sales_agent_dagster.stages.identity.index import BATCH_SPAN, Known, lead_no_of, value_hashes
from sales_agent_dagster.stages.identity.spread import SHARED_FROM, spreads_of
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import (
    capped_keys,
    lead_block_keys,
    lead_norm,
    resolution_order,
    shared_values,
    value_counts,
)

_LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class IndexedLead:
    """One lead as the index holds it.

    Attributes:
        lead_no: see ``lead_no_of``.
        founder_id: first lead of its company.
    """

    lead_no: int
    norm: NormLead
    founder_id: str
    account_id: str


@dataclass(frozen=True, slots=True)
class IndexedBatch:
    """All leads of a batch, with what linkage knew when it decided.

    Attributes:
        counts: of earlier leads and these together.
    """

    place: int
    leads: Sequence[IndexedLead]
    known: Known
    counts: ValueCounts


def write_index(
    warehouse: Warehouse, connection: sa.Connection, batch: IndexedBatch, stamp: Mapping[str, Any]
) -> None:
    """Bring the index in line with a batch's leads; what is there already is not written again.

    ``stamp`` is ``batch_id``, ``run_id`` and ``created_at`` of the rows.
    """
    rows = {lead.lead_no: _norm_row(lead, stamp["batch_id"]) for lead in batch.leads}
    span = lead_norm.c.lead_no.between(lead_no_of(batch.place, 0), lead_no_of(batch.place, BATCH_SPAN - 1))
    stored = {
        row["lead_no"]: dict(row) for row in connection.execute(sa.select(lead_norm).where(span)).mappings()
    }
    warehouse.upsert(
        connection, lead_norm, [row for number, row in rows.items() if stored.get(number) != row]
    )
    if _write_place(warehouse, connection, batch, stamp) or not _same_values(stored, rows):
        _write_keys(warehouse, connection, batch)
        _write_counts(warehouse, connection, batch)


def _norm_row(lead: IndexedLead, batch_id: str) -> dict[str, Any]:
    return {
        "lead_no": lead.lead_no,
        "batch_id": batch_id,
        "founder_id": lead.founder_id,
        "account_id": lead.account_id,
        "norm_version": NORM_VERSION,
        **lead.norm._asdict(),
    }


def _same_values(stored: Mapping[int, Mapping[str, Any]], rows: Mapping[int, Mapping[str, Any]]) -> bool:
    """True when leads are normalised as they were; companies may have changed."""
    names = ("lead_id", "norm_version", *NormLead._fields)
    return stored.keys() == rows.keys() and all(
        row[name] == stored[number][name] for number, row in rows.items() for name in names
    )


def _write_place(
    warehouse: Warehouse, connection: sa.Connection, batch: IndexedBatch, stamp: Mapping[str, Any]
) -> bool:
    """Store the batch's place with its size; True when either is new."""
    order = resolution_order.c
    size = connection.scalar(sa.select(order.leads).where(order.batch_id == stamp["batch_id"]))
    if size == len(batch.leads):
        return False
    if size is None:
        row = {**stamp, "resolve_seq": batch.place, "leads": len(batch.leads)}
        warehouse.upsert(connection, resolution_order, [row])
    else:
        connection.execute(
            sa.update(resolution_order)
            .where(order.batch_id == stamp["batch_id"])
            .values(leads=len(batch.leads))
        )
    return True


def _write_keys(warehouse: Warehouse, connection: sa.Connection, batch: IndexedBatch) -> None:
    """Replace the batch's keys. A key takes as many leads as its kind allows; filling it is logged."""
    numbers = lead_block_keys.c.lead_no
    span = numbers.between(lead_no_of(batch.place, 0), lead_no_of(batch.place, BATCH_SPAN - 1))
    connection.execute(sa.delete(lead_block_keys).where(span))
    connection.execute(sa.delete(capped_keys).where(capped_keys.c.resolve_seq == batch.place))
    known = batch.known
    sizes = Counter(dict(zip(known.key_hashes.tolist(), known.key_leads.tolist(), strict=True)))
    rows, filled = [], []
    all_keys = keys_of_leads([lead.norm for lead in batch.leads])
    for lead, keys in zip(batch.leads, all_keys, strict=True):
        for key in keys:
            limit = limit_of(key.kind)
            if sizes[key.hash] >= limit:
                continue
            sizes[key.hash] += 1
            rows.append({"key_hash": key.hash, "lead_no": lead.lead_no})
            if sizes[key.hash] == limit:
                filled.append({"key_hash": key.hash, "kind": key.kind, "resolve_seq": batch.place})
    warehouse.upsert(connection, lead_block_keys, rows)
    warehouse.upsert(connection, capped_keys, filled)
    if filled:
        kinds = Counter(row["kind"] for row in filled)
        told = ", ".join(f"{kind} {count}" for kind, count in sorted(kinds.items()))
        _LOG.info("keys filled, from now on without candidates: %s", told)


def _write_counts(warehouse: Warehouse, connection: sa.Connection, batch: IndexedBatch) -> None:
    """Replace the batch's counts and shared values; carry the difference on to the batches after it."""
    norms = [lead.norm for lead in batch.leads]
    values = list(dict.fromkeys(value for norm in norms for value in values_of(norm)))
    spread = spreads_of(appended([batch.known.leads, LeadTable.of(norms)]))
    known = batch.known.values
    rows = [
        {
            "value_hash": value_hash,
            "resolve_seq": batch.place,
            "leads": batch.counts.leads[value],
            "spread": max(spread.get(value, 1), known.get(value, (0, 1))[1]),
        }
        for value_hash, value in zip(value_hashes(values), values, strict=True)
    ]
    old = _replace(warehouse, connection, value_counts, rows, batch.place)
    shared = [
        {"kind": kind, "value": value, "resolve_seq": batch.place, "spread": row["spread"]}
        for (kind, value), row in zip(values, rows, strict=True)
        if row["spread"] >= SHARED_FROM and known.get((kind, value), (0, 1))[1] < SHARED_FROM
    ]
    _replace(warehouse, connection, shared_values, shared, batch.place)
    if connection.scalar(sa.select(sa.exists().where(resolution_order.c.resolve_seq > batch.place))):
        _carry_on(connection, batch, {row["value_hash"]: row["leads"] for row in old}, rows)


def _replace(
    warehouse: Warehouse,
    connection: sa.Connection,
    table: sa.Table,
    rows: Sequence[Mapping[str, Any]],
    place: int,
) -> list[sa.RowMapping]:
    """Put a batch's rows in place of those it had, which are returned."""
    own = table.c.resolve_seq == place
    old = list(connection.execute(sa.select(table).where(own)).mappings())
    connection.execute(sa.delete(table).where(own))
    warehouse.upsert(connection, table, rows)
    return old


def _carry_on(
    connection: sa.Connection, batch: IndexedBatch, old: Mapping[int, int], rows: Sequence[Mapping[str, Any]]
) -> None:
    """Add to later batches' counts what has changed in this one."""
    known = batch.known.values
    earlier = {
        value_hash: leads
        for value_hash, (leads, _) in zip(value_hashes(list(known)), known.values(), strict=True)
    }
    before, after = {**earlier, **old}, {**earlier, **{row["value_hash"]: row["leads"] for row in rows}}
    for value_hash in sorted(before.keys() | after.keys()):
        change = after.get(value_hash, 0) - before.get(value_hash, 0)
        if change:
            connection.execute(
                sa.update(value_counts)
                .where(value_counts.c.value_hash == value_hash, value_counts.c.resolve_seq > batch.place)
                .values(leads=value_counts.c.leads + change)
            )
