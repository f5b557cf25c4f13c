"""Keys under which leads that may be the same company meet."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cached_property
from typing import NamedTuple
from zlib import crc32

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sales_agent_dagster.domain.shared_hosts import FREE_MAIL
from sales_agent_dagster.domain.zip_states import state_of_zip
from sales_agent_dagster.matching.hashing import Hashes, hash_texts, mix
from sales_agent_dagster.matching.lead import NormLead
from sales_agent_dagster.matching.table import LeadTable, words_array

MAX_BLOCK = 50
"""Leads per key from which the key brings no candidates together; narrower keys cover them."""

MAX_WIDE_BLOCK = 12
"""The same for kinds whose keys say little: what they bring together beyond that is nearly all strangers."""
MAX_NAME_BLOCK = 200
"""The same for kinds made of names alone, in tables that are not large: nothing narrower covers them."""
MAX_LOOSE_BLOCK = 4
"""The same for kinds that only leads without a city or ZIP need, in tables that are large."""
LARGE = 50_000
HUGE = 250_000
"""Leads from which two must share more than one faint key: what such a key alone brings together is strangers
by the million."""

_LOOSE = frozenset(
    {"digits_state", "person_region", "skeleton_state", "start_state", "street", "street_state"}
)
_WIDE = frozenset({"stem", "name", "pair", "word_zip", "head_area", "initials_city"}) | _LOOSE
_FAINT = frozenset(
    {
        *("pair", "word_city", "word_zip", "head_area", "skeleton_city"),
        *("skeleton_state", "ending_city", "start_state", "person_region", "digits_state", "street"),
        *("name", "name_state", "stem"),  # of equal names two are shared, if none is capped
        "linkedin",  # profiles of people and of portals
    }
)

SHORTEST_STEM = 7
"""Letters that a mailbox has at least to be taken for a firm's name."""

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


def suffices(kind: str, size: int) -> bool:
    """True when a key of a kind alone brings two leads together, in a table of ``size`` leads."""
    return size < HUGE or kind not in _FAINT


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


def table_keys(table: LeadTable) -> Iterator[Keys]:
    """All keys of a table that is matched as a whole.

    Where most rows say where they are, names alone bring the few others no true partners, only strangers.
    """
    return block_keys(table, by_name=not table.is_placed)


def block_keys(table: LeadTable, *, by_name: bool = True) -> Iterator[Keys]:
    """All keys of leads, kind by kind; a row has a kind's key only when all its parts are known.

    Rows whose place is not known have keys made of names alone as well, unless ``by_name`` is False.
    """
    parts = _Parts(table)
    placeless = (parts.city == 0) & (parts.zip5 == 0)
    for kind, make in (_KINDS | _BY_NAME if by_name and placeless.any() else _KINDS).items():
        made = make(parts)
        hashes, rows = (np.concatenate(some) for some in zip(*made, strict=True))
        known = np.flatnonzero(hashes if kind in _KINDS else placeless[rows] & (hashes > 0))
        mixed = mix(hashes[known], _SALTS[kind]) & _MASK
        # All at once: a phone must meet the same number where it is the second one.
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
        self.third = tokens[names.third[codes]]
        self.names, self.codes = names, codes
        self.city, self.zip5 = self.field("city"), self.field("zip5")
        self.zip3 = self._cut("zip5", 0, 3)

    def owner(self) -> Hashes:
        """The first two words of the name in one."""
        texts = pc.replace_substring_regex(self.table.core_values.values, r"^(\w+) (\w+).*$|^.*$", r"\1\2")
        hashes: Hashes = hash_texts(texts)[self.table.core]
        return hashes

    @cached_property
    def mailbox(self) -> Hashes:
        return self.changed("email", _mailbox)

    @cached_property
    def skeleton(self) -> Hashes:
        """The head word without its vowels."""
        return self.head_form(_skeleton)

    @cached_property
    def state(self) -> Hashes:
        """The state, also where only the ZIP tells it."""
        zips = self.table["zip5"]
        told = hash_texts(pa.array(map(state_of_zip, zips.values.to_pylist()), pa.string()))[zips.codes]
        given = self.field("state")
        return np.where(given > 0, given, told)

    def field(self, name: str) -> Hashes:
        column = self.table[name]
        found: Hashes = column.hashes[column.codes]
        return found

    def changed(self, name: str, change: Callable[[pa.StringArray], pa.StringArray]) -> Hashes:
        """Hash of a field's value changed by ``change``."""
        column = self.table[name]
        hashes: Hashes = hash_texts(change(column.values))[column.codes]
        return hashes

    def _cut(self, name: str, start: int, stop: int | None) -> Hashes:
        return self.changed(name, lambda texts: pc.utf8_slice_codeunits(texts, start, stop))

    def area(self) -> Hashes:
        return self._cut("phone", 0, 3)

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


