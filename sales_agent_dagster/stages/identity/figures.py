"""How common the values of new leads are, over stored and new leads together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import sqlalchemy as sa
from numpy.typing import NDArray

from sales_agent_dagster.matching.counts import Value, held_values
from sales_agent_dagster.matching.hashing import hash_texts
from sales_agent_dagster.matching.table import LeadTable
from sales_agent_dagster.stages.identity.many import columns_of

_SIGN = np.uint64(0x7FFFFFFFFFFFFFFF)
_COUNTS = """
    SELECT given.value, coalesce((
        SELECT v.leads * 4294967296 + v.spread FROM value_counts v
        WHERE v.value_hash = given.value AND v.resolve_seq < :place ORDER BY v.resolve_seq DESC LIMIT 1
    ), 0) AS figures FROM {given}
"""
"""Leads and spread in one number: one seek per value."""
Numbers = NDArray[np.int64]


def value_hashes(kind: str, values: pa.StringArray) -> Numbers:
    """63-bit hash of each value of a kind."""
    prefixed = pc.binary_join_element_wise(kind, values, "\x1f")
    return (hash_texts(prefixed) & _SIGN).astype(np.int64)


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of values: equally long arrays, kind by kind.

    Attributes:
        values: kind to its values.
        hashes: see ``value_hashes``.
        held: new leads that hold the value.
        leads: stored leads that do.
        spread: different firms or places among those, as the latest earlier batch found; 0 when none did.
    """

    values: Mapping[str, pa.StringArray]
    hashes: Numbers
    held: Numbers
    leads: Numbers
    spread: Numbers

    def known(self, kind: str, values: pa.StringArray, own: NDArray[np.int32]) -> NDArray[np.int32]:
        """See ``facts.Known``: figures of all leads where they are higher than those of the leads at hand."""
        start = 0
        for name, some in self.values.items():
            if name == kind.removesuffix("_spread"):
                break
            start += len(some)
        at = pc.fill_null(pc.index_in(values, some), -1).to_numpy()
        part = slice(start, start + len(some))
        figures = self.spread[part] if kind.endswith("_spread") else self.leads[part] + self.held[part]
        better: NDArray[np.int32] = np.append(figures, 0)[at].astype(np.int32)
        return np.maximum(own, better)

    def named(self) -> list[Value]:
        """All values, in the order of the arrays."""
        return [(kind, text) for kind, some in self.values.items() for text in some.to_pylist()]


def figures_of(connection: sa.Connection, new: LeadTable, cores: pa.StringArray, place: int) -> Figures:
    """Figures of the values of new leads, and of the words of stored leads' ``cores``, before ``place``."""
    values, held = {}, []
    for kind, some, leads in held_values(new):
        if kind == "token":
            words = pc.unique(pc.split_pattern(cores, " ").flatten())
            others = words.filter(pc.and_(pc.invert(pc.is_in(words, some)), pc.not_equal(words, "")))
            some, leads = pa.concat_arrays([some, others]), np.append(leads, np.zeros(len(others), np.int64))
        values[kind] = some
        held.append(leads)
    hashes = np.concatenate([value_hashes(kind, some) for kind, some in values.items()])
    order = np.argsort(hashes)
    found, packed = columns_of(
        connection, _COUNTS, ["value", "figures"], hashes[order].tolist(), int, place=place
    )
    figures = np.zeros(len(hashes), np.int64)
    at = order[np.searchsorted(hashes[order], np.array(found, np.int64))]
    figures[at] = packed
    return Figures(values, hashes, np.concatenate(held), figures >> 32, figures & 0xFFFFFFFF)
