"""merge, review or new, for leads that arrive."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from sales_agent_dagster.domain.hashing import content_hash
from sales_agent_dagster.matching.blocking import Keys, block_keys
from sales_agent_dagster.matching.cluster import HIGHEST, LOWEST
from sales_agent_dagster.matching.counts import ValueCounts
from sales_agent_dagster.matching.lead import NormLead
from sales_agent_dagster.matching.model import LinkageModel, Thresholds
from sales_agent_dagster.matching.pairs import candidate_pairs
from sales_agent_dagster.matching.score import PairScore, score
from sales_agent_dagster.matching.table import LeadTable

MAX_PROPOSALS = 5
NEW = "No other lead shares enough with it."


class Outcome(StrEnum):
    """What becomes of a lead."""

    MERGE = "merge"
    REVIEW = "review"
    NEW = "new"


@dataclass(frozen=True, slots=True)
class KnownLead:
    """A stored lead, its entity and its account."""

    lead: NormLead
    entity_id: str
    account_id: str


@dataclass(frozen=True, slots=True)
class Proposal:
    """The lead of an entity that is most like the new one."""

    lead_id: str
    entity_id: str
    score: PairScore


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided about one lead, and why.

    Attributes:
        entity_id: the entity it joins on ``merge``; its own new one on ``new`` and ``review``.
        account_id: the company: that of the lead it joins or is a branch of, else its own.
        bits: of the best proposal; None when nothing was compared.
        matched_lead_id: lead of the best proposal on ``merge`` and ``review``; None when ``new``.
        relation: branch, franchise or sister of ``related_entity_id``.
        proposals: best lead of each entity considered, best first, at most ``MAX_PROPOSALS``.
        sentence: readable reason.
    """

    lead_id: str
    outcome: Outcome
    entity_id: str
    account_id: str
    bits: float | None
    matched_lead_id: str | None
    relation: str | None
    related_entity_id: str | None
    proposals: tuple[Proposal, ...]
    sentence: str


def entity_id_of(lead_id: str) -> str:
    """Id of the entity that a lead founds: stable as long as the lead's own id is."""
    return "E" + content_hash("entity", lead_id)[:16]


def account_id_of(lead_id: str) -> str:
    """Id of the account that a lead founds."""
    return "A" + content_hash("account", lead_id)[:16]


def decide(
    new: Sequence[NormLead],
    candidates: Mapping[str, Sequence[KnownLead]],
    model: LinkageModel,
    counts: ValueCounts,
    population: int,
    *,
    auto: float | None = None,
    labels: Mapping[frozenset[str], bool] | None = None,
    keys: Iterable[Keys] | None = None,
) -> list[Decision]:
    """One decision per new lead, in order.

    Args:
        new: leads in a fixed order; each is also compared with earlier ones that share a key.
        candidates: id of a new lead to the stored leads that share a key with it.
        model: weights and thresholds.
        counts: over stored and new leads together.
        population: stored and new leads together.
        auto: bits from which a merge needs no person's look; default: the model's ``thresholds.auto``.
        labels: two lead ids to what a person said: True, the lead joins the other's entity whatever the bits;
            False, it never shares an entity with it. Stored leads that a label names must be candidates.
        keys: ``block_keys`` of the new leads' table, where they are made already.
    """
    answers = _answers(labels or {})
    earlier = _within(new, answers, keys)
    pairs = [
        (lead, other)
        for number, lead in enumerate(new)
        for other in [
            *(known.lead for known in candidates.get(lead.lead_id, ())),
            *(new[row] for row in earlier[number]),
        ]
    ]
    found = iter(score(pairs, model, counts, population))
    decisions: list[Decision] = []
    for number, lead in enumerate(new):
        known = [*candidates.get(lead.lead_id, ())]
        known += [
            KnownLead(new[row], decisions[row].entity_id, decisions[row].account_id)
            for row in earlier[number]
        ]
        scored = [(other, next(found)) for other in known]
        answer = answers.get(lead.lead_id, {})
        decisions.append(_decided(lead, scored, model.thresholds, auto, answer))
    return decisions


Answers = Mapping[str, bool]
"""Other lead ids to whether a person said that they are the same."""


def _answers(labels: Mapping[frozenset[str], bool]) -> dict[str, dict[str, bool]]:
    """The labels of each lead."""
    found: dict[str, dict[str, bool]] = {}
    for pair, same in labels.items():
        for lead_id in pair:
            found.setdefault(lead_id, {}).update(dict.fromkeys(pair - {lead_id}, same))
    return found


