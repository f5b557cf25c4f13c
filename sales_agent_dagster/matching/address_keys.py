"""Street, city, state and ZIP as comparable values."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import NamedTuple

from sales_agent_dagster.domain.us_places import STATES, state_of_name
from sales_agent_dagster.domain.values.text import MISSING, words
from sales_agent_dagster.matching.vocabulary import (
    CITY_SPELLINGS,
    DIRECTIONS,
    STREET_SPELLINGS,
    STREET_TYPES,
    UNITS,
    WAY_SPELLINGS,
)

_RESIDUE = re.compile(
    r"""\s*(?:
        \(?~?\d+(?:\.\d+)?\s*(?:mi|miles?|km)\b\.?(?:\s+away)?\)?   # distance
        |(?:\d(?:\.\d+)?\s*)?out\ of\ 5\s*(?:stars?)?|\d(?:\.\d+)?\s*stars?\b\.?|[\u2605\u2606*]+   # stars
        |\d\.\d(?:\s*\(\d+\)|\s+(?=\d))|\(\d[\d,]*(?:\s*reviews?)?\)|\d+\s+reviews?\b   # rating, reviews
        |\d+\.\s+(?=\d)|(?:rating|distance):?|open\ now|closed   # rank, labels
    )[\s,;|\u00b7-]*""",
    re.VERBOSE,
)
"""What listings put in front of a street."""
_PO_BOX = re.compile(r"\b(?:p\.?\s*o\.?\s*(?:box|drawer)|post office box|pobox)\s*#?\s*(\w+)")
_UNIT = re.compile(
    r"(?:[,\s]+|^)(?:(?:suite|ste|unit|apt|apartment|bldg|building|floor|flr|fl|room|rm|lot|dept|office|ofc"
    r"|space|spc)\b\.?\s*#?\s*([a-z0-9-]{1,6})\b|#\s*([a-z0-9-]{1,6}))"
)
_NUMBER = re.compile(r"^\s*(\d+)(?:-\d+)?(?:\s*([a-z])(?=\s|$)|\s+1/2)?[\s,]+")
_LEADING_UNIT = re.compile(
    r"\s*(?:suite|ste|unit|apt|apartment|floor|flr|fl|room|rm)\b\.?\s*#?\s*([a-z0-9-]{1,6})[\s,]+(?=\d)"
)
_NUMBER_AFTER = re.compile(
    r"(.*?[^\W\d_][\s.,]+)(\d{1,4})(?:\s*[-/+]\s*\d{1,4})?(?:\s*/?\s*[a-z])?\s*(?:,.*)?"
)
"""A street whose house number stands after it, as in most of Europe."""
_NUMBER_SIGNS = words("n no o nr num numero nave")
"""Words between a street and its number; an ordinal sign is read as an o."""
_STREET_ENDING = re.compile(r"strasse$")
_NUMBERED_WAYS = UNITS | words("highway hwy route rte rt road rd cr fm sr ih us interstate loop exit mile")
"""Words before a number that is a name, not a house's."""
_WAYS = STREET_TYPES | DIRECTIONS
UNTELLING = _WAYS | UNITS | words("saint us")
"""Words that tell no two streets apart; ``st`` before a name is a saint, and ``us`` is before a highway."""
ODD_IN_STREETS = UNITS | words("mi mile miles km star stars box drawer pobox reviews review")
_ODD_SIGNS = re.compile(r"[^a-z0-9. ]|\d\.")
"""With these a street is read step by step; most streets have none."""
_WORD = re.compile(r"[^\W_]+")
_PUNCTUATION = re.compile(r"['\u2019.]")
_ORDINAL = re.compile(r"(\d+)(?:st|nd|rd|th)")
_LEADING_ZIP = re.compile(r"'?(\d{3,5})(?:\.0)?(?:[-\s]?\d{4})?")


class Street(NamedTuple):
    """House number, words and unit of a street; see ``NormLead``."""

    number: str = ""
    words: str = ""
    unit: str = ""


_NO_STREET = Street()


def plain(text: str) -> str:
    """Lower case without accents and outer white space."""
    if not text.isascii():
        letters = unicodedata.normalize("NFKD", text)
        text = "".join(letter for letter in letters if not unicodedata.combining(letter)).casefold()
    return text.strip().lower()


