"""A sentence per pair: ``phone equal (+18.3), name alike 0.94 (+7.9), prior (-19.4) = 6.8 bits, 99.12 %``."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sales_agent_dagster.matching.compare import Comparison
from sales_agent_dagster.matching.levels import FIELDS, LEVELS, SLOTS
from sales_agent_dagster.matching.weigh import Waterfall, moved

VETO = "too little in common"
MOVED = "another street in another town"

ALTERNATIVE_WORDS = (
    "could be another branch or franchise",
    "could be another tenant",
    "could be another user of the phone",
    "could be a sister firm",
)
"""What each of ``levels.ALTERNATIVES`` takes off the odds."""

_ALTERNATIVE = len(FIELDS)
_ALIKE, _TENTHS = 128, 1 << 32
"""More than the hundredths and tenths that there are: a part is packed into one number."""


def sentences(compared: Comparison, falls: Waterfall, vetoes: NDArray[np.bool_]) -> pa.StringArray:
    """One line per pair: fields, heaviest first, what the alternatives take off, prior, and the sum."""
    bits = np.column_stack([falls.fields + falls.tf, falls.penalty])
    totals = bits.sum(axis=1) + falls.prior
    tenths = np.rint(bits * 10).astype(np.int64)
    order = np.argsort(-np.abs(tenths[:, :-1]), axis=1, kind="stable")
    order = np.column_stack([order, np.full(len(order), _ALTERNATIVE)])
    said = np.column_stack([compared.levels, falls.alternative])
    alike = np.column_stack([_percent_alike(compared), np.zeros(len(bits), np.int64)])
    rows = np.arange(len(bits))[:, None]
    parts = _parts(order, said[rows, order], alike[rows, order], tenths[rows, order])
    prior = f"prior ({falls.prior:+.1f})"
    remarks = np.where(vetoes, f"; not merged: {VETO}", "").astype(object)
    remarks[moved(compared.levels) & (totals > 0) & ~vetoes] = f"; {MOVED}"
    ends = [
        f"{prior} = {total:.1f} bits, {chance(total)}{remark}"
        for total, remark in zip(totals.tolist(), remarks.tolist(), strict=True)
    ]
    return pc.binary_join_element_wise(*parts, pa.array(ends, pa.string()), "")


def _parts(
    fields: NDArray[np.int64], said: NDArray[np.int64], alike: NDArray[np.int64], tenths: NDArray[np.int64]
) -> list[pa.StringArray]:
    """Per place in the sentence the texts of all pairs: each different part is put into words once."""
    packed = ((fields * SLOTS + said) * _ALIKE + alike) * _TENTHS + tenths + _TENTHS // 2
    coded = pa.array(packed.ravel()).dictionary_encode()
    texts = pa.array([_part(number) for number in coded.dictionary.to_pylist()], pa.string())
    places = coded.indices.to_numpy().reshape(packed.shape)
    return [texts.take(pa.array(column)) for column in places.T]


def _percent_alike(compared: Comparison) -> NDArray[np.int64]:
    """Similarity in hundredths; 0 where there is none to tell."""
    told = np.where(compared.levels > 1, compared.similarity, 0)
    hundredths: NDArray[np.int64] = np.rint(np.nan_to_num(told) * 100).astype(np.int64)
    return hundredths


@lru_cache(maxsize=65536)
def _part(packed: int) -> str:
    rest, tenths = divmod(packed, _TENTHS)
    rest, alike = divmod(rest, _ALIKE)
    field, said = divmod(rest, SLOTS)
    tenths -= _TENTHS // 2
    if not tenths:
        return ""
    if field == _ALTERNATIVE:
        return f"{ALTERNATIVE_WORDS[said]} ({tenths / 10:+.1f}), "
    similarity = f" {alike / 100:.2f}" if alike else ""
    return f"{FIELDS[field]} {LEVELS[FIELDS[field]][said]}{similarity} ({tenths / 10:+.1f}), "


def chance(bits: float) -> str:
    """The probability in percent, with decimals only where it is close to 0 or 100."""
    probability = 1 / (1 + 2.0 ** -max(min(bits, 300.0), -300.0))
    least = min(probability, 1 - probability)
    digits = 0 if least >= 0.01 else 2 if least > 0.0001 else 4
    return f"{100 * probability:.{digits}f} %"
