"""merge, review or new, for leads that arrive."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sales_agent_dagster.domain.hashing import content_hash
from sales_agent_dagster.matching.blocking import Keys, block_keys
from sales_agent_dagster.matching.cluster import HIGHEST, LOWEST
from sales_agent_dagster.matching.counts import ValueCounts
from sales_agent_dagster.matching.facts import Facts, Known
from sales_agent_dagster.matching.lead import NORM_FIELDS, NormLead
from sales_agent_dagster.matching.model import LinkageModel
from sales_agent_dagster.matching.pairs import candidate_pairs
from sales_agent_dagster.matching.score import PairScore, Scores, known_from
from sales_agent_dagster.matching.table import Column, LeadTable
from sales_agent_dagster.matching.weigh import RELATIONS

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
        proposals: best lead of each entity considered, best first, at most ``MAX_PROPOSALS``; the first alone
            where linkage asks nobody.
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


@lru_cache(maxsize=4096)
def entity_id_of(lead_id: str) -> str:
    """Id of the entity that a lead founds: stable as long as the lead's own id is."""
    return "E" + content_hash("entity", lead_id)[:16]


@lru_cache(maxsize=4096)
def account_id_of(lead_id: str) -> str:
    """Id of the account that a lead founds."""
    return "A" + content_hash("account", lead_id)[:16]


@dataclass(frozen=True)
class Arrivals:
    """New leads and the stored ones that may be the same companies.

    Attributes:
        new: new leads in a fixed order; each is also compared with earlier ones that share a key.
        new_ids: their ids.
        keys: ``block_keys`` of ``new``.
        stored: field to the values of stored leads: all that share a key with a new one or that a label names
            with it.
        stored_ids, accounts: their ids and accounts.
        owners: per stored lead what tells its entity: ``entity_of`` gives the id. That of a new lead's own
            entity is its lead id.
        pairs: numbers of new and of stored leads that share a key; ascending by the new ones.
    """

    new: LeadTable
    new_ids: Sequence[str]
    keys: Iterable[Keys]
    stored: Mapping[str, pa.StringArray]
    stored_ids: Sequence[str]
    accounts: Sequence[str]
    owners: Sequence[str]
    pairs: tuple[NDArray[np.int64], NDArray[np.int64]]
    entity_of: Callable[[str], str] = entity_id_of


def decide(
    new: Sequence[NormLead],
    candidates: Mapping[str, Sequence[KnownLead]],
    model: LinkageModel,
    counts: ValueCounts,
    population: int,
    *,
    auto: float | None = None,
    labels: Mapping[frozenset[str], bool] | None = None,
) -> list[Decision]:
    """One decision per new lead, in order.

    Args:
        new: leads in a fixed order; each is also compared with earlier ones that share a key.
        candidates: id of a new lead to the stored leads that share a key with it.
        model: see ``decide_arrivals``, also for the other arguments.
        counts: over stored and new leads together.
        population: stored and new leads together.
        auto: bits from which a merge needs no person's look.
        labels: what people said.
    """
    known = list({id(one): one for some in candidates.values() for one in some}.values())
    rows = {id(one): row for row, one in enumerate(known)}
    pairs = [
        (number, rows[id(one)]) for number, lead in enumerate(new) for one in candidates.get(lead.lead_id, ())
    ]
    table = LeadTable.of(new)
    entities = {one.entity_id for one in known}
    arrivals = Arrivals(
        table,
        [lead.lead_id for lead in new],
        block_keys(table) if new else (),
        {name: pa.array([getattr(one.lead, name) for one in known], pa.string()) for name in NORM_FIELDS},
        [one.lead.lead_id for one in known],
        [one.account_id for one in known],
        [one.entity_id for one in known],
        (*np.array(pairs, np.int64).reshape(-1, 2).T,),
        lambda owner: owner if owner in entities else entity_id_of(owner),
    )
    return decide_arrivals(arrivals, model, known_from(counts), population, auto=auto, labels=labels)


