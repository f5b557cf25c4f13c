"""Names by their words: what two names share, weighed by how rare it is."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from rapidfuzz.distance import OSA, Indel, Prefix

from sales_agent_dagster.matching.facts import Facts
from sales_agent_dagster.matching.pairwise import all_pairwise, pairwise
from sales_agent_dagster.matching.table import MAX_TOKENS, Codes

Floats = NDArray[np.float32]

EQUAL, ALIKE, CONTAINED, OVERLAPPING, RELATED, DIFFERENT = range(1, 7)
SAME_WORD = 0.75
"""Similarity of two words from which one may be the other, misspelt."""
CUT_WORD = np.float32(0.85)
"""Similarity of a word and the same word cut off."""
SHORTEST_CUT = 3
"""Letters that a cut-off word must have kept."""

Compared = tuple[NDArray[np.int8], Floats, Floats]


def compare_names(facts: Facts, a: Codes, b: Codes, workers: int = 1) -> Compared:
    """Levels, other holders of the rarest thing shared, and similarity of names by number."""
    names = facts.table.names
    levels = np.where((a == 0) | (b == 0), 0, DIFFERENT).astype(np.int8)
    same = (a == b) | (names.bag[a] == names.bag[b]) | (names.squeezed[a] == names.squeezed[b])
    levels[same & (levels > 0)] = EQUAL
    others = np.ones(len(a), np.float32)
    equal = levels == EQUAL
    others[equal] = np.maximum(facts.name_spread[a[equal]], facts.name_spread[b[equal]]) - 1
    similarity = np.where(equal, np.float32(1), np.float32(np.nan))
    rows = np.flatnonzero(levels == DIFFERENT)
    if len(rows):
        levels[rows], others[rows], similarity[rows] = _unequal(facts, a[rows], b[rows], workers)
    return levels, others, similarity


def _unequal(facts: Facts, a: Codes, b: Codes, workers: int) -> Compared:
    overlap = _Overlap(facts, a, b, workers)
    overlap.match_equal()
    matched = overlap.match_alike(np.arange(len(a)))
    overlap.match_alike(matched)
    shared, left, right = overlap.shared, overlap.rest(overlap.free_left), overlap.rest(overlap.free_right)
    jaccard = shared / np.maximum(shared + left + right, 1e-6)
    contained = shared / np.maximum(shared + np.minimum(left, right), 1e-6)
    names = facts.table.names
    squeezed = names.squeezed[a], names.squeezed[b]
    spelling = pairwise(Indel.normalized_similarity, names.squeezed_texts, *squeezed, workers)
    telling = overlap.telling
    levels = np.select(
        [
            (jaccard >= 0.9) | ((spelling >= 0.92) & ((jaccard >= 0.3) | (shared == 0))),
            (contained >= 0.9) & telling & ~overlap.owning(),
            (jaccard >= 0.5) & telling,
            (jaccard >= 0.2) & telling | (spelling >= 0.85),
        ],
        [ALIKE, CONTAINED, OVERLAPPING, RELATED],
        DIFFERENT,
    ).astype(np.int8)
    others = np.where(levels < DIFFERENT, np.maximum(overlap.rarest - 1, 1), 1)
    return levels, others.astype(np.float32), np.where(levels == ALIKE, spelling, jaccard)


class _Overlap:
    """Words of pairs of names that are matched one to one."""

    def __init__(self, facts: Facts, a: Codes, b: Codes, workers: int) -> None:
        names = facts.table.names
        self._workers = workers
        self._texts, self._lengths = names.tokens, names.token_lengths
        self.left, self.right = names.ids[a], names.ids[b]
        self.free_left, self.free_right = self.left >= 0, self.right >= 0
        counts = np.maximum(facts.token_count, 1)
        self._count = np.append(counts, 1).astype(np.float32)
        weights = np.log2(1 + facts.population / self._count).astype(np.float32)
        self._weight = np.where(np.append(names.is_trade, False), 0.35 * weights, weights).astype(np.float32)
        self._is_trade = np.append(names.is_trade, True)
        self._is_owning = names.is_owning
        self.shared = np.zeros(len(a), np.float32)
        self.rarest = np.full(len(a), float(facts.population), np.float32)
        self.telling = np.zeros(len(a), bool)

    def rest(self, free: NDArray[np.bool_]) -> Floats:
        """Weight of the words of one side that found no partner."""
        ids = self.left if free is self.free_left else self.right
        total: Floats = (self._weight[ids] * free).sum(axis=1)
        return total

    def owning(self) -> NDArray[np.bool_]:
        """Pairs in which one side only has a word of firms that own others."""
        sides = ((self.left, self.free_left), (self.right, self.free_right))
        left, right = ((self._is_owning[ids] & free).any(axis=1) for ids, free in sides)
        one: NDArray[np.bool_] = left != right
        return one

    def match_equal(self) -> None:
        """Match equal words."""
        for place in range(MAX_TOKENS):
            words = self.left[:, place]
            if not (words >= 0).any():
                return
            hit = (self.right == words[:, None]) & self.free_right & (words >= 0)[:, None]
            rows = np.flatnonzero(hit.any(axis=1))
            if len(rows):
                self._match(rows, np.full(len(rows), place), hit[rows].argmax(axis=1), np.ones(len(rows)))

    def match_alike(self, among: Any) -> Any:
        """Match the heaviest free word of each side where one may be the other, misspelt or cut off.

        Returns:
            The pairs of names of ``among`` in which it did.
        """
        rows = among[self.free_left[among].any(axis=1) & self.free_right[among].any(axis=1)]
        i = (self._weight[self.left[rows]] * self.free_left[rows]).argmax(axis=1)
        j = (self._weight[self.right[rows]] * self.free_right[rows]).argmax(axis=1)
        similarity = self._similarity(self.left[rows, i], self.right[rows, j])
        use = similarity >= SAME_WORD
        self._match(rows[use], i[use], j[use], similarity[use])
        return rows[use]

    def _similarity(self, first: Codes, second: Codes) -> Floats:
        scorers = OSA.normalized_similarity, Prefix.similarity
        found, common = all_pairwise(scorers, self._texts, first, second, self._workers)
        shorter = np.minimum(self._lengths[first], self._lengths[second])
        cut = (common == shorter) & (shorter >= SHORTEST_CUT)
        return np.where(cut, np.maximum(found, CUT_WORD), found)

    def _match(self, rows: Any, i: Any, j: Any, similarity: Any) -> None:
        first, second = self.left[rows, i], self.right[rows, j]
        self.free_left[rows, i] = False
        self.free_right[rows, j] = False
        self.shared[rows] += np.minimum(self._weight[first], self._weight[second]) * similarity
        count = np.maximum(self._count[first], self._count[second])
        self.rarest[rows] = np.minimum(self.rarest[rows], count)
        self.telling[rows] |= ~self._is_trade[first] | ~self._is_trade[second]
