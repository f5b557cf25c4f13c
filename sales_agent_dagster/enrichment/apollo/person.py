"""Apollo's facts about people: ``people/match`` and ``people/bulk_match``. Nothing private."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from sales_agent_dagster.domain.values.email import first_email
from sales_agent_dagster.domain.values.web import read_linkedin
from sales_agent_dagster.enrichment.api_client import ApiClient, Reply, said, section
from sales_agent_dagster.enrichment.apollo.client import BULK, USD_PER_CREDIT, apollo_client, refusal
from sales_agent_dagster.enrichment.facts import Fact, fact
from sales_agent_dagster.enrichment.providers import (
    Failed,
    FailureKind,
    Found,
    LookupRequest,
    NotFound,
    Outcome,
    ProviderSpec,
)
from sales_agent_dagster.enrichment.subjects import is_business_address, person_key
from sales_agent_dagster.settings import Settings

CONFIDENCE = 0.75
LOCKED = "email_not_unlocked@"
"""Begins what stands in an answer for an address that Apollo has and does not tell."""

EMAIL_CONFIDENCE = {"verified": 0.85, "likely to engage": 0.7, "unverified": 0.5}
"""By Apollo's ``email_status``; an address with any other is none."""

SPEC = ProviderSpec(
    name="apollo_person",
    offers=frozenset({"contact_person", "contact_email", "contact_linkedin"}),
    needs_key=True,
    credits=1.0,
    usd_per_credit=USD_PER_CREDIT,
    max_batch=BULK,
    per_minute=200,
    cache="email",
)

_REVEAL = {"reveal_personal_emails": "false", "reveal_phone_number": "false"}


class ApolloPerson:
    """People by name and their company's domain; one credit each that is found."""

    spec = SPEC

    def __init__(self, client: ApiClient) -> None:
        self._client = client

    def key_of(self, values: Mapping[str, Any], known: Mapping[str, str]) -> str | None:
        """First name, last name and the company's own domain."""
        return person_key(values, known)

    async def lookup(self, requests: Sequence[LookupRequest], deadline: float) -> list[Outcome]:
        """One request for one person, one bulk request for several."""
        details = [_detail(request) for request in requests]
        if len(details) == 1:
            path = "/people/match"
            reply = await self._client.send("POST", path, params=details[0] | _REVEAL, cost=SPEC.credits)
        else:
            path = "/people/bulk_match"
            reply = await self._client.send(
                "POST", path, params=_REVEAL, json={"details": details}, cost=SPEC.credits
            )
        if isinstance(reply, Failed):
            return [reply] * len(details)
        if failed := refusal(reply, SPEC.credits):
            return [failed] * len(details)
        url = f"{self._client.base_url}{path}"
        return _with_cost(
            reply, [_outcome(person, url, reply.fetched_at) for person in _people(reply, len(details))]
        )

    async def close(self) -> None:
        """Close all connections."""
        await self._client.close()


def build(settings: Settings) -> ApolloPerson:
    """The provider; raises ConfigurationError without a key."""
    return ApolloPerson(apollo_client(settings))


def _detail(request: LookupRequest) -> dict[str, str]:
    first, last, domain = request.key.split("|")
    return {
        "first_name": first,
        "last_name": last,
        "domain": domain,
        "organization_name": str(request.values["company_name"]),
    }


def _people(reply: Reply, count: int) -> list[Mapping[str, Any] | Failed | None]:
    if count == 1:
        return [section(reply.body, "person") or None]
    matches = reply.body.get("matches")
    if not isinstance(matches, list) or len(matches) != count:
        unread = Failed(FailureKind.TRANSIENT, "the reply does not match the question", credits=SPEC.credits)
        return [unread] * count
    return [match if isinstance(match, dict) else None for match in matches]


def _outcome(person: Mapping[str, Any] | Failed | None, url: str, fetched_at: str) -> Outcome:
    if isinstance(person, Failed):
        return person
    facts = tuple(_facts(person, url, fetched_at)) if person is not None else ()
    return Found(facts, credits=SPEC.credits) if facts else NotFound()


def _facts(person: Mapping[str, Any], url: str, fetched_at: str) -> Iterator[Fact]:
    def found(field: str, value: str, confidence: float) -> Fact:
        return fact(field, value, "apollo", confidence, url=url, fetched_at=fetched_at)

    if name := said(person, "name"):
        yield found("contact_person", ", ".join(filter(None, (name, said(person, "title")))), CONFIDENCE)
    if page := read_linkedin(said(person, "linkedin_url") or ""):
        yield found("contact_linkedin", page, CONFIDENCE)
    email = first_email(said(person, "email") or "").email
    confidence = EMAIL_CONFIDENCE.get((said(person, "email_status") or "").casefold())
    if email and confidence and is_business_address(email) and not email.startswith(LOCKED):
        yield found("contact_email", email, confidence)


def _with_cost(reply: Reply, outcomes: list[Outcome]) -> list[Outcome]:
    """Outcomes with what a bulk request says it cost, shared by those that were found, else by all."""
    consumed = reply.body.get("credits_consumed")
    if not isinstance(consumed, int | float) or isinstance(consumed, bool) or consumed < 0:
        return outcomes
    paying = [place for place, outcome in enumerate(outcomes) if isinstance(outcome, Found)]
    paying = paying or list(range(len(outcomes)))
    share = consumed / len(paying)
    return [_costing(outcome, share if place in paying else 0.0) for place, outcome in enumerate(outcomes)]


def _costing(outcome: Outcome, cost: float) -> Outcome:
    if isinstance(outcome, Found):
        return Found(outcome.facts, credits=cost)
    return NotFound(cost) if isinstance(outcome, NotFound) else outcome
