"""The growth analysis by rules: expansion score, market position, words. Every number is a figure's.

Expansion score, 0-100: the sum of six components' points. A component without a figure (an unknown
territory, no known brand) is left out and the rest is scaled up to 100, so that missing data neither
earns nor costs points. Each component is linear in the figure it cites:

========================  ======  =========================================================
component                 points  share earned
========================  ======  =========================================================
room in the territory         15  1 up to the median territory's size, then falling as 1/density
room for its brands           15  share of the others in scope that carry none of its brands
gap to peers                  25  sum of the shares of peers that have each gap, at most 1
multi-brand position          20  share of the others in scope that carry fewer brands
service business              15  service and maintenance dimension / 100
reach                         10  share known of: phone, e-mail, own website
========================  ======  =========================================================

Market position among rivals (others in scope with one of its brands or trades), by the share that scores
lower, those level counting half: leader from 0.75, challenger from 0.40, else follower; alone when there
is no rival.
"""

from __future__ import annotations

from collections.abc import Callable

from sales_agent_dagster.agents.growth.market import MIN_TERRITORY, UNKNOWN, Figures, Gap
from sales_agent_dagster.agents.growth.state import (
    Component,
    GrowthLead,
    Measures,
    Play,
    PlayKind,
    Words,
)

WEIGHTS = {
    "territory_room": 15,
    "brand_room": 15,
    "peer_gap": 25,
    "multi_brand": 20,
    "service_business": 15,
    "reach": 10,
}
"""Most points per component; they sum to 100."""

LEADER_SHARE = 0.75
CHALLENGER_SHARE = 0.40
SERVICE_LINE = 75
"""Service and maintenance dimension from which the company counts as a service business."""

CROWDED = 5
"""Same-brand companies in the territory from which standing apart is worth a play."""

MAX_PLAYS = 3

Earned = tuple[float | None, str]


def measure(lead: GrowthLead) -> Measures:
    """Expansion score with its components, and the market position."""
    components = tuple(_component(name, *rule(lead)) for name, rule in _RULES.items())
    counted = [part for part in components if part.points is not None]
    earned = sum(part.points or 0.0 for part in counted)
    score = round(100 * earned / sum(part.weight for part in counted), 1)
    return Measures(score, market_position(lead.figures), components)


def market_position(figures: Figures) -> str | None:
    """Standing among rivals; None for a company without a score."""
    if figures.score_percentile is None:
        return None
    if figures.rivals == 0:
        return "alone"
    beaten = (figures.rivals_below + figures.rivals_level / 2) / figures.rivals
    if beaten >= LEADER_SHARE:
        return "leader"
    return "challenger" if beaten >= CHALLENGER_SHARE else "follower"


def narrate(lead: GrowthLead, measures: Measures) -> Words:
    """Summary and plays by rule."""
    figures = lead.figures
    parts = [_place(figures), _standing(figures, measures.market_position)]
    if figures.gaps:
        parts.append(
            f"Not seen, though peers have it: {_listed([gap_in_words(gap) for gap in figures.gaps[:2]])}."
        )
    parts.append(f"Expansion score {measures.expansion_score:g}.")
    return Words(" ".join(parts), _plays(lead, measures))


def percent(share: float) -> str:
    """A share in words: ``0.286`` is ``29 %``."""
    return f"{share * 100:.0f} %"


def _component(name: str, share: float | None, figure: str) -> Component:
    weight = WEIGHTS[name]
    points = None if share is None else round(weight * min(max(share, 0.0), 1.0), 1)
    return Component(name, weight, points, figure)


def _territory_room(lead: GrowthLead) -> Earned:
    figures = lead.figures
    if figures.territory_density is None:
        return None, "territory unknown"
    return (
        1 / max(figures.territory_density, 1),
        f"{figures.territory_leads} of the list in {figures.territory}, "
        f"{figures.median_territory_leads:g} in the median territory",
    )


def _brand_room(lead: GrowthLead) -> Earned:
    share = lead.figures.other_brand_share
    if share is None:
        return None, "no known brand" if not lead.figures.brand_count else "no other company"
    return share, f"{percent(share)} of the others {_where(lead.figures)} carry none of its brands"


def _peer_gap(lead: GrowthLead) -> Earned:
    gaps, peers = lead.figures.gaps, lead.figures.gap_peers
    if peers is None:
        return None, "too little known to compare with peers"
    if not gaps:
        return 0.0, f"no gap to {peers} peers seen"
    return sum(gap.share for gap in gaps), "not seen: " + _listed([gap_in_words(gap) for gap in gaps])


def _multi_brand(lead: GrowthLead) -> Earned:
    share = lead.figures.fewer_brands_share
    if share is None:
        return None, "no known brand" if not lead.figures.brand_count else "no other company"
    return share, (
        f"{_brands(lead.figures.brand_count)}; {percent(share)} of the others {_where(lead.figures)} "
        "carry fewer"
    )


