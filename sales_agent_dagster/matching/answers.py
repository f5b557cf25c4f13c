"""Weights fitted to what people answered, as far as that tells held-out answers better.

People are asked about doubtful pairs only, so the answers alone would say nothing of all others: pairs that
the given weights are sure of stand beside them. Whether fitting pays is measured by cross-validation: every
answer is judged by weights that were fitted without it.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sales_agent_dagster.matching.blocking import block_keys
from sales_agent_dagster.matching.calibrate import MIN_LABELS, Labelled, calibrated
from sales_agent_dagster.matching.compare import compare
from sales_agent_dagster.matching.facts import Facts
from sales_agent_dagster.matching.model import LinkageModel
from sales_agent_dagster.matching.pairs import candidate_pairs
from sales_agent_dagster.matching.table import LeadTable
from sales_agent_dagster.matching.weigh import Evidence, evidence_of, odds, vetoed

FOLDS = 4
HOLDS = (1e-2, 1e-3)
"""Strengths of the pull towards the given weights that are tried."""
STEPS = 60
SURE_PER_ANSWER = 10
"""Pairs that the given weights are sure of, per answer; together they count as much as the answers."""
SURE_BELOW = 3.0
"""Bits below what a person is shown from which a pair is surely none."""
_SEED = 20_240_602

Rows = NDArray[np.int32]
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Answered:
    """Pairs of rows of a table that people judged.

    Attributes:
        left, right: rows, ``left < right``.
        same: what people said.
    """

    left: Rows
    right: Rows
    same: NDArray[np.bool_]

    def __len__(self) -> int:
        return len(self.same)


@dataclass(frozen=True)
class AnswersReport:
    """What fitting to answers did.

    Attributes:
        same: answers that said so.
        right_before: share of the answers that the given weights tell right.
        right_after: the same of weights that were fitted without the answer.
        loss_before, loss_after: mean log loss of the same, bits per answer; lower is better.
        used: whether the fitted weights are better and therefore used.
    """

    answers: int
    same: int
    right_before: float
    right_after: float
    loss_before: float
    loss_after: float
    used: bool

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {name: value if name == "used" else round(value, 4) for name, value in asdict(self).items()}


def fit_answers(
    table: LeadTable, model: LinkageModel, answered: Answered
) -> tuple[LinkageModel, AnswersReport]:
    """The model fitted to answers about pairs of a table, or as it is when that tells answers no better.

    Raises:
        ValueError: fewer than ``MIN_LABELS`` answers.
    """
    if len(answered) < MIN_LABELS:
        raise ValueError(f"fitting needs at least {MIN_LABELS} answers")
    facts = Facts(table, table.size)
    compared = compare(facts, answered.left, answered.right, workers=2)
    labelled = Labelled(evidence_of(compared), answered.same, facts.population)
    sure = _sure(facts, model, answered)
    before = _bits(labelled, model)
    losses = {hold: _held_out(labelled, sure, model, hold) for hold in HOLDS}
    hold, after = min(losses.items(), key=lambda item: _loss(item[1], answered.same))
    used = _loss(after, answered.same) < _loss(before, answered.same)
    report = AnswersReport(
        answers=len(answered),
        same=int(answered.same.sum()),
        right_before=_right(before, answered.same),
        right_after=_right(after, answered.same),
        loss_before=_loss(before, answered.same),
        loss_after=_loss(after, answered.same),
        used=used,
    )
    if not used:
        return model, report
    return _fitted(labelled, sure, model, hold, report), report


def _fitted(
    labelled: Labelled, sure: Labelled, model: LinkageModel, hold: float, report: AnswersReport | None = None
) -> LinkageModel:
    found = calibrated(model, [labelled.counted(), sure.counted()], steps=STEPS, hold=hold)
    # Answers are about doubtful pairs: how levels are spread over all matches they do not show.
    fields = {
        name: weights.model_copy(update={"share": model.fields[name].share})
        for name, weights in found.fields.items()
    }
    told = {} if report is None else {"report": model.report | {"answers": report.as_dict()}}
    trained_on = f"{len(labelled.same):,} answers of people, from version {model.version}"
    return found.refitted({"fields": fields, **told}, trained_on)


def _held_out(labelled: Labelled, sure: Labelled, model: LinkageModel, hold: float) -> Floats:
    """Bits of each answer's pair by weights that were fitted without it."""
    size = len(labelled.same)
    fold = np.random.default_rng(_SEED).permutation(size) % FOLDS
    bits = np.zeros(size)
    for number in range(FOLDS):
        held = fold == number
        fitted = _fitted(_some(labelled, ~held), sure, model, hold)
        bits[held] = _bits(_some(labelled, held), fitted)
    return bits


def _sure(facts: Facts, model: LinkageModel, answered: Answered) -> Labelled:
    """Candidate pairs that the model is sure of, and that nobody was asked about."""
    table = facts.table
    found = candidate_pairs(block_keys(table), table.size)
    wanted = SURE_PER_ANSWER * len(answered)
    asked = answered.left.astype(np.int64) * table.size + answered.right
    free = np.flatnonzero(~np.isin(found.left.astype(np.int64) * table.size + found.right, asked))
    some = np.sort(np.random.default_rng(_SEED).permutation(free)[: 4 * wanted])
    compared = compare(facts, found.left[some], found.right[some], workers=2)
    evidence = evidence_of(compared)
    bits = odds(evidence, model.weights, facts.population).bits
    limits = model.thresholds
    same = (bits >= limits.auto) & ~vetoed(compared.levels)
    chosen = np.flatnonzero(same | (bits < limits.review - SURE_BELOW))[:wanted]
    weight = len(answered) / max(len(chosen), 1)
    return _some(Labelled(evidence, same, facts.population, weight), chosen)


def _some(labelled: Labelled, chosen: NDArray[Any]) -> Labelled:
    evidence = labelled.evidence
    kept = Evidence(
        evidence.slots[chosen],
        evidence.stranger_slots[chosen],
        evidence.holders[chosen],
        evidence.agrees[chosen],
        evidence.alternatives[chosen],
    )
    return replace(labelled, evidence=kept, same=labelled.same[chosen])


def _bits(labelled: Labelled, model: LinkageModel) -> Floats:
    return odds(labelled.evidence, model.weights, labelled.population).bits


def _right(bits: Floats, same: NDArray[np.bool_]) -> float:
    return float(((bits >= 0) == same).mean())


def _loss(bits: Floats, same: NDArray[np.bool_]) -> float:
    """Mean of -log2 of the probability given to what was answered."""
    return float(np.logaddexp2(0, np.where(same, -bits, bits)).mean())
