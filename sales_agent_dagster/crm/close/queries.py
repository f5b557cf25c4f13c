"""Bodies of ``POST /data/search/``.

Shapes as Close's own pages copy them ("Copy Filters"); the API documents them in prose only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import Any

Node = dict[str, Any]
TICK = timedelta(microseconds=1)


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


def moments(first: str | None = None, last: str | None = None, *, past: bool = False) -> Node:
    """The condition that a date is in a range; both ends belong to it.

    Of the bounds that a ``moment_range`` may have only ``on_or_after`` and ``before`` have been seen: others
    are said with them. Close's dates have microseconds.

    Args:
        first: ISO 8601 with offset; None is open.
        last: likewise.
        past: leave out ``first`` itself.
    """
    start = _moment(first, past) if first is not None else None
    end = _moment(last, True) if last is not None else None
    bounds = (("on_or_after", start), ("before", end))
    return {"type": "moment_range", **{name: bound for name, bound in bounds if bound}}


def _moment(text: str, next_one: bool) -> Node:
    at = datetime.fromisoformat(text) + (TICK if next_one else timedelta())
    return {"type": "fixed_utc", "value": at.isoformat(timespec="microseconds")}


def by_date(kind: str, base: Sequence[Node], order: str, start: str | None, *, past: bool) -> Node:
    """Everything of a kind from a moment on; ``past`` leaves out the moment itself."""
    if start is None:
        return all_of(kind, *base)
    return all_of(kind, *base, condition(regular(kind, order), **moments(start, past=past)))


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
