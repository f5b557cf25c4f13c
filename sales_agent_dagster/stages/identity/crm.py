"""Matching companies with records of a CRM: the same engine, stricter, because a wrong write costs more."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from sales_agent_dagster.matching.blocking import keys_of_leads, limit_of
from sales_agent_dagster.matching.counts import ValueCounts, values_of
from sales_agent_dagster.matching.decide import Outcome
from sales_agent_dagster.matching.lead import NormLead, RawLead
from sales_agent_dagster.matching.model import LinkageModel, Thresholds
from sales_agent_dagster.matching.normalise import normalise
from sales_agent_dagster.matching.score import PairScore, score

OTHER_NAMES = ("overlapping", "related", "different")
"""Levels of names that say more than one thing, such as two trades: never written without a person's look."""


@dataclass(frozen=True, slots=True)
class CrmMatch:
    """What is known of a company in the CRM.

    Attributes:
        outcome: merge: it is that record; review: it may be, a person must say; new: the CRM has none.
        record_id: the best record, also on review; None when new.
        score: the evidence; None when new.
        reason: one sentence.
    """

    lead_id: str
    outcome: Outcome
    record_id: str | None
    score: PairScore | None
    reason: str


def match_crm_records(
    companies: Sequence[RawLead],
    records: Sequence[RawLead],
    model: LinkageModel,
    rejected: Collection[tuple[str, str]] = (),
) -> list[CrmMatch]:
    """The CRM record of each company, in order.

    Args:
        companies: one lead per company.
        records: the CRM's records; ``lead_id`` is the record's id.
        model: weights and thresholds.
        rejected: companies and records that a person said are not the same.

    Returns:
        Per company ``merge`` from the model's ``write`` bits on, when the names say the same, the best record
        leads the second by the model's ``gap`` and no other company has a claim to it as good; ``review``
        when there is evidence but less; ``new`` else.
    """
    ours, theirs = list(map(normalise, companies)), list(map(normalise, records))
    pairs = _pairs(ours, theirs)
    together = [*ours, *theirs]
    counts = ValueCounts(Counter(value for lead in together for value in values_of(lead)))
    scores = score([(ours[a], theirs[b]) for a, b in pairs], model, counts, len(together))
    claims: dict[int, list[tuple[PairScore, str]]] = defaultdict(list)
    for (a, b), found in zip(pairs, scores, strict=True):
        if (ours[a].lead_id, theirs[b].lead_id) in rejected:
            continue
        if found.veto is None and found.bits >= model.thresholds.review:
            claims[a].append((found, theirs[b].lead_id))
    for found_claims in claims.values():
        found_claims.sort(key=lambda claim: (-claim[0].bits, claim[1]))
    limits = model.thresholds
    claimed = Counter(some[0][1] for some in claims.values() if some[0][0].bits >= limits.write - limits.gap)
    return [_match(lead.lead_id, claims.get(a, []), claimed, limits) for a, lead in enumerate(ours)]


def _pairs(ours: Sequence[NormLead], theirs: Sequence[NormLead]) -> list[tuple[int, int]]:
    """Places of companies and records that share a key, unless too many do."""
    holders: dict[int, list[int]] = defaultdict(list)
    for b, keys in enumerate(keys_of_leads(theirs)):
        for key in keys:
            holders[key.hash].append(b)
    found = {
        (a, b)
        for a, keys in enumerate(keys_of_leads(ours))
        for key in keys
        if len(holders.get(key.hash, ())) < limit_of(key.kind)
        for b in holders.get(key.hash, ())
    }
    return sorted(found)


def _match(
    lead_id: str, claims: Sequence[tuple[PairScore, str]], claimed: Mapping[str, int], limits: Thresholds
) -> CrmMatch:
    if not claims:
        return CrmMatch(lead_id, Outcome.NEW, None, None, "No record of the CRM is like it.")
    best, record_id = claims[0]
    doubts = []
    if best.bits < limits.write:
        doubts.append(f"{best.bits:.1f} bits are less than the {limits.write:g} that writing to a CRM needs")
    if best.level("name") in OTHER_NAMES:
        doubts.append("the names differ: it may be a sister firm on the same phone and website")
    if len(claims) > 1 and best.bits - claims[1][0].bits < limits.gap:
        doubts.append(f"record {claims[1][1]} is as like it")
    if claimed[record_id] > 1:
        doubts.append("another company is as like the record")
    sentence = f"Record {record_id}: {best.sentence()}"
    if doubts:
        return CrmMatch(lead_id, Outcome.REVIEW, record_id, best, f"{sentence}; but {' and '.join(doubts)}.")
    return CrmMatch(lead_id, Outcome.MERGE, record_id, best, sentence)
