"""Comparing company names: same, clearly different, or a branch of the other."""

from __future__ import annotations

import re
from functools import lru_cache

from rapidfuzz import fuzz

from sales_agent_dagster.domain.name_core import LEGAL_FORMS, name_aliases

CLEARLY_DIFFERENT_BELOW = 75.0
"""``fuzz.ratio`` (0-100) of two squeezed cores from which a shared spelling is possible."""

MIN_CUT_LENGTH = 10
"""Letters that a cut-off name must have kept to be taken for the start of the longer one."""

# fmt: off
GENERIC_WORDS = LEGAL_FORMS | {
    "advanced", "air", "all", "american", "appliance", "backup", "builder", "building", "business", "care",
    "commercial", "conditioning", "construction", "contracting", "control", "cooling", "design", "drain",
    "electric", "emergency", "energy", "engineering", "equipment", "fuel", "gas", "general", "generation",
    "generator", "group", "heat", "heating", "home", "hvac", "industrial", "installation", "light",
    "lighting", "maintenance", "mechanical", "outage", "plumbing", "power", "professional", "pros", "quality",
    "refrigeration", "repair", "residential", "roofing", "sales", "service", "sewer", "solar", "solution",
    "specialist", "standby", "supply", "system", "technology", "total", "water", "wiring",
}
# fmt: on
"""Words of the trade that any contractor's name may hold: they tell no two firms apart."""

_BRANCH = re.compile(r"\s+[-\u2013\u2014]\s+|\s+of\s+", re.IGNORECASE)


@lru_cache(maxsize=65536)
def distinctive(core: str) -> frozenset[str]:
    """Words of a core that tell firms apart; empty when all of them are generic."""
    return frozenset(core.split()) - GENERIC_WORDS


def same_name(left: str, right: str) -> bool:
    """True when two names on one website are one firm's.

    That is: equal cores, equal distinctive words, or one the start of the other, cut off in mid-word.
    """
    return any(_same_core(a, b) for a in name_aliases(left) for b in name_aliases(right))


def _same_core(left: str, right: str) -> bool:
    if left == right or (distinctive(left) and distinctive(left) == distinctive(right)):
        return True
    short, long = sorted((left, right), key=len)
    return len(short) >= MIN_CUT_LENGTH and long.startswith(short) and long[len(short)] != " "


def clearly_different(left: str, right: str) -> bool:
    """True when nothing in two names suggests one firm.

    That is: no distinctive word in common, no similar spelling, neither holds the other's initials.
    """
    return all(_different_core(a, b) for a in name_aliases(left) for b in name_aliases(right))


def _different_core(left: str, right: str) -> bool:
    words_left, words_right = (distinctive(core) or frozenset(core.split()) for core in (left, right))
    if words_left & words_right or _initials(left) in words_right or _initials(right) in words_left:
        return False
    return fuzz.ratio(left.replace(" ", ""), right.replace(" ", "")) < CLEARLY_DIFFERENT_BELOW


def _initials(core: str) -> str:
    return "".join(word[0] for word in core.split())


def site_brand(name: str, site: str | None) -> str | None:
    """First two words of a longer name when they tell firms apart and its website begins with them.

    Branches of a brand have such names: ``Voltstore Center Akron`` at ``voltstorecenterofakron.com``.
    """
    words = name_aliases(name)[0].split()
    start, rest = words[:2], words[2:]
    if not site or GENERIC_WORDS.issuperset(start) or GENERIC_WORDS.issuperset(rest):
        return None
    return " ".join(start) if site.replace("-", "").startswith("".join(start)) else None


@lru_cache(maxsize=65536)
def branchless(name: str) -> tuple[str, ...]:
    """Aliases of the name before `` - Place`` or `` of Place``; of the whole name without such a tail."""
    return name_aliases(_BRANCH.split(name.strip(), maxsplit=1)[0] or name)
