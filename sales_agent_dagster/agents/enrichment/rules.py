"""What the facts about a lead say together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from sales_agent_dagster.agents.enrichment.state import EnrichedLead, Reading, Region
from sales_agent_dagster.domain.trades import in_trade_order
from sales_agent_dagster.enrichment.collecting import Collected
from sales_agent_dagster.enrichment.facts import Fact
from sales_agent_dagster.enrichment.merge import surest
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


def reconcile(
    found: Collected, read: Sequence[Fact], dropped: Sequence[str], answer: Answer[Reading]
) -> EnrichedLead:
    """Settle a lead's facts: collected ones come first, and what was read adds to them."""
    collected = found.facts
    facts = (*collected, *read)
    region = settle_region(facts)
    values = {
        field: fact.value for field, fact in surest(fact for fact in facts if fact.field != "trades").items()
    }
    if read and not any(fact.field == "brands" for fact in collected):
        named = [fact.value for fact in read if fact.field == "brands"]
        values |= {"brands": ", ".join(named)} if named else {}
    trades = in_trade_order(
        trade for fact in facts if fact.field == "trades" for trade in fact.value.split(", ")
    )
    known = {fact.field for fact in facts}
    completeness = round(sum(field in known for field in WANTED) / len(WANTED), 3)
    return EnrichedLead(
        answer,
        found,
        facts,
        region,
        values,
        trades,
        completeness,
        len(read),
        tuple(dropped),
    )


def settle_region(facts: Iterable[Fact]) -> Region:
    """The surest state, and city, county and time zone from sources that do not name another state."""
    regions = [fact for fact in facts if fact.field.startswith("region_") or fact.field == "timezone"]
    state = surest(regions).get("region_state")
    if state:
        elsewhere = {
            fact.source for fact in regions if fact.field == "region_state" and fact.value != state.value
        }
        regions = [fact for fact in regions if fact.source not in elsewhere]
    best = surest(regions)
    leading = next((best[name] for name in ("region_state", "timezone", "region_city") if name in best), None)
    value = {name: fact.value for name, fact in best.items()}
    return Region(
        city=value.get("region_city"),
        state=value.get("region_state"),
        county=value.get("region_county"),
        timezone=value.get("timezone"),
        source=leading.source if leading else None,
    )
