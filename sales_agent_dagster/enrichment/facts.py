"""A fact: one value, where it comes from, how sure it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Source = Literal[
    "zip", "address", "phone", "website", "email", "file", "brand dictionary", "name", "brands", "columns",
    "notes", "industry", "model",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Fact:
    """One fact about a lead.

    Attributes:
        id: ``field.source``, numbered where one source says several things; unique within the lead; what
            drafts cite.
        value: as text, at most 500 characters; lists are comma-separated.
        confidence: 0-1.
        note: what speaks against it, such as a source that disagrees.
        quote, read_in: of a fact that a model read: the words that say it, and the name of their text.
    """

    id: str
    field: str
    value: str
    source: Source
    confidence: float
    note: str | None = None
    quote: str | None = None
    read_in: str | None = None


def fact(field: str, value: str, source: Source, confidence: float) -> Fact:
    """A fact with the id its field and source give."""
    return Fact(
        id=f"{field}.{source.replace(' ', '_')}",
        field=field,
        value=value[:500],
        source=source,
        confidence=confidence,
    )
