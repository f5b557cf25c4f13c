"""What a message to one lead is about: chosen from what is known, so that drafts differ in substance."""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

from sales_agent_dagster.agents.marketing.state import Angle, FactSheet

CROWDED = 5
"""Same-brand companies in the state from which standing apart is worth talking about."""


_SERVICE = ("maintenance", "contract", "service")
_PLANNING = ("crew", "schedule", "plan")
_BRANDS = ("manufacturer", "brand", "equipment")

STRONG = (
    Angle("several_brands", lambda f: len(f.brands) > 1, ("brands",), _BRANDS),
    Angle("several_trades", lambda f: len(f.trades) > 1, ("trades",), _PLANNING),
    Angle("service", lambda f: bool(f.operations), ("operations",), _SERVICE),
)
"""About the company itself: these come first, in this order."""

MARKET = (
    Angle("gap", lambda f: f.gap is not None, ("gap", "brands", "state"), _BRANDS),
    Angle(
        "stand_apart",
        lambda f: f.brand_total == 1 and f.rivals is not None and f.rivals >= CROWDED,
        ("rivals", "brands", "state"),
        _SERVICE,
    ),
    Angle(
        "few_rivals",
        lambda f: f.brand_total == 1 and f.rivals is not None and f.rivals < CROWDED,
        ("rivals", "brands", "state"),
        _PLANNING,
    ),
    Angle("brand", lambda f: bool(f.brands), ("brands",), _SERVICE),
    Angle("trade", lambda f: len(f.trades) == 1, ("trades", "state"), _PLANNING),
)
"""About its market: these follow, starting at a different one for each lead."""

PLAIN = (
    Angle("plain", lambda f: True, ("state",), _PLANNING),
    Angle("contracts", lambda f: True, (), _SERVICE),
)
"""Questions that claim nothing: for leads of which nothing is known, and for the plainer templates."""


def angles_for(sheet: FactSheet, lead_id: str) -> tuple[Angle, Angle]:
    """The two angles of a lead: the first for variant A and the other channels, the second for B."""
    strong = [angle for angle in STRONG if angle.applies(sheet)]
    market = [angle for angle in MARKET if angle.applies(sheet)]
    start = crc32(lead_id.encode()) % len(market) if market else 0
    found = [*strong, *market[start:], *market[:start], *PLAIN]
    return found[0], found[1]


def ordered_points(points: Sequence[str], angle: Angle) -> list[str]:
    """The seller's value points, those that go with the angle first."""

    def distance(point: str) -> int:
        return -sum(word in point.lower() for word in angle.keywords)

    return sorted(points, key=distance)
