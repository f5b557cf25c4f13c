"""Phones of lists from other countries, told by a country column or by the numbers that name their country.

Not everywhere does a number that is dialled at home begin with a 0, as ``read_phone`` expects of one that is
not North American: in Spain, Denmark or India nothing is put before the national number.
"""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sales_agent_dagster.domain.values.phone import is_abroad

ABROAD_FROM = 20
"""Numbers with a country code from which they may speak for the rest of the list."""
ONE_COUNTRY = 0.9
"""Share of them that must have one code."""
TOLD_FROM = 0.1
"""Share of all numbers that must have a code."""

_CODED = r"^\s*\(?(?:\+|00)\s*\(?(?P<code>[1-9]\d)"
_HOME = r"(?i)^[\d\s()./-]+(?:\s*(?:ext|x|#)\W*\d+)?$"
_SHORTEST, _LONGEST = 7, 11
"""Digits of a national number (ITU-T E.164 allows 15 with the country's)."""


def with_trunk_zero(phones: pa.StringArray, countries: pa.StringArray | None) -> pa.StringArray:
    """The cells, those of other countries than North America's with a 0 before the national number.

    Args:
        phones: cells; those with a country code, several numbers or letters stay as they are.
        countries: what each row says of its country; None where no column does.
    """
    coded = pc.match_substring_regex(phones, _CODED)
    abroad = _abroad(phones, coded, countries)
    if not abroad.any():
        return phones
    bare = pc.replace_substring_regex(phones, r"(?i)\s*(?:ext|x|#).*$", "")
    number = pc.utf8_ltrim(pc.replace_substring_regex(bare, r"\D", ""), "0")
    length = pc.binary_length(number)
    home = pc.and_(pc.match_substring_regex(phones, _HOME), pc.invert(coded))
    fits = pc.and_(pc.greater_equal(length, _SHORTEST), pc.less_equal(length, _LONGEST))
    use = pc.and_(pc.and_(home, fits), pa.array(abroad))
    return pc.if_else(use, pc.binary_join_element_wise("0", number, ""), phones)


def _abroad(
    phones: pa.StringArray, coded: pa.BooleanArray, countries: pa.StringArray | None
) -> NDArray[np.bool_]:
    """Per row whether its numbers are another country's."""
    if countries is not None:
        values = countries.dictionary_encode()
        told = np.array([is_abroad(text) for text in values.dictionary.to_pylist()], bool)
        if told.any():
            by_row: NDArray[np.bool_] = told[values.indices.to_numpy()]
            return by_row
    some = phones.filter(coded)
    filled = len(phones) - (pc.sum(pc.equal(phones, "")).as_py() or 0)
    if len(some) < max(ABROAD_FROM, TOLD_FROM * filled):
        return np.zeros(len(phones), bool)
    codes = pc.struct_field(pc.extract_regex(some, _CODED), "code")
    counts = {one["values"].as_py(): one["counts"].as_py() for one in pc.value_counts(codes)}
    code = max(counts, key=lambda text: (counts[text], text))
    return np.full(len(phones), counts[code] >= ONE_COUNTRY * len(some) and code[0] != "1")
