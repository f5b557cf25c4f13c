"""rapidfuzz over pairs of texts that are held once."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from rapidfuzz import process

from sales_agent_dagster.matching.table import Codes

PARALLEL_FROM = 20_000
"""Pairs from which a second thread pays."""


Scores = NDArray[np.float32]


def pairwise(scorer: Any, texts: pa.StringArray, a: Codes, b: Codes, workers: int = 1) -> Scores:
    """What ``scorer`` says of the texts numbered ``a`` and ``b``, pair by pair."""
    return all_pairwise([scorer], texts, a, b, workers)[0]


def all_pairwise(
    scorers: Sequence[Any], texts: pa.StringArray, a: Codes, b: Codes, workers: int = 1
) -> list[Scores]:
    """What each scorer says of the texts numbered ``a`` and ``b``, pair by pair.

    Only the texts of these pairs become Python objects: a table's distinct values would take hundreds of
    megabytes.
    """
    if not len(a):
        return [np.zeros(0, np.float32) for _ in scorers]
    left, right = (texts.take(pa.array(side)).to_numpy(zero_copy_only=False) for side in (a, b))
    workers = workers if len(a) >= PARALLEL_FROM else 1
    return [
        process.cpdist(left, right, scorer=scorer, dtype=np.float32, workers=workers) for scorer in scorers
    ]
