"""Fitting a model's figures to labelled pairs: for the shipped model, or to reviewers' answers.

Maximises the likelihood of the labels (logistic loss of the odds) over all figures at once, drawn towards
the figures it starts from, so that what the labels do not speak of stays as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from sales_agent_dagster.matching.levels import ALTERNATIVES, FIELDS, LEVELS, LONE, SLOTS, SPREADING
from sales_agent_dagster.matching.model import Alternative, FieldWeights, LinkageModel, Weights
from sales_agent_dagster.matching.weigh import Evidence, odds

MIN_LABELS = 300
"""Labelled pairs from which fitting says more than the shipped figures."""

_SIZE = len(FIELDS) * SLOTS
_TABLES = 2 + len(ALTERNATIVES)
_RATE = 0.05
_DECAY = (0.9, 0.99)


@dataclass(frozen=True)
class Labelled:
    """Judged pairs of one table.

    Attributes:
        same: per pair whether both are one firm.
        population: leads of the table.
        weight: of each pair against those of other tables: one figure, or one per pair.
    """

    evidence: Evidence
    same: NDArray[np.bool_]
    population: int
    weight: float | NDArray[np.float64] = 1.0

    def counted(self) -> Labelled:
        """The same with equal pairs taken together: fitting looks at each once."""
        facts = [getattr(self.evidence, item.name) for item in fields(self.evidence)]
        rows = np.column_stack([*facts, self.same]).astype(np.float32)
        _, some, counts = np.unique(rows, axis=0, return_index=True, return_counts=True)
        evidence = Evidence(*(values[some] for values in facts))
        return Labelled(evidence, self.same[some], self.population, self.weight * counts.astype(float))


def calibrated(
    model: LinkageModel, labelled: Sequence[Labelled], *, steps: int = 300, hold: float = 2e-4
) -> LinkageModel:
    """The model with figures fitted to labelled pairs.

    Args:
        model: where fitting starts.
        labelled: judged pairs, table by table.
        steps: of gradient descent.
        hold: strength of the pull towards the given figures.
    """
    start = _packed(model.weights)
    figures, mean, square = start.copy(), np.zeros_like(start), np.zeros_like(start)
    for step in range(1, steps + 1):
        slope = _slope(figures, model, labelled) + hold * (figures - start)
        mean = _DECAY[0] * mean + (1 - _DECAY[0]) * slope
        square = _DECAY[1] * square + (1 - _DECAY[1]) * slope**2
        # Adam (Kingma and Ba 2015).
        size = np.sqrt(square / (1 - _DECAY[1] ** step)) + 1e-6
        figures = figures - _RATE * (mean / (1 - _DECAY[0] ** step)) / size
    return _with_figures(model, figures, labelled)


def _packed(weights: Weights) -> NDArray[np.float64]:
    tables = [weights.match, weights.stranger, *weights.others]
    return np.concatenate([*tables, [weights.prior], weights.rates])


def _unpacked(figures: NDArray[np.float64], model: LinkageModel) -> Weights:
    weights = Weights(model)
    tables = figures[: _TABLES * _SIZE].reshape(_TABLES, _SIZE)
    weights.match, weights.stranger, weights.others = tables[0], tables[1], tables[2:]
    weights.prior, weights.rates = float(figures[_TABLES * _SIZE]), figures[_TABLES * _SIZE + 1 :]
    return weights


def _slope(
    figures: NDArray[np.float64], model: LinkageModel, labelled: Sequence[Labelled]
) -> NDArray[np.float64]:
    """Gradient of the mean loss, in bits."""
    weights = _unpacked(figures, model)
    slope = np.zeros_like(figures)
    total = 0.0
    for part in labelled:
        slope += _part_slope(part, weights)
        total += float(np.sum(np.broadcast_to(part.weight, len(part.same))))
    tables = slope[: _TABLES * _SIZE].reshape(_TABLES, len(FIELDS), SLOTS)
    tables[:, :, 0] = 0  # unknown says nothing, always
    return slope / total


def _part_slope(part: Labelled, weights: Weights) -> NDArray[np.float64]:
    found = odds(part.evidence, weights, part.population)
    probability = 1 / (1 + np.exp2(np.clip(-found.bits, -60, 60)))
    error = part.weight * (probability - part.same)
    ways = np.column_stack([found.stranger, found.others])
    highest = ways.max(axis=1, keepdims=True)
    shares = np.exp2(ways - highest)
    shares = -error[:, None] * shares / shares.sum(axis=1, keepdims=True)
    tables = [_sums(part.evidence.slots, error), _sums(part.evidence.stranger_slots, shares[:, 0])]
    tables += [_sums(part.evidence.slots, shares[:, way]) for way in range(1, shares.shape[1])]
    return np.concatenate([*tables, [error.sum()], shares[:, 1:].sum(axis=0)])


def _sums(slots: NDArray[np.int32], values: NDArray[np.float64]) -> NDArray[np.float64]:
    total = np.zeros(_SIZE)
    for column in slots.T:
        total += np.bincount(column, values, minlength=_SIZE)
    return total


def _with_figures(
    model: LinkageModel, figures: NDArray[np.float64], labelled: Sequence[Labelled]
) -> LinkageModel:
    weights = _unpacked(_normalised(figures), model)
    shares = _match_shares(labelled)
    learnt = {
        name: FieldWeights(
            m=_levels(weights.match, number),
            u=_levels(weights.stranger, number),
            u_lone=float(np.exp2(weights.stranger[number * SLOTS + LONE])) if name in SPREADING else None,
            share=_levels(shares, number),
        )
        for number, name in enumerate(FIELDS)
    }
    alternatives = {
        name: Alternative(
            rate=float(np.exp2(rate)),
            levels={field: _levels(table, number) for number, field in enumerate(FIELDS)},
        )
        for name, table, rate in zip(ALTERNATIVES, weights.others, weights.rates, strict=True)
    }
    changed = {
        "matches_per_lead": float(np.exp2(weights.prior)),
        "fields": learnt,
        "alternatives": alternatives,
    }
    pairs = sum(len(part.same) for part in labelled)
    return model.refitted(changed, f"{pairs:,} labelled pairs, from version {model.version}")


def _normalised(figures: NDArray[np.float64]) -> NDArray[np.float64]:
    """Each field's figures scaled alike in all tables, which changes no odds: matches add up to 1."""
    figures = figures.copy()
    tables = figures[: _TABLES * _SIZE].reshape(_TABLES, len(FIELDS), SLOTS)
    for number, name in enumerate(FIELDS):
        total = np.log2(np.exp2(tables[0, number, 1 : len(LEVELS[name])]).sum())
        tables[:, number, 1:] -= total
    return figures


def _match_shares(labelled: Sequence[Labelled]) -> NDArray[np.float64]:
    """Log2 shares of the levels among labelled matches, half a pair added to each."""
    counts = np.full(_SIZE, 0.5)
    for part in labelled:
        weight = np.broadcast_to(part.weight, len(part.same))
        counts += _sums(part.evidence.slots[part.same], weight[part.same])
    return log_shares(counts)


def log_shares(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log2 of each slot's share of its field's known levels; unknown has 0."""
    table = np.zeros(_SIZE)
    for number, name in enumerate(FIELDS):
        levels = slice(number * SLOTS + 1, number * SLOTS + len(LEVELS[name]))
        table[levels] = np.log2(counts[levels] / counts[levels].sum())
    return table


def _levels(table: NDArray[np.float64], number: int) -> dict[str, float]:
    name = FIELDS[number]
    return {
        level: float(f"{np.exp2(table[number * SLOTS + slot]):.6g}")
        for slot, level in enumerate(LEVELS[name][1:], 1)
    }
