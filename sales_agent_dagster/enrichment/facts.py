"""A fact: one value, where it comes from, how sure it is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Source = Literal[
    "zip", "address", "phone", "website", "email", "file", "brand dictionary", "name", "brands", "columns",
    "notes", "industry", "model", "contact", "web page", "apollo", "hunter", "linkedin",
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
        quote: the words that say it.
        read_in: of a fact that a model read: the name of the text with the quote.
        url: the page or the provider's address it comes from.
        fetched_at: when, ISO 8601, UTC.
    """

    id: str
    field: str
    value: str
    source: Source
    confidence: float
    note: str | None = None
    quote: str | None = None
    read_in: str | None = None
    url: str | None = None
    fetched_at: str | None = None


def fact(
    field: str,
    value: str,
    source: Source,
    confidence: float,
    *,
    number: int | None = None,
    quote: str | None = None,
    url: str | None = None,
    fetched_at: str | None = None,
) -> Fact:
    """A fact with the id its field and source give, and ``number`` where the source says several things."""
    name = f"{field}.{source.replace(' ', '_')}"
    return Fact(
        id=name if number is None else f"{name}.{number}",
        field=field,
        value=value[:500],
        source=source,
        confidence=confidence,
        quote=quote,
        url=url,
        fetched_at=fetched_at,
    )
