"""Numbers with their nouns, as sentences have them."""

from __future__ import annotations


def count(number: int, noun: str, plural: str | None = None) -> str:
    """``1 row``, ``1,200 rows``."""
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"
