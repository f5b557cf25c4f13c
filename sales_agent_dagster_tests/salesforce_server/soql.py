"""A subset of SOQL: ``SELECT fields | COUNT() FROM X [WHERE …] [ORDER BY …] [LIMIT n] [OFFSET n]``.

Conditions: ``= != <> < <= > >= LIKE IN NOT IN AND OR NOT ( )``; fields of the object and of the records it
refers to (``Account.Name``); no sub-selects, aggregates or date words such as TODAY.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sales_agent_dagster_tests.salesforce_server.clock import moment_of
from sales_agent_dagster_tests.salesforce_server.errors import Refused, bad
from sales_agent_dagster_tests.salesforce_server.ids import normal
from sales_agent_dagster_tests.salesforce_server.schema import Field, SObject

Get = Callable[[str], Any]
"""The value of a field, by its canonical name, of the record in question."""


@dataclass(frozen=True)
class Test:
    """A condition.

    Attributes:
        keys: only records with one of these values (field, comparable) can hold; None is any record.
    """

    holds: Callable[[Get], bool]
    keys: tuple[tuple[str, Any], ...] | None = None


_TOKEN = re.compile(
    r"""\s*(?:
    (?P<string>'(?:[^'\\]|\\.)*')
    |(?P<datetime>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:?\d\d))
    |(?P<date>\d{4}-\d\d-\d\d)
    |(?P<number>[+-]?\d+(?:\.\d+)?)
    |(?P<word>[A-Za-z_][A-Za-z0-9_.]*)
    |(?P<sign><=|>=|!=|<>|[=<>(),])
    )""",
    re.VERBOSE,
)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_CLAUSES = {"from", "where", "order", "limit", "offset", "and", "or", "asc", "desc", "nulls"}
MAX_CHARACTERS = 100_000


@dataclass
class Query:
    """A parsed query; names are canonical. No ``select`` is COUNT()."""

    sobject: SObject
    select: list[str] = field(default_factory=list)
    where: Test = Test(lambda get: True)
    order: list[tuple[str, bool, bool]] = field(default_factory=list)  # name, descending, nulls last
    limit: int | None = None
    offset: int = 0


def parse(text: str, objects: dict[str, SObject]) -> Query:
    """The query that the text says.

    Raises:
        Refused: MALFORMED_QUERY, INVALID_TYPE or INVALID_FIELD.
    """
    if len(text) > MAX_CHARACTERS:
        raise bad(
            "QUERY_TOO_COMPLICATED", f"SOQL statements cannot be longer than {MAX_CHARACTERS} characters."
        )
    return _Parser(text, objects).query()


class _Parser:
    def __init__(self, text: str, objects: dict[str, SObject]) -> None:
        self._objects = objects
        self._tokens: list[tuple[str, str]] = []
        at, end = 0, len(text.rstrip())
        while at < end:
            found = _TOKEN.match(text, at)
            if not found:
                raise bad("MALFORMED_QUERY", f"unexpected token: '{text[at : at + 20].strip()}'")
            kind = str(found.lastgroup)
            self._tokens.append((kind, found[kind]))
            at = found.end()
        self._at = 0

    def query(self) -> Query:
        self._word("select")
        names = self._selected()
        self._word("from")
        kind, name = self._next()
        sobject = self._objects.get(name.lower()) if kind == "word" else None
        if sobject is None:
            raise bad("INVALID_TYPE", f"sObject type '{name}' is not supported.")
        self._sobject = sobject
        made = Query(sobject, [self._field(one)[0] for one in names])
        if self._took("where"):
            made.where = self._either()
        if self._took("order"):
            self._word("by")
            made.order = self._order()
        if self._took("limit"):
            made.limit = int(self._take("number"))
        if self._took("offset"):
            made.offset = int(self._take("number"))
        if self._at < len(self._tokens):
            raise self._unexpected()
        return made

    def _selected(self) -> list[str]:
        if self._took("count"):
            self._sign("(")
            self._sign(")")
            return []
        names = [self._take("word")]
        while self._took(","):
            names.append(self._take("word"))
        return names

    def _order(self) -> list[tuple[str, bool, bool]]:
        keys = []
        while not keys or self._took(","):
            name, _ = self._field(self._take("word"))
            descending = not self._took("asc") and self._took("desc")
            last = descending
            if self._took("nulls"):
                last = self._take("word").lower() == "last"
            keys.append((name, descending, last))
        return keys

    def _either(self) -> Test:
        tests = [self._both()]
        while self._took("or"):
            tests.append(self._both())
        if len(tests) == 1:
            return tests[0]
        keys = (
            None if any(test.keys is None for test in tests) else sum((test.keys or () for test in tests), ())
        )
        return Test(lambda get: any(test.holds(get) for test in tests), keys)

    def _both(self) -> Test:
        tests = [self._single()]
        while self._took("and"):
            tests.append(self._single())
        keys = next((test.keys for test in tests if test.keys is not None), None)
        return Test(lambda get: all(test.holds(get) for test in tests), keys)

    def _single(self) -> Test:
        if self._took("not"):
            inner = self._single()
            return Test(lambda get: not inner.holds(get))
        if self._took("("):
            inner = self._either()
            self._sign(")")
            return inner
        name, made = self._field(self._take("word"))
        if made.kind == "textarea" and made.length > 255:
            raise bad("INVALID_FIELD", f"field '{name}' can not be filtered in a query call", name)
        if self._took("like"):
            return _like(name, str(self._value(made)))
        negated = self._took("not")
        if self._took("in"):
            return self._one_of(name, made, negated)
        sign = self._take("sign")
        return _compare(name, made, sign, self._value(made))

    def _one_of(self, name: str, made: Field, negated: bool) -> Test:
        self._sign("(")
        values = [self._value(made)]
        while self._took(","):
            values.append(self._value(made))
        self._sign(")")
        wanted = {comparable(made, value) for value in values}
        keys = None if negated or None in wanted else tuple((name, value) for value in wanted)
        return Test(lambda get: (comparable(made, get(name)) in wanted) is not negated, keys)

    def _value(self, made: Field) -> Any:
        kind, text = self._next()
        if kind == "word" and text.lower() in ("true", "false", "null"):
            return {"true": True, "false": False, "null": None}[text.lower()]
        quoted = kind == "string"
        wants_quotes = made.kind not in ("boolean", "int", "double", "currency", "date", "datetime")
        if kind not in ("string", "datetime", "date", "number") or quoted is not wants_quotes:
            raise bad("INVALID_FIELD", f"value of filter criterion for field '{made.name}' must be of type "
                                       f"{made.kind} and should {'' if wants_quotes else 'not '}be enclosed "
                                       "in quotes", made.name)  # fmt: skip
        if quoted:
            return re.sub(
                r"\\(.)", lambda found: _ESCAPES.get(found[1], found[1]), text[1:-1], flags=re.DOTALL
            )
        return float(text) if kind == "number" else text

    def _field(self, name: str) -> tuple[str, Field]:
        """Canonical name of a field, and the field."""
        relation, _, inner = name.rpartition(".")
        sobject, prefix = self._sobject, ""
        if relation:
            through = sobject.relation(relation)
            if through is None:
                raise bad("INVALID_FIELD", f"Didn't understand relationship '{relation}' in field path.")
            sobject = self._objects[through.refers[0].lower()]
            prefix = f"{through.relationship}."
        found = sobject.field(inner)
        if found is None:
            raise bad("INVALID_FIELD", f"No such column '{inner}' on entity '{sobject.name}'.")
        return prefix + found.name, found

    def _next(self) -> tuple[str, str]:
        if self._at >= len(self._tokens):
            raise bad("MALFORMED_QUERY", "unexpected token: '<EOF>'")
        self._at += 1
        return self._tokens[self._at - 1]

    def _take(self, kind: str) -> str:
        found, text = self._next()
        if found != kind or (kind == "word" and text.lower() in _CLAUSES):
            self._at -= 1
            raise self._unexpected()
        return text

    def _took(self, text: str) -> bool:
        here = self._tokens[self._at] if self._at < len(self._tokens) else ("", "")
        if here[0] not in ("word", "sign") or here[1].lower() != text:
            return False
        self._at += 1
        return True

    def _word(self, text: str) -> None:
        if not self._took(text):
            raise self._unexpected()

    _sign = _word

    def _unexpected(self) -> Refused:
        here = self._tokens[self._at][1] if self._at < len(self._tokens) else "<EOF>"
        return bad("MALFORMED_QUERY", f"unexpected token: '{here}'")


def comparable(made: Field, value: Any) -> Any:
    """A value as queries compare it: text without case, ids in their long form, times as times."""
    if value is None or value == "":
        return None
    if made.kind in ("id", "reference"):
        return normal(str(value)) or value
    if made.kind == "datetime":
        return moment_of(str(value))
    if made.kind in ("boolean", "int", "double", "currency"):
        return float(value)
    return str(value).casefold()


def _compare(name: str, made: Field, sign: str, wanted: Any) -> Test:
    right = comparable(made, wanted)
    if sign == "=":
        keys = None if right is None else ((name, right),)
        return Test(lambda get: comparable(made, get(name)) == right, keys)
    if sign in ("!=", "<>"):
        return Test(lambda get: comparable(made, get(name)) != right)
    holds = {"<": lambda a: a < right, "<=": lambda a: a <= right, ">": lambda a: a > right}.get(
        sign, lambda a: a >= right
    )

    def test(get: Get) -> bool:
        left = comparable(made, get(name))
        return left is not None and right is not None and holds(left)

    return Test(test)


def _like(name: str, pattern: str) -> Test:
    """``%`` any characters, ``_`` one. (The real one lets both be escaped; nothing here needs that.)"""
    parts = {"%": ".*", "_": "."}
    found = re.compile(
        "".join(parts.get(char, re.escape(char)) for char in pattern), re.DOTALL | re.IGNORECASE
    )
    return Test(lambda get: found.fullmatch(str(get(name) or "")) is not None)
