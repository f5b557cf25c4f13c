"""Whether an address works, as Hunter's mail servers see it: ``email-verifier``."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sales_agent_dagster.enrichment.api_client import ApiClient, said, section
from sales_agent_dagster.enrichment.facts import fact
from sales_agent_dagster.enrichment.hunter.client import STATUSES, USD_PER_CREDIT, hunter_client, refusal
from sales_agent_dagster.enrichment.providers import (
    Failed,
    FailureKind,
    Found,
    LookupRequest,
    NotFound,
    Outcome,
    ProviderSpec,
)
from sales_agent_dagster.enrichment.subjects import is_business_address
from sales_agent_dagster.settings import Settings

CONFIDENCE = 0.9
"""A mail server was asked; it may have changed its mind since."""

WAIT_S = 1.0
"""Between questions while Hunter is still working on the first (status 202); they are not billed."""

SPEC = ProviderSpec(
    name="hunter_verifier",
    offers=frozenset({"email_status"}),
    needs_key=True,
    credits=1.0,
    usd_per_credit=USD_PER_CREDIT,
    per_minute=300,
    cache="email",
)


class HunterVerifier:
    """Verifies the address that was found, else the lead's own; one credit each.

    Args:
        sleep: how to wait for Hunter.
    """

    spec = SPEC

    def __init__(self, client: ApiClient, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep) -> None:
        self._client = client
        self._sleep = sleep

    def key_of(self, values: Mapping[str, Any], known: Mapping[str, str]) -> str | None:
        """The address; none at a free provider, where a mail server tells nothing."""
        email = known.get("contact_email") or values.get("email")
        return email.casefold() if email and is_business_address(email) else None

    async def lookup(self, requests: Sequence[LookupRequest], deadline: float) -> list[Outcome]:
        """One address after another."""
        return [await self._look_up(request.key, deadline) for request in requests]

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    async def _look_up(self, email: str, deadline: float) -> Outcome:
        while True:
            params = {"email": email}
            reply = await self._client.send("GET", "/email-verifier", params=params, cost=SPEC.credits)
            if isinstance(reply, Failed):
                return reply
            if failed := refusal(reply, SPEC.credits):
                return failed
            if reply.status != 202:
                break
            if time.monotonic() + WAIT_S > deadline:
                return Failed(FailureKind.LATE, "Hunter is still working on it")
            await self._sleep(WAIT_S)
        if reply.status == 222:
            return Failed(FailureKind.TRANSIENT, "the mail server did not answer Hunter")
        status = said(section(reply.body, "data"), "status")
        if status not in STATUSES:
            return NotFound(SPEC.credits)
        url = f"{self._client.base_url}/email-verifier"
        told = fact("email_status", status, "hunter", CONFIDENCE, url=url, fetched_at=reply.fetched_at)
        return Found((replace(told, quote=email),), credits=SPEC.credits)


def build(settings: Settings) -> HunterVerifier:
    """The provider; raises ConfigurationError without a key."""
    return HunterVerifier(hunter_client(settings))