def decide_arrivals(
    arrivals: Arrivals,
    model: LinkageModel,
    known: Known,
    population: int,
    *,
    auto: float | None = None,
    labels: Mapping[frozenset[str], bool] | None = None,
) -> list[Decision]:
    """One decision per new lead, in order.

    Args:
        arrivals: the leads.
        model: weights and thresholds.
        known: how common values are over stored and new leads together.
        population: stored and new leads together.
        auto: bits from which a merge needs no person's look; default: the model's ``thresholds.auto``.
        labels: two lead ids to what a person said: True, the lead joins the other's entity whatever the bits;
            False, it never shares an entity with it. Stored leads that a label names must be candidates.
    """
    answers = _answers(labels or {})
    new, other = _pairs(arrivals, answers)
    size = len(arrivals.stored_ids)
    # Only leads with a candidate count: the others say nothing about the values that are compared.
    among = np.union1d(new, other[other >= size] - size)
    table = LeadTable(
        {
            name: Column.of(pa.concat_arrays([values, arrivals.new[name].texts(among)]))
            for name, values in arrivals.stored.items()
        }
    )
    places = np.append(np.arange(size), np.zeros(arrivals.new.size, np.int64))
    places[size + among] = size + np.arange(len(among))
    facts = Facts(table, population, known)
    left, right = (places[side].astype(np.int32) for side in (new + size, other))
    scores = Scores(facts, left, right, model)
    deciding = _Deciding(arrivals, scores, (new, other), model, auto)
    ends = np.searchsorted(new, np.arange(arrivals.new.size), "right").tolist()
    return [
        deciding.decide(lead_id, low, high, answers.get(lead_id, {}))
        for lead_id, low, high in zip(arrivals.new_ids, [0, *ends], ends, strict=False)
    ]


Answers = Mapping[str, bool]
"""Other lead ids to whether a person said that they are the same."""


def _answers(labels: Mapping[frozenset[str], bool]) -> dict[str, dict[str, bool]]:
    """The labels of each lead."""
    found: dict[str, dict[str, bool]] = {}
    for pair, same in labels.items():
        for lead_id in pair:
            found.setdefault(lead_id, {}).update(dict.fromkeys(pair - {lead_id}, same))
    return found


Rows = NDArray[np.int64]


def _pairs(arrivals: Arrivals, answers: Mapping[str, Answers]) -> tuple[Rows, Rows]:
    """All pairs to score: new leads, ascending, and their candidates: stored ones, then earlier new ones.

    Earlier new leads are numbered after the stored ones.
    """
    found = candidate_pairs(arrivals.keys, arrivals.new.size)
    within = set(zip(found.right.tolist(), found.left.tolist(), strict=True))
    rows = {lead_id: row for row, lead_id in enumerate(arrivals.new_ids)} if answers else {}
    for lead_id, others in answers.items():
        row = rows.get(lead_id, -1)
        within |= {(row, rows[other]) for other in others if rows.get(other, row) < row}
    later, earlier = np.array(sorted(within), np.int64).reshape(-1, 2).T
    new = np.append(arrivals.pairs[0], later)
    other = np.append(arrivals.pairs[1], earlier + len(arrivals.stored_ids))
    order = np.argsort(new, kind="stable")
    return new[order], other[order]


