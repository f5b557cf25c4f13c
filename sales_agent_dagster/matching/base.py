"""The seam of record linkage: what a matcher sees and what it answers.

``ExactMatcher`` decides by equal keys. A probabilistic matcher takes its place behind the same protocol:
it names the keys under which leads are looked up (its blocking keys) and decides over the candidates.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from sales_agent_dagster.domain.hashing import content_hash

MAX_CANDIDATES = 50
"""Earliest leads per key that a lead is compared with: bounds the work for keys that thousands share."""


class Key(NamedTuple):
    """A value under which leads of the same company can be found."""

    kind: str
    value: str


@dataclass(frozen=True, slots=True)
class Record:
    """One lead as matching sees it.

    Attributes:
        where: where a person finds the lead, such as ``line 7``.
        phones: E.164 numbers.
        site: registrable domain of its own website, or its own subdomain of a shared host.
    """

    lead_id: str
    company_name: str
    where: str
    phones: tuple[str, ...] = ()
    email: str | None = None
    site: str | None = None
    city: str | None = None
    state: str | None = None


@dataclass(frozen=True, slots=True)
class KnownRecord:
    """A lead that was resolved before.

    Attributes:
        entity_id: its company.
        founder_id: the first lead of its company.
    """

    record: Record
    entity_id: str
    founder_id: str


@dataclass(frozen=True, slots=True)
class Decision:
    """Which company a lead belongs to, and why.

    Attributes:
        founder_id: the first lead of the company; the lead itself when it is new.
        rule: kind of the strongest key that matched; None when the company is new.
        related_to: entity of the same brand or website that is not the same company.
        reason: one readable sentence.
        evidence: JSON-ready lists ``merged``, ``related`` and ``apart``: key, value, lead_id,
            entity_id and what was found.
    """

    lead_id: str
    entity_id: str
    founder_id: str
    rule: str | None
    related_to: str | None
    reason: str
    evidence: dict[str, list[dict[str, str]]] = field(default_factory=dict)


class Matcher(Protocol):
    """Decides which leads are the same company."""

    name: str
    version: str

    def keys(self, record: Record) -> tuple[Key, ...]:
        """The keys under which the record is stored and its candidates are looked up."""
        ...

    def resolve(self, new: Sequence[Record], known: Sequence[KnownRecord]) -> list[Decision]:
        """One decision per new record, in order.

        Args:
            new: records in import order; each may join those before it.
            known: earlier records that share a key with a new one, earliest first, at least the first
                ``MAX_CANDIDATES`` of each key.
        """
        ...


def entity_id_of(founder_id: str) -> str:
    """Id of the company that a lead founds: stable as long as the lead's own id is."""
    return "E" + content_hash("entity", founder_id)[:16]
