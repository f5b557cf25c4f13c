"""Rows that say the same: so many of them may be one firm that no key brings them together with its others.

A list of mentions names one firm hundreds of times; in a list of leads so many equal names are a brand's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sales_agent_dagster.matching.arrays import counting, starts_of
from sales_agent_dagster.matching.hashing import mix
from sales_agent_dagster.matching.table import LeadTable

MANY = 5
"""Rows that say the same from which they are taken as one before anything else; fewer fill no key."""

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Repeats:
    """Groups of rows that say the same.

    Attributes:
        first: per row the first row of its group; itself for a row that is in none.
        left, right: the first two rows of each group, in order of the first.
    """

    first: Rows
    left: NDArray[np.int32]
    right: NDArray[np.int32]

    def only(self, groups: NDArray[np.bool_]) -> Repeats:
        """Some of the groups; the rows of the others stand for themselves."""
        chosen = np.zeros(len(self.first), bool)
        chosen[self.left[groups]] = True
        first = np.where(chosen[self.first], self.first, np.arange(len(self.first)))
        return Repeats(first, self.left[groups], self.right[groups])

    @property
    def kept(self) -> Rows:
        """Rows that stand for themselves or for their group."""
        return np.flatnonzero(self.first == np.arange(len(self.first)))


def repeats_of(table: LeadTable, start: int = 0) -> Repeats:
    """Groups of at least ``MANY`` rows from ``start`` on that are equal in every field and have a name."""
    total = np.zeros(table.size - start, np.uint64)
    for number, column in enumerate(table.columns.values()):
        total += mix(column.codes[start:].astype(np.uint64), 1000 + number)
    order = np.argsort(total, kind="stable")
    starts = starts_of(total[order])
    sizes = np.diff(np.append(starts, len(order)))
    use = (sizes >= MANY) & (table.core[start:][order[starts]] > 0)
    by_row = np.flatnonzero(use)[np.argsort(order[starts[use]])]
    starts, sizes = starts[by_row], sizes[by_row]
    first = np.arange(table.size)
    members = np.repeat(starts, sizes) + counting(sizes)
    first[order[members] + start] = np.repeat(order[starts], sizes) + start
    pair = [(order[starts + place] + start).astype(np.int32) for place in (0, 1)]
    return Repeats(first, *pair)


def usual_repeats(table: LeadTable) -> float | None:
    """How many rows a row's name has in all, in the mean; None without names.

    The mean of a log-normal distribution by the moments of the logarithms: one brand's many rows then do not
    speak for the whole list.
    """
    named: NDArray[Any] = table.core[table.core > 0]
    if not len(named):
        return None
    logs = np.log(np.bincount(named)[named])
    return float(np.exp(logs.mean() + logs.var() / 2))
