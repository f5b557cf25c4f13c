"""The linkage index: normalised leads, the keys they are found by, and how common their values are.

Every look-up takes the place of a batch in the order of resolution and sees the batches before it only. So a
batch that is decided again sees what it saw the first time, whatever came after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import sqlalchemy as sa
from numpy.typing import NDArray

from sales_agent_dagster.matching.arrays import counting
from sales_agent_dagster.matching.blocking import Keys, block_keys, limit_of, suffices
from sales_agent_dagster.matching.decide import entity_id_of
from sales_agent_dagster.matching.lead import NORM_FIELDS, NormLead
from sales_agent_dagster.matching.table import LeadTable
from sales_agent_dagster.stages.identity.figures import Figures, figures_of
from sales_agent_dagster.stages.identity.many import columns_of
from sales_agent_dagster.warehouse.connecting import map_file
from sales_agent_dagster.warehouse.schema import resolution_order

BATCH_SPAN = 1 << 20
"""Lead numbers per batch; ``settings.batch_size`` is at most 100,000."""

_LEAD_COLUMNS = ("lead_no", "lead_id", "founder_id", "account_id", *NORM_FIELDS)
_NORM_COLUMNS = ", ".join(f"n.{name}" for name in _LEAD_COLUMNS)

_KEYS = """
    SELECT k.key_hash, k.lead_no FROM {given} CROSS JOIN lead_key k
    WHERE k.key_hash = given.value AND k.lead_no < :before
"""
_LEADS = f"SELECT {_NORM_COLUMNS} FROM {{given}} CROSS JOIN lead_norm n WHERE n.lead_no = given.value"
_NAMED = """
    SELECT n.lead_no, n.lead_id FROM {given} CROSS JOIN lead_norm n
    WHERE n.lead_id = given.value AND n.lead_no < :before
