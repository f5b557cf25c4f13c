"""Cities whose beginning was cut off into the street column, joined again by what the table knows."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from sales_agent_dagster.matching.table import Column, LeadTable, coded

KNOWN_FROM = 3
"""Leads that must name a city before it counts as one."""


def rejoined_cities(table: LeadTable) -> LeadTable:
    """The table with ``12 Main St Spring`` | ``field`` as ``12 Main St`` | ``Springfield``.

    Done where the joined name is that of a city which more leads name than the fragment.
    """
    cities, streets = table["city"], table["street"]
    endings = _endings(cities)
    fragments = np.asarray(pc.is_in(cities.values, pa.array(sorted(endings), pa.string())))
    rows = np.flatnonzero(fragments[cities.codes] & (streets.codes > 0))
    found: list[tuple[int, str, str]] = []
    for row in rows.tolist():
        city, street = cities.text(row), streets.text(row)
        for begin, whole in endings[city]:
            rest = _without_end(street, begin)
            if rest is not None:
                found.append((row, rest, whole))
                break
    if not found:
        return table
    at, rests, wholes = zip(*found, strict=True)
    changed = dict(table.columns)
    changed["street"] = _replaced(streets, np.array(at), rests)
    changed["city"] = _replaced(cities, np.array(at), wholes)
    return LeadTable(changed)


def _endings(cities: Column) -> dict[str, list[tuple[str, str]]]:
    """Ending of a known city to the letters before it and the city, for endings rarer than their city."""
    counts = cities.counts
    count_of = dict(zip(cities.values.to_pylist(), counts.tolist(), strict=True))
    known = [text for text, count in count_of.items() if text and count >= KNOWN_FROM]
    endings: dict[str, list[tuple[str, str]]] = defaultdict(list)
    for city in known:
        for cut in range(1, len(city) - 1):
            ending = city[cut:].strip()
            if 0 < count_of.get(ending, 0) < count_of[city] / 2:
                endings[ending].append((city[:cut].strip(), city))
    return endings


def _without_end(street: str, begin: str) -> str | None:
    """The street before the words ``begin``; None when it does not end so or nothing is left."""
    if not street.endswith(" " + begin):
        return None
    return street[: -len(begin) - 1].strip() or None


def _replaced(column: Column, rows: NDArray[Any], texts: tuple[str, ...]) -> Column:
    codes = column.codes.copy()
    codes[rows] = np.arange(len(rows), dtype=np.int32) + len(column.values)
    return coded(codes, pa.concat_arrays([column.values, pa.array(texts, pa.string())]))
