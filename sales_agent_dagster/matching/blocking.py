"""Keys under which leads that may be the same company meet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sales_agent_dagster.matching.hashing import Hashes, hash_texts, mix
from sales_agent_dagster.matching.lead import NormLead
from sales_agent_dagster.matching.table import LeadTable

MAX_BLOCK = 50
"""Leads per key from which the key brings no candidates together; narrower keys cover them."""

MAX_WIDE_BLOCK = 12
"""The same for kinds whose keys say little: what they bring together beyond that is nearly all strangers."""
MAX_NAME_BLOCK = 200
"""The same for kinds made of names alone, in tables that are not large: nothing narrower covers them."""
MAX_LOOSE_BLOCK = 4
"""The same for kinds that only leads without a city or ZIP need, in tables that are large."""
LARGE = 50_000

_LOOSE = frozenset({"head_state", "street_state"})
_WIDE = frozenset({"stem", "name", "pair", "head_zip", "head_area", "second_zip"}) | _LOOSE

_MASK = np.uint64(0x7FFFFFFFFFFFFFFF)
Rows = NDArray[np.int64]


class BlockKey(NamedTuple):
    """A hashed key: ``hash`` is 63 bits, not negative, the same in every process and version."""

    kind: str
    hash: int


class Keys(NamedTuple):
    """The keys of one kind: equally long arrays."""

    kind: str
    rows: Rows
    hashes: NDArray[np.int64]


def limit_of(kind: str, size: int = LARGE) -> int:
    """Leads per key of a kind up to which the key brings them together, in a table of ``size`` leads."""
    if kind in _BY_NAME and size < LARGE:
        return MAX_NAME_BLOCK
    if kind in _LOOSE and size >= LARGE:
        return MAX_LOOSE_BLOCK
    return MAX_WIDE_BLOCK if kind in _WIDE else MAX_BLOCK


def keys_of(lead: NormLead) -> list[BlockKey]:
    """The keys of one lead, without repeats."""
    return keys_of_leads([lead])[0]


def keys_of_leads(leads: Sequence[NormLead]) -> list[list[BlockKey]]:
    """The keys of each lead, without repeats: one call for many leads is far faster than many calls."""
    found: list[dict[BlockKey, None]] = [{} for _ in leads]
    for kind, rows, hashes in block_keys(LeadTable.of(leads)):
        for row, value in zip(rows.tolist(), hashes.tolist(), strict=True):
            found[row][BlockKey(kind, value)] = None
    return [list(keys) for keys in found]


def block_keys(table: LeadTable) -> Iterator[Keys]:
    """All keys of a table, kind by kind; a row has a kind's key only when all its parts are known.

    Rows whose place is not known have keys made of names alone.
    """
    parts = _Parts(table)
    placeless = (parts.city == 0) & (parts.zip5 == 0)
    for kind, make in (_KINDS | _BY_NAME if placeless.any() else _KINDS).items():
        for hashes, rows in make(parts):
            known = np.flatnonzero(hashes if kind in _KINDS else placeless[rows] & (hashes > 0))
            mixed = mix(hashes[known], _SALTS[kind]) & _MASK
            yield Keys(kind, rows[known], mixed.astype(np.int64))


class _Parts:
    """Hashes per row of everything that keys are made of; 0 is unknown."""

    def __init__(self, table: LeadTable) -> None:
        self.table = table
        self.all = np.arange(table.size)
        self.named = np.concatenate([self.all, np.flatnonzero(table.alias)])
        """Rows by name: every row, then those with an alias once more."""
        names = table.names
        codes = np.concatenate([table.core, table.alias[self.named[table.size :]]])
        self.bag = names.bag[codes]
        tokens = np.append(names.token_hashes, np.uint64(0))
        self.head, self.second = tokens[names.head[codes]], tokens[names.second[codes]]
        self.names, self.codes = names, codes
        self.city, self.state = self.field("city"), self.field("state")
        self.zip3 = self._cut("zip5", 0, 3)
        self.zip5 = self.field("zip5")

    def field(self, name: str) -> Hashes:
        column = self.table[name]
        found: Hashes = column.hashes[column.codes]
        return found

    def _cut(self, name: str, start: int, stop: int) -> Hashes:
        column = self.table[name]
        hashes: Hashes = hash_texts(pc.utf8_slice_codeunits(column.values, start, stop))[column.codes]
        return hashes

    def area(self) -> Hashes:
        return self._cut("phone", 0, 3)

    def stem(self) -> Hashes:
        """Host without its top-level domain and punctuation."""
        column = self.table["host"]
        bare = pc.replace_substring_regex(column.values, r"\..*$", "")
        hashes: Hashes = hash_texts(pc.replace_substring_regex(bare, "[^a-z0-9]", ""))[column.codes]
        return hashes

    def squeezed(self, start: int, stop: int | None) -> Hashes:
        texts = pc.utf8_slice_codeunits(self.names.squeezed_texts, start, stop)
        hashes: Hashes = hash_texts(texts)[self.names.squeezed[self.codes]]
        return hashes

    def head_form(self, change: Callable[[pa.StringArray], pa.StringArray]) -> Hashes:
        """Hash of the head word changed by ``change``."""
        changed = np.append(hash_texts(change(self.names.tokens)), np.uint64(0))
        hashes: Hashes = changed[self.names.head[self.codes]]
        return hashes


Made = tuple[Hashes, Rows]


def _both(*parts: Hashes) -> Hashes:
    """Hash of several parts together; 0 where one is unknown."""
    total = parts[0]
    for number, part in enumerate(parts[1:], 2):
        total = np.where((total > 0) & (part > 0), mix(total, number) ^ part, np.uint64(0))
    return total


def _whole(name: str) -> Callable[[_Parts], list[Made]]:
    return lambda parts: [(parts.field(name), parts.all)]


def _named(*others: str, of: Callable[[_Parts], Hashes]) -> Callable[[_Parts], list[Made]]:
    """Name part ``of`` together with fields of the row."""

    def make(parts: _Parts) -> list[Made]:
        places = [_place(parts, other)[parts.named] for other in others]
        return [(_both(of(parts), *places), parts.named)]

    return make


def _place(parts: _Parts, name: str) -> Hashes:
    return parts.area() if name == "area" else getattr(parts, name)


def _phones(parts: _Parts) -> list[Made]:
    return [(parts.field("phone"), parts.all), (parts.field("phone_2"), parts.all)]


def _stems(parts: _Parts) -> list[Made]:
    return [(parts.stem(), parts.all), (parts.squeezed(0, None), parts.named)]


def _street(other: str) -> Callable[[_Parts], list[Made]]:
    def make(parts: _Parts) -> list[Made]:
        number, street = parts.field("street_no"), parts.field("street")
        return [(_both(number, street, _place(parts, other)), parts.all)]

    return make


def _contact(parts: _Parts) -> list[Made]:
    return [(_both(parts.field("contact"), parts.city), parts.all)]


def _pair(parts: _Parts) -> Hashes:
    """The two telling words in any order."""
    return np.where((parts.head > 0) & (parts.second > 0), mix(parts.head + parts.second, 3), np.uint64(0))


def _skeleton(tokens: pa.StringArray) -> pa.StringArray:
    """First letter and the consonants after it: most vowel slips do not change it."""
    return pc.replace_substring_regex(tokens, r"(?:\B[aeiouyh])+", "")


def _ending(tokens: pa.StringArray) -> pa.StringArray:
    """Last four letters of words that have more."""
    cut = pc.utf8_slice_codeunits(tokens, -4, None)
    return pc.if_else(pc.greater(pc.utf8_length(tokens), 4), cut, "")


_KINDS: dict[str, Callable[[_Parts], list[Made]]] = {
    "phone": _phones,
    "email": _whole("email"),
    "linkedin": _whole("linkedin"),
    "host": _whole("host"),
    "page": _whole("page"),
    "stem": _stems,
    "name": _named(of=lambda parts: parts.bag),
    "name_state": _named("state", of=lambda parts: parts.bag),
    "name_city": _named("city", of=lambda parts: parts.bag),
    "name_zip": _named("zip3", of=lambda parts: parts.bag),
    "pair": _named(of=_pair),
    "pair_state": _named("state", of=_pair),
    "head_city": _named("city", of=lambda parts: parts.head),
    "head_zip": _named("zip3", of=lambda parts: parts.head),
    "head_area": _named("area", of=lambda parts: parts.head),
    "second_city": _named("city", of=lambda parts: parts.second),
    "second_zip": _named("zip3", of=lambda parts: parts.second),
    "start_city": _named("city", of=lambda parts: parts.squeezed(0, 6)),
    "start_zip": _named("zip5", of=lambda parts: parts.squeezed(0, 4)),
    "skeleton_city": _named("city", of=lambda parts: parts.head_form(_skeleton)),
    "ending_city": _named("city", of=lambda parts: parts.head_form(_ending)),
    "street_city": _street("city"),
    "street_zip": _street("zip5"),
    "contact": _contact,
    "head_state": _named("state", of=lambda parts: parts.head),
    "street_state": _street("state"),
}
"""Kinds of keys. Where a wide one is capped, the narrower ones after it bring its leads together."""

_BY_NAME: dict[str, Callable[[_Parts], list[Made]]] = {
    "head": _named(of=lambda parts: parts.head),
    "second": _named(of=lambda parts: parts.second),
    "start": _named(of=lambda parts: parts.squeezed(0, 6)),
    "long_start": _named(of=lambda parts: parts.squeezed(0, 10)),
    "skeleton": _named(of=lambda parts: parts.head_form(_skeleton)),
    "ending": _named(of=lambda parts: parts.squeezed(-8, None)),
}
"""Further kinds, of leads whose place is not known."""

_SALTS = {kind: number for number, kind in enumerate([*_KINDS, *_BY_NAME], 100)}
KINDS: tuple[str, ...] = tuple(_KINDS)
