"""``POST /data/search/``: queries, sorting, and cursors that die."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from sales_agent_dagster_tests.close_server.calls import Answer, Call, field_errors
from sales_agent_dagster_tests.close_server.clock import read_time
from sales_agent_dagster_tests.close_server.rendering import projected, rendered
from sales_agent_dagster_tests.close_server.store import Object, Store

Test = Callable[[Object], bool]
_LISTS = {"contact_email": "emails", "contact_phone": "phones", "contact_url": "urls", "address": "addresses"}
_KINDS = ("lead", "contact", "opportunity")
_MOST = 200


@lru_cache(maxsize=200_000)
def tokens_of(text: str) -> tuple[str, ...]:
    """Words as the index holds them: lower case, cut at everything but letters and digits."""
    return tuple(re.findall(r"[^\W_]+", text.lower()))


@dataclass
class _Sequence:
    kind: str
    keys: list[str]
    total: int
    fields: list[str] | None
    limit: int
    at: int
    expires: float


class Search:
    """Searches of a store as of ``index_lag_s`` ago."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._sequences: dict[str, _Sequence] = {}

    def search(self, call: Call) -> Answer:
        now = self._store.clock.now()
        cursor = call.body.get("cursor")
        if cursor is None:
            sequence = self._started(call)
        else:
            found = self._sequences.pop(cursor, None)
            if found is None or found.expires < now:
                raise field_errors(cursor="Expired cursor")
            sequence = found
        page = sequence.keys[sequence.at : sequence.at + sequence.limit]
        sequence.at += len(page)
        following = None
        if sequence.at < len(sequence.keys):
            following = self._store.new_id("curs")
            sequence.expires = now + self._store.options.cursor_ttl_s
            self._sequences[following] = sequence
        body: dict[str, Any] = {"data": list(self._shown(sequence, page)), "cursor": following}
        if call.body.get("include_counts"):
            body["count"] = {"limited": len(sequence.keys), "total": sequence.total}
        return Answer(200, body)

    def matching(self, query: Any) -> list[Object]:
        """Leads that match, for bulk actions and exports."""
        test, _ = self._compiled_for(query)
        return [value for value in self._store.all_seen("lead") if test(value)]

    def _started(self, call: Call) -> _Sequence:
        limit = call.body.get("_limit", 100)
        if not isinstance(limit, int) or not 0 < limit <= _MOST:
            raise field_errors(_limit=f"Input should be less than or equal to {_MOST}")
        test, kind = self._compiled_for(call.body.get("query"))
        fields = call.body.get("_fields") or {}
        if not isinstance(fields, dict):
            raise field_errors(_fields="Not a valid object.")
        found = [value for value in self._store.all_seen(kind) if test(value)]
        for order in reversed(call.body.get("sort") or []):
            name = order["field"].get("field_name") or f"custom.{order['field'].get('custom_field_id')}"
            found.sort(
                key=lambda value, name=name: (value.get(name) is not None, value.get(name) or ""),
                reverse=order.get("direction") == "desc",
            )
        total = len(found)
        most = min(self._store.options.search_cap, call.body.get("results_limit") or total)
        keys = [value["id"] for value in found[:most]]
        return _Sequence(kind, keys, total, fields.get(kind, ["id"]), limit, 0, 0.0)

    def _shown(self, sequence: _Sequence, page: Iterable[str]) -> Iterator[Object]:
        for key in page:
            value = self._store.seen(sequence.kind, key)
            if value is not None:
                shown = rendered(self._store, sequence.kind, value)
                yield {"__object_type": sequence.kind, **projected(shown, sequence.fields)}

    def _compiled_for(self, query: Any) -> tuple[Test, str]:
        if not isinstance(query, dict):
            raise field_errors(query="This field is required.")
        kind = next(_types_in(query), "lead")
        if kind not in _KINDS:
            raise field_errors(query=f"Objects of type {kind} cannot be searched for.")
        return self._compiled(query, kind), kind

    def _compiled(self, node: Any, kind: str) -> Test:
        maker = _NODES.get(node.get("type")) if isinstance(node, dict) else None
        if maker is None:
            raise field_errors(query=f"Unknown query: {node!r:.100}")
        try:
            test = maker(self, node, kind)
        except (KeyError, TypeError, ValueError) as error:
            raise field_errors(query=f"Malformed {node['type']}: {error!r:.100}") from None
        return (lambda value: not test(value)) if node.get("negate") else test

    def _all(self, node: Object, kind: str) -> Test:
        tests = [self._compiled(each, kind) for each in node["queries"]]
        return lambda value: all(test(value) for test in tests)

    def _any(self, node: Object, kind: str) -> Test:
        phrases, rest = _phrases_of_one_field(node["queries"])
        tests = [self._compiled(each, kind) for each in rest]
        if phrases:
            values = _values_getter(self._store, phrases[0]["field"], kind)
            tests.append(_any_phrase(values, [tokens_of(each["condition"]["value"]) for each in phrases]))
        return lambda value: any(test(value) for test in tests)

    def _related(self, node: Object, kind: str) -> Test:
        if node["this_object_type"] != kind:
            raise ValueError(f"this_object_type is {node['this_object_type']}, not {kind}")
        other = node["related_object_type"]
        test = self._compiled(node["related_query"], other)
        related = self._relation(kind, other)
        return lambda value: any(test(each) for each in related(value))

    def _relation(self, kind: str, other: str) -> Callable[[Object], Iterable[Object]]:
        store = self._store
        if other in _LISTS:
            if (kind == "lead") != (other == "address"):
                raise ValueError(f"{kind} has no {other}")
            return lambda value: value[_LISTS[other]]
        if kind == "lead" and other in ("contact", "opportunity"):
            return lambda value: filter(
                None, (store.seen(other, key) for key in store.of_lead[other].get(value["id"], ()))
            )
        if other == "lead":
            return lambda value: filter(None, [store.seen("lead", value["lead_id"])])
        raise ValueError(f"{kind} has no {other}")

    def _field(self, node: Object, kind: str) -> Test:
        condition = node["condition"]
        values = _values_getter(self._store, node["field"], kind)
        test = _CONDITIONS[condition["type"]](condition)
        if condition["type"] == "exists":
            return lambda value: bool(values(value))
        return lambda value: any(test(each) for each in values(value))

    def _anything(self, node: Object, kind: str) -> Test:
        wanted = tokens_of(node["value"])
        phrase = node.get("mode") == "phrase"
        return lambda value: _text_matches(" ".join(map(str, value.values())), wanted, phrase)