def _hosts(parts: _Parts) -> list[Made]:
    """The host, and the domain of the e-mail address where that is another one."""
    host = parts.field("host")
    domain = parts.changed("email", _own_domain)
    return [(host, parts.all), (np.where(domain == host, np.uint64(0), domain), parts.all)]


def _stems(parts: _Parts) -> list[Made]:
    """Names as websites, mailboxes and pages spell them: in one word."""
    spelt = (parts.changed("host", _stem), parts.mailbox, parts.changed("linkedin", _letters))
    found = [(hashes, parts.all) for hashes in spelt]
    return _once([*found, (parts.squeezed(0, None), parts.named)])


def _once(made: list[Made]) -> list[Made]:
    """The same without a row's second key of one hash: it would count twice in its block."""
    kept: list[Made] = []
    for hashes, rows in made:
        for earlier, all_rows in kept:
            hashes = np.where(hashes == earlier[: len(all_rows)][rows], np.uint64(0), hashes)
        kept.append((hashes, rows))
    return kept


def _stem(hosts: pa.StringArray) -> pa.StringArray:
    """Hosts without top-level domain, punctuation and number at the end."""
    return _letters(pc.replace_substring_regex(hosts, r"\d*\..*$", ""))


def _letters(texts: pa.StringArray) -> pa.StringArray:
    return pc.replace_substring_regex(texts, "[^a-z0-9]", "")


def _mailbox(emails: pa.StringArray) -> pa.StringArray:
    """Letters of the mailbox where they are as many as a firm's name has."""
    letters = pc.replace_substring_regex(pc.replace_substring_regex(emails, "@.*$", ""), "[^a-z]", "")
    return pc.if_else(pc.greater_equal(pc.binary_length(letters), SHORTEST_STEM), letters, "")


def _own_domain(emails: pa.StringArray) -> pa.StringArray:
    domains = pc.replace_substring_regex(emails, "^.*@", "")
    return pc.if_else(pc.is_in(domains, words_array(FREE_MAIL)), "", domains)


def _words(other: str, count: int) -> Callable[[_Parts], list[Made]]:
    """The first telling words of the name, each together with a field of the row."""

    def make(parts: _Parts) -> list[Made]:
        place = _place(parts, other)[parts.named]
        found = (parts.head, parts.second, parts.third)[:count]
        return [(_both(word, place), parts.named) for word in found]

    return make


def _street(*others: str) -> Callable[[_Parts], list[Made]]:
    def make(parts: _Parts) -> list[Made]:
        number, street = parts.field("street_no"), parts.field("street")
        return [(_both(number, street, *(_place(parts, other) for other in others)), parts.all)]

    return make


def _people(parts: _Parts) -> list[Made]:
    """A person, as contact, mailbox or at the beginning of the name, within a state, else within a city."""
    region = np.where(parts.state > 0, parts.state, parts.city)
    contact = parts.changed("contact", _letters)
    found = (contact, parts.mailbox, parts.owner())
    return _once([(_both(hashes, region), parts.all) for hashes in found])


def _digits(parts: _Parts) -> list[Made]:
    """Phones with the same digits in any order, within a state."""
    return [(_both(parts.changed("phone", _sorted), parts.state), parts.all)]


