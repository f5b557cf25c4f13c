"""What naive rules make of a list: the best single confidence decides.

Equal e-mail is 100 % sure, equal LinkedIn page 95, equal website 80, equal phone 70, a similar name 60 to 90;
pairs from 85 up are duplicates. No evidence adds up, no value is common or rare, and every row is compared
with every other.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cdist

from benchmarks.dedupe.metrics import Labels

EMAIL, LINKEDIN, WEBSITE, PHONE = 100, 95, 80, 70
NAME_FROM, NAME_TO = 60, 90
CUT = 85
MAX_ROWS = 20_000
"""Rows up to which comparing all with all is bearable."""
_CHUNK = 500


def find_pairs(leads: pa.Table) -> tuple[Labels, Labels]:
    """Rows of the pairs that the rules call duplicates, each once, left before right.

    Raises:
        ValueError: more than ``MAX_ROWS`` rows.
    """
    size = leads.num_rows
    if size > MAX_ROWS:
        raise ValueError(f"all with all is meant for up to {MAX_ROWS} rows, not {size}")
    exact = [
        (confidence, _codes(leads[name]))
        for confidence, name in (
            (EMAIL, "email"),
            (LINKEDIN, "linkedin"),
            (WEBSITE, "website"),
            (PHONE, "phone"),
        )
    ]
    names = [(text or "").strip().lower() for text in leads["name"].to_pylist()]
    similar_from = (CUT - NAME_FROM) / (NAME_TO - NAME_FROM)
    lefts, rights = [], []
    for start in range(0, size, _CHUNK):
        rows = slice(start, min(start + _CHUNK, size))
        similarity = cdist(
            names[rows],
            names,
            scorer=Levenshtein.normalized_similarity,
            score_cutoff=similar_from,
            workers=-1,
        )
        confidence = np.where(similarity > 0, NAME_FROM + (NAME_TO - NAME_FROM) * similarity, 0)
        for value, codes in exact:
            equal = (codes[rows, None] == codes[None, :]) & (codes[rows, None] >= 0)
            confidence = np.maximum(confidence, value * equal)
        left, right = np.nonzero(confidence >= CUT)
        later = left + start < right
        lefts.append(left[later] + start)
        rights.append(right[later])
    return np.concatenate(lefts).astype(np.int64), np.concatenate(rights).astype(np.int64)


def _codes(values: pa.ChunkedArray) -> Labels:
    """A number per distinct text, lower case; -1 for missing."""
    texts = [text and text.lower() for text in values.to_pylist()]
    numbers: dict[str, int] = {}
    return np.array(
        [numbers.setdefault(text, len(numbers)) if text else -1 for text in texts], dtype=np.int64
    )
