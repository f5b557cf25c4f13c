"""What a provider of facts is: what it offers and costs, what it is asked, what it answers.

A provider is asked about leads in batches and answers each of them with `Found`, `NotFound` or `Failed`; it
never raises for one lead. It knows no other provider, keeps no cache, counts no credits and retries nothing:
the orchestrator does, around it. It is made by a factory of ``registry`` and used in one event loop.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Literal, Protocol

from sales_agent_dagster.enrichment.facts import Fact

COLUMNS = (
    "company_name",
    "contact_name",
    "contact_first_name",
    "contact_last_name",
    "contact_title",
    "email",
    "phone",
    "website",
    "website_host",
    "linkedin_url",
    "street",
    "city",
    "state",
    "zip",
    "industry",
    "capabilities",
    "notes",
    "oems",
)
"""Columns of ``imported_leads`` that providers see; text or None. ``oems`` are those of the whole company."""

FIELDS: dict[str, str] = {
    "region_city": "city",
    "region_state": "US state, two letters",
    "region_county": "county",
    "timezone": "IANA time zone",
    "domain_kind": "own, free_mail or shared_platform",
    "tld": "top-level domain",
    "email_kind": "role, free_mail or personal",
    "email_domain": "whether the address is at the company's own domain: own_domain or other_domain",
    "brands": "brands it sells or services",
    "brand_categories": "equipment categories of its brands",
    "trades": "trades, by their names in domain.trades",
    "website_status": "ok, blocked, parked, down or none",
    "website_url": "address of its home page after redirects",
    "company_name": "as it calls itself",
    "description": "what it says it does",
    "customers": "homes or businesses",
    "service": "service, repair, maintenance, emergency, 24/7 or support",
    "service_area": "where it works",
    "opening_hours": "such as Mo,Tu 08:00-17:00",
    "certification": "certificates and licences",
    "founded": "year",
    "industry": "line of business",
    "employees": "number or range of employees",
    "revenue": "yearly revenue, US dollars or a range",
    "technologies": "software and services its website uses",
    "street_address": "street and number",
    "postal_code": "ZIP",
    "company_phone": "E.164",
    "company_email": "an address of the company or of a role in it",
    "company_linkedin": "https://www.linkedin.com/company/<slug>",
    "contact_person": "name, with the title after a comma where it is known",
    "contact_email": "business address of a person",
    "contact_phone": "business number of a person, E.164",
    "contact_linkedin": "https://www.linkedin.com/in/<slug>",
    "email_pattern": "how the company makes addresses, such as {first}.{last}",
    "email_status": "valid, invalid, accept_all, webmail, disposable or unknown",
}
"""Every field a fact may have, and what its value is."""

PROVIDER_NAMES = (
    "offline",
    "linkedin",
    "website",
    "apollo_company",
    "apollo_person",
    "hunter_domain",
    "hunter_finder",
    "hunter_verifier",
)
"""Every provider there is, cheapest first."""

CacheKind = Literal["organization", "email", "none"]
"""How long an answer stays good: settings say the days of each kind."""


class FailureKind(StrEnum):
    """Why there is no answer. Only TRANSIENT ones count against the provider's breaker."""

    TRANSIENT = "transient"  # no connection of ours, no reply that is one, 5xx, rate limit: later it may work
    LATE = "late"  # the deadline passed: asked again in a later pass
    PERMANENT = "permanent"  # the question is wrong: asking again gives the same
    BLOCKED = "blocked"  # our own rules forbid the lookup, such as an address that is not public
    QUOTA = "quota"  # credits or calls are used up, here or there, or the key is refused: until that ends
    HELD = "held"  # not asked: our pacing, the provider's rest or another process asking the same forbids it
    SUPPRESSED = "suppressed"  # the person asked not to be processed: goes to the suppression list


@dataclass(frozen=True, slots=True)
class ProviderSpec:
    """What a provider offers and costs.

    Attributes:
        name: in waterfall.yaml, tables and facts.
        offers: fields of `FIELDS` that its facts may have.
        needs_key: it is off without a key, whatever waterfall.yaml says.
        network: False for providers that work inside the process: no deadline, cache or breaker.
        credits: most that one lookup of one lead may cost; reserved before, settled by the outcome.
        usd_per_credit: list price.
        max_batch: leads per call of ``lookup``.
        per_minute: calls of ``lookup`` per minute; None is no limit.
        cache: how long its answers stay good.
        version: raise it when the same reply would give other facts; older cached answers are not used.
    """

    name: str
    offers: frozenset[str]
    needs_key: bool = False
    network: bool = True
    credits: float = 0.0
    usd_per_credit: float = 0.0
    max_batch: int = 1
    per_minute: int | None = None
    cache: CacheKind = "organization"
    version: str = "1"


@dataclass(frozen=True, slots=True)
class LookupRequest:
    """A question about one lead.

    Attributes:
        key: what it is about, as ``key_of`` gave it; leads with one key share one answer.
        values: the lead's `COLUMNS`.
        known: surest value per field that earlier providers found.
    """

    lead_id: str
    key: str
    values: Mapping[str, Any]
    known: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Found:
    """Facts about one lead.

    Attributes:
        texts: fetched text by name, such as ``website about``; a model may read them, as data.
        credits: what the lookup cost.
        complete: False when the deadline cut it short: what is there is used now and the rest asked later.
        lasting: False for what may soon be otherwise, such as a website that is down: kept like `NotFound`.
        passing: says nothing against what was found before, as a website that is down today: that stays.
        left_out: what is not asked for in a later pass either, and why; None for nothing.
    """

    facts: tuple[Fact, ...]
    texts: Mapping[str, str] = field(default_factory=dict)
    credits: float = 0.0
    complete: bool = True
    lasting: bool = True
    passing: bool = False
    left_out: str | None = None


@dataclass(frozen=True, slots=True)
class NotFound:
    """The provider answered that it knows nothing; remembered, so that it is not asked again soon."""

    credits: float = 0.0


@dataclass(frozen=True, slots=True)
class Failed:
    """No answer.

    Attributes:
        reason: for a person, without the key, names or addresses of persons.
        retry_after_s: how long the provider is to be left alone, for all leads.
        credits: what it may have cost nevertheless, as when the connection was lost after the question was
            sent; such a question is not asked again until a person says so.
    """

    kind: FailureKind
    reason: str
    retry_after_s: float | None = None
    credits: float = 0.0


Outcome = Found | NotFound | Failed


class Provider(Protocol):
    """A source of facts."""

    @property
    def spec(self) -> ProviderSpec:
        """What it offers and costs."""
        ...

    def key_of(self, values: Mapping[str, Any], known: Mapping[str, str]) -> str | None:
        """What a lead's lookup is about, normalised, such as its domain; None: nothing to ask about.

        Args:
            values: the lead's `COLUMNS`.
            known: surest value per field that earlier providers found.
        """
        ...

    async def lookup(self, requests: Sequence[LookupRequest], deadline: float) -> Sequence[Outcome]:
        """One outcome per request, in order, by ``deadline``, a moment of ``time.monotonic``.

        At most ``spec.max_batch`` requests, all with different keys. Returns what it has at the deadline; a
        provider that does not is cancelled a little later, and its leads are `FailureKind.LATE`.
        """
        ...

    async def close(self) -> None:
        """Close connections. Usable again after."""
        ...