_NODES: dict[Any, Callable[[Search, Object, str], Test]] = {
    "and": Search._all,
    "or": Search._any,
    "id": lambda _self, node, _kind: lambda value, wanted=node["value"]: value["id"] == wanted,
    "object_type": lambda _self, node, kind: lambda _value, right=node["object_type"] == kind: right,
    "match_all": lambda _self, _node, _kind: lambda _value: True,
    "text": Search._anything,
    "field_condition": Search._field,
    "has_related": Search._related,
}


def _types_in(node: Any) -> Iterator[str]:
    """Object types named outside of ``has_related``."""
    if not isinstance(node, dict):
        return
    if node.get("type") == "object_type":
        yield node["object_type"]
    for each in node.get("queries") or ():
        yield from _types_in(each)


def _values_getter(store: Store, field: Object, kind: str) -> Callable[[Object], list[Any]]:
    if field["type"] == "custom_field":
        name = f"custom.{field['custom_field_id']}"
        if field["custom_field_id"] not in store.custom_of(kind):
            raise ValueError("unknown custom field")
    elif field["object_type"] == kind:
        name = field["field_name"]
    else:
        raise ValueError(f"a field of {field['object_type']} where one of {kind} belongs")

    def values(value: Object) -> list[Any]:
        held = value.get(name)
        return held if isinstance(held, list) else [] if held in (None, "") else [held]

    return values


def _text_matches(held: str, wanted: tuple[str, ...], phrase: bool) -> bool:
    tokens = tokens_of(held)
    if not phrase:
        return set(wanted) <= set(tokens)
    return any(tokens[at : at + len(wanted)] == wanted for at in range(len(tokens) - len(wanted) + 1))


def _phrases_of_one_field(nodes: list[Object]) -> tuple[list[Object], list[Object]]:
    """Phrase conditions on the first such one's field, and the other nodes: many are tested as one."""
    phrases: list[Object] = []
    rest = []
    for node in nodes:
        condition = node.get("condition") or {}
        plain = (condition.get("type"), condition.get("mode")) == ("text", "phrase")
        if plain and not node.get("negate") and node["field"] == (phrases or [node])[0]["field"]:
            phrases.append(node)
        else:
            rest.append(node)
    return phrases, rest


def _any_phrase(values: Callable[[Object], list[Any]], phrases: list[tuple[str, ...]]) -> Test:
    by_length: dict[int, set[tuple[str, ...]]] = {}
    for phrase in phrases:
        by_length.setdefault(len(phrase), set()).add(phrase)

    def test(value: Object) -> bool:
        for held in values(value):
            tokens = tokens_of(str(held))
            for length, wanted in by_length.items():
                if any(tokens[at : at + length] in wanted for at in range(len(tokens) - length + 1)):
                    return True
        return False

    return test


def _text(condition: Object) -> Callable[[Any], bool]:
    wanted, mode = tokens_of(condition["value"]), condition["mode"]
    if mode not in ("full_words", "phrase"):
        raise ValueError(f"unknown mode {mode}")
    return lambda held: _text_matches(str(held), wanted, mode == "phrase")


def _numbers(condition: Object) -> Callable[[Any], bool]:
    low, above = condition.get("gte"), condition.get("gt")
    high, below = condition.get("lte"), condition.get("lt")
    return lambda held: (
        (low is None or held >= low)
        and (above is None or held > above)
        and (high is None or held <= high)
        and (below is None or held < below)
    )


def _moments(condition: Object) -> Callable[[Any], bool]:
    # No other names have been seen: a client that uses more relies on what nobody knows.
    names = {"on_or_after": "gte", "gte": "gte", "before": "lt", "lt": "lt"}
    bounds = {names[name]: _moment(bound) for name, bound in condition.items() if name != "type"}
    numbers = _numbers(bounds)
    return lambda held: numbers(read_time(held))


def _moment(bound: Any) -> float | None:
    if bound is None:
        return None
    if isinstance(bound, str):
        return read_time(bound)
    if bound["type"] == "fixed_utc":
        return read_time(bound["value"])
    if bound["type"] == "fixed_local_date":
        day = datetime.fromisoformat(bound["value"]).replace(tzinfo=UTC)
        return (day + timedelta(days=bound["which"] == "end")).timestamp()
    raise ValueError(f"unknown moment {bound['type']}")


_CONDITIONS: dict[str, Callable[[Object], Callable[[Any], bool]]] = {
    "text": _text,
    "term": lambda condition: lambda held, wanted=frozenset(condition["values"]): held in wanted,
    "reference": lambda condition: lambda held, wanted=frozenset(condition["object_ids"]): held in wanted,
    "boolean": lambda condition: lambda held, wanted=condition["value"]: held is wanted,
    "number_range": _numbers,
    "moment_range": _moments,
    "exists": lambda _condition: lambda _held: True,
}
