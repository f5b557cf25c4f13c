"""What an engine is given to read, and which of the facts it found hold.

A fact holds when its quote is in the text it names, spaces and case apart, and its value is one its topic
knows: a trade, a kind of customer or service from a fixed list; a brand of the dictionary, a certification,
an area or a year that the quote itself names. What does not hold is left out and counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from sales_agent_dagster.agents.enrichment.state import ReadFact, Topic
from sales_agent_dagster.agents.untrusted import clean, is_order, links_in, redact
from sales_agent_dagster.domain.oems import canonical
from sales_agent_dagster.domain.trades import TRADES
from sales_agent_dagster.domain.wording import OPERATIONS
from sales_agent_dagster.enrichment.collecting import Collected
from sales_agent_dagster.enrichment.facts import Fact

MODEL_CONFIDENCE = 0.5
"""Of a fact that a model read: below every fact that a rule read in the lead's own words."""

MAX_TEXT = 2000
MAX_PAGES = 4
"""Fetched texts that a model reads; providers give the most telling first."""

MIN_QUOTE = 2
"""Characters; a shorter quote is in nearly every text."""

_LIMITS = {"name": 160, "industry": 120, "brands": 300, "notes": MAX_TEXT}
_COLUMNS = {"name": "company_name", "brands": "oems"}
_FIELDS: dict[Topic, str] = {"trade": "trades", "brand": "brands"}
_FIRST_YEAR, _LAST_YEAR = 1800, 2100


def texts_of(lead: Mapping[str, Any], pages: Mapping[str, str]) -> dict[str, str]:
    """The texts of a lead by name, fetched ones last, without links, addresses and numbers of persons."""
    found = {name: lead[_COLUMNS.get(name, name)] for name in _LIMITS}
    own = {name: redact(text, _LIMITS[name]) for name, text in found.items() if text}
    fetched = {
        clean(name, 60): redact(text, MAX_TEXT) for name, text in list(pages.items())[:MAX_PAGES] if text
    }
    return own | {name: text for name, text in fetched.items() if name not in own}


def payload_of(lead: Mapping[str, Any], pages: Mapping[str, str]) -> dict[str, object]:
    """What an engine is told, JSON-ready."""
    return {"texts": texts_of(lead, pages)}


def has_unread_words(lead: Mapping[str, Any], found: Collected) -> bool:
    """True when there are notes or pages, which rules read for little, or no word named a trade."""
    named = any(
        fact.field == "trades" and fact.source in ("name", "notes", "columns") for fact in found.facts
    )
    return bool(lead["notes"] or found.texts) or not named


def verified(found: Sequence[ReadFact], texts: Mapping[str, str]) -> tuple[list[Fact], list[str]]:
    """The facts that hold, as stored, and why the others do not."""
    facts: dict[tuple[str, str], Fact] = {}
    dropped: list[str] = []
    numbers: Counter[str] = Counter()
    plain = {name: _plain(text) for name, text in texts.items()}
    for item in found:
        value, reason = _value_of(item, plain)
        if value is None:
            dropped.append(f"{item.topic}: {reason}")
            continue
        field = _FIELDS.get(item.topic, item.topic)
        if (field, value) not in facts:
            numbers[field] += 1
            facts[field, value] = Fact(
                id=f"{field}.model.{numbers[field]}",
                field=field,
                value=value,
                source="model",
                confidence=MODEL_CONFIDENCE,
                quote=item.quote,
                read_in=item.source,
            )
    return list(facts.values()), dropped


def standing(facts: Iterable[Mapping[str, Any]], texts: Mapping[str, str]) -> list[Fact]:
    """Stored facts that a model read in an earlier pass and that its texts still say."""
    plain = {name: _plain(text) for name, text in texts.items()}
    read = [Fact(**stored) for stored in facts if stored.get("source") == "model"]
    return [fact for fact in read if fact.quote and _plain(fact.quote) in plain.get(fact.read_in or "", "")]


def _value_of(item: ReadFact, plain: Mapping[str, str]) -> tuple[str | None, str]:
    """The value that a fact says, or None and what is wrong with it."""
    quote = _plain(item.quote)
    if item.source not in plain:
        return None, "unknown text"
    if len(quote) < MIN_QUOTE or quote not in plain[item.source]:
        return None, "quote not in the text"
    if is_order(item.quote) or links_in(item.quote):
        return None, "quote with an instruction or a link"
    value = _VALUES[item.topic](item.value, quote)
    return value, "unknown value"


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())


def _one_of(*known: str) -> Callable[[str, str], str | None]:
    def value_of(value: str, quote: str) -> str | None:
        plain = _plain(value)
        return plain if plain in known else None

    return value_of


def _brand(value: str, quote: str) -> str | None:
    return canonical(value) if _plain(value) in quote else None


def _as_written(value: str, quote: str) -> str | None:
    return value[:80] if value and _plain(value) in quote else None


def _year(value: str, quote: str) -> str | None:
    year = value.strip()
    fits = len(year) == 4 and year.isdecimal() and _FIRST_YEAR <= int(year) <= _LAST_YEAR
    return year if fits and year in quote else None


_VALUES: dict[Topic, Callable[[str, str], str | None]] = {
    "trade": _one_of(*TRADES),
    "customers": _one_of("homes", "businesses"),
    "service": _one_of(*OPERATIONS),
    "brand": _brand,
    "certification": _as_written,
    "service_area": _as_written,
    "founded": _year,
}
