"""Leases of lookups without cost: one process asks, and when it dies the next one may."""

from __future__ import annotations

import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import sqlalchemy as sa

from sales_agent_dagster.domain.lookups import LeaseRequest, LookupKey
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import enrichment_leases

HOLDERS_AT_ONCE = 500


def taken(
    warehouse: Warehouse, connection: sa.Connection, wanted: Sequence[LeaseRequest], now: datetime
) -> dict[LookupKey, str]:
    """Take the leases that nobody has, or had and let expire; the id of each.

    A process that was killed gives nothing back: its leases end by the clock.
    """
    warehouse.exclusive(connection, enrichment_leases.name)
    held = _held(connection, [item.asked for item in wanted], now)
    rows = {
        item.asked: {
            "provider": item.asked.provider,
            "lookup_key": item.asked.key,
            "holder": secrets.token_hex(16),
            "expires_at": now + timedelta(seconds=item.seconds),
        }
        for item in wanted
        if item.asked not in held
    }
    warehouse.upsert(connection, enrichment_leases, list(rows.values()))
    return {asked: str(row["holder"]) for asked, row in rows.items()}


def give_back(connection: sa.Connection, holders: Collection[str]) -> None:
    """End leases, unless another process has taken them over."""
    if holders:
        connection.execute(
            sa.delete(enrichment_leases).where(enrichment_leases.c.holder.in_(sorted(holders)))
        )


def drop_expired(connection: sa.Connection, now: datetime) -> None:
    """Forget leases of processes that died."""
    connection.execute(sa.delete(enrichment_leases).where(enrichment_leases.c.expires_at <= now))


def _held(connection: sa.Connection, asked: Sequence[LookupKey], now: datetime) -> set[LookupKey]:
    columns = enrichment_leases.c
    held = set()
    for start in range(0, len(asked), HOLDERS_AT_ONCE):
        portion = asked[start : start + HOLDERS_AT_ONCE]
        query = sa.select(columns.provider, columns.lookup_key).where(
            columns.lookup_key.in_([item.key for item in portion]), columns.expires_at > now
        )
        held |= {LookupKey(row.provider, row.lookup_key) for row in connection.execute(query)}
    return held