class _Deciding:
    """Decides about one new lead after the other; pairs are numbers of ``scores``."""

    def __init__(
        self,
        arrivals: Arrivals,
        scores: Scores,
        pairs: tuple[Rows, Rows],
        model: LinkageModel,
        auto: float | None,
    ) -> None:
        new, other = pairs
        self._scores, self._entity_of, self._limits = scores, arrivals.entity_of, model.thresholds
        self._auto = model.thresholds.auto if auto is None else auto
        self._ids = [*arrivals.stored_ids, *arrivals.new_ids]
        self._owners, self._accounts = [*arrivals.owners], [*arrivals.accounts]
        self._other: list[int] = other.tolist()
        self._bits, self._vetoed = scores.bits.tolist(), scores.vetoed.tolist()
        self._moved = scores.moved
        self._relation = [RELATIONS[number] for number in scores.relation.tolist()]
        by_id = np.empty(len(self._ids), np.int64)
        by_id[np.argsort(np.array(self._ids))] = np.arange(len(self._ids))
        best_first = np.lexsort((by_id[other], -scores.bits, scores.vetoed, new))
        self._best_first: list[int] = best_first.tolist()

    def decide(self, lead_id: str, low: int, high: int, answers: Answers) -> Decision:
        """The decision about the next new lead."""
        best_of: dict[str, int] = {}
        for pair in self._best_first[low:high]:
            best_of.setdefault(self._owners[self._other[pair]], pair)
        best_ones = ranked = list(best_of.values())
        refused, accepted = self._answered(range(low, high), answers) if answers else (set(), None)
        if refused:
            ranked = [pair for pair in best_ones if self._owner(pair) not in refused]
        if accepted is not None:
            outcome, reason = Outcome.MERGE, f"A person says: same as {self._named(accepted)}."
            own = self._owner(accepted)
            ranked = [accepted, *(pair for pair in ranked if self._owner(pair) != own)]
        elif best_ones and not ranked:
            outcome, reason = Outcome.NEW, f"New; a person says that it is not {self._named(best_ones[0])}."
            ranked = best_ones
        else:
            outcome, reason = self._outcome(ranked, range(low, high))
        merged = ranked[0] if ranked and outcome is Outcome.MERGE else None
        kin = self._kin(best_ones, None if merged is None else self._owner(merged))
        if kin is not None and outcome is Outcome.REVIEW and kin == ranked[0]:
            kin = None  # whether it is the same or only related is what the review is about
        if kin is not None and outcome is Outcome.NEW and not refused:
            reason = f"New; {self._relation[kin]} of {self._named(kin)}."
        asked = MAX_PROPOSALS if accepted is not None or outcome is Outcome.REVIEW else 1
        return self._decision(lead_id, outcome, reason, ranked[:asked], kin)

    def _answered(self, pairs: Iterable[int], answers: Answers) -> tuple[set[str], int | None]:
        """The entities that a person refused, and the first pair that a person accepted."""
        refused = {self._owner(pair) for pair in pairs if answers.get(self._id(pair)) is False}
        accepted = (
            pair for pair in pairs if answers.get(self._id(pair)) and self._owner(pair) not in refused
        )
        return refused, next(accepted, None)

    def _id(self, pair: int) -> str:
        return self._ids[self._other[pair]]

    def _owner(self, pair: int) -> str:
        return self._owners[self._other[pair]]

    def _named(self, pair: int) -> str:
        return f"{self._id(pair)}: {self._scores.sentence(pair)}"

    def _kin(self, best_ones: Sequence[int], own: str | None) -> int | None:
        """The best pair with a relation to another entity than ``own``."""
        return next((pair for pair in best_ones if self._relation[pair] and self._owner(pair) != own), None)

    def _decision(
        self, lead_id: str, outcome: Outcome, reason: str, ranked: Sequence[int], kin: int | None
    ) -> Decision:
        best = ranked[0] if ranked else None
        merged = best if outcome is Outcome.MERGE else None
        branch = kin if kin is not None and self._relation[kin] == "branch" else None
        account = branch if merged is None else merged
        self._owners.append(lead_id if merged is None else self._owner(merged))
        self._accounts.append(
            account_id_of(lead_id) if account is None else self._accounts[self._other[account]]
        )
        return Decision(
            lead_id=lead_id,
            outcome=outcome,
            entity_id=self._entity_of(self._owners[-1]),
            account_id=self._accounts[-1],
            bits=None if best is None else self._bits[best],
            matched_lead_id=None if best is None or outcome is Outcome.NEW else self._id(best),
            relation=None if kin is None else self._relation[kin],
            related_entity_id=None if kin is None else self._entity_of(self._owner(kin)),
            proposals=tuple(
                Proposal(self._id(pair), self._entity_of(self._owner(pair)), self._scores[pair])
                for pair in ranked
            ),
            sentence=reason,
        )

    def _outcome(self, ranked: Sequence[int], pairs: Iterable[int]) -> tuple[Outcome, str]:
        """Outcome and sentence; ``ranked`` holds the best pair of each entity, vetoed ones last."""
        if not ranked:
            return Outcome.NEW, NEW
        best, bits, limits = ranked[0], self._bits[ranked[0]], self._limits
        named = self._named(best)
        if self._vetoed[best] or bits < limits.review:
            return Outcome.NEW, f"New; nearest is {named}."
        second = next((self._bits[pair] for pair in ranked[1:] if not self._vetoed[pair]), float("-inf"))
        if second >= self._auto or (bits >= self._auto and bits - second < limits.gap):
            two = " and ".join(self._entity_of(self._owner(pair)) for pair in ranked[:2])
            return Outcome.REVIEW, f"Fits two companies, {two}; {named}."
        if bits < self._auto or self._moved[best]:
            return Outcome.REVIEW, f"Perhaps the same as {named}."
        own = self._owner(best)
        inside = [self._bits[pair] for pair in pairs if self._owner(pair) == own]
        if sum(min(max(bits, LOWEST), HIGHEST) for bits in inside) <= 0:
            entity = self._entity_of(own)
            return Outcome.REVIEW, f"Like one lead of {entity} but unlike its others; {named}."
        return Outcome.MERGE, f"Same as {named}."
