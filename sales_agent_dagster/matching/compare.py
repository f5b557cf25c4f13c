"""Candidate pairs, field by field, as levels of agreement.

The levels are those of ``levels.LEVELS``. Beside each level stands how many other leads hold the value
agreed on: what a level is worth depends on it (term frequency).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from rapidfuzz.distance import OSA, JaroWinkler

from sales_agent_dagster.matching.compare_names import compare_names
from sales_agent_dagster.matching.facts import Facts
from sales_agent_dagster.matching.levels import FIELDS, PLACE, STREET
from sales_agent_dagster.matching.pairwise import all_pairwise, pairwise
from sales_agent_dagster.matching.table import Codes

Levels = NDArray[np.int8]
Floats = NDArray[np.float32]
Pairs = NDArray[np.int32]

CHUNK = 125_000
"""Pairs compared at a time: bounds memory."""


@dataclass
class Comparison:
    """Levels of pairs.

    Attributes:
        levels: pairs by fields.
        others: pairs by fields: other holders of the value agreed on, where that matters; else 1.
        similarity: pairs by fields, 0 to 1, NaN where it was not computed.
    """

    levels: Levels
    others: Floats
    similarity: Floats

    def take(self, pairs: NDArray[np.int64]) -> Comparison:
        """Some of the pairs."""
        return Comparison(self.levels[pairs], self.others[pairs], self.similarity[pairs])


def compare(facts: Facts, left: Pairs, right: Pairs, *, workers: int = 1) -> Comparison:
    """Levels of all pairs of rows."""
    shape = (len(left), len(FIELDS))
    result = Comparison(
        np.zeros(shape, np.int8), np.ones(shape, np.float32), np.full(shape, np.nan, np.float32)
    )
    for low in range(0, len(left), CHUNK):
        part = slice(low, low + CHUNK)
        _compare_chunk(_Chunk(facts, left[part], right[part], workers), result, part)
    return result


class _Chunk:
    """Some pairs, and what all fields' comparisons need."""

    def __init__(self, facts: Facts, left: Pairs, right: Pairs, workers: int) -> None:
        self.facts, self.table = facts, facts.table
        self.left, self.right, self.workers = left, right, workers

    def codes(self, column: Codes) -> tuple[Codes, Codes]:
        return column[self.left], column[self.right]

    def of_chain(self, kind: str) -> NDArray[np.bool_]:
        """Pairs of which one has a chain's value: the other may be a branch whose name is misspelt."""
        chains = self.facts.of_chains(kind)
        found: NDArray[np.bool_] = chains[self.left] | chains[self.right]
        return found

    def alike(self, scorer: Any, texts: pa.StringArray, a: Codes, b: Codes) -> Floats:
        """What ``scorer`` says of texts by number, pair by pair."""
        return pairwise(scorer, texts, a, b, self.workers)


def _compare_chunk(chunk: _Chunk, result: Comparison, part: slice) -> None:
    for number, make in enumerate(_COMPARERS):
        levels, others, similarity = make(chunk)
        result.levels[part, number] = levels
        if others is not None:
            result.others[part, number] = np.maximum(others, 0)
        if similarity is not None:
            result.similarity[part, number] = similarity
    # An address is one in its town: the same number in a street of that name elsewhere is no more than alike.
    levels = result.levels[part]
    elsewhere = (levels[:, PLACE] >= 5) & ((levels[:, STREET] == 1) | (levels[:, STREET] == 2))
    levels[elsewhere, STREET] = 3
    result.others[part][elsewhere, STREET] = 1


Compared = tuple[Levels, NDArray[Any] | None, Floats | None]