def read_street(text: str) -> Street:
    """Comparable parts of a street cell; listing residue in front of it is cut."""
    lower = plain(text[:200])
    if lower in MISSING:
        return _NO_STREET
    found = _WORD.findall(lower)
    if len(found) > 1 and found[0].isdecimal() and _is_plain(lower, found):
        start = 2 if len(found) > 2 and len(found[1]) == 1 else 1
        return Street(found[0].lstrip("0"), _telling_words(found[start:]))
    while residue := _RESIDUE.match(lower):
        lower = lower[residue.end() :]
    box = _PO_BOX.search(lower)
    if box:
        return Street(f"po {box[1]}", "po box")
    found_unit = ""
    leading = _LEADING_UNIT.match(lower)
    if leading:
        found_unit, lower = leading[1].lstrip("0-"), lower[leading.end() :]
    unit = _UNIT.search(lower)
    if unit and unit.start() > 0:
        found_unit = (unit[1] or unit[2]).lstrip("0-")
        lower = lower[: unit.start()] + " " + lower[unit.end() :]
    number = _NUMBER.match(lower)
    if number:
        return Street(number[1].lstrip("0"), _street_words(lower[number.end() :]), found_unit)
    after = _NUMBER_AFTER.fullmatch(lower)
    before = _WORD.findall(after[1]) if after else []
    if not after or before[-1] in _NUMBERED_WAYS:
        return Street("", _street_words(lower), found_unit)
    named = [_STREET_ENDING.sub("str", word) for word in before if word not in _NUMBER_SIGNS]
    return Street(after[2].lstrip("0"), _telling_words(named or before), found_unit)


def _is_plain(lower: str, found: list[str]) -> bool:
    """True for number and words alone: nothing that has to be read step by step."""
    return ODD_IN_STREETS.isdisjoint(found) and not _ODD_SIGNS.search(lower)


def _street_words(text: str) -> str:
    return _telling_words(_WORD.findall(_PUNCTUATION.sub("", text.partition(",")[0])))


def _telling_words(found: list[str]) -> str:
    """Words of a street without its type and direction, unless nothing else is there."""
    spelled = " ".join([STREET_SPELLINGS.get(word, word) for word in found]).split()
    telling = [word for word in spelled if word not in UNTELLING]
    if not telling:
        telling = [word for word in spelled if word in UNITS and word not in _WAYS] or _of_ways(spelled)
    return " ".join([_ORDINAL.sub(r"\1", word) if word[0].isdigit() else word for word in telling])


def _of_ways(spelled: list[str]) -> list[str]:
    """The name of a street that has one of ways and directions: ``E Ridge Rd`` is Ridge, ``N Ave`` North."""
    kept = spelled[:-1] if len(spelled) > 1 and spelled[-1] in STREET_TYPES else spelled
    named = [word for word in kept if word not in DIRECTIONS] or kept[-1:]
    return [WAY_SPELLINGS.get(word, word) for word in named]


def read_city(text: str) -> str:
    """Comparable city; a state after a comma is cut."""
    lower = plain(text[:100])
    if lower in MISSING:
        return ""
    found = _WORD.findall(_PUNCTUATION.sub("", lower.partition(",")[0]))
    if len(found) > 2 and found[:2] == ["city", "of"]:
        found = found[2:]
    return " ".join([CITY_SPELLINGS.get(word, word) for word in found if word.isalpha()])


@lru_cache(maxsize=4096)
def read_state(text: str) -> str:
    """Two letters of a US state; of any other region its letters and digits, upper case."""
    bare = text.strip(" .,").upper()
    if bare in STATES:
        return bare
    if text.casefold().strip() in MISSING:
        return ""
    return state_of_name(text) or "".join(_WORD.findall(bare))[:20]


def read_zip(text: str) -> str:
    """Five digits, lost leading zeros restored; of another country's code its letters and digits."""
    bare = text.strip()
    if len(bare) == 5 and bare.isdigit() and bare.isascii():
        return "" if bare == "00000" else bare
    match = _LEADING_ZIP.fullmatch(bare)
    if match:
        return "" if not match[1].strip("0") else match[1].zfill(5)
    if bare.casefold() in MISSING:
        return ""
    return "".join(_WORD.findall(bare.upper()))[:10]
