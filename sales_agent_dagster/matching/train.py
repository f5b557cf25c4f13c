"""Learning from a table without labels: expectation maximisation over its own candidate pairs.

Only pairs that are rather matches than not are counted (classification EM, Celeux and Govaert 1992): in a
table full of namesakes the many pairs of which each is a match with a small probability would otherwise pull
the figures towards themselves, round after round.

What sources do wrong differs from table to table: one prints tracking numbers, so that another phone says
little; another never has typing errors. The shares of the levels among matches show it. Strangers and
alternatives are not re-learnt: their figures scale with the counts of the table's values by themselves.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sales_agent_dagster.matching.calibrate import log_shares
from sales_agent_dagster.matching.levels import DIFFERING, FIELDS, LEVELS, SLOTS
from sales_agent_dagster.matching.model import LinkageModel
from sales_agent_dagster.matching.weigh import Evidence, odds

MAX_ITERATIONS = 30
CONVERGED_BELOW = 0.01
"""Largest change of a figure, bits."""
PRIOR_MATCHES = 200.0
PRIOR_SHARE = 0.15
"""The given shares count for so many matches and this share of the table's: one with few learns little."""
MOST_CHANGE = 4.0
"""Bits by which a level's weight may move at most."""
MOST_MOVED = 1.0
"""The same of another town: firms move, but a table with many branches shows the same."""
MOST_GROWTH = 1.5
"""Times as many matches as the given weights find from which it is strangers that a table teaches: in a town
full of namesakes each round takes more of them for matches. Other lists have 0.97 to 1.2 times as many."""
MIN_SEEN = 5.0
"""Expected matches at a level from which it counts as learnt."""
_SIZE = len(FIELDS) * SLOTS
_DIFFERING, _ELSEWHERE = (
    np.isin(np.arange(_SIZE), [FIELDS.index(name) * SLOTS + n for name in names for n in DIFFERING[name]])
    for names in (FIELDS, ("place",))
)


@dataclass(frozen=True)
class TrainingReport:
    """What a training did.

    Attributes:
        matches: expected matching pairs among the candidates that are rather matches than not.
        used: False where the given weights stay, see ``MOST_GROWTH``; ``matches`` is then theirs.
        untrained: ``field: level`` of the levels seen too rarely to learn.
    """

    iterations: int
    converged: bool
    pairs: int
    matches: float
    used: bool = True
    untrained: list[str] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """JSON-ready."""
        return {
            "iterations": self.iterations,
            "converged": self.converged,
            "pairs": self.pairs,
            "matches": round(self.matches, 1),
            "used": self.used,
            "untrained": self.untrained,
        }


def learn(
    model: LinkageModel, evidence: Evidence, population: int, *, sampled: float = 1.0
) -> tuple[LinkageModel, TrainingReport]:
    """The model with what the candidate pairs of a table teach.

    Args:
        model: where learning starts, and what it is drawn to.
        evidence: candidate pairs, or a random sample of them.
        population: leads of the table.
        sampled: share of the candidate pairs that ``evidence`` holds.
    """
    weights = model.weights
    usual = _usual_shares(model)
    shares, counts, matches, given = usual, np.zeros(_SIZE), 0.0, 0.0
    table = weights.match
    most = np.where(_DIFFERING, np.maximum(weights.match, weights.stranger), np.inf)
    most[_ELSEWHERE] = np.minimum(most, weights.match + MOST_MOVED)[_ELSEWHERE]
    converged, iteration = False, 0
    # Learning changes what is said of matches alone.
    first = odds(evidence, weights, population)
    against = first.bits - first.match
    offset = weights.prior - np.log2(population)
    while iteration < MAX_ITERATIONS and not converged:
        iteration += 1
        bits = table[evidence.slots].sum(axis=1) + offset + against
        probability = 1 / (1 + np.exp2(np.clip(-bits, -60, 60)))
        probability[bits < 0] = 0
        matches = float(probability.sum())
        given = matches if iteration == 1 else given
        counts = _sums(evidence, probability)
        shares = log_shares(counts + (PRIOR_MATCHES + PRIOR_SHARE * matches) * np.exp2(usual))
        # A level's weight moves as its share differs from where the model was fitted; see ``DIFFERING``.
        moved = weights.match + np.clip(shares - usual, -MOST_CHANGE, MOST_CHANGE)
        new = np.minimum(moved, most)
        converged = bool(np.abs(new - table).max() < CONVERGED_BELOW)
        table = new
    untrained = [
        f"{name}: {level}"
        for number, name in enumerate(FIELDS)
        for slot, level in enumerate(LEVELS[name][1:], 1)
        if counts[number * SLOTS + slot] < MIN_SEEN
    ]
    used = matches <= MOST_GROWTH * given
    found = (matches if used else given) / sampled
    report = TrainingReport(iteration, converged, len(evidence), found, used, untrained)
    if not used:
        return model.model_copy(update={"report": report.as_dict()}), report
    return _with_shares(model, table, shares, report), report


def _usual_shares(model: LinkageModel) -> NDArray[np.float64]:
    """Log2 share of each level among matches where the model was fitted."""
    table = np.zeros(_SIZE)
    for number, name in enumerate(FIELDS):
        for slot, level in enumerate(LEVELS[name][1:], 1):
            table[number * SLOTS + slot] = np.log2(model.fields[name].share[level])
    return table


def _sums(evidence: Evidence, values: NDArray[np.float64]) -> NDArray[np.float64]:
    total = np.zeros(_SIZE)
    for column in evidence.slots.T:
        total += np.bincount(column, values, minlength=_SIZE)
    return total


def _with_shares(
    model: LinkageModel, match: NDArray[np.float64], shares: NDArray[np.float64], report: TrainingReport
) -> LinkageModel:
    fields = {
        name: model.fields[name].model_copy(
            update={"m": _levels(match, number), "share": _levels(shares, number)}
        )
        for number, name in enumerate(FIELDS)
    }
    trained_on = f"{report.pairs:,} candidate pairs of a table, from version {model.version}"
    return model.refitted({"fields": fields, "report": report.as_dict()}, trained_on)


def _levels(table: NDArray[np.float64], number: int) -> dict[str, float]:
    name = FIELDS[number]
    return {
        level: float(np.exp2(table[number * SLOTS + slot])) for slot, level in enumerate(LEVELS[name][1:], 1)
    }
