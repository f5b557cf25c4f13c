"""Text of SOQL queries. Values reach a query through ``quoted`` and ``like`` only."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from urllib.parse import quote

MAX_CONDITION = 10_000
"""Longest condition of one query, characters as they are in the URL, which may have 16,384 in all."""

_ESCAPES = str.maketrans(
    {
        "\\": "\\\\",
        "'": "\\'",
        '"': '\\"',
        "\n": "\\n",
        "\r": "\\r",
        "\t": "\\t",
        "\b": "\\b",
        "\f": "\\f",
    }
)
_WILDCARDS = str.maketrans({"%": "\\%", "_": "\\_"})


def quoted(value: str) -> str:
    """A text literal (SOQL and SOSL reference, "Quoted String Escape Sequences")."""
    return f"'{value.translate(_ESCAPES)}'"


def like(*parts: str) -> str:
    """A pattern of LIKE: the parts in this order, anything before, between and behind them."""
    escaped = (part.translate(_ESCAPES).translate(_WILDCARDS) for part in parts)
    return f"'%{'%'.join(escaped)}%'"


def moment(value: datetime) -> str:
    """A literal of a time; without quotes."""
    return value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def one_of(name: str, values: Iterable[str]) -> Iterator[str]:
    """Conditions ``name IN (...)``, each short enough for a URL, together over all values."""
    for chunk in in_chunks([quoted(value) for value in dict.fromkeys(values)]):
        yield f"{name} IN ({', '.join(chunk)})"


def any_of(conditions: Sequence[str]) -> Iterator[str]:
    """Conditions joined by OR, each short enough for a URL."""
    for chunk in in_chunks(conditions):
        yield f"({' OR '.join(chunk)})"


def in_chunks(texts: Sequence[str]) -> Iterator[list[str]]:
    """The texts in their order, in groups of at most ``MAX_CONDITION`` characters of a URL."""
    chunk: list[str] = []
    length = 0
    for text in texts:
        size = len(quote(text, safe="")) + len(quote(" OR "))
        if chunk and length + size > MAX_CONDITION:
            yield chunk
            chunk, length = [], 0
        chunk.append(text)
        length += size
    if chunk:
        yield chunk
