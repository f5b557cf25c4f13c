"""Equipment brands named in sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import lru_cache

from sales_agent_dagster.domain.oems import brand_dictionary, canonical
from sales_agent_dagster.domain.values.text import words
from sales_agent_dagster.domain.wording import affirmed
from sales_agent_dagster.enrichment.website.claims import Claim, claim
from sales_agent_dagster.enrichment.website.document import Document

CONFIDENCE = 0.75
LOGO_CONFIDENCE = 0.65

_DEALINGS = re.compile(
    r"\b(?:authori[sz]ed|certified|factory|dealers?|distributors?|brands?|manufacturers?|install\w*|servic\w+"
    r"|repairs?|sells?|sales|carry|carries|equipment|products?|generators?|systems?|warrant\w+)\b",
    re.IGNORECASE,
)
_WORD = re.compile(r"[^\s,;:()|/\u2022\u00b7]+")
_LONGEST = 4
_DEALER = words(
    "authorized authorised certified factory dealer dealers distributor distributors installer elite"
)
_JOINING = words("and or & + plus")
# Brands that are also a word, a place or a family name. Alone they say nothing: a word that says dealer, or
# another brand, must stand beside them.
_AMBIGUOUS = words(
    """
    york carrier champion predator coleman payne armstrong gillette heil bryant goodman cat caterpillar honda
    deere briggs mission delta discover span sense nest ring august fortress torus savant emporia lumin solis
    pika rec ja jci mtu cps outback trina samsung lg westinghouse winco gree amana yamaha tesla
    """
)
_LOGO_WORDS = re.compile(r"\b(?:logo|brand|image|icon|badge)\b", re.IGNORECASE)


def brand_claims(document: Document) -> Iterator[Claim]:
    """Brands in sentences that speak of dealing with them, and in descriptions of logos."""
    for line in document.blocks:
        if _DEALINGS.search(line):
            for brand in brands_in(affirmed(line)):
                yield claim("brands", brand, CONFIDENCE, line)
    for description in document.images:
        logo = _LOGO_WORDS.sub(" ", description).strip()
        shown = canonical(logo) if logo != description else None
        if shown:
            yield claim("brands", shown, LOGO_CONFIDENCE, description)


def brands_in(text: str) -> list[str]:
    """Brands of the dictionary in a text, in order, written with a capital; the longest name wins."""
    kept: dict[str, None] = {}
    for listing in _listings([match[0] for match in _WORD.finditer(text)]):
        if not all(doubtful for _, doubtful in listing):
            kept |= dict.fromkeys(brand for brand, _ in listing)
    return list(kept)


def _listings(given: list[str]) -> Iterator[list[tuple[str, bool]]]:
    """Brands that stand side by side, as in a list, each with whether it may be something else."""
    listing: list[tuple[str, bool]] = []
    end = 0
    for start, length, brand, doubtful in _named(given):
        if listing and not _JOINING.issuperset(word.casefold() for word in given[end:start]):
            yield listing
            listing = []
        listing.append((brand, doubtful))
        end = start + length
    yield listing


def _named(given: list[str]) -> Iterator[tuple[int, int, str, bool]]:
    """Place and length in words of each brand, its name, and whether it may be something else."""
    keys = [_key(word) for word in given]
    names, starts = brand_dictionary().names, _starts()
    place = 0
    while place < len(given):
        length = 0
        if keys[place] in starts and any(char.isupper() or char.isdigit() for char in given[place][:2]):
            spans = range(min(_LONGEST, len(given) - place), 0, -1)
            length = next((span for span in spans if "".join(keys[place : place + span]) in names), 0)
        if length:
            beside = {*keys[max(0, place - 1) : place], *keys[place + length : place + length + 1]}
            doubtful = length == 1 and keys[place] in _AMBIGUOUS and _DEALER.isdisjoint(beside)
            yield place, length, names["".join(keys[place : place + length])], doubtful
        place += length or 1


def _key(word: str) -> str:
    """As the dictionary's keys are: letters and digits of the lower-case word."""
    return "".join(filter(str.isalnum, word.casefold().replace("&", "and").replace("\u2122", "")))


@lru_cache(maxsize=1)
def _starts() -> frozenset[str]:
    """Everything that a name's key starts with, so that most words are passed over at one look."""
    return frozenset(name[:end] for name in brand_dictionary().names for end in range(1, len(name) + 1))
