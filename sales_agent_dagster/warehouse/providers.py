"""What the providers of facts did for a batch: lookups, hits, failures, credits, time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sqlalchemy as sa

from sales_agent_dagster.warehouse.reports import nearest_rank
from sales_agent_dagster.warehouse.schema import enrichment_credits


@dataclass(frozen=True, slots=True)
class ProviderService:
    """One provider's lookups for a batch; answers from the cache are none.

    Attributes:
        found, not_found: lookups that were answered; failed: those that were not.
        unsettled: lookups without a word yet, whose credits count as spent.
        p95_ms: nearest-rank 95th percentile of the finished lookups; 0.0 of none.
    """

    found: int
    not_found: int
    failed: int
    unsettled: int
    facts: int
    credits: float
    cost_usd: float
    p95_ms: float

    @property
    def lookups(self) -> int:
        """All of them."""
        return self.found + self.not_found + self.failed + self.unsettled

    @property
    def hit_rate(self) -> float | None:
        """Share of the answered lookups that brought facts, 0-1; None of none."""
        answered = self.found + self.not_found
        return self.found / answered if answered else None

    @property
    def error_share(self) -> float:
        """Share of all lookups that were not answered, 0-1."""
        return (self.failed + self.unsettled) / self.lookups

    @property
    def usd_per_fact(self) -> float | None:
        """None without facts."""
        return self.cost_usd / self.facts if self.facts else None


def provider_services(connection: sa.Connection, batch_id: str) -> Mapping[str, ProviderService]:
    """Per provider with lookups for the batch, in order of their names."""
    columns = enrichment_credits.c
    query = sa.select(enrichment_credits).where(columns.batch_id == batch_id).order_by(columns.provider)
    by_provider: dict[str, list[sa.Row[tuple[object, ...]]]] = {}
    for row in connection.execute(query):
        by_provider.setdefault(row.provider, []).append(row)
    return {
        provider: ProviderService(
            found=sum(row.outcome == "found" for row in rows),
            not_found=sum(row.outcome == "not_found" for row in rows),
            # That a person opted out is an answer, and no hit.
            failed=sum(row.outcome == "failed" for row in rows),
            unsettled=sum(row.state == "reserved" for row in rows),
            facts=sum(row.facts for row in rows),
            credits=sum(row.credits for row in rows),
            cost_usd=sum(row.cost_usd for row in rows),
            p95_ms=nearest_rank(sorted(row.latency_ms for row in rows if row.latency_ms is not None), 95),
        )
        for provider, rows in by_provider.items()
    }