def _name(chunk: _Chunk) -> Compared:
    """The best level of the two names and of either with the other's alias, compared all together."""
    a, b = chunk.codes(chunk.table.core)
    alias_a, alias_b = chunk.codes(chunk.table.alias)
    sides = [(a, b), (alias_a, b), (a, alias_b), (alias_a, alias_b)]
    rows = [np.arange(len(a)), *(np.flatnonzero((one > 0) & (two > 0)) for one, two in sides[1:])]
    first, second = (
        np.concatenate([pair[side][some] for pair, some in zip(sides, rows, strict=True)]) for side in (0, 1)
    )
    found = compare_names(chunk.facts, first, second, chunk.workers)
    levels, others, similarity = found[0][: len(a)], found[1][: len(a)], found[2][: len(a)]
    start = len(a)
    for some in rows[1:]:
        better = np.flatnonzero(found[0][start : start + len(some)] < levels[some])
        use, by = some[better], start + better
        levels[use], others[use], similarity[use] = found[0][by], found[1][by], found[2][by]
        start += len(some)
    return levels, others, similarity


def _phone(chunk: _Chunk) -> Compared:
    column, size = chunk.facts.phones, chunk.table.size
    first, second = column.codes[:size], column.codes[size:]
    a, b = chunk.codes(first)
    a2, b2 = chunk.codes(second)
    known = (a > 0) & (b > 0)
    same = np.select(
        [known & (a == b), (a > 0) & (a == b2), (b > 0) & (b == a2), (a2 > 0) & (a2 == b2)], [a, a, b, a2], 0
    )
    levels = np.where(same > 0, 1, np.where(known, 5, 0)).astype(np.int8)
    chains, left, right = chunk.facts.of_chains("phone"), chunk.left, chunk.right
    chain = chains[np.where(same == a, left, left + size)] | chains[np.where(same == b, right, right + size)]
    levels[(same > 0) & chain] = 0
    rows = np.flatnonzero(levels == 5)
    areas, free = chunk.facts.phone_areas
    a, b = a[rows], b[rows]
    off = chunk.alike(OSA.distance, column.values, a, b) <= 1
    area = areas[a] == areas[b]
    levels[rows] = np.select([off, free[a] | free[b], area], [2, 3, 4], 5)
    return levels, np.where(same > 0, chunk.facts.phone_spread[same] - 1, 1), None


def _web(chunk: _Chunk) -> Compared:
    column = chunk.facts.web
    a, b = chunk.codes(column.codes)
    levels = np.where((a == 0) | (b == 0), 0, np.where(a == b, 1, 4)).astype(np.int8)
    rows = np.flatnonzero(levels == 4)
    stems = chunk.facts.web_stems
    scorers = JaroWinkler.normalized_similarity, OSA.normalized_similarity
    similarity, ratio = all_pairwise(scorers, stems, a[rows], b[rows], chunk.workers)
    levels[rows] = np.select([ratio >= 0.85, (similarity >= 0.88) | (ratio >= 0.65)], [2, 3], 4)
    others = np.where(levels == 1, chunk.facts.web_spread[a] - 1, 1)
    return levels, others, _spread_out(rows, ratio, levels)


def _spread_out(rows: NDArray[Any], values: Floats, levels: Levels) -> Floats:
    """Similarities of all pairs: 1 where equal, NaN where unknown."""
    similarity = np.where(levels == 1, np.float32(1), np.float32(np.nan))
    similarity[rows] = values
    return similarity


def _email(chunk: _Chunk) -> Compared:
    column = chunk.table["email"]
    a, b = chunk.codes(column.codes)
    levels = np.where((a == 0) | (b == 0), 0, np.where(a == b, 1, 5)).astype(np.int8)
    rows = np.flatnonzero(levels == 5)
    ratio = chunk.alike(OSA.normalized_similarity, column.values, a[rows], b[rows])
    own = chunk.facts.email_domains
    da, db = own[a[rows]], own[b[rows]]
    levels[rows] = np.select([ratio >= 0.9, (da > 0) & (da == db), (da == 0) | (db == 0)], [2, 3, 4], 5)
    levels[(levels == 1) & chunk.of_chain("email")] = 0
    others = np.where(levels == 1, chunk.facts.email_spread[a] - 1, 1)
    return levels, others, _spread_out(rows, ratio, levels)


