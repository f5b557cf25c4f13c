"""Measures of agreement between what was answered and what is right."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


def kendall_tau_b(one: Sequence[float], other: Sequence[float]) -> float:
    """Rank correlation that allows for ties, -1 to 1; 0.0 when either has one value only.

    ``(concordant - discordant) / sqrt((n0 - ties of one)(n0 - ties of the other))`` over all n0 pairs
    (Kendall, The treatment of ties in ranking problems, Biometrika 33, 1945). Compares every pair: for a
    few hundred values.
    """
    first, second = _signs(one), _signs(other)
    scale = float(np.sqrt((first**2).sum() * (second**2).sum()))
    return float((first * second).sum() / scale) if scale else 0.0


def _signs(values: Sequence[float]) -> NDArray[np.float64]:
    array: NDArray[np.float64] = np.asarray(values, dtype=np.float64)
    signs: NDArray[np.float64] = np.sign(array[:, None] - array[None, :])
    return signs


def spearman(one: Sequence[float], other: Sequence[float]) -> float:
    """Pearson's correlation of the ranks, ties at their mean rank, -1 to 1; 0.0 when either has one value."""
    first, second = _ranks(one), _ranks(other)
    scale = float(np.sqrt((first**2).sum() * (second**2).sum()))
    return float((first * second).sum() / scale) if scale else 0.0


def _ranks(values: Sequence[float]) -> NDArray[np.float64]:
    """Mean ranks about their own mean: how many values are lower, less how many are higher, halved."""
    ranks: NDArray[np.float64] = _signs(values).sum(axis=1) / 2
    return ranks


@dataclass(frozen=True, slots=True)
class Counts:
    """Claims against what is right.

    Attributes:
        right: claimed and right; wrong: claimed and not; missed: right and not claimed.
    """

    right: int = 0
    wrong: int = 0
    missed: int = 0

    def __add__(self, other: Counts) -> Counts:
        return Counts(self.right + other.right, self.wrong + other.wrong, self.missed + other.missed)

    @property
    def precision(self) -> float | None:
        """Share of the claims that is right; None without claims."""
        return share(self.right, self.right + self.wrong)

    @property
    def recall(self) -> float | None:
        """Share of what is right that was claimed; None when nothing is expected."""
        return share(self.right, self.right + self.missed)


def compare(claimed: Collection[str], expected: Collection[str], optional: Collection[str]) -> Counts:
    """Counts of one lead; optional claims count neither way."""
    found, wanted = set(claimed), set(expected)
    return Counts(len(found & wanted), len(found - wanted - set(optional)), len(wanted - found))


def share(part: float, whole: float) -> float | None:
    """Four places; None of nothing."""
    return round(part / whole, 4) if whole else None
