"""What a company's own words say about its customers and its service work."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache

MAX_TEXT = 2000

_COMMERCIAL = r"commercial|industrial|business(?:es)?|institutional|municipal"
_RESIDENTIAL = r"residential|homes?|homeowners?|household"
_SERVICE_LIKE = r"solutions?|care|specialists?|technicians?"
_FULL_SCOPE = r"total|complete|full[- ]service|all[- ]trades?|multi[- ]trade"
OPERATIONS = {
    "service": r"services?|servicing|serv",
    "repair": r"repairs?|repairing",
    "maintenance": r"maintenance|maint",
    "emergency": r"emergency|emergencies",
    "24/7": r"24[/x]7|24[- ]?hours?|24[- ]?hrs?",
    "support": r"support",
}
"""Kinds of service work, and the words that name them."""


def _matcher(words: str) -> re.Pattern[str]:
    return re.compile(rf"(?<![a-z0-9])(?:{words})(?![a-z0-9])")


_MATCHERS = [_matcher(words) for words in (_COMMERCIAL, _RESIDENTIAL, _SERVICE_LIKE, _FULL_SCOPE)]
_OPERATION_MATCHERS = {keyword: _matcher(words) for keyword, words in OPERATIONS.items()}
_ANY = _matcher("|".join((_COMMERCIAL, _RESIDENTIAL, _SERVICE_LIKE, _FULL_SCOPE, *OPERATIONS.values())))
_CLAUSE = re.compile(r"[.;,!?|\n]+")
_NEGATION = re.compile(r"(?<![a-z])(?:not?|never|without|[a-z]+n't)(?![a-z])")


@dataclass(frozen=True, slots=True)
class Wording:
    """Words found; None or empty where there are none.

    Attributes:
        commercial: the word for business customers, such as "industrial".
        residential: the word for home customers, such as "home".
        service_like: a word that hints at service work, such as "solutions".
        full_scope: a word that claims every trade, such as "total".
        operations: the kinds of service and maintenance work named.
    """

    commercial: str | None
    residential: str | None
    service_like: str | None
    full_scope: str | None
    operations: tuple[str, ...]


_NOTHING = Wording(None, None, None, None, ())


@lru_cache(maxsize=16384)
def read_wording(text: str) -> Wording:
    """Find the words, at word boundaries and in any case, in the first ``MAX_TEXT`` characters."""
    plain = text[:MAX_TEXT].lower()
    if not _ANY.search(plain):  # most names: one look in place of ten
        return _NOTHING
    hits = [matcher.search(plain) for matcher in _MATCHERS]
    commercial, residential, service_like, full_scope = (hit and hit.group() for hit in hits)
    operations = tuple(word for word, matcher in _OPERATION_MATCHERS.items() if matcher.search(plain))
    return Wording(commercial, residential, service_like, full_scope, operations)


@lru_cache(maxsize=4096)
def affirmed(text: str) -> str:
    """Free text without its clauses that deny something ("no maintenance work")."""
    clauses = _CLAUSE.split(text[:MAX_TEXT])
    return "; ".join(clause.strip() for clause in clauses if not _NEGATION.search(clause.lower()))