def _within(
    new: Sequence[NormLead], answers: Mapping[str, Answers], keys: Iterable[Keys] | None
) -> list[list[int]]:
    """Per new lead the earlier ones that share a key with it, or that a label names with it."""
    found: list[set[int]] = [set() for _ in new]
    if len(new) > 1:
        made = block_keys(LeadTable.of(new)) if keys is None else keys
        pairs = candidate_pairs(made, len(new))
        for left, right in zip(pairs.left.tolist(), pairs.right.tolist(), strict=True):
            found[right].add(left)
    rows = {lead.lead_id: row for row, lead in enumerate(new)} if answers else {}
    for lead_id, others in answers.items():
        row = rows.get(lead_id, -1)
        found[row] |= {rows[other] for other in others if rows.get(other, row) < row}
    return [sorted(earlier) for earlier in found]


Scored = tuple[KnownLead, PairScore]


def _decided(
    lead: NormLead, scored: Sequence[Scored], thresholds: Thresholds, auto: float | None, answers: Answers
) -> Decision:
    refused = {known.entity_id for known, _ in scored if answers.get(known.lead.lead_id) is False}
    entities: dict[str, list[Scored]] = {}
    for known, found in scored:
        entities.setdefault(known.entity_id, []).append((known, found))
    best_ones = sorted((_best(group) for group in entities.values()), key=_rank)
    ranked = [item for item in best_ones if item[0].entity_id not in refused]
    accepted = [
        item for item in scored if answers.get(item[0].lead.lead_id) and item[0].entity_id not in refused
    ]
    if accepted:
        outcome, reason = Outcome.MERGE, f"A person says: same as {_named(accepted[0])}."
        ranked = [accepted[0], *(item for item in ranked if item[0].entity_id != accepted[0][0].entity_id)]
    elif best_ones and not ranked:
        outcome, reason = Outcome.NEW, f"New; a person says that it is not {_named(best_ones[0])}."
        ranked = best_ones
    else:
        outcome, reason = _outcome(ranked, entities, thresholds, thresholds.auto if auto is None else auto)
    proposals = tuple(
        Proposal(known.lead.lead_id, known.entity_id, found) for known, found in ranked[:MAX_PROPOSALS]
    )
    best = ranked[0] if ranked else None
    merged = best[0] if best and outcome is Outcome.MERGE else None
    own = merged.entity_id if merged else None
    kin = next((item for item in best_ones if item[1].relation and item[0].entity_id != own), None)
    if kin and outcome is Outcome.REVIEW and kin is best:
        kin = None  # whether it is the same or only related is what the review is about
    if kin and outcome is Outcome.NEW and not refused:
        reason = f"New; {kin[1].relation} of {_named(kin)}."
    account = merged or (kin[0] if kin and kin[1].relation == "branch" else None)
    return Decision(
        lead_id=lead.lead_id,
        outcome=outcome,
        entity_id=merged.entity_id if merged else entity_id_of(lead.lead_id),
        account_id=account.account_id if account else account_id_of(lead.lead_id),
        bits=best[1].bits if best else None,
        matched_lead_id=best[0].lead.lead_id if best and outcome is not Outcome.NEW else None,
        relation=kin[1].relation if kin else None,
        related_entity_id=kin[0].entity_id if kin else None,
        proposals=proposals,
        sentence=reason,
    )


def _named(item: Scored) -> str:
    return f"{item[0].lead.lead_id}: {item[1].sentence()}"


def _best(group: Sequence[Scored]) -> Scored:
    return min(group, key=_rank)


def _rank(item: Scored) -> tuple[bool, float, str]:
    known, found = item
    return found.veto is not None, -found.bits, known.lead.lead_id


def _outcome(
    ranked: Sequence[Scored],
    entities: Mapping[str, Sequence[Scored]],
    thresholds: Thresholds,
    auto: float,
) -> tuple[Outcome, str]:
    """Outcome and sentence; ``ranked`` holds the best lead of each entity, vetoed ones last."""
    if not ranked:
        return Outcome.NEW, NEW
    known, best = ranked[0]
    named = _named(ranked[0])
    if best.veto or best.bits < thresholds.review:
        return Outcome.NEW, f"New; nearest is {named}."
    second = next((found.bits for _, found in ranked[1:] if not found.veto), float("-inf"))
    if second >= auto or (best.bits >= auto and best.bits - second < thresholds.gap):
        return Outcome.REVIEW, f"Fits two companies, {known.entity_id} and {ranked[1][0].entity_id}; {named}."
    if best.bits < auto:
        return Outcome.REVIEW, f"Perhaps the same as {named}."
    whole = sum(min(max(found.bits, LOWEST), HIGHEST) for _, found in entities[known.entity_id])
    if whole <= 0:
        return Outcome.REVIEW, f"Like one lead of {known.entity_id} but unlike its others; {named}."
    return Outcome.MERGE, f"Same as {named}."
