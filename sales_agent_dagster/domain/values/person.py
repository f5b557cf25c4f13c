"""People's names: salutations, "Last, First", capitals, first and last name."""

from __future__ import annotations

import re
from typing import NamedTuple

from sales_agent_dagster.domain.values.text import PERSON_MISSING, one_line, words

_SALUTATION = re.compile(r"(?:(?:mr|mrs|ms|miss|mx|dr|prof)(?:\.\s*|\s+))+(?=\S)", re.IGNORECASE)
_SUFFIXES = words("jr sr ii iii iv phd md pe esq cpa mba pmp")
_WORD = re.compile(r"[^\W\d_]+")
_SEVERAL = re.compile(r"\s(?:&|and)\s|[/&;]", re.IGNORECASE)


class Person(NamedTuple):
    """One person's name; all None when the cells hold none."""

    name: str | None = None
    first: str | None = None
    last: str | None = None
    repairs: tuple[str, ...] = ()


NOBODY = Person()


def read_person(full: str, first: str = "", last: str = "") -> Person:
    """A contact from a full name, or from first and last name, which win where they are given."""
    full, first, last = (_usable(text) for text in (full, first, last))
    if not (full or first or last):
        return NOBODY
    repairs = []
    if not (first or last):
        full, first, last, reordered = _split(full)
        repairs += ["contact_reordered"] if reordered else []
    whole = full or f"{first} {last}".strip()
    cased = [_cased(text) for text in (whole, first, last)]
    if cased != [whole, first, last]:
        repairs.append("contact_case")
    return Person(cased[0], cased[1] or None, cased[2] or None, tuple(repairs))


def _usable(text: str) -> str:
    text = one_line(text)
    return text if text not in PERSON_MISSING and _WORD.search(text) else ""


def _split(full: str) -> tuple[str, str, str, bool]:
    """Full, first and last name, and whether they were turned round."""
    plain = _SALUTATION.sub("", full, count=1) if _SALUTATION.match(full) else full
    before, comma, after = (part.strip() for part in plain.partition(","))
    reordered = bool(comma and before and after) and after.rstrip(".").casefold() not in _SUFFIXES
    if reordered:
        plain = f"{after} {before}"
    elif comma:
        plain = before or after
    if _SEVERAL.search(plain):
        return full, "", "", False
    first, _, last = plain.partition(" ")
    return plain if reordered else full, first, last.strip(), reordered


def _cased(text: str) -> str:
    """Capitals or small letters as title case; short capitals (``JJ``, ``III``) stay."""
    if not (text.isupper() or text.islower()):
        return text
    if len(text) <= 2:
        return text
    return _WORD.sub(_capitalised, text)


def _capitalised(match: re.Match[str]) -> str:
    word = match[0]
    if word.isupper() and (len(word) <= 2 or word.casefold() in _SUFFIXES):
        return word
    if word.casefold().startswith("mc") and len(word) >= 5:
        return "Mc" + word[2:].capitalize()
    return "s" if word.casefold() == "s" else word.capitalize()
