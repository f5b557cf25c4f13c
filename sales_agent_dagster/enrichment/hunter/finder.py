"""Hunter's address of a person: ``email-finder``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sales_agent_dagster.domain.values.email import first_email
from sales_agent_dagster.enrichment.api_client import ApiClient, said, section
from sales_agent_dagster.enrichment.facts import fact
from sales_agent_dagster.enrichment.hunter.client import (
    USD_PER_CREDIT,
    certainty,
    hunter_client,
    person_facts,
    refusal,
    verified_status,
)
from sales_agent_dagster.enrichment.providers import (
    Failed,
    Found,
    LookupRequest,
    NotFound,
    Outcome,
    ProviderSpec,
)
from sales_agent_dagster.enrichment.subjects import is_business_address, person_key
from sales_agent_dagster.settings import Settings

SPEC = ProviderSpec(
    name="hunter_finder",
    offers=frozenset({"contact_email", "contact_person", "contact_linkedin", "email_status"}),
    needs_key=True,
    credits=1.0,
    usd_per_credit=USD_PER_CREDIT,
    per_minute=500,
    cache="email",
)


class HunterFinder:
    """The business address of a named person; one credit when there is one."""

    spec = SPEC

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    def key_of(self, values: Mapping[str, Any], known: Mapping[str, str]) -> str | None:
        """First name, last name and the company's own domain."""
        return person_key(values, known)

    async def lookup(self, requests: Sequence[LookupRequest], deadline: float) -> list[Outcome]:
        """One request per person."""
        return [await self._look_up(request) for request in requests]

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    async def _look_up(self, request: LookupRequest) -> Outcome:
        first, last, domain = request.key.split("|")
        params = {"domain": domain, "first_name": first, "last_name": last}
        reply = await self._client.send("GET", "/email-finder", params=params, cost=SPEC.credits)
        if isinstance(reply, Failed):
            return reply
        if reply.status == 404:
            return NotFound()
        if failed := refusal(reply, SPEC.credits):
            return failed
        data = section(reply.body, "data")
        email = first_email(said(data, "email") or "").email
        if not email or not is_business_address(email):
            # A private address is not used; finding it cost its credit all the same.
            return NotFound(SPEC.credits if email else 0.0)
        url, at = f"{self._client.base_url}/email-finder?domain={domain}", reply.fetched_at
        facts = [fact("contact_email", email, "hunter", certainty(data, "score"), url=url, fetched_at=at)]
        facts += person_facts(data, url, at)
        if status := verified_status(data):
            facts.append(fact("email_status", status, "hunter", 0.8, url=url, fetched_at=at))
        return Found(tuple(facts), credits=SPEC.credits)


def build(settings: Settings) -> HunterFinder:
    """The provider; raises ConfigurationError without a key."""
    return HunterFinder(hunter_client(settings))
