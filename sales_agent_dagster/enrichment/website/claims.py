"""A claim: what one place of one page says, before it is a fact."""

from __future__ import annotations

from typing import NamedTuple

MAX_QUOTE = 300


class Claim(NamedTuple):
    """Something that a page says.

    Attributes:
        field: of ``providers.FIELDS``.
        quote: the words that say it, as they are on the page.
    """

    field: str
    value: str
    confidence: float
    quote: str


def claim(field: str, value: str, confidence: float, quote: str) -> Claim:
    """A claim with its quote cut to length."""
    return Claim(field, value, confidence, quote[:MAX_QUOTE])
