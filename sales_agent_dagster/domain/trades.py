"""Trades a contractor works in, read from words as dealers write them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from sales_agent_dagster.domain.oems import categories_of

MAX_TEXT = 2000

# One pattern per trade, matched on lower-case text at word boundaries. Abbreviations are those of dealer
# lists ("PLUMB HEAT COOL & ELEC"). "AC" before power or electric is alternating current, and "gen" alone
# may be "general", so both need their neighbours looked at.
_PATTERNS = {
    "generator": (
        r"generator\w*|gen[ -]?sets?|gen(?=[ -]+(?:systems?|power|serv|repair|sales))"
        r"|(?:standby|stand-by|backup|back-up|emergency) power|power generation"
    ),
    "electrical": r"electric(?:al|ians?|s)?|elec|elect|elctrc?|wiring|switchgear",
    "hvac": (
        r"hvacr?|heating|heat|htg|cooling|cool|clg|refrigeration|refrig|furnaces?|boilers?|ventilation|ductwork"
        r"|mechanical|mech|air(?! (?:force|port|line|freight|cargo|compress))"
        r"|a/c|(?:ac|a\.c\.)(?! (?:power|electric|elec|dc|motor|generator|solar))"
    ),
    "plumbing": r"plumb|plumbers?|plumbing|plbg|plmbg|sewers?|drains?|rooter|water heaters?|repip(?:e|ing)",
    "solar": r"solar|pv|photovoltaics?",
    "battery": r"batter(?:y|ies)|energy storage|powerwalls?|bess",
    "roofing": r"roof|roofs|roofing|roofers?",
    "ev_charging": r"ev[ -]?charg\w+|evse|(?:car|vehicle) charg\w+",
}
_MATCHERS = {
    trade: re.compile(rf"(?<![a-z0-9])(?:{words})(?![a-z0-9])") for trade, words in _PATTERNS.items()
}

TRADES: tuple[str, ...] = tuple(_PATTERNS)
"""Every trade there is, in the order they are listed everywhere."""

_TRADE_OF_CATEGORY = {
    "hvac": "hvac",
    "solar": "solar",
    "inverter": "solar",
    "battery": "battery",
    "generator": "generator",
    "smart_panel": "electrical",
}


def trades_in(text: str | None) -> tuple[str, ...]:
    """Trades named in free text such as a company name, in the order of ``TRADES``."""
    return _trades_in(text[:MAX_TEXT]) if text else ()


@lru_cache(maxsize=16384)
def _trades_in(text: str) -> tuple[str, ...]:
    plain = " ".join(text.lower().replace("_", " ").split())
    return tuple(trade for trade, matcher in _MATCHERS.items() if matcher.search(plain))


def trades_of_brands(brands: Iterable[str]) -> tuple[str, ...]:
    """Trades that install what the brands make, by their categories; connected controls imply none."""
    return in_trade_order(
        _TRADE_OF_CATEGORY[category]
        for brand in brands
        for category in categories_of(brand)
        if category in _TRADE_OF_CATEGORY
    )


def in_trade_order(trades: Iterable[str]) -> tuple[str, ...]:
    """The distinct known trades among the given ones, in the order of ``TRADES``."""
    given = set(trades)
    return tuple(trade for trade in TRADES if trade in given)