def _plain_field(chunk: _Chunk, name: str, alike_from: float) -> Compared:
    """Equal, alike by Jaro-Winkler, or different; what a chain's branches share says nothing."""
    column = chunk.table[name]
    a, b = chunk.codes(column.codes)
    levels = np.where((a == 0) | (b == 0), 0, np.where(a == b, 1, 3)).astype(np.int8)
    rows = np.flatnonzero(levels == 3)
    similarity = chunk.alike(JaroWinkler.normalized_similarity, column.values, a[rows], b[rows])
    levels[rows] = np.where(similarity >= alike_from, 2, 3)
    levels[(levels == 1) & chunk.of_chain(name)] = 0
    return levels, None, _spread_out(rows, similarity, levels)


def _linkedin(chunk: _Chunk) -> Compared:
    return _plain_field(chunk, "linkedin", 0.92)


def _contact(chunk: _Chunk) -> Compared:
    levels, _, similarity = _plain_field(chunk, "contact", 0.9)
    a, _ = chunk.codes(chunk.table["contact"].codes)
    return levels, np.where(levels == 1, np.maximum(chunk.facts.contact_count[a] - 1, 1), 1), similarity


def _street(chunk: _Chunk) -> Compared:
    table = chunk.table
    number, word, unit = (chunk.codes(table[name].codes) for name in ("street_no", "street", "unit"))
    known = (word[0] > 0) & (word[1] > 0)
    boxes = chunk.facts.boxes
    mixed = boxes[number[0]] != boxes[number[1]]
    same_number = (number[0] == number[1]) & (number[0] > 0)
    other_unit = (unit[0] != unit[1]) & (unit[0] > 0) & (unit[1] > 0)
    levels = np.where(known & ~mixed, 5, 0).astype(np.int8)
    rows = np.flatnonzero(levels == 5)
    similarity = chunk.alike(
        JaroWinkler.normalized_similarity, table["street"].values, word[0][rows], word[1][rows]
    )
    words, numbers = similarity >= 0.9, same_number[rows]
    exact = similarity >= 0.999
    numbered = (number[0][rows] > 0) & (number[1][rows] > 0)
    near, other_number = np.zeros(len(rows), bool), np.flatnonzero(exact & numbered & ~numbers)
    sides = (side[rows[other_number]] for side in number)
    near[other_number] = chunk.alike(OSA.distance, table["street_no"].values, *sides) <= 1
    levels[rows] = np.select(
        [exact & numbers & other_unit[rows], exact & numbers, (words & numbers) | (exact & near), words],
        [2, 1, 3, 4], 5,
    )  # fmt: skip
    spread = chunk.facts.address_spread[chunk.facts.address[chunk.left]] - 1
    return levels, np.where((levels == 1) | (levels == 2), spread, 1), _spread_out(rows, similarity, levels)


def _place(chunk: _Chunk) -> Compared:
    table = chunk.table
    city, state, zip5 = (chunk.codes(table[name].codes) for name in ("city", "state", "zip5"))
    cities, zips, states = ((a > 0) & (b > 0) for a, b in (city, zip5, state))
    same_zip = zips & (zip5[0] == zip5[1])
    other_state = states & (state[0] != state[1])
    same_city = cities & (city[0] == city[1]) & ~other_state
    rows = np.flatnonzero(cities & ~same_city & ~other_state)
    similarity = chunk.alike(
        JaroWinkler.normalized_similarity, table["city"].values, city[0][rows], city[1][rows]
    )
    same_city[rows] = similarity >= 0.93
    three = chunk.facts.zip_areas
    near = zips & (three[zip5[0]] == three[zip5[1]])
    levels = np.select(
        [same_city & same_zip, same_city, same_zip, near, other_state, cities | zips],
        [1, 2, 3, 4, 6, 5], 0,
    ).astype(np.int8)  # fmt: skip
    count, place = chunk.facts.city_count, chunk.codes(chunk.facts.city)
    holders = np.where(
        levels == 2, np.maximum(*(count[side] for side in place)), chunk.facts.zip_count[zip5[0]]
    )
    return levels, np.where((levels >= 1) & (levels <= 3), np.maximum(holders - 1, 1), 1), None


_COMPARERS = (_name, _phone, _web, _email, _linkedin, _street, _place, _contact)
