"""The linkage index: normalised leads, the keys they are found by, and how common their values are.

Every look-up takes the place of a batch in the order of resolution and sees the batches before it only. So a
batch that is decided again sees what it saw the first time, whatever came after it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import sqlalchemy as sa

from sales_agent_dagster.matching.blocking import Keys, block_keys, limit_of
from sales_agent_dagster.matching.counts import Value, values_of
from sales_agent_dagster.matching.decide import KnownLead, entity_id_of
from sales_agent_dagster.matching.hashing import hash_texts
from sales_agent_dagster.matching.lead import NORM_FIELDS, NormLead
from sales_agent_dagster.matching.table import LeadTable
from sales_agent_dagster.stages.identity.many import rows_of
from sales_agent_dagster.warehouse.connecting import map_file
from sales_agent_dagster.warehouse.schema import resolution_order

BATCH_SPAN = 1 << 20
"""Lead numbers per batch; ``settings.batch_size`` is at most 100,000."""

_SIGN = 0x7FFFFFFFFFFFFFFF
_NORM_COLUMNS = ", ".join(
    f"n.{name}" for name in ("lead_no", "founder_id", "account_id", "lead_id", *NORM_FIELDS)
)

_KEYS = """
    SELECT k.key_hash, k.lead_no FROM {given} CROSS JOIN lead_key k
    WHERE k.key_hash = given.value AND k.lead_no < :before
"""
_CAPPED = """
    SELECT c.key_hash FROM {given} CROSS JOIN capped_keys c
    WHERE c.key_hash = given.value AND c.resolve_seq < :place
"""
_LEADS = f"SELECT {_NORM_COLUMNS} FROM {{given}} CROSS JOIN lead_norm n WHERE n.lead_no = given.value"
_LEADS_BY_ID = f"""
    SELECT {_NORM_COLUMNS} FROM {{given}} CROSS JOIN lead_norm n
    WHERE n.lead_id = given.value AND n.lead_no < :before
"""
_COUNTS = """
    SELECT v.value_hash, v.leads, v.spread FROM {given} CROSS JOIN value_counts v
    WHERE v.value_hash = given.value AND v.resolve_seq = (
        SELECT MAX(w.resolve_seq) FROM value_counts w
        WHERE w.value_hash = given.value AND w.resolve_seq < :place)
"""


@dataclass(frozen=True, slots=True)
class Known:
    """What earlier batches know of the leads of one batch.

    Attributes:
        leads: stored leads by number: all that share a key with a new one.
        candidates: lead id of a new lead to the numbers of its candidates, earliest first.
        founders: first lead of each entity among ``leads``.
        key_sizes: leads that each key of the new leads holds already; its kind's ``limit_of`` when capped.
        values: leads and spread by value.
        population: leads of all earlier batches.
        keys: all keys of the new leads, by their rows.
    """

    leads: dict[int, KnownLead] = field(default_factory=dict)
    candidates: dict[str, list[int]] = field(default_factory=dict)
    founders: dict[str, str] = field(default_factory=dict)
    key_sizes: dict[int, int] = field(default_factory=dict)
    values: dict[Value, tuple[int, int]] = field(default_factory=dict)
    population: int = 0
    keys: Sequence[Keys] = field(default=(), compare=False)

    def candidates_of(self, lead_id: str) -> list[KnownLead]:
        """Stored leads that may be the same company as a new one, earliest first."""
        return [self.leads[number] for number in self.candidates.get(lead_id, ())]


def lead_no_of(place: int, offset: int) -> int:
    """Number of the lead that is ``offset`` rows into the batch with this place."""
    return place * BATCH_SPAN + offset


def value_hashes(values: Sequence[Value]) -> list[int]:
    """63-bit hash of each (kind, value)."""
    texts = pa.array([f"{kind}\x1f{value}" for kind, value in values], pa.string())
    hashed: list[int] = [number & _SIGN for number in hash_texts(texts).tolist()]
    return hashed


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
    keys = list(block_keys(LeadTable.of(new)))
    sizes, holders = _holders(connection, keys, place)
    sharing: list[set[int]] = [set() for _ in new]
    for _, rows_with, hashes in keys:
        for row, key_hash in zip(rows_with.tolist(), hashes.tolist(), strict=True):
            if key_hash in holders:
                sharing[row].update(holders[key_hash])
    found = {lead.lead_id: some for lead, some in zip(new, sharing, strict=True)}
    rows = list(rows_of(connection, _LEADS, sorted(set().union(*found.values())), int))
    named = {other for others in partners.values() for other in others}
    rows += rows_of(connection, _LEADS_BY_ID, sorted(named), str, before=lead_no_of(place, 0))
    leads, founders = _known_leads(rows)
    numbers = {known.lead.lead_id: number for number, known in leads.items()}
    for lead_id, others in partners.items():
        found[lead_id] |= {numbers[other] for other in others if other in numbers}
    values = dict.fromkeys(value for lead in new for value in values_of(lead))
    values |= dict.fromkeys(("token", word) for known in leads.values() for word in known.lead.core.split())
    return Known(
        leads,
        {lead_id: sorted(some) for lead_id, some in found.items()},
        founders,
        sizes,
        _counts(connection, list(values), place),
        population_before(connection, place),
        keys,
    )


def _holders(
    connection: sa.Connection, keys: Iterable[Keys], place: int
) -> tuple[dict[int, int], dict[int, list[int]]]:
    """Per key the number of its leads, and the leads of those that are not capped."""
    limits: dict[int, int] = {}
    for kind, _, hashes in keys:
        limits.update(dict.fromkeys(hashes.tolist(), limit_of(kind)))
    capped = {key for (key,) in rows_of(connection, _CAPPED, sorted(limits), int, place=place)}
    holders: dict[int, list[int]] = defaultdict(list)
    uncapped = sorted(limits.keys() - capped)
    for key_hash, number in rows_of(connection, _KEYS, uncapped, int, before=lead_no_of(place, 0)):
        holders[key_hash].append(number)
    sizes = {key_hash: len(numbers) for key_hash, numbers in holders.items()}
    sizes |= {key_hash: limits[key_hash] for key_hash in capped}
    return sizes, {key_hash: some for key_hash, some in holders.items() if len(some) < limits[key_hash]}


def _known_leads(rows: Iterable[sa.Row[Any]]) -> tuple[dict[int, KnownLead], dict[str, str]]:
    leads: dict[int, KnownLead] = {}
    founders: dict[str, str] = {}
    entities: dict[str, str] = {}
    for number, founder_id, account_id, *norm in rows:
        entity_id = entities.get(founder_id) or entities.setdefault(founder_id, entity_id_of(founder_id))
        founders[entity_id] = founder_id
        leads[number] = KnownLead(NormLead(*norm), entity_id, account_id)
    return leads, founders


def _counts(connection: sa.Connection, values: Sequence[Value], place: int) -> dict[Value, tuple[int, int]]:
    by_hash = dict(zip(value_hashes(values), values, strict=True))
    rows = rows_of(connection, _COUNTS, sorted(by_hash), int, place=place)
    return {by_hash[value_hash]: (leads, spread) for value_hash, leads, spread in rows}


def population_before(connection: sa.Connection, place: int) -> int:
    """Leads of the batches resolved before ``place``."""
    total = sa.func.coalesce(sa.func.sum(resolution_order.c.leads), 0)
    return int(connection.scalar(sa.select(total).where(resolution_order.c.resolve_seq < place)) or 0)
