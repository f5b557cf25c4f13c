"""Identity by exact keys: deterministic in the order of the leads, every decision explained."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from sales_agent_dagster.domain.name_core import name_core
from sales_agent_dagster.matching.base import (
    MAX_CANDIDATES,
    Decision,
    Key,
    KnownRecord,
    Record,
    entity_id_of,
)
from sales_agent_dagster.matching.keys import KINDS, keys_of
from sales_agent_dagster.matching.verdicts import Outcome, judge

CROWDED_ABOVE = 8
"""Differently named leads on one phone, website or e-mail from which it identifies nobody."""

MAX_EVIDENCE = 5
"""Findings kept per outcome."""

_WORDS = {
    "phone": "phone {}",
    "domain": "website {}",
    "email": "e-mail {}",
    "name_place": "name and town",
    "name": "name",
    "brand": "brand name",
}
NEW = "First lead of its company: no earlier one shares its phone, website, e-mail, or name and town."


class _Finding(NamedTuple):
    key: Key
    position: int
    other: KnownRecord
    outcome: Outcome
    words: str


class ExactMatcher:
    """Merges leads that share a key, earliest company first; see ``verdicts`` for what a key may say."""

    name = "exact"
    version = "1"

    def keys(self, record: Record) -> tuple[Key, ...]:
        """All keys of the record; see ``keys_of``."""
        return keys_of(record)

    def resolve(self, new: Sequence[Record], known: Sequence[KnownRecord]) -> list[Decision]:
        """One decision per new record, in order; see ``Matcher``."""
        index = _Index()
        for candidate in known:
            index.add(candidate, self.keys(candidate.record))
        keys = [self.keys(record) for record in new]
        for record, record_keys in zip(new, keys, strict=True):
            index.count_name(record, record_keys)
        decisions = []
        for record, record_keys in zip(new, keys, strict=True):
            decision = _decide(record, list(index.findings(record, record_keys)))
            decisions.append(decision)
            index.add(KnownRecord(record, decision.entity_id, decision.founder_id), record_keys)
        return decisions


class _Index:
    """Leads by key, in order."""

    def __init__(self) -> None:
        self._leads: dict[Key, list[tuple[int, KnownRecord]]] = defaultdict(list)
        self._names: dict[Key, set[str]] = defaultdict(set)
        self._size = 0

    def add(self, lead: KnownRecord, keys: Sequence[Key]) -> None:
        self._size += 1
        self.count_name(lead.record, keys)
        for key in keys:
            if len(self._leads[key]) < MAX_CANDIDATES:
                self._leads[key].append((self._size, lead))

    def count_name(self, record: Record, keys: Sequence[Key]) -> None:
        """Note the record's name under its keys: all names count, also of leads not yet decided."""
        core = name_core(record.company_name)
        for key in keys:
            self._names[key].add(core)

    def findings(self, record: Record, keys: Sequence[Key]) -> Iterator[_Finding]:
        for key in keys:
            crowded = len(self._names[key]) > CROWDED_ABOVE
            for position, other in self._leads.get(key, ()):
                if verdict := judge(key, record, other.record, crowded=crowded):
                    yield _Finding(key, position, other, verdict.outcome, verdict.finding)


def _decide(record: Record, findings: Sequence[_Finding]) -> Decision:
    """Join the company of the earliest lead that a key merges with; found one when there is none."""
    merged = [finding for finding in findings if finding.outcome is Outcome.MERGED]
    if merged:
        earliest = min(merged, key=lambda finding: finding.position).other
        entity_id, founder_id = earliest.entity_id, earliest.founder_id
    else:
        entity_id, founder_id = entity_id_of(record.lead_id), record.lead_id
    # What a weaker key says against a lead of the same company no longer matters.
    others = [finding for finding in findings if finding.other.entity_id != entity_id]
    related = [finding for finding in others if finding.outcome is Outcome.RELATED]
    apart = [finding for finding in others if finding.outcome is Outcome.APART]
    rule, reason = _merge_reason(entity_id, merged) if merged else (None, _new_reason(related, apart))
    told = {Outcome.MERGED: merged, Outcome.RELATED: related, Outcome.APART: apart}
    strongest = _strongest(related)
    return Decision(
        lead_id=record.lead_id,
        entity_id=entity_id,
        founder_id=founder_id,
        rule=rule,
        related_to=strongest.other.entity_id if strongest else None,
        reason=reason,
        evidence={
            outcome.value: [_evidence(finding) for finding in found[:MAX_EVIDENCE]]
            for outcome, found in told.items()
            if found
        },
    )


def _merge_reason(entity_id: str, merged: Sequence[_Finding]) -> tuple[str, str]:
    """Kind of the strongest key, and the sentence that names it and what contradicts it."""
    strongest = min(
        (finding for finding in merged if finding.other.entity_id == entity_id),
        key=lambda finding: (KINDS.index(finding.key.kind), finding.position),
    )
    shared = [f.key for f in merged if f.position == strongest.position]
    sentence = f"Same {' and '.join(_words(key) for key in shared)} as {_named(strongest)}"
    elsewhere = _strongest([finding for finding in merged if finding.other.entity_id != entity_id])
    if elsewhere:
        sentence += (
            f"; its {_words(elsewhere.key)} is also that of another company, {_named(elsewhere)}: "
            "merged into the earlier one, the two are not fused"
        )
    return strongest.key.kind, sentence + "."


def _new_reason(related: Sequence[_Finding], apart: Sequence[_Finding]) -> str:
    finding = _strongest(related) or _strongest(apart)
    if finding is None:
        return NEW
    return f"Same {_words(finding.key)} as {_named(finding)}, {finding.words}."


def _strongest(findings: Sequence[_Finding]) -> _Finding | None:
    return min(findings, key=lambda finding: (KINDS.index(finding.key.kind), finding.position), default=None)


def _words(key: Key) -> str:
    return _WORDS[key.kind].format(key.value)


def _named(finding: _Finding) -> str:
    record = finding.other.record
    return f"{record.lead_id} {record.company_name[:80]} ({record.where})"


def _evidence(finding: _Finding) -> dict[str, str]:
    return {
        "key": finding.key.kind,
        "value": finding.key.value,
        "lead_id": finding.other.record.lead_id,
        "entity_id": finding.other.entity_id,
        "finding": finding.words or "same",
    }
