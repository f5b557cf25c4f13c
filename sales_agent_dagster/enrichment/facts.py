"""A fact: one value, where it comes from, how sure it is."""

from __future__ import annotations

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field

Source = Literal[
    "zip", "address", "phone", "website", "email", "file", "brand dictionary", "name", "brands", "columns",
    "notes", "industry", "model",
]  # fmt: skip


class Fact(BaseModel):
    """One fact about a lead.

    Attributes:
        id: ``field.source``, numbered where one source says several things; unique within the lead; what
            drafts cite.
        value: as text; lists are comma-separated.
        confidence: 0-1.
        note: what speaks against it, such as a source that disagrees.
        quote, read_in: for a fact read by a model, the words that say it and the name of the text they are in.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    id: str = Field(max_length=60)
    field: str = Field(max_length=40)
    value: str = Field(min_length=1, max_length=500)
    source: Source
    confidence: float = Field(ge=0, le=1)
    note: str | None = Field(default=None, max_length=200)
    quote: str | None = Field(default=None, max_length=300)
    read_in: str | None = Field(default=None, max_length=60)


def fact(field: str, value: str, source: Source, confidence: float) -> Fact:
    """A fact with the id its field and source give."""
    return Fact(
        id=f"{field}.{source.replace(' ', '_')}",
        field=field,
        value=value[:500],
        source=source,
        confidence=confidence,
    )
