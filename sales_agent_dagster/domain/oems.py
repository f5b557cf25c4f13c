"""Equipment brands: names as lists write them to canonical names, makers and categories."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, get_args

import yaml
from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.domain.hashing import content_hash
from sales_agent_dagster.domain.yaml_text import read_yaml

Category = Literal["hvac", "solar", "inverter", "battery", "generator", "smart_panel", "iot"]
CATEGORIES: tuple[str, ...] = get_args(Category)
"""Equipment categories, in the order they are listed everywhere."""

DICTIONARY = Path(__file__).with_name("oems.yaml")
MAX_TEXT = 4000
MAX_BRANDS = 50
MAX_BRAND_CHARS = 60

_SEPARATORS = re.compile(r"[,;|\r\n]+")
_EMPTY = frozenset({"", "nan", "none", "null", "na", "unknown", "tbd", "notavailable"})
# Words that say how a dealer relates to the brand, not which brand it is.
_NOISE = frozenset(
    {"authorized", "certified", "factory", "dealer", "dealers", "installer", "installers", "distributor"}
    | {"elite", "premier", "platinum", "gold", "silver", "preferred", "partner", "pro", "the", "and"}
    | {"products", "product", "equipment", "units", "systems", "generator", "generators", "inc", "llc"}
)


class _Entry(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")
    categories: tuple[Category, ...] = Field(min_length=1)
    aliases: tuple[str, ...] = ()
    maker: str | None = None


@dataclass(frozen=True, slots=True)
class BrandDictionary:
    """Lookup tables of one validated dictionary.

    Attributes:
        names: compact key of every name and alias (lower-case letters and digits only) to canonical name.
        categories: canonical name to its categories, in the order of ``CATEGORIES``.
        makers: canonical name to manufacturer.
        version: content hash.
    """

    names: Mapping[str, str]
    categories: Mapping[str, tuple[str, ...]]
    makers: Mapping[str, str]
    version: str


def load_dictionary(path: Path = DICTIONARY) -> BrandDictionary:
    """Read and validate a brand dictionary.

    Raises:
        ConfigurationError: the file is not such a dictionary, or one spelling means two brands; every
            fault is listed.
    """
    try:
        entries = TypeAdapter(dict[str, _Entry]).validate_python(read_yaml(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError, yaml.YAMLError, ValidationError) as error:
        raise ConfigurationError(f"Brand dictionary {path.name} is wrong: {error}") from None
    names: dict[str, str] = {}
    faults = []
    for brand, entry in entries.items():
        for spelling in (brand, *entry.aliases):
            known = names.setdefault(_compact(spelling), brand)
            if known != brand:
                faults.append(f"{spelling!r} means both {known} and {brand}")
    if faults:
        raise ConfigurationError(f"Brand dictionary {path.name}: " + "; ".join(faults))
    return BrandDictionary(
        names,
        {brand: in_category_order(entry.categories) for brand, entry in entries.items()},
        {brand: entry.maker or brand for brand, entry in entries.items()},
        content_hash({brand: entry.model_dump() for brand, entry in entries.items()})[:12],
    )


@lru_cache(maxsize=1)
def brand_dictionary() -> BrandDictionary:
    """The packaged dictionary, read once per process."""
    return load_dictionary()


def in_category_order(categories: Iterable[Any]) -> tuple[str, ...]:
    """The distinct known categories among the given ones, in the order of ``CATEGORIES``."""
    given = set(categories)
    return tuple(category for category in CATEGORIES if category in given)


def parse_brands(text: str | None) -> list[str]:
    """Brands named in a list such as ``"Briggs & Stratton, B&S; generac"``.

    Splits on comma, semicolon, pipe and line break, never on an ampersand; on a slash only between
    known brands. A known name in any spelling becomes its canonical name; the longest name wins
    ("Generac PWRcell" is not "Generac") and only words like "certified dealer" may surround it. Unknown
    brands are kept, cleaned. Order is kept, repeats are dropped; at most ``MAX_BRANDS``.
    """
    return list(_parse(text[:MAX_TEXT])) if text else []


def categories_of(brand: str) -> tuple[str, ...]:
    """Equipment categories of a brand in any spelling; empty for an unknown one."""
    known = brand_dictionary()
    return known.categories.get(brand) or known.categories.get(canonical(brand) or "", ())


def maker_of(brand: str) -> str:
    """Manufacturer of a brand or product line; an unknown brand is its own maker."""
    known = brand_dictionary()
    return known.makers.get(canonical(brand) or "", brand)


@lru_cache(maxsize=4096)
def canonical(name: str) -> str | None:
    """Canonical name of a brand in any spelling, or None when the dictionary does not know it."""
    names = brand_dictionary().names
    words = _words(name)
    exact = names.get("".join(words))
    if exact or len(words) > 8:
        return exact
    for length in range(len(words) - 1, 0, -1):
        for start in range(len(words) - length + 1):
            rest = words[:start] + words[start + length :]
            found = names.get("".join(words[start : start + length]))
            if found and _NOISE.issuperset(rest):
                return found
    return None


@lru_cache(maxsize=16384)
def _parse(text: str) -> tuple[str, ...]:
    found: dict[str, str] = {}
    for part in _SEPARATORS.split(text):
        for brand in _brands_of_part(part):
            found.setdefault(brand.casefold(), brand)
    return tuple(found.values())[:MAX_BRANDS]


def _brands_of_part(part: str) -> list[str]:
    if _compact(part) in _EMPTY:
        return []
    known = canonical(part)
    if known:
        return [known]
    pieces = [canonical(piece) for piece in part.split("/")]
    if len(pieces) > 1 and all(pieces):
        return [piece for piece in pieces if piece]
    cleaned = " ".join("".join(char if char.isprintable() else " " for char in part).split())
    return [cleaned.strip(" .:-\"'")[:MAX_BRAND_CHARS].strip()]


def _words(name: str) -> list[str]:
    plain = unicodedata.normalize("NFKD", name.replace("™", " ")).casefold()
    plain = "".join(char for char in plain if not unicodedata.combining(char))
    return re.findall(r"[^\W_]+", plain.replace("&", " and "))


def _compact(name: str) -> str:
    return "".join(_words(name))
