"""Facts that need no network: phone and ZIP geography, domain, e-mail, brands, trades, customers, service.

Every kind of fact is a pure function of one or two values and cached by them, so that a chunk pays once per
distinct value. Confidences are judgements, kept in one table.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from sales_agent_dagster.domain.icp import LeadFeatures
from sales_agent_dagster.domain.oems import categories_of, in_category_order, parse_brands
from sales_agent_dagster.domain.shared_hosts import is_free_mail, is_role_mailbox, is_shared_host
from sales_agent_dagster.domain.trades import trades_in, trades_of_brands
from sales_agent_dagster.domain.us_places import place_of_zip
from sales_agent_dagster.domain.values.web import registrable_domain
from sales_agent_dagster.domain.wording import affirmed, read_wording
from sales_agent_dagster.enrichment.facts import Fact, Source, fact
from sales_agent_dagster.enrichment.phone_places import place_of_phone
from sales_agent_dagster.enrichment.providers import (
    Failed,
    FailureKind,
    Found,
    LookupRequest,
    Outcome,
    ProviderSpec,
)

CONFIDENCE: dict[str, float] = {
    "zip": 0.95,  # the postal service's own table
    "address": 0.9,  # the list says so
    "phone": 0.7,  # numbers move with their owners
    "phone city": 0.6,  # and exchanges cover several towns
    "stated": 1.0,  # read off the value itself
    "brand dictionary": 0.9,
    "columns": 0.9,
    "name": 0.85,
    "notes": 0.7,
    "brands": 0.6,  # who sells it may not install it
    "industry": 0.4,  # often one label for a whole list
    "mailbox": 0.5,  # first.last@ is somebody of that name, perhaps no longer there
}
CONFLICT = 0.5
"""What a fact's confidence is multiplied by when other sources disagree."""

_loading = threading.Lock()
_CUSTOMERS = (("homes", "residential"), ("businesses", "commercial"))
SPEC = ProviderSpec(
    name="offline",
    offers=frozenset(
        {"region_city", "region_state", "region_county", "timezone", "domain_kind", "tld", "email_kind",
         "email_domain", "contact_person", "brands", "brand_categories", "trades", "customers", "service"}
    ),
    network=False,
    cache="none",
)  # fmt: skip

_MAILBOX_NAME = re.compile(r"([a-z]{2,})\.([a-z]{2,})")
"""``jane.doe``: the one form of mailbox that names a person without guessing."""

_REGION = ("region_city", "region_state", "region_county", "timezone")


class OfflineProvider:
    """The contract's view of this module: one pass over a whole chunk, no key, no cost, no waiting."""

    spec = SPEC

    def key_of(self, values: Mapping[str, Any], known: Mapping[str, str]) -> str | None:
        """Every lead has a name at least."""
        return str(values["company_name"])

    async def lookup(self, requests: Sequence[LookupRequest], deadline: float) -> list[Outcome]:
        """Facts of every lead; a lead whose values break a rule is its failure."""
        return [_outcome(request.values) for request in requests]

    async def close(self) -> None:
        """Nothing is open."""


def _outcome(values: Mapping[str, Any]) -> Outcome:
    try:
        return Found(tuple(offline_facts(values)))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is this lead's alone
        return Failed(FailureKind.PERMANENT, f"{type(error).__name__}: {error}"[:300])


def offline_facts(lead: Mapping[str, Any]) -> list[Fact]:
    """All offline facts of one lead, from its imported columns; conflicting regions are marked."""
    regions = [
        *(zip_facts(lead["zip"]) if lead["zip"] else ()),
        *address_facts(lead["city"], lead["state"]),
        *(phone_facts(lead["phone"]) if lead["phone"] else ()),
    ]
    return [
        *mark_conflicts(regions),
        *domain_facts(lead["website_host"], lead["email"]),
        *(email_facts(lead["email"], lead["website_host"]) if lead["email"] else ()),
        *brand_facts(lead["oems"]),
        *trade_facts(
            lead["company_name"], lead["notes"], lead["capabilities"], lead["oems"], lead["industry"]
        ),
        *word_facts(lead["company_name"], lead["notes"]),
    ]


def load_places() -> None:
    """Read the tables of ZIPs and exchanges now: seconds on a slow machine, which no lead should wait for.

    Several threads may ask for them: one reads, the others wait.
    """
    with _loading:
        zip_facts("10001")
        phone_facts("+12125550100")


@lru_cache(maxsize=65536)
def zip_facts(zip_code: str) -> tuple[Fact, ...]:
    """City, state, county and time zone of a ZIP that is in use."""
    place = place_of_zip(zip_code)
    if place is None:
        return ()
    values = (place.city, place.state, place.county, place.timezone)
    return _facts(zip(_REGION, values, strict=True), "zip", CONFIDENCE["zip"])


@lru_cache(maxsize=16384)
def address_facts(city: str | None, state: str | None) -> tuple[Fact, ...]:
    """City and state as the list gives them."""
    return _facts((("region_city", city), ("region_state", state)), "address", CONFIDENCE["address"])


def phone_facts(phone: str) -> tuple[Fact, ...]:
    """State, city and time zone of the number's exchange; none for toll-free numbers."""
    return _phone_facts(*place_of_phone(phone))


