"""Facts of a website from the claims of its pages."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from sales_agent_dagster.domain.shared_hosts import is_free_mail, is_role_mailbox
from sales_agent_dagster.domain.values.web import registrable_domain
from sales_agent_dagster.enrichment.facts import Fact, fact
from sales_agent_dagster.enrichment.subjects import is_made_of
from sales_agent_dagster.enrichment.website.claims import Claim
from sales_agent_dagster.enrichment.website.document import Document
from sales_agent_dagster.enrichment.website.people import people_on
from sales_agent_dagster.enrichment.website.structured import claims_of_data
from sales_agent_dagster.enrichment.website.words import claims_of_words

MAX_TEXT = 12_000
"""Characters of one page's words that are handed on for a model to read."""

MOST: dict[str, int] = {
    "company_phone": 3, "company_email": 3, "company_linkedin": 1, "contact_person": 20, "contact_email": 20,
    "contact_phone": 5, "contact_linkedin": 20, "brands": 30, "trades": 8, "technologies": 12,
    "service_area": 3, "customers": 2, "service": 6,
}  # fmt: skip
"""Facts kept per field that may have several; of any other field the surest one is kept."""

AGREEING = frozenset({"street_address", "region_city", "region_state", "postal_code", "founded"})
"""Fields of which a company has one: when its pages name several, nothing says which, and none is kept."""

ELSEWHERE = 0.8
"""What confidence is multiplied by when the address led to another domain: the firm may be another."""


@dataclass(frozen=True, slots=True)
class ReadPage:
    """A page taken apart.

    Attributes:
        kind: by ``links.telling_pages``; the first page is ``home``.
        url: where it was found.
    """

    kind: str
    url: str
    fetched_at: datetime
    document: Document


def texts_of(pages: Iterable[ReadPage]) -> dict[str, str]:
    """Visible words by page, such as ``website about``; bounded, for a model to read as data."""
    texts: dict[str, str] = {}
    for page in pages:
        words = page.document.text[:MAX_TEXT]
        if words:
            texts.setdefault(f"website {page.kind}", words)
    return texts


def facts_of(pages: Sequence[ReadPage], asked_domain: str | None) -> list[Fact]:
    """Facts that the pages of one website say, the surest first in each field.

    Args:
        pages: the home page first.
        asked_domain: registrable domain of the address that was asked for.
    """
    claims = [(item, page) for page in pages for item in _claims(page)]
    own_domain = registrable_domain(_host(pages[0].url))
    factor = 1.0 if own_domain == asked_domain else ELSEWHERE
    by_field: dict[str, list[tuple[Claim, ReadPage]]] = defaultdict(list)
    for item, page in _addressed(claims, own_domain):
        by_field[item.field].append((item, page))
    facts: list[Fact] = []
    for field, found in by_field.items():
        kept = _distinct(field, found)[: MOST.get(field, 1)]
        several = field in MOST
        for number, (item, page) in enumerate(kept, 1):
            facts.append(
                fact(
                    field,
                    item.value,
                    "web page",
                    round(item.confidence * factor, 3),
                    number=number if several else None,
                    quote=item.quote,
                    url=page.url,
                    fetched_at=page.fetched_at.isoformat(timespec="seconds"),
                )
            )
    return facts


def _claims(page: ReadPage) -> list[Claim]:
    document = page.document
    return [
        *claims_of_data(document.data),
        *people_on(document, page.kind),
        *claims_of_words(document, page.kind),
    ]


def _distinct(field: str, found: list[tuple[Claim, ReadPage]]) -> list[tuple[Claim, ReadPage]]:
    """One claim per value: the surest, and of equally sure values the one named most often, then first."""
    best: dict[str, tuple[Claim, ReadPage]] = {}
    times: Counter[str] = Counter()
    for item, page in found:
        value = item.value.casefold()
        times[value] += 1
        if value not in best or item.confidence > best[value][0].confidence:
            best[value] = (item, page)
    surest = max(item.confidence for item, _ in best.values())
    if field in AGREEING:
        best = {value: entry for value, entry in best.items() if entry[0].confidence == surest}
        return list(best.values()) if len(best) == 1 else []
    return sorted(best.values(), key=lambda e: (-e[0].confidence, -times[e[0].value.casefold()]))


def _addressed(
    claims: Iterable[tuple[Claim, ReadPage]], own_domain: str | None
) -> Iterable[tuple[Claim, ReadPage]]:
    """The claims with e-mail addresses given to whom they belong.

    Left out are addresses at other companies' domains, such as the web designer's, unless structured data
    names them, and addresses that belong to nobody's mailbox.
    """
    claims = list(claims)
    people = [item.value.partition(",")[0] for item, _ in claims if item.field == "contact_person"]
    personal = {item.value for item, _ in claims if item.field == "contact_email"}
    for item, page in claims:
        if item.field != "company_email":
            yield item, page
            continue
        domain = item.value.rpartition("@")[2]
        own = registrable_domain(domain) == own_domain or is_free_mail(domain)
        if item.value in personal or not (own or item.confidence >= 0.9):
            continue
        if not is_role_mailbox(item.value) and any(is_made_of(item.value, name) for name in people):
            yield item._replace(field="contact_email"), page
        else:
            yield item, page


def _host(url: str) -> str:
    return url.partition("://")[2].partition("/")[0].rpartition("@")[2].partition(":")[0]
