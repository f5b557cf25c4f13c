"""Numbers, ranges and yes/no words as lists write them. Missing is neither yes nor no."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

_PLAIN = re.compile(r"\d{1,15}(?:\.\d{1,15})?")
_NUMBER = re.compile(
    r"\(?(?:usd|us\$|\$|~|>|about )?\s*(-?)\s*\$?\s*(\d[\d,. ]*)\s*(k|thousand|mm?|mio|million|b|bn|billion)?"
    r"\s*(?:\+|usd|%|employees|people|reviews?|ratings?|stars?|(?:/|out of)\s?5(?:\.0)?(?: stars)?)?\)?",
    re.IGNORECASE,
)
MAX_NUMBER = 60
"""Characters beyond which text is no number."""

_WESTERN = re.compile(r"\d+(?:\.\d*)?")
_GROUPED = re.compile(r"\d{1,3}(?:[, ]\d{3})+(?:\.\d+)?")
_EUROPEAN = re.compile(r"\d{1,3}(?:\.\d{3})+,\d+|\d{1,3}(?:\.\d{3}){2,}|\d+,\d{1,2}")
_MAGNITUDES = {"k": 1e3, "t": 1e3, "m": 1e6, "b": 1e9}
_RANGE = re.compile(
    r"(\d[\d,]*)\s*(?:-|\u2013|\u2014|to)\s*(\d[\d,]*)(?:\s*(?:employees|people))?", re.IGNORECASE
)
_DATE_SIZES = {"10-jan": "1-10", "jan-10": "1-10", "50-nov": "11-50", "nov-50": "11-50"}
_DATE_SIZES |= {"nov-20": "11-20", "20-nov": "11-20", "jan-50": "1-50", "2-oct": "2-10", "oct-2": "2-10"}
_DATE_SIZES |= {"feb-10": "2-10", "10-feb": "2-10", "may-10": "5-10", "10-may": "5-10", "9-jan": "1-9"}

TRUE_WORDS = frozenset({"true", "t", "yes", "y", "1", "1.0", "x", "on", "\u2713", "\u2714"})
FALSE_WORDS = frozenset({"false", "f", "no", "n", "0", "0.0", "off"})


class Size(NamedTuple):
    """A company size: the text as it should read and the count, when the text is one number."""

    text: str
    employees: int | None
    repairs: tuple[str, ...]


def parse_number(text: str) -> float | None:
    """A finite number: ``1234``, ``1,234.5``, ``$1.2M``, ``5k``, ``1.234,50``; None for anything else."""
    if _PLAIN.fullmatch(text):
        return float(text)
    match = _NUMBER.fullmatch(text.strip()) if len(text) <= MAX_NUMBER else None
    digits = _western(match[2].strip()) if match else None
    if match is None or digits is None:
        return None
    value = float(digits) * (_MAGNITUDES[match[3][0].lower()] if match[3] else 1)
    return -value if match[1] and value else value


def _western(digits: str) -> str | None:
    """Digits with a decimal point and no grouping; None when the separators make no sense."""
    if _GROUPED.fullmatch(digits):
        return digits.replace(",", "").replace(" ", "")
    if _EUROPEAN.fullmatch(digits):
        return digits.replace(".", "").replace(",", ".")
    return digits if _WESTERN.fullmatch(digits) else None


def parse_count(text: str) -> int | None:
    """A non-negative whole number below 10 billion; ``12.0`` is 12. None for anything else."""
    value = parse_number(text)
    if value is None or not 0 <= value < 1e10 or value != int(value):
        return None
    return int(value)


def parse_range(text: str) -> tuple[int, int] | None:
    """Both ends of ``11-50``, ``11 to 50``, ``1,001-5,000``; None when it is no rising range."""
    match = _RANGE.fullmatch(text.strip()) if len(text) <= MAX_NUMBER else None
    if not match:
        return None
    low, high = (int(end.replace(",", "") or 0) for end in match.groups())
    return (low, high) if low < high else None


@lru_cache(maxsize=1024)
def read_size(text: str) -> Size:
    """A company size cell: a range, a number or words; ranges that a spreadsheet made a date are restored."""
    restored = _DATE_SIZES.get(text.casefold())
    if restored:
        return Size(restored, None, ("size_date",))
    count = parse_count(text)
    return Size(str(count) if count is not None else text, count, ())


def without_point_zero(text: str) -> str:
    """``549974.0`` as ``549974``: identifiers that went through a float column."""
    return text[:-2] if text.endswith(".0") and text[:-2].isdigit() else text
