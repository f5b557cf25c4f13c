"""Real (city, state, ZIP, area code) combinations, so that made-up firms sit in consistent places."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from benchmarks.dedupe.words import Column, column


@dataclass(frozen=True)
class Places:
    """One entry per ZIP code, sorted by state; all columns have equal length.

    Attributes:
        alias: another name of the city in use there, or the city itself.
        area_code: three digits.
        state_start: first entry of the entry's state.
        state_end: one past the last entry of the entry's state.
    """

    city: Column
    alias: Column
    state: Column
    zip: Column
    area_code: Column
    state_start: NDArray[np.int64]
    state_end: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.city)


@cache
def us_places() -> Places:
    """All standard ZIP codes of the 50 states and DC, from the ``zipcodes`` package."""
    import zipcodes

    entries = [
        entry
        for entry in zipcodes.list_all()
        if entry["zip_code_type"] == "STANDARD" and entry["area_codes"] and entry["state"] not in _TERRITORIES
    ]
    entries.sort(key=lambda entry: (entry["state"], entry["zip_code"]))
    state = column([entry["state"] for entry in entries])
    starts = np.searchsorted(state.astype(str), state.astype(str), side="left")
    ends = np.searchsorted(state.astype(str), state.astype(str), side="right")
    return Places(
        city=column([entry["city"] for entry in entries]),
        alias=column([(entry["acceptable_cities"] or [entry["city"]])[0] for entry in entries]),
        state=state,
        zip=column([entry["zip_code"] for entry in entries]),
        area_code=column([entry["area_codes"][0] for entry in entries]),
        state_start=starts,
        state_end=ends,
    )


_TERRITORIES = frozenset({"PR", "VI", "GU", "AS", "MP", "AE", "AA", "AP", "FM", "MH", "PW"})
