"""Distinct values of large integer arrays, by sorting: several times faster than ``numpy.unique``."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.int64]


def distinct(values: NDArray[Any]) -> NDArray[Any]:
    """The distinct values, ascending."""
    ordered = np.sort(values)
    return ordered[starts_of(ordered)]


def starts_of(ordered: NDArray[Any]) -> Numbers:
    """Where each run of equal values begins in a sorted array."""
    if not len(ordered):
        return np.zeros(0, np.int64)
    return np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))


def numbered(values: NDArray[Any]) -> Numbers:
    """Per element the number of its value among the distinct ones, ascending from 0."""
    order = np.argsort(values)
    starts = np.zeros(len(values), np.int64)
    starts[starts_of(values[order])[1:]] = 1
    numbers = np.empty(len(values), np.int64)
    numbers[order] = np.cumsum(starts)
    return numbers


def counting(counts: Numbers) -> Numbers:
    """0, 1, ... count - 1 for each count."""
    ends = np.cumsum(counts)
    return np.arange(ends[-1] if len(ends) else 0) - np.repeat(ends - counts, counts)
