"""Rules on the providers of facts: do they know the leads, do they answer, are their answers of late."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from sales_agent_dagster.enrichment.collecting import OLD
from sales_agent_dagster.stages.quality.base import CheckOutcome, Subject
from sales_agent_dagster.warehouse.providers import ProviderService, provider_services
from sales_agent_dagster.warehouse.schema import enrichment_queue

MIN_LOOKUPS = 20
"""Below this many lookups a share says nothing."""


def provider_hit_rate(subject: Subject) -> CheckOutcome:
    """Every provider that was asked 20 times found something for enough of them.

    Enough is ``settings.enrichment.min_hit_rate``.
    """
    limit = subject.settings.enrichment.min_hit_rate
    services = provider_services(subject.connection, subject.batch_id)
    rates = {name: service.hit_rate for name, service in services.items()}
    poor = [
        name
        for name, service in services.items()
        if service.lookups >= MIN_LOOKUPS and service.hit_rate is not None and service.hit_rate < limit
    ]
    told = "; ".join(f"{name} {_told(service)}" for name, service in services.items()) or "Nobody was asked"
    advice = f" Hardly any hits: {', '.join(poor)}. Is it worth its place in the waterfall?" if poor else ""
    return CheckOutcome(
        not poor,
        f"{told}.{advice}",
        {"expected": f">= {limit:g}", "actual": _rounded(rates), "providers": _figures(services)},
    )


def provider_errors(subject: Subject) -> CheckOutcome:
    """At most ``settings.enrichment.max_error_share`` of each provider's lookups were not answered."""
    limit = subject.settings.enrichment.max_error_share
    services = provider_services(subject.connection, subject.batch_id)
    shares = {name: service.error_share for name, service in services.items()}
    bad = [name for name in shares if services[name].lookups >= MIN_LOOKUPS and shares[name] > limit]
    told = "; ".join(f"{name} {share:.0%}" for name, share in shares.items())
    advice = f" Over the limit: {', '.join(bad)}; enrichment_credits says why." if bad else ""
    return CheckOutcome(
        not bad,
        f"Not answered: {told}.{advice}" if told else "Nobody was asked.",
        {"expected": f"<= {limit:g}", "actual": _rounded(shares)},
    )


def provider_staleness(subject: Subject) -> CheckOutcome:
    """At most ``settings.enrichment.max_stale_share`` of the leads rest on an answer past its days."""
    limit = subject.settings.enrichment.max_stale_share
    queue = enrichment_queue.c
    query = sa.select(sa.func.count(sa.distinct(queue.lead_id))).where(
        queue.batch_id == subject.batch_id, queue.reason.startswith(OLD, autoescape=True)
    )
    stale = int(subject.connection.execute(query).scalar_one())
    leads = subject.count(subject.table)
    share = stale / leads if leads else 0.0
    advice = " They are asked again: sales-agent enrich --pending." if share > limit else ""
    return CheckOutcome(
        share <= limit,
        f"{stale} of {leads} leads rest on an old answer.{advice}",
        {"expected": f"<= {limit:g}", "actual": round(share, 4)},
    )


def _told(service: ProviderService) -> str:
    rate = "no answer" if service.hit_rate is None else f"{service.hit_rate:.0%}"
    return f"{rate} of {service.lookups}"


def _rounded(values: dict[str, Any]) -> dict[str, float | None]:
    return {name: None if value is None else round(value, 4) for name, value in values.items()}


def _figures(services: Any) -> dict[str, dict[str, float | None]]:
    return {
        name: {
            "lookups": service.lookups,
            "facts": service.facts,
            "credits": round(service.credits, 3),
            "cost_usd": round(service.cost_usd, 6),
            "p95_ms": round(service.p95_ms, 1),
            "usd_per_fact": None if service.usd_per_fact is None else round(service.usd_per_fact, 6),
        }
        for name, service in services.items()
    }