def _service_business(lead: GrowthLead) -> Earned:
    if lead.o_and_m is None:
        return None, "service work not judged"
    return lead.o_and_m / 100, f"service and maintenance {lead.o_and_m:g} of 100"


def _reach(lead: GrowthLead) -> Earned:
    ways = {"phone": lead.has_phone, "e-mail": lead.has_email, "own website": lead.has_own_website}
    known = [name for name, present in ways.items() if present]
    return len(known) / len(ways), f"known: {', '.join(known) or 'none'}"


_RULES: dict[str, Callable[[GrowthLead], Earned]] = {
    "territory_room": _territory_room,
    "brand_room": _brand_room,
    "peer_gap": _peer_gap,
    "multi_brand": _multi_brand,
    "service_business": _service_business,
    "reach": _reach,
}


def _place(figures: Figures) -> str:
    if figures.territory == UNKNOWN:
        return f"Territory unknown, compared with all {figures.list_leads} companies of the list."
    if figures.scope == "list":
        return (
            f"Fewer than {MIN_TERRITORY} companies of the list in {figures.territory} "
            f"({figures.territory_leads}), compared with all {figures.list_leads}."
        )
    rivals = figures.same_oem_competitors
    brands = "" if rivals is None else f"; {rivals} of the others there carry one of its brands"
    return f"One of {figures.territory_leads} companies of the list in {figures.territory}{brands}."


def _standing(figures: Figures, position: str | None) -> str:
    if position is None or figures.score_percentile is None:
        return "Not scored, so not ranked."
    if position == "alone":
        return f"Alone {_where(figures)}: no other company shares a brand or trade."
    return (
        f"{position.capitalize()} among {figures.rivals} rivals {_where(figures)}: "
        f"{figures.rivals_below} score lower, {figures.rivals_level} the same."
    )


def _plays(lead: GrowthLead, measures: Measures) -> tuple[Play, ...]:
    found = [_gap_play(lead), _brand_play(lead), _service_play(lead), _rank_play(lead, measures)]
    return tuple([play for play in found if play is not None][:MAX_PLAYS])


def _gap_play(lead: GrowthLead) -> Play | None:
    if not lead.figures.gaps:
        return None
    gap = lead.figures.gaps[0]
    text = f"Ask about {label(gap.capability)}: {gap_in_words(gap)}; not seen here."
    return _play("ask_about_capability", text, "gaps", gap_in_words(gap))


def _brand_play(lead: GrowthLead) -> Play | None:
    figures = lead.figures
    if figures.brand_count > 1:
        text = f"Lead with one view over {_brands(figures.brand_count)}."
        return _play("several_brands", text, "brand_count", str(figures.brand_count))
    rivals = figures.same_oem_competitors
    if rivals is None or rivals < CROWDED:
        return None
    text = f"Ask what sets it apart: {rivals} others in {figures.territory} carry {figures.main_brand}."
    return _play("stand_apart", text, "same_oem_competitors", str(rivals))


def _service_play(lead: GrowthLead) -> Play | None:
    if lead.o_and_m is None:
        return None
    if lead.o_and_m >= SERVICE_LINE:
        text = f"Lead with maintenance contracts: service work is rated {lead.o_and_m:g} of 100."
        return _play("service_contracts", text, "o_and_m", f"{lead.o_and_m:g}")
    text = f"Ask how service is sold: little service work seen ({lead.o_and_m:g} of 100)."
    return _play("build_service", text, "o_and_m", f"{lead.o_and_m:g}")


def _rank_play(lead: GrowthLead, measures: Measures) -> Play | None:
    if measures.market_position != "leader":
        return None
    text = (
        f"Treat as a reference account: {lead.figures.rivals_below} of {lead.figures.rivals} rivals "
        f"{_where(lead.figures)} score lower."
    )
    return _play("reference_account", text, "rivals_below", str(lead.figures.rivals_below))


def _play(name: PlayKind, text: str, figure: str, value: str) -> Play:
    return Play(name, text, figure, value)


def label(capability: str) -> str:
    """A trade or category in words."""
    return _LABELS.get(capability, capability)


_LABELS = {
    "hvac": "heating and cooling",
    "ev_charging": "EV charging",
    "smart_panel": "smart panels",
    "iot": "connected controls",
}


def gap_in_words(gap: Gap) -> str:
    """A gap with the peers that have the capability."""
    return f"{label(gap.capability)} at {gap.have} of {gap.peers} {_peers(gap)}"


def _peers(gap: Gap) -> str:
    return f"others in {gap.group}" if gap.basis == "territory" else f"others with {gap.group}"


def _where(figures: Figures) -> str:
    return f"in {figures.territory}" if figures.scope == "territory" else "on the whole list"


def _brands(count: int) -> str:
    return "1 brand" if count == 1 else f"{count} brands"


def _listed(items: list[str]) -> str:
    return ", ".join(items)
