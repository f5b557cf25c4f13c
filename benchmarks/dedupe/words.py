"""Random draws over whole columns: heavy-tailed choices and coined words."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Column = NDArray[np.object_]
"""One field of every row, strings; empty when missing."""


def column(values: Sequence[str] | Column) -> Column:
    """Strings as an object array."""
    result = np.empty(len(values), dtype=object)
    result[:] = values
    return result


def heavy_tailed(
    rng: np.random.Generator,
    choices: Sequence[str] | Column,
    size: int,
    exponent: float = 1.0,
    offset: float = 2.0,
) -> Column:
    """Draws with probability proportional to ``1 / (rank + offset) ** exponent`` (Zipf-Mandelbrot).

    Args:
        rng: source of randomness.
        choices: most frequent first.
        size: how many draws.
        exponent: 0 is uniform; the larger, the more the first choices dominate.
        offset: flattens the top.
    """
    weights = (np.arange(len(choices)) + offset) ** -exponent
    cumulated = np.cumsum(weights)
    ranks = np.searchsorted(cumulated, rng.random(size) * cumulated[-1])
    return column(choices)[np.minimum(ranks, len(choices) - 1)]


def weighted(rng: np.random.Generator, choices: Sequence[tuple[str, float]], size: int) -> Column:
    """Draws by the given relative weights."""
    cumulated = np.cumsum([weight for _, weight in choices])
    ranks = np.searchsorted(cumulated, rng.random(size) * cumulated[-1])
    return column([text for text, _ in choices])[np.minimum(ranks, len(choices) - 1)]


def uniform(rng: np.random.Generator, choices: Sequence[str] | Column, size: int) -> Column:
    """Draws with equal probability."""
    return column(choices)[rng.integers(0, len(choices), size)]


def coined(rng: np.random.Generator, models: Sequence[str], size: int, longest: int = 9) -> Column:
    """New words that look like the given ones: a chain over letter pairs; may hold repetitions.

    Args:
        rng: source of randomness.
        models: words whose letter sequences are imitated.
        size: how many words.
        longest: letters at most.
    """
    chain = np.full((27, 27, 27), 1e-9)
    for word in models:
        codes = [0, 0, *(ord(letter) - 96 for letter in word.lower() if "a" <= letter <= "z"), 0]
        for first, second, third in zip(codes, codes[1:], codes[2:], strict=False):
            chain[first, second, third] += 1
    cumulated = np.cumsum(chain, axis=2)
    letters = np.zeros((size, longest), dtype=np.uint32)
    before = np.zeros(size, dtype=np.int64)
    last = np.zeros(size, dtype=np.int64)
    alive = np.ones(size, dtype=bool)
    for position in range(longest):
        rows = cumulated[before, last]
        drawn = (rows < (rng.random(size) * rows[:, -1])[:, None]).sum(axis=1)
        if position < 3:  # no word of fewer than three letters
            drawn = np.where(drawn == 0, rng.integers(1, 27, size), drawn)
        alive &= drawn > 0
        drawn = np.where(alive, drawn, 0)
        letters[:, position] = np.where(drawn > 0, drawn + 96, 0)
        before, last = last, drawn
    return np.char.capitalize(letters.view(f"U{longest}").ravel()).astype(object)
