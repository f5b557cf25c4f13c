"""A sentence per pair: ``phone equal (+18.3), name alike 0.94 (+7.9), prior (-19.4) = 6.8 bits, 99.12 %``."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from sales_agent_dagster.matching.compare import Comparison
from sales_agent_dagster.matching.levels import FIELDS, LEVELS
from sales_agent_dagster.matching.weigh import Waterfall

VETO = "same name or website, but other phone and other town, and nothing else in common"

ALTERNATIVE_WORDS = (
    "could be another branch or franchise",
    "could be another tenant",
    "could be another user of the phone",
    "could be a sister firm",
)
"""What each of ``levels.ALTERNATIVES`` takes off the odds."""

_ALTERNATIVE = len(FIELDS)


def sentences(compared: Comparison, falls: Waterfall, vetoes: NDArray[np.bool_]) -> list[str]:
    """One line per pair: fields, heaviest first, what the alternatives take off, prior, and the sum."""
    bits = np.column_stack([falls.fields + falls.tf, falls.penalty])
    totals = bits.sum(axis=1) + falls.prior
    tenths = np.rint(bits * 10).astype(np.int64)
    order = np.argsort(-np.abs(tenths[:, :-1]), axis=1, kind="stable")
    order = np.column_stack([order, np.full(len(order), _ALTERNATIVE)])
    # One number per part: what is cached is the text of each.
    said = np.column_stack([compared.levels, falls.alternative])
    alike = np.column_stack([_percent_alike(compared), np.zeros(len(bits), np.int64)])
    rows = np.arange(len(bits))[:, None]
    parts = np.stack([order, said[rows, order], alike[rows, order], tenths[rows, order]], axis=2)
    prior = f"prior ({falls.prior:+.1f})"
    return [
        f"{_joined(row)}{prior} = {total:.1f} bits, {_chance(total)}"
        + (f"; not merged: {VETO}" if veto else "")
        for row, total, veto in zip(parts.tolist(), totals.tolist(), vetoes.tolist(), strict=True)
    ]


def _percent_alike(compared: Comparison) -> NDArray[np.int64]:
    """Similarity in hundredths; 0 where there is none to tell."""
    told = np.where(compared.levels > 1, compared.similarity, 0)
    hundredths: NDArray[np.int64] = np.rint(np.nan_to_num(told) * 100).astype(np.int64)
    return hundredths


def _joined(row: list[list[int]]) -> str:
    return "".join([_part(field, said, alike, tenths) for field, said, alike, tenths in row if tenths])


@lru_cache(maxsize=65536)
def _part(field: int, said: int, alike: int, tenths: int) -> str:
    if field == _ALTERNATIVE:
        return f"{ALTERNATIVE_WORDS[said]} ({tenths / 10:+.1f}), "
    similarity = f" {alike / 100:.2f}" if alike else ""
    return f"{FIELDS[field]} {LEVELS[FIELDS[field]][said]}{similarity} ({tenths / 10:+.1f}), "


def _chance(bits: float) -> str:
    probability = 1 / (1 + 2.0 ** -max(min(bits, 300.0), -300.0))
    return f"{100 * probability:.2f} %" if 0.0001 < probability < 0.9999 else f"{100 * probability:.4f} %"
