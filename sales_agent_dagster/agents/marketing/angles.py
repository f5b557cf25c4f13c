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
    Angle("several_brands", lambda f: len(f.brands) > 1, ("brands",), ("brands", "brand_total"), _BRANDS),
    Angle("several_trades", lambda f: len(f.trades) > 1, ("trades",), ("trades",), _PLANNING),
)
"""What few companies have in common: these come first, in this order."""

_PLACED = ("rivals", "brands", "state")

COMMON = (
    Angle("service", lambda f: bool(f.operations), ("operations",), ("operations",), _SERVICE),
    Angle("gap", lambda f: f.gap is not None, ("gap", "brands", "state"), ("gap", "state"), _BRANDS),
    Angle(
        "stand_apart",
        lambda f: f.brand_total == 1 and f.rivals is not None and f.rivals >= CROWDED,
        _PLACED,
        _PLACED,
        _SERVICE,
    ),
    Angle(
        "few_rivals",
        lambda f: f.brand_total == 1 and f.rivals is not None and f.rivals < CROWDED,
        _PLACED,
        _PLACED,
        _PLANNING,
    ),
    Angle("brand", lambda f: bool(f.brands), ("brands",), ("brands", "brand_total"), _SERVICE),
    Angle("trade", lambda f: len(f.trades) == 1, ("trades", "state"), ("trades", "state"), _PLANNING),
)
"""What many share: these follow, starting at a different one for each lead."""

PLAIN = (
    Angle("plain", lambda f: True, ("state",), ("state",), _PLANNING),
    Angle("contracts", lambda f: True, (), (), _SERVICE),
)
"""Questions that claim nothing: for leads of which nothing is known, and for the plainer templates."""


def angles_for(sheet: FactSheet, lead_id: str) -> tuple[Angle, Angle]:
    """The two angles of a lead: the first for variant A and the other channels, the second for B."""
    strong = [angle for angle in STRONG if angle.applies(sheet)]
    common = [angle for angle in COMMON if angle.applies(sheet)]
    start = crc32(lead_id.encode()) % len(common) if common else 0
    found = [*strong, *common[start:], *common[:start], *PLAIN]
    return found[0], found[1]


def ordered_points(points: Sequence[str], angle: Angle) -> list[str]:
    """The seller's value points, those that go with the angle first."""

    def distance(point: str) -> int:
        return -sum(word in point.lower() for word in angle.keywords)

    return sorted(points, key=distance)
