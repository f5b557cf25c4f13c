"""What earlier batches know: leads by key, companies by id. Reads only."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

import sqlalchemy as sa

from sales_agent_dagster.matching.base import MAX_CANDIDATES, Key
from sales_agent_dagster.warehouse.schema import imported_leads, lead_keys, resolution_order, resolved_leads

LOOKUP_SIZE = 5000
"""Values per query: SQLite binds at most 32,766, PostgreSQL 65,535."""

_LEAD = imported_leads.c
_KEY = lead_keys.c
_ROW = resolved_leads.c


def resolve_seq(connection: sa.Connection, batch_id: str) -> int | None:
    """The batch's place in the order of resolution; None when it was never resolved."""
    place: int | None = connection.scalar(
        sa.select(resolution_order.c.resolve_seq).where(resolution_order.c.batch_id == batch_id)
    )
    return place


def known_leads(connection: sa.Connection, keys: Iterable[Key], before: int | None) -> list[dict[str, Any]]:
    """Leads that share a key with the given ones, earliest first, with entity and founder.

    At least the first ``MAX_CANDIDATES`` leads of each key, with the columns that matching reads,
    ``batch_id``, ``entity_id`` and ``founder_id``; only of batches resolved before the place ``before``,
    when that is given.
    """
    values: dict[str, list[str]] = defaultdict(list)
    for kind, value in keys:
        values[kind].append(value)
    found: dict[tuple[int, int], dict[str, Any]] = {}
    for kind, of_kind in values.items():
        for some in chunked(sorted(of_kind)):
            for row in connection.execute(_candidates(kind, some, before)).mappings():
                lead = dict(row)
                found[lead.pop("resolve_seq"), lead.pop("record_no")] = lead
    return [found[place] for place in sorted(found)]


def _candidates(kind: str, values: Sequence[str], before: int | None) -> sa.Select[Any]:
    rank = sa.func.row_number().over(partition_by=_KEY.value, order_by=(_KEY.resolve_seq, _KEY.record_no))
    ranked = sa.select(_KEY.batch_id, _KEY.lead_id, _KEY.resolve_seq, rank.label("rank")).where(
        _KEY.kind == kind, _KEY.value.in_(values)
    )
    if before is not None:
        ranked = ranked.where(_KEY.resolve_seq < before)
    first = ranked.subquery()
    return (
        sa.select(
            first.c.resolve_seq,
            _LEAD.record_no,
            _LEAD.batch_id,
            _LEAD.lead_id,
            _LEAD.line_no,
            _LEAD.company_name,
            _LEAD.email,
            _LEAD.phone,
            _LEAD.phone_2,
            _LEAD.website_host,
            _LEAD.domain,
            _LEAD.city,
            _LEAD.state,
            _ROW.entity_id,
            sa.func.coalesce(_ROW.duplicate_of, _ROW.lead_id).label("founder_id"),
        )
        .select_from(first)
        .join(imported_leads, sa.and_(_LEAD.batch_id == first.c.batch_id, _LEAD.lead_id == first.c.lead_id))
        .join(resolved_leads, sa.and_(_ROW.batch_id == first.c.batch_id, _ROW.lead_id == first.c.lead_id))
        .where(first.c.rank <= MAX_CANDIDATES)
    )


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
