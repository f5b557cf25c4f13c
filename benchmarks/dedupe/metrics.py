"""Quality of a clustering or of scored pairs against the truth, from group sizes: no list of all pairs.

Pairs of a set of n rows number n(n-1)/2, so the pairs that prediction and truth agree on are the sum over
their intersections. Everything is O(rows log rows).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

Labels = NDArray[np.int64]
"""Group of every row, any integers."""


@dataclass(frozen=True)
class Score:
    """Pairwise precision and recall, both 1 when there was nothing to find or to claim.

    Attributes:
        right: pairs claimed and true.
        claimed: pairs claimed.
        true: pairs true.
    """

    right: int
    claimed: int
    true: int

    @property
    def precision(self) -> float:
        """Share of the claims that are right."""
        return self.right / self.claimed if self.claimed else 1.0

    @property
    def recall(self) -> float:
        """Share of the truth that was claimed."""
        return self.right / self.true if self.true else 1.0

    @property
    def f1(self) -> float:
        """Harmonic mean of precision and recall."""
        return 2 * self.right / (self.claimed + self.true) if self.claimed + self.true else 1.0


def labels(values: Sequence[object]) -> Labels:
    """Dense integers for group names."""
    return pd.factorize(pd.array(list(values)))[0].astype(np.int64)


def clustered(predicted: Labels, truth: Labels) -> Score:
    """All pairs that share a predicted group, against all that share a true one."""
    return Score(_pairs(_crossed(predicted, truth)), _pairs(predicted), _pairs(truth))


def branch_neutral(predicted: Labels, entity: Labels, company: Labels) -> Score:
    """``clustered``, where merging two locations of one company is neither right nor wrong."""
    right = _pairs(_crossed(predicted, entity))
    neutral = _pairs(_crossed(predicted, company)) - right
    return Score(right, _pairs(predicted) - neutral, _pairs(entity))


def edges(left: Labels, right: Labels, truth: Labels) -> Score:
    """Claimed pairs of rows, each once, against the truth; recall counts every true pair."""
    return Score(int((truth[left] == truth[right]).sum()), len(left), _pairs(truth))


def lead_level(attached: Labels, existing: Labels) -> Score:
    """New leads against existing entities: attached to the right one, or rightly to none.

    Args:
        attached: entity (as the truth numbers it) that each new lead was attached to; -1 for none.
        existing: its true entity, -1 when the existing leads do not hold it.
    """
    claimed = attached >= 0
    return Score(
        int((claimed & (attached == existing)).sum()), int(claimed.sum()), int((existing >= 0).sum())
    )


def largest(predicted: Labels) -> int:
    """Rows in the largest group."""
    return int(np.bincount(_dense(predicted)).max(initial=0))


def _dense(values: Labels) -> Labels:
    return np.unique(values, return_inverse=True)[1].astype(np.int64)


def _crossed(first: Labels, second: Labels) -> Labels:
    """A group per combination of two groups."""
    dense = _dense(second)
    return _dense(first) * (int(dense.max(initial=0)) + 1) + dense


def _pairs(groups: Labels) -> int:
    counts = np.unique(groups, return_counts=True)[1].astype(np.int64)
    return int((counts * (counts - 1) // 2).sum())


def components(left: Labels, right: Labels, size: int) -> Labels:
    """Connected components under the given pairs: per row the smallest row of its component."""
    parent = np.arange(size)
    while True:
        low = np.minimum(parent[left], parent[right])
        before = parent.copy()
        np.minimum.at(parent, parent[left], low)
        np.minimum.at(parent, parent[right], low)
        parent = parent[parent]
        if np.array_equal(parent, before):
            return parent
