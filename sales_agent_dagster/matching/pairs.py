"""Candidate pairs of a table: leads that share a key."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial

import numpy as np
from numpy.typing import NDArray

from sales_agent_dagster.matching.arrays import counting, starts_of
from sales_agent_dagster.matching.blocking import Keys, limit_of, suffices

PARALLEL_FROM = 50_000
"""Rows from which a second thread pays."""

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
    """All pairs of rows that share a key which no more rows have than its kind allows, and which suffices.

    Two keys that do not suffice do together.

    Args:
        keys: per kind.
        size: rows of the table.
        new_from: pairs of two rows before this one are left out (they were decided before).
    """
    capped: dict[str, int] = {}
    capped_rows: dict[str, int] = {}
    found: list[Rows] = []

    def add(made: _Made) -> None:
        pairs, kind, large = made
        found.append(2 * pairs + suffices(kind, size))
        capped[kind] = capped.get(kind, 0) + len(large)
        capped_rows[kind] = capped_rows.get(kind, 0) + int(large.sum())

    if size < PARALLEL_FROM:
        for some in keys:
            add(_sharing(some, size, new_from))
    else:
        _in_two_threads(partial(_sharing, size=size, new_from=new_from), keys, add)
    pairs = _sufficing(np.concatenate(found)) if found else np.zeros(0, np.int64)
    return Candidates((pairs // size).astype(np.int32), (pairs % size).astype(np.int32), capped, capped_rows)


def _sufficing(marked: Rows) -> Rows:
    """The distinct pairs, ascending, of those times two, plus one where a key that suffices made them."""
    marked.sort()
    starts = starts_of(marked >> 1)
    ends = np.append(starts, len(marked))[1:]
    enough = (ends - starts > 1) | (marked[ends - 1] % 2 == 1)
    pairs: Rows = marked[starts[enough]] >> 1
    return pairs


_Made = tuple[Rows, str, Rows]
"""Pairs as ``left * size + right``, the kind of key, and the sizes of its blocks that are too large."""


def _in_two_threads(
    work: Callable[[Keys], _Made], keys: Iterable[Keys], add: Callable[[_Made], None]
) -> None:
    """Sorting frees the interpreter; at most two kinds are held at a time."""
    with ThreadPoolExecutor(2) as pool:
        waiting: deque[Future[_Made]] = deque()
        for some in keys:
            waiting.append(pool.submit(work, some))
            if len(waiting) > 1:
                add(waiting.popleft().result())
        for future in waiting:
            add(future.result())


def _sharing(keys: Keys, size: int, new_from: int) -> _Made:
    """The pairs that the keys of one kind bring together."""
    order = np.argsort(keys.hashes)
    rows, hashes = keys.rows[order], keys.hashes[order]
    starts = starts_of(hashes)
    sizes = np.diff(np.append(starts, len(hashes)))
    large = sizes > limit_of(keys.kind, size)
    use = (sizes > 1) & ~large
    return _within(rows, starts[use], sizes[use], size, new_from), keys.kind, sizes[large]


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
