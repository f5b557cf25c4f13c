"""Pairs into clusters without chains: a cluster joins another only when their leads agree on the whole.

Closing links transitively lets one wrong link fuse two firms and everything linked to them. Here the best
links come first, and two clusters of which one has several leads join only if the bits between all their
leads, bounded both ways, add up to more than nothing (greedy correlation clustering, after Bansal, Blum and
Chawla 2004).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

LOWEST, HIGHEST = -6.0, 10.0
"""Bounds of what one pair may say about two clusters, bits."""
UNSEEN = -1.0
"""Bits of two leads that share no key: slightly against."""

Labels = NDArray[np.int64]


@dataclass(frozen=True)
class Clusters:
    """The outcome of clustering.

    Attributes:
        labels: per row the smallest row of its cluster.
        links: numbers of the pairs that joined two clusters: a tree per cluster.
    """

    labels: Labels
    links: NDArray[np.int64]


def components(size: int, left: NDArray[Any], right: NDArray[Any]) -> Labels:
    """Per row the smallest row that links connect it with."""
    labels = np.arange(size)
    while True:
        low = np.minimum(labels[left], labels[right])
        new = labels.copy()
        np.minimum.at(new, labels[left], low)
        np.minimum.at(new, labels[right], low)
        new = new[new]
        if np.array_equal(new, labels):
            return labels
        labels = new


def cluster(
    size: int,
    left: NDArray[Any],
    right: NDArray[Any],
    bits: NDArray[Any],
    threshold: float,
    fixed: NDArray[Any] | None = None,
    *,
    chains: bool = False,
) -> Clusters:
    """Cluster ``size`` rows.

    Args:
        size: number of rows.
        left: first rows of the pairs, each pair once, ``left < right``.
        right: their second rows.
        threshold: bits from which a pair links.
        bits: per pair; those below ``threshold`` link nothing but count against joining.
        fixed: per row the smallest row of the entity it is known to belong to, or -1 (the known rows come
            first): two known entities are never joined.
        chains: one link is enough to join two clusters.
    """
    start = np.arange(size) if fixed is None else np.where(fixed >= 0, fixed, np.arange(size))
    linked = np.flatnonzero(bits >= threshold)
    labels = components(size, start[left[linked]], start[right[linked]])[start]
    crowded = np.bincount(labels, minlength=size)[labels] > 2
    simple = linked[~crowded[left[linked]]]
    inside = np.flatnonzero(crowded[left] & (labels[left] == labels[right]))
    rows = np.flatnonzero(crowded)
    joining = _Joining(size, rows, start[rows], left[inside], right[inside], bits[inside])
    joining.chains = chains
    if fixed is not None:
        joining.known = set(start[fixed >= 0].tolist())
    links = joining.run(threshold)
    labels[rows] = [joining.label[row] for row in rows.tolist()]
    return Clusters(labels, np.sort(np.concatenate([simple, inside[links]])))


class _Joining:
    """Joins clusters of the rows that more than one link connects."""

    def __init__(self, size: int, rows: Labels, start: Labels, left: Any, right: Any, bits: Any) -> None:
        self._size = size
        self.known: set[int] = set()
        self.chains = False
        self.label = dict(zip(rows.tolist(), start.tolist(), strict=True))
        self._members: dict[int, list[int]] = {}
        for row, label in self.label.items():
            self._members.setdefault(label, []).append(row)
        keys = left.astype(np.int64) * size + right
        bounded = np.clip(bits, LOWEST, HIGHEST)
        self._bits = dict(zip(keys.tolist(), bounded.tolist(), strict=True))
        # Ties by row: the result does not depend on the order in which pairs were found.
        self._order = np.lexsort((keys, -bits))
        self._links = zip(left.tolist(), right.tolist(), bits.tolist(), strict=True)

    def run(self, threshold: float) -> NDArray[np.int64]:
        """Join all that agree; the numbers of the links that did."""
        links, used = list(self._links), []
        for number in self._order.tolist():
            left, right, bits = links[number]
            if bits < threshold:
                break
            a, b = sorted((self.label[left], self.label[right]))
            if a != b and self._agree(a, b):
                used.append(number)
                for row in self._members[b]:
                    self.label[row] = a
                self._members[a] += self._members.pop(b)
        return np.array(used, np.int64)

    def _agree(self, a: int, b: int) -> bool:
        if a in self.known and b in self.known:
            return False
        if self.chains:
            return True
        first, second = self._members[a], self._members[b]
        if len(first) == len(second) == 1:
            return True
        pairs = (min(x, y) * self._size + max(x, y) for x in first for y in second)
        return bool(sum(self._bits.get(pair, UNSEEN) for pair in pairs) > 0)
