"""A company name as comparable words."""

from __future__ import annotations

import re
import unicodedata
from typing import NamedTuple

from sales_agent_dagster.domain.values.text import MISSING, decode_entities, undo_mojibake
from sales_agent_dagster.matching.vocabulary import (
    CONNECTIVES,
    LEGAL_FORMS,
    TRADE_WORDS,
    WEAK_LEGAL_FORMS,
    WORD_SPELLINGS,
)

MAX_NAME = 200
"""Characters of a name that count."""

_WORD = re.compile(r"[^\W_]+")
_APOSTROPHES = re.compile(r"['\u2019\u2018`\u00b4]|(?<=\b\w)\.")
EDGES = " ,;:|*_-"
"""Signs around a name that say nothing."""
_SLASHED = re.compile(r"\b(?!t/a\b)([a-z])/([a-z])\b")
"""Letters that belong together; ``t/a`` is "trading as"."""
_ALIAS = re.compile(
    r"[\s(,;]+(?:d[\s/]{0,2}b[\s/]{0,2}a|[af][\s/]{0,2}k[\s/]{0,2}a|doing business as|t/a|formerly)"
    r"(?:[\s:.,)]+|$)"
)
ALIAS_WORDS = frozenset({"dba", "aka", "fka", "formerly", "doing", "d", "t", "a", "f", "db", "ak", "fk"})
"""Words of which ``_ALIAS`` needs one: most names have none."""
_TAIL = re.compile(r"\s+[-\u2013\u2014|@]\s+|\s*[\u2013\u2014|]\s*")
_BRACKETS = re.compile(r"\s*[(\[][^)\]]*[)\]]?\s*$")
_USUAL = WORD_SPELLINGS.get


class NameWords(NamedTuple):
    """The three forms of a name; see ``NormLead``."""

    name: str = ""
    core: str = ""
    alias: str = ""


_NOTHING = NameWords()


def read_name(text: str) -> NameWords:
    """Comparable forms of a name cell; all empty when it holds no letter or digit."""
    lower = _plain(text[:MAX_NAME])
    if lower in MISSING:
        return _NOTHING
    found = _WORD.findall(lower)
    parts = [lower]
    if not ALIAS_WORDS.isdisjoint(found):
        parts = [part for part in _ALIAS.split(lower) if _tells(part)] or parts
        found = _WORD.findall(parts[-1])
    main = _spelled_out(found)
    name = " ".join(main)
    if name in MISSING:
        return _NOTHING
    untailed = _untailed(parts[-1])
    core = _core(main if untailed is parts[-1] else _words(untailed) or main)
    alias = "" if len(parts) == 1 else " ".join(_core(_words(_untailed(parts[0]))))
    joined = name if len(core) == len(main) else " ".join(core)
    return NameWords(name, joined, "" if alias == joined else alias)


def _tells(part: str) -> bool:
    return _WORD.search(part) is not None and part.strip(EDGES) not in MISSING


def _plain(text: str) -> str:
    """Entities, mis-encoding, accents and apostrophes undone, in lower case."""
    if "&" in text and ";" in text:
        text = decode_entities(text)
    if not text.isascii():
        letters = unicodedata.normalize("NFKD", undo_mojibake(text))
        text = "".join(letter for letter in letters if not unicodedata.combining(letter)).casefold()
    lower = text.strip(EDGES).lower()
    if "'" in lower or "." in lower or "`" in lower or not lower.isascii():
        lower = _APOSTROPHES.sub("", lower)
    return _SLASHED.sub(r"\1\2", lower) if "/" in lower else lower


def _untailed(text: str) -> str:
    """The name before `` - Place`` or ``(note)`` unless that is all that tells it apart."""
    if "(" in text or "[" in text:
        text = _BRACKETS.sub("", text) or text
    if not (" - " in text or "|" in text or "@" in text or "\u2013" in text or "\u2014" in text):
        return text
    head, *tail = _TAIL.split(text, maxsplit=1)
    if not tail or not _WORD.search(head):
        return text
    words = _WORD.findall(tail[0])
    is_place = len(words) <= 3 and not any(_usual(word) in TRADE_WORDS for word in words)
    return head if is_place and any(len(word) > 1 for word in _WORD.findall(head)) else text


def _usual(word: str) -> str:
    return WORD_SPELLINGS.get(word, word).partition(" ")[0]


def _words(text: str) -> list[str]:
    return _spelled_out(_WORD.findall(text))


def _spelled_out(found: list[str]) -> list[str]:
    """Words without connectives, letters joined, spelled out."""
    if "n" in found and "v" in found:
        found = _joined_form(found)
    words = [word for word in found if word not in CONNECTIVES] or found
    if 1 in map(len, words):
        words = _joined_letters(words)
        words = [word for word in words if word not in CONNECTIVES] or words
    return " ".join([_USUAL(word, word) for word in words]).split()


def _joined_form(words: list[str]) -> list[str]:
    """``["philips", "n", "v"]`` gives ``["philips", "nv"]``: not everything that stands alone is "and"."""
    return f" {' '.join(words)} ".replace(" n v ", " nv ").split()


def _joined_letters(words: list[str]) -> list[str]:
    """``["f", "m", "generator"]`` gives ``["fm", "generator"]``."""
    joined: list[str] = []
    open_letters = False
    for word in words:
        letter = len(word) == 1 and word.isalpha()
        if letter and open_letters:
            joined[-1] += word
        else:
            joined.append(word)
        open_letters = letter
    return joined


def _core(words: list[str]) -> list[str]:
    """Words without legal forms; all of them when nothing else is there."""
    strong = [word for word in words if word not in LEGAL_FORMS or word in WEAK_LEGAL_FORMS]
    while len(strong) > 1 and strong[-1] in WEAK_LEGAL_FORMS:
        strong.pop()
    if len(strong) in (0, len(words)):
        return words
    if 1 not in map(len, strong):
        return strong
    # What stood apart may now stand side by side: initials on both sides of a form.
    return _core(_spelled_out(strong))
