"""Hunter's addresses at a domain: ``domain-search``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sales_agent_dagster.domain.values.email import first_email
from sales_agent_dagster.domain.values.web import registrable_domain
from sales_agent_dagster.enrichment.api_client import ApiClient, Reply, said, section
from sales_agent_dagster.enrichment.facts import Fact, fact
from sales_agent_dagster.enrichment.hunter.client import (
    USD_PER_CREDIT,
    certainty,
    hunter_client,
    person_facts,
    refusal,
)
from sales_agent_dagster.enrichment.providers import (
    Failed,
    Found,
    LookupRequest,
    NotFound,
    Outcome,
    ProviderSpec,
)
from sales_agent_dagster.enrichment.subjects import own_domain
from sales_agent_dagster.settings import Settings

PERSONS = 3
"""People that become facts, the surest addresses first."""

ADDRESSES = 10
"""Addresses asked for: one credit."""

SPEC = ProviderSpec(
    name="hunter_domain",
    offers=frozenset(
        {"email_pattern", "industry", "employees", "description", "company_email", "contact_person",
         "contact_email", "contact_linkedin"}
    ),
    needs_key=True,
    credits=1.0,
    usd_per_credit=USD_PER_CREDIT,
    per_minute=500,
    cache="email",
)  # fmt: skip


class HunterDomain:
    """Addresses by domain; one credit per request that is answered."""

    spec = SPEC

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    def key_of(self, values: Mapping[str, Any], known: Mapping[str, str]) -> str | None:
        """The company's own domain."""
        return own_domain(values)

    async def lookup(self, requests: Sequence[LookupRequest], deadline: float) -> list[Outcome]:
        """One request per domain."""
        return [await self._look_up(request.key) for request in requests]

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()

    async def _look_up(self, domain: str) -> Outcome:
        params = {"domain": domain, "limit": str(ADDRESSES)}
        reply = await self._client.send("GET", "/domain-search", params=params, cost=SPEC.credits)
        if isinstance(reply, Failed):
            return reply
        if failed := refusal(reply, SPEC.credits):
            return failed
        facts = tuple(_facts(reply, f"{self._client.base_url}/domain-search?domain={domain}", domain))
        return Found(facts, credits=SPEC.credits) if facts else NotFound(SPEC.credits)


def build(settings: Settings) -> HunterDomain:
    """The provider; raises ConfigurationError without a key."""
    return HunterDomain(hunter_client(settings))


def _facts(reply: Reply, url: str, domain: str) -> Iterator[Fact]:
    data, at = section(reply.body, "data"), reply.fetched_at
    for name, theirs, confidence in (
        ("email_pattern", "pattern", 0.7),
        ("industry", "industry", 0.6),
        ("employees", "headcount", 0.6),
        ("description", "description", 0.6),
    ):
        if value := said(data, theirs):
            yield fact(name, value, "hunter", confidence, url=url, fetched_at=at)
    listed = data.get("emails")
    people = [item for item in listed if isinstance(item, dict)] if isinstance(listed, list) else []
    own = [(email, item) for item in people if (email := _address(item, domain))]
    own.sort(key=lambda pair: -certainty(pair[1], "confidence"))
    for email, item in (pair for pair in own if pair[1].get("type") == "generic"):
        sure = certainty(item, "confidence")
        yield fact("company_email", email, "hunter", sure, url=url, fetched_at=at)
        break
    persons = [pair for pair in own if pair[1].get("type") == "personal"][:PERSONS]
    for number, (email, item) in enumerate(persons, 1):
        sure = certainty(item, "confidence")
        yield fact("contact_email", email, "hunter", sure, number=number, url=url, fetched_at=at)
        yield from person_facts(item, url, at, number)


def _address(item: Mapping[str, Any], domain: str) -> str | None:
    """The address, if it is at the company's domain."""
    email = first_email(said(item, "value") or "").email
    return email if email and registrable_domain(email.rpartition("@")[2]) == domain else None
