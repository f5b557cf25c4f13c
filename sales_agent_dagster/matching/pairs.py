"""Candidate pairs of a table: leads that share a key."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from sales_agent_dagster.matching.arrays import counting, distinct, starts_of
from sales_agent_dagster.matching.blocking import Keys, limit_of

Rows = NDArray[np.int64]


@dataclass
class Candidates:
    """Pairs of rows, ``left < right``, each once.

    Attributes:
        capped: kind to the number of keys that too many leads share.
        capped_rows: kind to the rows under those keys.
    """

    left: NDArray[np.int32]
    right: NDArray[np.int32]
    capped: dict[str, int] = field(default_factory=dict)
    capped_rows: dict[str, int] = field(default_factory=dict)


def candidate_pairs(keys: Iterable[Keys], size: int, *, new_from: int = 0) -> Candidates:
    """All pairs of rows that share a key which no more rows have than its kind allows.

    Args:
        keys: per kind.
        size: rows of the table.
        new_from: pairs of two rows before this one are left out (they were decided before).
    """
    found: list[Rows] = []
    capped: dict[str, int] = {}
    capped_rows: dict[str, int] = {}
    for kind, rows, hashes in keys:
        order = np.argsort(hashes)
        rows, hashes = rows[order], hashes[order]
        starts = starts_of(hashes)
        sizes = np.diff(np.append(starts, len(hashes)))
        large = sizes > limit_of(kind, size)
        capped[kind] = capped.get(kind, 0) + int(large.sum())
        capped_rows[kind] = capped_rows.get(kind, 0) + int(sizes[large].sum())
        use = (sizes > 1) & ~large
        found.append(_within(rows, starts[use], sizes[use], size, new_from))
    pairs = distinct(np.concatenate(found)) if found else np.zeros(0, np.int64)
    return Candidates((pairs // size).astype(np.int32), (pairs % size).astype(np.int32), capped, capped_rows)


def _within(rows: Rows, starts: Rows, sizes: Rows, size: int, new_from: int) -> Rows:
    """Pairs inside the blocks as ``left * size + right``."""
    made = []
    for distance in range(1, int(sizes.max(initial=1))):
        # Every block pairs its i-th member with its (i + distance)-th.
        long = sizes > distance
        counts = sizes[long] - distance
        first = np.repeat(starts[long], counts) + counting(counts)
        a, b = rows[first], rows[first + distance]
        low, high = np.minimum(a, b), np.maximum(a, b)
        keep = (high >= new_from) & (low != high)
        made.append(low[keep] * size + high[keep])
    return np.concatenate(made) if made else np.zeros(0, np.int64)
