"""Asking one provider in a test."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping, Sequence
from typing import Any

from sales_agent_dagster.enrichment.providers import COLUMNS, Found, LookupRequest, Outcome, Provider

NOBODY: dict[str, Any] = dict.fromkeys(COLUMNS) | {"company_name": "Example"}


def lead(**columns: Any) -> dict[str, Any]:
    """A lead's columns; None but for those given."""
    return NOBODY | columns


def ask(
    provider: Provider, *leads: Mapping[str, Any], known: Mapping[str, str] | None = None, wait_s: float = 5.0
) -> list[Outcome]:
    """The provider's outcomes for leads that it can be asked about; the provider is closed after."""
    requests = []
    for number, values in enumerate(leads, 1):
        key = provider.key_of(values, known or {})
        assert key is not None
        requests.append(LookupRequest(f"lead-{number}", key, values, known or {}))

    async def lookup() -> Sequence[Outcome]:
        try:
            return await provider.lookup(requests, time.monotonic() + wait_s)
        finally:
            await provider.close()

    return list(asyncio.run(lookup()))


def told(outcome: Outcome) -> dict[str, str]:
    """Fact id to value; also that every fact names its source and time and is one the provider offers."""
    assert isinstance(outcome, Found)
    for fact in outcome.facts:
        assert fact.url
        assert fact.fetched_at
        assert fact.fetched_at.endswith("+00:00")
    return {fact.id: fact.value for fact in outcome.facts}
