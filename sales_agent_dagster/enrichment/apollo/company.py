"""Apollo's facts about companies: ``organizations/enrich`` and ``organizations/bulk_enrich``."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sales_agent_dagster.domain.us_places import STATES, state_of_name
from sales_agent_dagster.domain.values.phone import read_phones
from sales_agent_dagster.domain.values.web import read_linkedin, registrable_domain
from sales_agent_dagster.enrichment.api_client import ApiClient, Reply, said, section
from sales_agent_dagster.enrichment.apollo.client import BULK, USD_PER_CREDIT, apollo_client, refusal
from sales_agent_dagster.enrichment.facts import fact
from sales_agent_dagster.enrichment.providers import (
    Failed,
    FailureKind,
    Found,
    LookupRequest,
    NotFound,
    Outcome,
    ProviderSpec,
)
from sales_agent_dagster.enrichment.subjects import own_domain
from sales_agent_dagster.settings import Settings

CONFIDENCE = 0.75
"""A large database, not the company itself; its age is unknown."""

MAX_TECHNOLOGIES = 12

_PLAIN = {
    "founded": "founded_year",
    "employees": "estimated_num_employees",
    "industry": "industry",
    "street_address": "street_address",
    "postal_code": "postal_code",
    "region_city": "city",
    "description": "short_description",
}

SPEC = ProviderSpec(
    name="apollo_company",
    offers=frozenset(
        {*_PLAIN, "revenue", "company_linkedin", "company_phone", "region_state", "technologies"}
    ),
    needs_key=True,
    credits=1.0,
    usd_per_credit=USD_PER_CREDIT,
    max_batch=BULK,
    per_minute=200,
)


class ApolloCompany:
    """Companies by domain; one credit each that is found."""

    spec = SPEC

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    def key_of(self, values: Mapping[str, Any], known: Mapping[str, str]) -> str | None:
        """The company's own domain."""
        return own_domain(values)

    async def lookup(self, requests: Sequence[LookupRequest], deadline: float) -> list[Outcome]:
        """One request for one company, one bulk request for several."""
        domains = [request.key for request in requests]
        if len(domains) == 1:
            path = "/organizations/enrich"
            reply = await self._client.send("GET", path, params={"domain": domains[0]}, cost=SPEC.credits)
        else:
            path = "/organizations/bulk_enrich"
            details = [{"domain": domain} for domain in domains]
            reply = await self._client.send("POST", path, json={"details": details}, cost=SPEC.credits)
        if isinstance(reply, Failed):
            return [reply] * len(domains)
        if failed := refusal(reply, SPEC.credits):
            return [failed] * len(domains)
        url = f"{self._client.base_url}{path}"
        return [_outcome(found, url, reply.fetched_at) for found in _organizations(reply, domains)]

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()


def build(settings: Settings) -> ApolloCompany:
    """The provider; raises ConfigurationError without a key."""
    return ApolloCompany(apollo_client(settings))


def _organizations(reply: Reply, domains: Sequence[str]) -> list[Mapping[str, Any] | Failed | None]:
    """Per domain its organization, None where there is none; never one of another domain's."""
    if len(domains) == 1:
        return [section(reply.body, "organization") or None]
    listed = reply.body.get("organizations")
    if not isinstance(listed, list):
        unread = Failed(FailureKind.TRANSIENT, "the reply has no organizations", credits=SPEC.credits)
        return [unread] * len(domains)
    known = [item for item in listed if isinstance(item, dict)]
    by_domain = {registrable_domain((said(item, "primary_domain") or "").casefold()): item for item in known}
    places: list[Any] = listed if len(listed) == len(domains) else [None] * len(domains)
    found: list[Mapping[str, Any] | Failed | None] = []
    for domain, placed in zip(domains, places, strict=True):
        # In order of the question, unless its domain says that it is another question's answer.
        own = registrable_domain((said(placed, "primary_domain") or "") if isinstance(placed, dict) else "")
        alien = own != domain and own in domains
        found.append(by_domain.get(domain) or (placed if isinstance(placed, dict) and not alien else None))
    return found


def _outcome(organization: Mapping[str, Any] | Failed | None, url: str, fetched_at: str) -> Outcome:
    if isinstance(organization, Failed):
        return organization
    if organization is None:
        return NotFound()
    facts = tuple(
        fact(name, value, "apollo", CONFIDENCE, url=url, fetched_at=fetched_at)
        for name, value in _values(organization)
    )
    return Found(facts, credits=SPEC.credits)


def _values(organization: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    values = {name: said(organization, theirs) for name, theirs in _PLAIN.items()}
    values["revenue"] = said(organization, "annual_revenue") or said(organization, "annual_revenue_printed")
    values["company_linkedin"] = read_linkedin(said(organization, "linkedin_url") or "")
    values["company_phone"] = read_phones(_phone(organization)).phone
    values["region_state"] = _state(said(organization, "state"))
    names = organization.get("technology_names")
    if isinstance(names, list):
        listed = [name for name in names if isinstance(name, str)][:MAX_TECHNOLOGIES]
        values["technologies"] = said({"names": ", ".join(listed)}, "names")
    yield from ((name, value) for name, value in values.items() if value)


def _phone(organization: Mapping[str, Any]) -> str:
    primary = section(organization, "primary_phone")
    return said(primary, "number") or said(organization, "phone") or ""


def _state(text: str | None) -> str | None:
    if text is None:
        return None
    return text.upper() if text.upper() in STATES else state_of_name(text)
