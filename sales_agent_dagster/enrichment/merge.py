"""Which of several facts about one field counts, and what becomes of the others.

Precedence: the higher confidence; of equals the source nearer to the company, as `NEARNESS` lists them; of
equals again the one found first. Nothing is thrown away: a fact that lost to another value keeps its place
and its confidence, and its note says which source says what instead.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from sales_agent_dagster.enrichment.facts import Fact

NEARNESS = (
    "zip", "address", "phone", "website", "email", "contact", "file", "columns", "brand dictionary", "name",
    "brands", "notes", "industry", "web page", "linkedin", "apollo", "hunter", "model",
)  # fmt: skip
"""Sources from the lead's own row over the company's website to those that tell of others."""

SEVERAL = frozenset(
    {"trades", "brands", "brand_categories", "technologies", "customers", "service", "service_area",
     "certification", "company_phone", "company_email", "contact_person", "contact_email", "contact_phone",
     "contact_linkedin", "region_city", "region_state", "region_county", "timezone"}
)  # fmt: skip
"""Fields that may truly have several values, and regions, whose sources are weighed as a whole elsewhere."""

_RANK = {source: rank for rank, source in enumerate(NEARNESS)}


@dataclass(frozen=True, slots=True)
class Settled:
    """The fact that counts for a field, and those that lost to it, best first."""

    winner: Fact
    losers: tuple[Fact, ...]


def settle(facts: Iterable[Fact]) -> dict[str, Settled]:
    """Per field the fact that counts and the others, in order of the fields' first facts."""
    by_field: dict[str, list[Fact]] = {}
    for fact in facts:
        by_field.setdefault(fact.field, []).append(fact)
    settled = {}
    for field, found in by_field.items():
        winner, *losers = sorted(found, key=_precedence) if len(found) > 1 else found
        settled[field] = Settled(winner, tuple(losers))
    return settled


def surest(facts: Iterable[Fact]) -> dict[str, Fact]:
    """Per field the fact that counts."""
    return {field: settled.winner for field, settled in settle(facts).items()}


def merged(facts: Sequence[Fact]) -> list[Fact]:
    """All facts in their order; those that lost to another value say so in their note."""
    contested: dict[str, Fact] = {}
    for field, settled in settle(facts).items():
        if field not in SEVERAL:
            value = settled.winner.value.casefold()
            contested |= {
                loser.id: settled.winner for loser in settled.losers if loser.value.casefold() != value
            }
    if not contested:
        return list(facts)
    return [
        replace(fact, note=_said_by(contested[fact.id])) if fact.id in contested and not fact.note else fact
        for fact in facts
    ]


def _precedence(fact: Fact) -> tuple[float, int]:
    return -fact.confidence, _RANK[fact.source]


def _said_by(winner: Fact) -> str:
    return f"{winner.source} says {winner.value}"[:200]
