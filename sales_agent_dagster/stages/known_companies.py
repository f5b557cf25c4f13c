"""What earlier batches know of companies, and the order of the batches. Reads only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import sqlalchemy as sa

from sales_agent_dagster.warehouse.schema import resolution_order, resolved_leads

LOOKUP_SIZE = 5000
"""Values per query: SQLite binds at most 32,766, PostgreSQL 65,535."""

_ROW = resolved_leads.c


def resolve_seq(connection: sa.Connection, batch_id: str) -> int | None:
    """The batch's place in the order of resolution; None when it was never resolved."""
    place: int | None = connection.scalar(
        sa.select(resolution_order.c.resolve_seq).where(resolution_order.c.batch_id == batch_id)
    )
    return place


def next_place(connection: sa.Connection) -> int:
    """The place of the next batch that is resolved; only one may ask at a time."""
    return int(connection.scalar(sa.select(sa.func.max(resolution_order.c.resolve_seq))) or 0) + 1


def known_companies(
    connection: sa.Connection, entity_ids: Iterable[str], before: int | None
) -> dict[str, dict[str, Any]]:
    """What the latest earlier batch knew of each company: ``size``, ``oems``, ``suppressed_reason``.

    Each batch's rows sum up the batches before it, so the latest one says it all.
    """
    companies = {}
    for some in chunked(sorted(entity_ids)):
        for row in connection.execute(_latest(some, before)).mappings():
            companies[row["entity_id"]] = {
                "size": row["cluster_size"],
                "oems": row["oems"],
                "suppressed_reason": row["suppressed_reason"],
            }
    return companies


def _latest(entity_ids: Sequence[str], before: int | None) -> sa.Select[Any]:
    place = resolution_order.c.resolve_seq
    rank = sa.func.row_number().over(partition_by=_ROW.entity_id, order_by=(place.desc(), _ROW.lead_id))
    rows = (
        sa.select(
            _ROW.entity_id,
            _ROW.cluster_size,
            _ROW.oems,
            _ROW.suppressed_reason,
            rank.label("rank"),
        )
        .join(resolution_order, resolution_order.c.batch_id == _ROW.batch_id)
        .where(_ROW.entity_id.in_(entity_ids))
    )
    if before is not None:
        rows = rows.where(place < before)
    latest = rows.subquery()
    return sa.select(latest).where(latest.c.rank == 1)


def chunked(values: Sequence[str]) -> Iterator[list[str]]:
    """``values`` in lists of at most ``LOOKUP_SIZE``."""
    rest = iter(values)
    while some := list(islice(rest, LOOKUP_SIZE)):
        yield some
