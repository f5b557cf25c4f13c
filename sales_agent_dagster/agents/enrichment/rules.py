"""What the facts about a lead say together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from sales_agent_dagster.agents.enrichment.state import EnrichedLead, Enrichment, Region
from sales_agent_dagster.agents.runtime import redact
from sales_agent_dagster.domain.trades import in_trade_order
from sales_agent_dagster.enrichment.facts import Fact
from sales_agent_dagster.inference.engine import Answer

WANTED = (
    "region_city",
    "region_state",
    "timezone",
    "domain_kind",
    "email_kind",
    "brands",
    "brand_categories",
    "trades",
)
"""Fields that outreach and analysis use; completeness is the share of them that is known."""

MAX_MODEL_CONFIDENCE = 0.5


def payload_of(lead: Mapping[str, Any], facts: Iterable[Fact]) -> dict[str, object]:
    """What a model needs to know, JSON-ready; no person, e-mail address or phone number."""
    return {
        "company_name": redact(lead["company_name"], 120),
        "industry": redact(lead["industry"], 120) if lead["industry"] else None,
        "notes": redact(lead["notes"], 500) if lead["notes"] else None,
        "brands": lead["oems"],
        "facts": [
            {"field": item.field, "value": item.value, "source": item.source, "confidence": item.confidence}
            for item in facts
        ],
    }


def reconcile(collected: Sequence[Fact], answer: Answer[Enrichment]) -> EnrichedLead:
    """Settle a lead's facts: collected ones stand, an engine may only add trades it read in the words."""
    facts = (*collected, *_additions(collected, answer.value.facts))
    region = settle_region(facts)
    values = _surest(fact for fact in facts if fact.field != "trades")
    trades = in_trade_order(
        trade for fact in facts if fact.field == "trades" for trade in fact.value.split(", ")
    )
    known = {fact.field for fact in facts}
    completeness = round(sum(field in known for field in WANTED) / len(WANTED), 3)
    return EnrichedLead(
        answer,
        facts,
        region,
        {field: fact.value for field, fact in values.items()},
        trades,
        completeness,
    )


def _additions(collected: Sequence[Fact], answered: Sequence[Fact]) -> list[Fact]:
    if len(answered) == len(collected):
        return []
    added = [fact for fact in answered if fact.id == "trades.model" and fact.source == "model"][:1]
    known = [(fact, ", ".join(in_trade_order(fact.value.split(", ")))) for fact in added]
    return [
        fact.model_copy(update={"value": value, "confidence": min(fact.confidence, MAX_MODEL_CONFIDENCE)})
        for fact, value in known
        if value and fact.field == "trades"
    ]


def _surest(facts: Iterable[Fact]) -> dict[str, Fact]:
    """The fact of highest confidence per field; the first of equals."""
    best: dict[str, Fact] = {}
    for fact in facts:
        if fact.field not in best or fact.confidence > best[fact.field].confidence:
            best[fact.field] = fact
    return best


def settle_region(facts: Iterable[Fact]) -> Region:
    """The surest state, and city, county and time zone from sources that do not name another state."""
    regions = [fact for fact in facts if fact.field.startswith("region_") or fact.field == "timezone"]
    state = _surest(regions).get("region_state")
    if state:
        elsewhere = {
            fact.source for fact in regions if fact.field == "region_state" and fact.value != state.value
        }
        regions = [fact for fact in regions if fact.source not in elsewhere]
    best = _surest(regions)
    leading = next((best[name] for name in ("region_state", "timezone", "region_city") if name in best), None)
    value = {name: fact.value for name, fact in best.items()}
    return Region(
        city=value.get("region_city"),
        state=value.get("region_state"),
        county=value.get("region_county"),
        timezone=value.get("timezone"),
        source=leading.source if leading else None,
    )
