"""Bodies of ``POST /data/search/``.

Shapes as Close's own pages copy them ("Copy Filters"); the API documents them in prose only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

Node = dict[str, Any]


def regular(kind: str, name: str) -> Node:
    """A built-in field."""
    return {"type": "regular_field", "object_type": kind, "field_name": name}


def custom(field_id: str) -> Node:
    """A custom field."""
    return {"type": "custom_field", "custom_field_id": field_id}


def condition(field: Node, **condition_of: Any) -> Node:
    """One field's condition."""
    return {"type": "field_condition", "field": field, "condition": condition_of}


def phrases(field: Node, values: Iterable[str]) -> list[Node]:
    """One node per value. Close compares words, not values: equality has to be checked on what comes back."""
    return [condition(field, type="text", mode="phrase", value=value) for value in values]


def absent(field: Node) -> Node:
    """The field is empty."""
    return {**condition(field, type="exists"), "negate": True}


def any_of(nodes: Sequence[Node]) -> Node:
    """At least one holds."""
    return {"type": "or", "queries": list(nodes)}


def all_of(kind: str, *nodes: Node) -> Node:
    """Objects of a kind for which all hold."""
    return {"type": "and", "queries": [{"type": "object_type", "object_type": kind}, *nodes]}


def related(this: str, other: str, query: Node) -> Node:
    """Objects of ``this`` kind that have an ``other`` for which the query holds."""
    return {
        "type": "has_related",
        "this_object_type": this,
        "related_object_type": other,
        "related_query": query,
    }


def moment(text: str) -> Node:
    """A moment, ISO 8601 with offset, as bound of a ``moment_range``."""
    return {"type": "fixed_utc", "value": text}


def by_date(kind: str, base: Sequence[Node], order: str, start: str | None, *, past: bool) -> Node:
    """Everything of a kind from a moment on; ``past`` leaves out the moment itself."""
    if start is None:
        return all_of(kind, *base)
    bound = {"after" if past else "on_or_after": moment(start)}
    return all_of(kind, *base, condition(regular(kind, order), type="moment_range", **bound))


def sequence_body(
    kind: str, query: Node, fields: Sequence[str], order: str | None, limit: int, direction: str = "asc"
) -> Node:
    """The first request of a search; later ones add ``cursor``."""
    body: Node = {
        "query": query,
        "_fields": {kind: list(fields)},
        "_limit": limit,
        "include_counts": True,
    }
    if order is not None:
        body["sort"] = [{"direction": direction, "field": regular(kind, order)}]
    return body