"""
Numbers = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Sharing:
    """Pairs of a new lead and a stored one that share a key or that an answer names, each once, in order.

    Attributes:
        new: numbers of new leads from 0.
        stored: per pair the number of the stored lead, or its row among those looked up.
    """

    new: Numbers
    stored: Numbers


@dataclass(frozen=True, slots=True)
class Known:
    """What earlier batches know of the leads of one batch.

    Attributes:
        arriving: the new leads.
        keys: all keys of the new leads, by their rows.
        leads: field to the values of stored leads that may be the same company as a new one, earliest first.
        lead_ids, founder_ids, account_ids: of ``leads``: own id, first lead of its company, its account.
        sharing: which new lead may be the same company as which rows of ``leads``.
        key_hashes, key_leads: keys of the new leads that stored ones have, and how many do; their kind's
            ``limit_of`` when capped.
        figures: how common the values of the new leads are.
        population: leads of all earlier batches.
    """

    arriving: LeadTable
    keys: Sequence[Keys]
    leads: Mapping[str, pa.StringArray]
    lead_ids: Sequence[str]
    founder_ids: Sequence[str]
    account_ids: Sequence[str]
    sharing: Sharing
    key_hashes: Numbers
    key_leads: Numbers
    figures: Figures
    population: int

    def founders_of(self, lead_ids: Iterable[str]) -> dict[str, str]:
        """Entities of stored leads, with the first lead of each."""
        wanted = set(lead_ids)
        founders = {
            founder
            for lead_id, founder in zip(self.lead_ids, self.founder_ids, strict=True)
            if lead_id in wanted
        }
        return {entity_id_of(founder): founder for founder in founders}


def lead_no_of(place: int, offset: int) -> int:
    """Number of the lead that is ``offset`` rows into the batch with this place."""
    return place * BATCH_SPAN + offset


def look_up(
    connection: sa.Connection,
    new: Sequence[NormLead],
    place: int,
    partners: Mapping[str, Iterable[str]],
) -> Known:
    """What the batches before ``place`` know of these leads.

    ``partners`` maps a new lead's id to the other leads that an answer names with it: candidates as well.
    """
    map_file(connection)
    arriving = LeadTable.of(new)
    keys = list(block_keys(arriving))
    population = population_before(connection, place)
    hashes, sizes, pairs = _sharing_keys(connection, keys, place, population)
    if partners:
        pairs = _with_partners(connection, pairs, [lead.lead_id for lead in new], place, partners)
    wanted = np.unique(pairs.stored)
    numbers, lead_ids, founders, accounts, *norms = columns_of(
        connection, _LEADS, _LEAD_COLUMNS, wanted.tolist(), int
    )
    texts = [lead_ids, founders, accounts, *norms]
    if numbers != wanted.tolist():  # a server gives them in any order
        order = np.argsort(np.array(numbers, np.int64)).tolist()
        texts = [[column[row] for row in order] for column in texts]
    leads = {name: pa.array(column, pa.string()) for name, column in zip(NORM_FIELDS, texts[3:], strict=True)}
    return Known(
        arriving,
        keys,
        leads,
        texts[0],
        texts[1],
        texts[2],
        Sharing(pairs.new, np.searchsorted(wanted, pairs.stored)),
        hashes,
        sizes,
        figures_of(connection, arriving, leads["core"], place),
        population,
    )


def _sharing_keys(
    connection: sa.Connection, keys: Sequence[Keys], place: int, population: int
) -> tuple[Numbers, Numbers, Sharing]:
    """Keys that stored leads have, how many do, and the pairs that those with room left bring together.

    A key is stored with as many leads as its kind's ``limit_of``: from then on it is capped. Among
    ``population`` stored leads a key may not suffice for that; two keys do.
    """
    limits = np.repeat([limit_of(some.kind) for some in keys], [len(some.rows) for some in keys])
    hashes = np.concatenate([some.hashes for some in keys])
    wanted, first, which = np.unique(hashes, return_index=True, return_inverse=True)
    limits = limits[first]
    found = columns_of(
        connection, _KEYS, ["key_hash", "lead_no"], wanted.tolist(), int, before=lead_no_of(place, 0)
    )
    holding, holders = np.array(found, np.int64)
    order = np.argsort(holding, kind="stable")
    ends = np.searchsorted(holding[order], wanted, "right")
    sizes = np.diff(ends, prepend=0)
    used = np.where(sizes < limits, sizes, 0)[which]
    stored = holders[order][np.repeat((ends - sizes)[which], used) + counting(used)]
    held = np.flatnonzero(sizes)
    rows = np.concatenate([some.rows for some in keys])
    alone = np.repeat([suffices(some.kind, population) for some in keys], [len(some.rows) for some in keys])
    pairs = _sufficing(Sharing(np.repeat(rows, used), stored), np.repeat(alone, used))
    return wanted[held], sizes[held], pairs


def _sufficing(pairs: Sharing, alone: NDArray[np.bool_]) -> Sharing:
    """The distinct pairs, in order, of which one is ``alone`` enough or there are several."""
    order = np.lexsort((alone, pairs.stored, pairs.new))
    new, stored = pairs.new[order], pairs.stored[order]
    last = np.append((new[1:] != new[:-1]) | (stored[1:] != stored[:-1]), True)[: len(new)]
    single = last & np.append(True, last[:-1])[: len(new)]
    kept = last & (~single | alone[order])
    return Sharing(new[kept], stored[kept])


def _with_partners(
    connection: sa.Connection,
    pairs: Sharing,
    lead_ids: Sequence[str],
    place: int,
    partners: Mapping[str, Iterable[str]],
) -> Sharing:
    named = sorted({other for others in partners.values() for other in others})
    found = columns_of(connection, _NAMED, ["lead_no", "lead_id"], named, str, before=lead_no_of(place, 0))
    numbers = {lead_id: number for number, lead_id in sorted(zip(*found, strict=True))}
    rows = {lead_id: row for row, lead_id in enumerate(lead_ids)}
    more = [
        (rows[lead_id], numbers[other])
        for lead_id, others in partners.items()
        for other in others
        if other in numbers
    ]
    new, stored = np.array(more, np.int64).reshape(-1, 2).T
    both = Sharing(np.append(pairs.new, new), np.append(pairs.stored, stored))
    return _sufficing(both, np.ones(len(both.new), bool))


_POPULATION = sa.select(sa.func.coalesce(sa.func.sum(resolution_order.c.leads), 0)).where(
    resolution_order.c.resolve_seq < sa.bindparam("place")
)


def population_before(connection: sa.Connection, place: int) -> int:
    """Leads of the batches resolved before ``place``."""
    return int(connection.scalar(_POPULATION, {"place": place}) or 0)