def _sorted(phones: pa.StringArray) -> pa.StringArray:
    """The digits of each number of ten in ascending order."""
    ten = np.asarray(pc.equal(pc.binary_length(phones), 10))
    digits = np.frombuffer("".join(phones.filter(pa.array(ten)).to_pylist()).encode(), np.uint8).reshape(
        -1, 10
    )
    texts = np.sort(digits, axis=1).tobytes()
    offsets = np.concatenate([[0], np.cumsum(10 * ten)]).astype(np.int32)
    return pa.StringArray.from_buffers(len(phones), pa.py_buffer(offsets), pa.py_buffer(texts))


def _initials(parts: _Parts) -> list[Made]:
    """Initials of names of several words, and short names that may be somebody's initials, in one town."""
    names, city = parts.names, parts.city[parts.named]
    return [(_both(some[parts.codes], city), parts.named) for some in (names.initials, names.short)]


def _pair(parts: _Parts) -> Hashes:
    """The two telling words in any order."""
    return np.where((parts.head > 0) & (parts.second > 0), mix(parts.head + parts.second, 3), np.uint64(0))


def _skeleton(tokens: pa.StringArray) -> pa.StringArray:
    """First letter and the consonants after it: vowel slips and digits read for letters change nothing."""
    for digit, letter in (("0", "o"), ("1", "l"), ("5", "s")):
        tokens = pc.replace_substring_regex(tokens, f"{digit}([a-z])", rf"{letter}\1")
        tokens = pc.replace_substring_regex(tokens, f"([a-z]){digit}", rf"\1{letter}")
    return pc.replace_substring_regex(tokens, r"(?:\B[aeiouyh])+", "")


def _ending(tokens: pa.StringArray) -> pa.StringArray:
    """Last four letters of words that have more."""
    cut = pc.utf8_slice_codeunits(tokens, -4, None)
    return pc.if_else(pc.greater(pc.utf8_length(tokens), 4), cut, "")


_KINDS: dict[str, Callable[[_Parts], list[Made]]] = {
    "phone": _phones,
    "email": _whole("email"),
    "linkedin": _whole("linkedin"),
    "host": _hosts,
    "page": _whole("page"),
    "stem": _stems,
    "name": _named(of=lambda parts: parts.bag),
    "name_state": _named("state", of=lambda parts: parts.bag),
    "pair": _named(of=_pair),
    "word_city": _words("city", 3),
    "word_zip": _words("zip3", 2),
    "head_area": _named("area", of=lambda parts: parts.head),
    "start_city": _named("city", of=lambda parts: parts.squeezed(0, 6)),
    "start_zip": _named("zip5", of=lambda parts: parts.squeezed(0, 4)),
    "skeleton_city": _named("city", of=lambda parts: parts.skeleton),
    "ending_city": _named("city", of=lambda parts: parts.head_form(_ending)),
    "street_city": _street("city"),
    "person_region": _people,
    "digits_state": _digits,
    "initials_city": _initials,
    "skeleton_state": _named("state", of=lambda parts: parts.skeleton),
    "start_state": _named("state", of=lambda parts: parts.squeezed(0, 8)),
    "street_state": _street("state"),
    "street": _street(),
}
"""Kinds of keys. Where a wide one is capped, the narrower ones after it bring its leads together."""

_BY_NAME: dict[str, Callable[[_Parts], list[Made]]] = {
    "head": _named(of=lambda parts: parts.head),
    "second": _named(of=lambda parts: parts.second),
    "start": _named(of=lambda parts: parts.squeezed(0, 6)),
    "long_start": _named(of=lambda parts: parts.squeezed(0, 10)),
    "skeleton": _named(of=lambda parts: parts.skeleton),
    "ending": _named(of=lambda parts: parts.squeezed(-8, None)),
}
"""Further kinds, of leads whose place is not known."""

_SALTS = {kind: crc32(kind.encode()) for kind in (*_KINDS, *_BY_NAME)}
"""By the kind alone: one that comes or goes changes no other's keys."""
KINDS: tuple[str, ...] = tuple(_KINDS)
