"""``POST …/search``: filters, sorts, the cap on results, and the index that lags behind."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Mapping
from typing import Any

import orjson

from sales_agent_dagster_tests.hubspot_server.properties import modified_name, moment
from sales_agent_dagster_tests.hubspot_server.replies import Invalid
from sales_agent_dagster_tests.hubspot_server.store import Record, Store, Version

MAX_RESULTS = 10_000
MAX_LIMIT = 200
MAX_QUERY = 3000
MAX_GROUPS = 5
MAX_FILTERS = 6
MAX_ALL_FILTERS = 18
QUERIED = {
    "companies": ("name", "domain", "website", "phone"),
    "contacts": ("firstname", "lastname", "email", "phone", "company"),
    "deals": ("dealname", "pipeline", "dealstage"),
}
"""Properties that ``query`` looks at."""

Hit = tuple[Record, Version]
Comparable = float | str


class Search:
    """Answers searches as of ``lag_s`` seconds ago; keeps the last result for its further pages."""

    def __init__(self, store: Store, lag_s: float = 0.0) -> None:
        self.store = store
        self.lag_s = lag_s
        self._last: tuple[Any, list[Hit]] = (None, [])
        self._ordered: tuple[Any, list[tuple[int, Record]]] = (None, [])

    def answer(self, kind: str, body: Mapping[str, Any]) -> dict[str, Any]:
        if len(orjson.dumps(body)) > MAX_QUERY:
            raise Invalid(f"The search's body has more than {MAX_QUERY} characters.")
        limit, after = _whole(body, "limit", 10), _whole(body, "after", 0)
        if not 1 <= limit <= MAX_LIMIT:
            raise Invalid(f"The limit must be between 1 and {MAX_LIMIT}.")
        if after >= MAX_RESULTS:
            raise Invalid(f"There is a maximum of {MAX_RESULTS} results that can be returned: after={after}.")
        hits = self._hits(kind, body)
        shown = [
            self.store.shown(kind, record, body.get("properties") or (), version)
            for record, version in hits[after : after + limit]
        ]
        found: dict[str, Any] = {"total": len(hits), "results": shown}
        if after + limit < len(hits):
            found["paging"] = {"next": {"after": str(after + limit), "link": f"?after={after + limit}"}}
        return found

    def _hits(self, kind: str, body: Mapping[str, Any]) -> list[Hit]:
        asked = {name: value for name, value in body.items() if name not in ("after", "limit", "properties")}
        key = (kind, orjson.dumps(asked), self.store.revision, self._as_of())
        if self._last[0] != key:
            self._last = (key, self._found(kind, body))
        return self._last[1]

    def _as_of(self) -> int | None:
        return self.store.clock.ms - round(self.lag_s * 1000) if self.lag_s else None

    def _found(self, kind: str, body: Mapping[str, Any]) -> list[Hit]:
        groups = body.get("filterGroups") or []
        _check_size(groups)
        tests = [[_test(self.store, kind, given) for given in group.get("filters", ())] for group in groups]
        sorts = [_sort_of(sort) for sort in body.get("sorts") or []]
        as_of, hits = self._as_of(), []
        words = str(body.get("query") or "").lower().split()
        if as_of is None and not words and self._asks_time_alone(kind, groups, sorts):
            start, end = self._time_range(kind, groups[0])
            return [(record, record.versions[-1]) for _, record in self._by_time(kind)[start:end]]
        for record in self._possible(kind, groups):
            version = record.at(as_of)
            if version is None or version.archived or not _has_words(kind, version, words):
                continue
            if not tests or any(all(test(record, version) for test in group) for group in tests):
                hits.append((record, version))
        for name, descending in reversed(sorts):
            value = _reader(self.store, kind, name)
            hits.sort(key=lambda hit: _order(value(*hit)), reverse=descending)
        return hits

    def _possible(self, kind: str, groups: list[Any]) -> list[Record]:
        """In order of their last change. Shortcuts where the index has no lag: unique values, and times."""
        if self.lag_s:
            return list(self.store.records[kind].values())
        everything = self._by_time(kind)
        if not groups:
            return [record for _, record in everything]
        if len(groups) == 1:
            start, end = self._time_range(kind, groups[0])
            if start or end < len(everything):
                return [record for _, record in everything[start:end]]
        ids: dict[str, None] = {}
        for group in groups:
            asked = next((part for part in group.get("filters", ()) if self._is_key(kind, part)), None)
            if asked is None:
                return [record for _, record in everything]
            index = self.store.unique.get((kind, asked["propertyName"]), {})
            values = asked.get("values") or [asked.get("value")]
            ids.update((index[str(value).lower()], None) for value in values if str(value).lower() in index)
        found = [self.store.records[kind][record_id] for record_id in ids]
        return sorted(found, key=lambda record: (record.updated, record.id))

    def _by_time(self, kind: str) -> list[tuple[int, Record]]:
        if self._ordered[0] != (kind, self.store.revision):
            active = [one for one in self.store.records[kind].values() if one.archived_at is None]
            records = sorted(active, key=lambda one: (one.updated, one.id))
            self._ordered = ((kind, self.store.revision), [(record.updated, record) for record in records])
        return self._ordered[1]

    def _asks_time_alone(self, kind: str, groups: list[Any], sorts: list[tuple[str, bool]]) -> bool:
        """The most frequent search by far: everything since a moment, oldest first."""
        filters = groups[0].get("filters", ()) if len(groups) == 1 else ()
        asked = [(given.get("propertyName"), given.get("operator")) for given in filters]
        return asked == [(modified_name(kind), "GTE")] and sorts == [(modified_name(kind), False)]

    def _time_range(self, kind: str, group: Mapping[str, Any]) -> tuple[int, int]:
        """Where in order of time all hits of a group are."""
        everything = self._by_time(kind)
        start, end = 0, len(everything)
        for given in group.get("filters", ()):
            if given.get("propertyName") != modified_name(kind) or not str(given.get("value", "")).isdigit():
                continue
            time = int(given["value"])
            if given.get("operator") in ("GTE", "EQ"):
                start = bisect_left(everything, time, key=lambda pair: pair[0])
            if given.get("operator") == "EQ":
                end = bisect_right(everything, time, key=lambda pair: pair[0])
        return start, end

    def _is_key(self, kind: str, given: Mapping[str, Any]) -> bool:
        unique = given.get("propertyName") in self.store.definitions.unique_names(kind)
        return unique and given.get("operator") in ("EQ", "IN")


def _has_words(kind: str, version: Version, words: list[str]) -> bool:
    """Whether all the words of ``query`` are in properties that it looks at."""
    text = " ".join(version.values.get(name, "") for name in QUERIED.get(kind, ())).lower()
    return all(word in text for word in words)


def _whole(body: Mapping[str, Any], name: str, default: int) -> int:
    try:
        return int(body.get(name) or default)
    except (TypeError, ValueError):
        raise Invalid(f"{name} must be a number") from None


def _check_size(groups: list[Any]) -> None:
    counts = [len(group.get("filters", ())) for group in groups]
    if len(groups) > MAX_GROUPS or max(counts, default=0) > MAX_FILTERS or sum(counts) > MAX_ALL_FILTERS:
        raise Invalid(
            f"At most {MAX_GROUPS} filterGroups of {MAX_FILTERS} filters, {MAX_ALL_FILTERS} filters in all."
        )


def _sort_of(sort: Any) -> tuple[str, bool]:
    if isinstance(sort, str):
        return sort.lstrip("-"), sort.startswith("-")
    return sort["propertyName"], sort.get("direction") == "DESCENDING"


def _reader(store: Store, kind: str, name: str) -> Callable[[Record, Version], Comparable | None]:
    """Reads a property as what it is compared as: numbers and moments as numbers, text in lower case."""
    known = store.definitions.of(kind, name)
    if known is None:
        raise Invalid(f"There was a problem with the request: unknown property {name}.")
    if name == "hs_object_id":
        return lambda record, version: float(record.id)
    if name == modified_name(kind):
        return lambda record, version: float(version.at)
    if name in ("createdate", "hs_createdate"):
        return lambda record, version: float(record.created)
    convert = _converter(known.type)
    return lambda record, version: convert(version.values[name]) if name in version.values else None


def _converter(kind: str) -> Callable[[str], Comparable]:
    if kind == "number":
        return float
    return (lambda text: float(moment(text))) if kind in ("date", "datetime") else str.lower


def _order(value: Comparable | None) -> tuple[bool, Comparable]:
    return (value is not None, 0.0 if value is None else value)


def _test(store: Store, kind: str, given: Mapping[str, Any]) -> Callable[[Record, Version], bool]:
    name, operator = given.get("propertyName", ""), given.get("operator", "")
    read = _reader(store, kind, name)
    if operator in ("HAS_PROPERTY", "NOT_HAS_PROPERTY"):
        has = operator == "HAS_PROPERTY"
        return lambda record, version: (read(record, version) is not None) == has
    known = store.definitions.of(kind, name)
    assert known is not None
    numeric = name == "hs_object_id" or known.type in ("number", "date", "datetime")
    compare = _OPERATORS.get(operator)
    if compare is None:
        raise Invalid(f"Invalid operator {operator!r}.")
    try:
        wanted = _wanted(given, operator, _as_number if numeric else str)
    except (KeyError, TypeError, ValueError):
        raise Invalid(f"The value of the filter on {name} is missing or wrong.") from None
    return lambda record, version: (value := read(record, version)) is not None and compare(value, wanted)


def _as_number(value: Any) -> float:
    text = str(value)
    return float(text) if text.replace(".", "", 1).lstrip("-").isdigit() else float(moment(text))


def _wanted(
    given: Mapping[str, Any], operator: str, convert: Callable[[Any], Comparable]
) -> list[Comparable]:
    if operator in ("IN", "NOT_IN"):
        # As written: text that is not in lower case is found by nothing.
        return [convert(value) for value in given["values"]]
    values = [convert(given["value"])]
    if operator == "BETWEEN":
        values.append(convert(given["highValue"]))
    return [value.lower() if isinstance(value, str) else value for value in values]


def _tokens(value: Comparable) -> set[str]:
    text = "".join(letter if letter.isalnum() else " " for letter in str(value))
    return set(text.split())


def _has_token(value: Comparable, wanted: list[Comparable]) -> bool:
    needle = str(wanted[0])
    if needle.startswith("*") or needle.endswith("*"):
        return needle.strip("*") in str(value)
    return _tokens(needle) <= _tokens(value)


_OPERATORS: dict[str, Callable[[Any, list[Any]], bool]] = {
    "EQ": lambda value, wanted: value == wanted[0],
    "NEQ": lambda value, wanted: value != wanted[0],
    "LT": lambda value, wanted: value < wanted[0],
    "LTE": lambda value, wanted: value <= wanted[0],
    "GT": lambda value, wanted: value > wanted[0],
    "GTE": lambda value, wanted: value >= wanted[0],
    "BETWEEN": lambda value, wanted: wanted[0] <= value <= wanted[1],
    "IN": lambda value, wanted: value in wanted,
    "NOT_IN": lambda value, wanted: value not in wanted,
    "CONTAINS_TOKEN": _has_token,
    "NOT_CONTAINS_TOKEN": lambda value, wanted: not _has_token(value, wanted),
}
