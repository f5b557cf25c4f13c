"""The comparable core of a company name: what stays equal when the same firm is typed twice."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from itertools import groupby

_WORD = re.compile(r"[^\W_]+")
_DOTS = re.compile(r"[.'\u2019`]")
_AIR_CONDITIONING = re.compile(r"\ba/c\b")
_ALIAS = re.compile(r"\b(?:d\s*/\s*b\s*/\s*a|d\.b\.a\.?|dba|doing business as)\b", re.IGNORECASE)

LEGAL_FORMS = frozenset(
    {
        "inc",
        "incorporated",
        "llc",
        "llp",
        "lp",
        "ltd",
        "limited",
        "co",
        "corp",
        "corporation",
        "company",
        "pllc",
    }
)
_CONNECTIVES = frozenset({"and", "the", "of"})

_SPELLINGS = {
    "ac": "air conditioning",
    "bros": "brothers",
    "cond": "conditioning",
    "const": "construction",
    "constr": "construction",
    "contr": "contracting",
    "contract": "contracting",
    "contractor": "contracting",
    "contractors": "contracting",
    "elec": "electric",
    "elect": "electric",
    "electrical": "electric",
    "gen": "generator",
    "gens": "generator",
    "generators": "generator",
    "htg": "heating",
    "mech": "mechanical",
    "plbg": "plumbing",
    "plumb": "plumbing",
    "refrig": "refrigeration",
    "serv": "service",
    "services": "service",
    "solutions": "solution",
    "srv": "service",
    "svc": "service",
    "svcs": "service",
    "sys": "system",
    "systems": "system",
    "tech": "technology",
    "technologies": "technology",
}
"""Trade abbreviations and number forms seen in dealer lists, one spelling each."""


@lru_cache(maxsize=65536)
def name_core(name: str) -> str:
    """Words of ``name`` in lower case without punctuation, legal form, ``and``, ``the`` and ``of``.

    Abbreviations of the trade are spelled out, single letters joined (``F. M. Generator`` is
    ``fm generator``), accents dropped. What would leave nothing is not cut: ``The Company, Inc.`` is
    ``company``. A name without any letter or digit comes back as its lower-case self, so the core is
    never empty unless the name is. Applying it twice changes nothing.
    """
    words = _without_connectives(_joined_letters(_without_connectives(_words(name))))
    while len(words) > 1 and words[-1] in LEGAL_FORMS:
        words.pop()
    return " ".join(_SPELLINGS.get(word, word) for word in words) or name.strip().lower()


@lru_cache(maxsize=65536)
def name_aliases(name: str) -> tuple[str, ...]:
    """Cores of both names in ``A dba B``; of most names just the one."""
    parts = [part for part in _ALIAS.split(name) if _WORD.search(part)]
    return tuple(dict.fromkeys(map(name_core, parts))) or (name_core(name),)


def _words(name: str) -> list[str]:
    plain = _plain(_plain(_DOTS.sub("", name)))
    return _WORD.findall(_AIR_CONDITIONING.sub("air conditioning", plain))


def _plain(text: str) -> str:
    """Compatibility forms and accents dissolved, case folded."""
    letters = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in letters if not unicodedata.combining(letter)).casefold()


def _without_connectives(words: list[str]) -> list[str]:
    return [word for word in words if word not in _CONNECTIVES] or words


def _joined_letters(words: list[str]) -> list[str]:
    """``["f", "m", "generator"]`` gives ``["fm", "generator"]``."""
    joined: list[str] = []
    for is_letter, group in groupby(words, key=lambda word: len(word) == 1 and word.isalpha()):
        words_of_group = list(group)
        joined += ["".join(words_of_group)] if is_letter else words_of_group
    return joined