@lru_cache(maxsize=16384)
def _phone_facts(city: str | None, state: str | None, timezone: str | None) -> tuple[Fact, ...]:
    return (
        *_facts((("region_city", city),), "phone", CONFIDENCE["phone city"]),
        *_facts((("region_state", state), ("timezone", timezone)), "phone", CONFIDENCE["phone"]),
    )


def _facts(values: Iterable[tuple[str, str | None]], source: Source, confidence: float) -> tuple[Fact, ...]:
    return tuple(fact(field, value, source, confidence) for field, value in values if value)


def mark_conflicts(regions: Sequence[Fact]) -> list[Fact]:
    """Lower every region fact whose source names another state than the one with most confidence behind it.

    When only ZIP and address speak and disagree, both are lowered: one is a slip, nothing says which.
    """
    states = {item.source: item for item in regions if item.field == "region_state"}
    weight: dict[str, float] = {}
    for item in states.values():
        weight[item.value] = weight.get(item.value, 0.0) + item.confidence
    if len(weight) < 2:
        return list(regions)
    likely = max(weight, key=lambda state: weight[state])
    doubtful = {source for source, item in states.items() if item.value != likely}
    if states.keys() == {"zip", "address"}:
        doubtful = set(states)
    return [_doubted(item, states) if item.source in doubtful else item for item in regions]


def _doubted(item: Fact, states: Mapping[Source, Fact]) -> Fact:
    own = states[item.source].value
    others = [f"{source} says {other.value}" for source, other in states.items() if other.value != own]
    confidence = round(item.confidence * CONFLICT, 3)
    return replace(item, confidence=confidence, note=", ".join(others)[:200])


@lru_cache(maxsize=16384)
def domain_facts(website_host: str | None, email: str | None) -> tuple[Fact, ...]:
    """Whether the lead has a domain of its own, by its website, else by its e-mail address; and its TLD."""
    if website_host:
        return _domain_facts(website_host, "website")
    return _domain_facts(email.rpartition("@")[2], "email") if email else ()


def _domain_facts(host: str, source: Source) -> tuple[Fact, ...]:
    kind = "free_mail" if is_free_mail(host) else "shared_platform" if is_shared_host(host) else "own"
    return _facts((("domain_kind", kind), ("tld", host.rpartition(".")[2])), source, CONFIDENCE["stated"])


@lru_cache(maxsize=16384)
def email_facts(email: str, website_host: str | None = None) -> tuple[Fact, ...]:
    """Whose mailbox it is, a role's, a free one or a person's, and whether it is at the website's domain.

    A mailbox of a company's own domain that spells first and last name names a person.
    """
    mailbox, _, domain = email.rpartition("@")
    kind = "role" if is_role_mailbox(email) else "free_mail" if is_free_mail(domain) else "personal"
    found = list(_facts((("email_kind", kind),), "email", CONFIDENCE["stated"]))
    if website_host and not is_free_mail(domain) and not is_shared_host(website_host):
        where = "own_domain" if _same_domain(domain, website_host) else "other_domain"
        found.append(fact("email_domain", where, "email", CONFIDENCE["stated"]))
    if kind == "personal" and (named := _MAILBOX_NAME.fullmatch(mailbox)):
        name = " ".join(part.capitalize() for part in named.groups())
        found.append(fact("contact_person", name, "email", CONFIDENCE["mailbox"], quote=mailbox))
    return tuple(found)


def _same_domain(domain: str, host: str) -> bool:
    return domain == host or registrable_domain(domain) == registrable_domain(host)


@lru_cache(maxsize=16384)
def brand_facts(oems: str | None) -> tuple[Fact, ...]:
    """Brands as the list gives them and their equipment categories."""
    brands = parse_brands(oems)
    categories = in_category_order(category for brand in brands for category in categories_of(brand))
    return (
        *_facts((("brands", ", ".join(brands)),), "file", CONFIDENCE["stated"]),
        *_facts(
            (("brand_categories", ", ".join(categories)),), "brand dictionary", CONFIDENCE["brand dictionary"]
        ),
    )


@lru_cache(maxsize=16384)
def trade_facts(
    company_name: str, notes: str | None, capabilities: str | None, oems: str | None, industry: str | None
) -> tuple[Fact, ...]:
    """Trades by where they were seen: capability columns, name, notes, brands; failing all, industry."""
    columns = LeadFeatures("", capabilities=tuple((capabilities or "").split(", "))).named_trades
    seen: tuple[tuple[Source, tuple[str, ...]], ...] = (
        ("columns", columns),
        ("name", trades_in(company_name)),
        ("notes", trades_in(affirmed(notes)) if notes else ()),
        ("brands", trades_of_brands(parse_brands(oems))),
    )
    if not any(trades for _, trades in seen):
        seen = (("industry", trades_in(industry)),)
    return tuple(
        fact("trades", ", ".join(trades), source, CONFIDENCE[source]) for source, trades in seen if trades
    )


@lru_cache(maxsize=16384)
def word_facts(company_name: str, notes: str | None) -> tuple[Fact, ...]:
    """Whom the company serves and what service work it does, in its name's words and its notes'."""
    texts: tuple[tuple[Source, str], ...] = (("name", company_name), ("notes", affirmed(notes or "")))
    found: list[Fact] = []
    for source, text in texts:
        words = read_wording(text)
        customers = [kind for kind, word in _CUSTOMERS if getattr(words, word)]
        values = (("customers", ", ".join(customers)), ("service", ", ".join(words.operations)))
        found += _facts(values, source, CONFIDENCE[source])
    return tuple(found)
