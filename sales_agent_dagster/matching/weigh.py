"""Compared pairs into bits: log2 of the odds that they are one firm at one place."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sales_agent_dagster.matching.compare import Comparison
from sales_agent_dagster.matching.levels import (
    CONTACT,
    EMAIL,
    FIELDS,
    LINKEDIN,
    LONE,
    NAME,
    PHONE,
    PLACE,
    SLOTS,
    SPREADING,
    STREET,
    VALUED,
    WEB,
)
from sales_agent_dagster.matching.model import Weights

Floats = NDArray[np.float64]
Slots = NDArray[np.int32]

FEWEST_OTHERS = 0.25
"""Other holders assumed of a shared value that nobody else seems to hold, for the alternatives."""
NETWORK_FROM = 5
"""Places that share a name or website from which it is a franchise's, not a firm's with branches."""

_OFFSETS = np.arange(len(FIELDS), dtype=np.int32) * SLOTS


@dataclass(frozen=True)
class Evidence:
    """What weighing needs of compared pairs, whatever the weights.

    Attributes:
        slots: pairs by fields: places in the tables of weights.
        stranger_slots: the same, with ``LONE`` where nobody else holds the value.
        holders: pairs by fields: log2 of other holders where the level is agreement on a value, else 0.
        agrees: pairs by fields: whether the level is agreement on a value.
        alternatives: pairs by alternatives: log2 of the other holders of what they share.
    """

    slots: Slots
    stranger_slots: Slots
    holders: NDArray[np.float32]
    agrees: NDArray[np.bool_]
    alternatives: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.slots)


def evidence_of(compared: Comparison) -> Evidence:
    """The evidence in compared pairs."""
    levels, others = compared.levels, compared.others
    slots = levels + _OFFSETS
    stranger = slots.copy()
    holders = np.zeros(others.shape, np.float32)
    agreeing = np.zeros(others.shape, bool)
    for number, name in enumerate(FIELDS):
        agrees = np.isin(levels[:, number], VALUED[name])
        agreeing[:, number] = agrees
        holders[agrees, number] = np.log2(np.maximum(others[agrees, number], 1))
        if name in SPREADING:
            lone = (levels[:, number] == 1) & (others[:, number] < 1)
            stranger[lone, number] = number * SLOTS + LONE
    return Evidence(slots, stranger, holders, agreeing, _shared(levels, others))


def _shared(levels: NDArray[np.int8], others: NDArray[Any]) -> NDArray[np.float32]:
    name = np.where(levels[:, NAME] == 1, others[:, NAME], 0)
    web = np.where(levels[:, WEB] == 1, others[:, WEB], 0)
    street = np.where((levels[:, STREET] == 1) | (levels[:, STREET] == 2), others[:, STREET], 0)
    phone = np.where(levels[:, PHONE] == 1, others[:, PHONE], 0)
    # Another branch has both, where both are equal: no more of them than hold the rarer.
    brand = np.where(
        (levels[:, NAME] == 1) & (levels[:, WEB] == 1), np.minimum(name, web), np.maximum(name, web)
    )
    counts = np.stack([brand, street, phone], axis=1)
    found = np.log2(np.maximum(counts, FEWEST_OTHERS))
    return np.column_stack([found, np.zeros(len(levels))]).astype(np.float32)


@dataclass(frozen=True)
class Odds:
    """Log2 likelihoods of pairs, up to a common factor.

    Attributes:
        match, stranger: per pair.
        others: pairs by alternatives.
    """

    match: Floats
    stranger: Floats
    others: Floats

    @property
    def bits(self) -> Floats:
        """Log2 of the odds of a match against everything else."""
        return self.match - self.stranger + self.penalty

    @property
    def penalty(self) -> Floats:
        """Bits by which the alternatives lower the odds: 0 or less."""
        ratios: Floats = np.exp2(np.minimum(self.others - self.stranger[:, None], 900)).sum(axis=1)
        return -np.log2(1 + ratios)


def odds(evidence: Evidence, weights: Weights, population: int) -> Odds:
    """Likelihoods of pairs among ``population`` leads."""
    size = np.log2(population)
    stranger = weights.stranger[evidence.stranger_slots].sum(axis=1) + evidence.holders.sum(axis=1)
    others = np.stack([table[evidence.slots].sum(axis=1) for table in weights.others], axis=1)
    return Odds(
        match=weights.match[evidence.slots].sum(axis=1) + weights.prior - size,
        stranger=stranger - evidence.agrees.sum(axis=1) * size,
        others=others + weights.rates + evidence.alternatives - size,
    )


def best_threshold(bits: NDArray[Any]) -> float:
    """Bits from which linking gives pairs the best F1 that the bits themselves promise; 0 without pairs.

    Where a list says little of its leads, half a chance is too much to ask: the best threshold is half the
    F1 that can be had (Lipton, Elkan and Naryanaswamy 2014).
    """
    if not len(bits):
        return 0.0
    ordered = -np.sort(-bits.astype(np.float64))
    right = np.cumsum(1 / (1 + np.exp2(-np.clip(ordered, -60, 60))))
    return float(ordered[np.argmax(right / (np.arange(1, len(bits) + 1) + right[-1]))])


@dataclass(frozen=True)
class Waterfall:
    """The parts of pairs' bits; ``fields + tf`` of all fields, ``penalty`` and ``prior`` add up to the bits.

    Attributes:
        fields: pairs by fields: what the level is worth for a value that one other lead holds.
        tf: pairs by fields: what is added or taken off for the number of holders there really are.
        penalty: pairs: what the alternatives take off.
        alternative: pairs: number of the likeliest alternative, in ``ALTERNATIVES``.
        prior: the same for all pairs.
    """

    fields: Floats
    tf: Floats
    penalty: Floats
    alternative: NDArray[np.int64]
    prior: float

    def take(self, pairs: NDArray[np.int64]) -> Waterfall:
        """Some of the pairs."""
        return Waterfall(
            self.fields[pairs], self.tf[pairs], self.penalty[pairs], self.alternative[pairs], self.prior
        )


def waterfall(evidence: Evidence, weights: Weights, population: int) -> Waterfall:
    """Parts of the bits that ``odds`` gives."""
    found, size = odds(evidence, weights, population), float(np.log2(population))
    plain, stranger = weights.stranger[evidence.slots], weights.stranger[evidence.stranger_slots]
    return Waterfall(
        fields=weights.match[evidence.slots] - plain + evidence.agrees * size,
        tf=plain - stranger - evidence.holders,
        penalty=found.penalty,
        alternative=found.others.argmax(axis=1),
        prior=weights.prior - size,
    )


def vetoed(levels: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Pairs that have one thing in common, which others share by chance or by trade, and little else.

    Either the same name or website, with another phone and another town: branches, franchises or namesakes.
    Or phones one digit apart, with another name: neighbours in a list of numbers, and often in one building.
    """
    name, phone, web = levels[:, NAME], levels[:, PHONE], levels[:, WEB]
    same = (name == 1) | (name == 2) | (web == 1)
    namesakes = same & (phone >= 4) & (levels[:, PLACE] >= 4)
    neighbours = (phone == 2) & (name == 6) & ((web == 0) | (web == 4))
    mail = (levels[:, EMAIL] == 1) | (levels[:, EMAIL] == 2)
    street = (levels[:, STREET] >= 1) & (levels[:, STREET] <= 3)
    person = ((levels[:, [LINKEDIN, CONTACT]] == 1) | (levels[:, [LINKEDIN, CONTACT]] == 2)).any(axis=1)
    neighbours &= ~person & (levels[:, EMAIL] != 3)
    result: NDArray[np.bool_] = ((namesakes & ~street) | neighbours) & ~mail
    return result


def moved(levels: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Pairs with another street in another town: for a person to tell, however much they agree on.

    Either the firm moved, or it is a branch that shares all but the place.
    """
    result: NDArray[np.bool_] = (levels[:, STREET] >= 4) & (levels[:, PLACE] >= 4)
    return result


def loose(levels: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Pairs whose names share words but neither is the other's beginning, and that agree on nothing else.

    A place at the end of two names is one word too many for a chain of names.
    """
    names = levels[:, NAME] > 3
    others = (levels[:, [WEB, EMAIL, LINKEDIN, CONTACT]] == 1).any(axis=1)
    result: NDArray[np.bool_] = names & ~others
    return result


RELATIONS: tuple[str | None, ...] = (None, "branch", "franchise", "sister")


def related(levels: NDArray[np.int8], others: NDArray[Any]) -> NDArray[np.int8]:
    """Per pair the number, in ``RELATIONS``, of what links two firms that are not the same."""
    name, web = levels[:, NAME], levels[:, WEB]
    one_brand = ((web == 1) | (levels[:, EMAIL] == 3)) & (name >= 1) & (name <= 5)
    places = np.maximum(np.where(web == 1, others[:, WEB], 0), np.where(name == 1, others[:, NAME], 0)) + 1
    near = (levels[:, PLACE] >= 1) & (levels[:, PLACE] <= 3)
    tie = (levels[:, CONTACT] == 1) | (levels[:, STREET] == 1) | (levels[:, PHONE] == 1)
    sister = (name >= 3) & (name <= 5) & near & tie
    network = places >= NETWORK_FROM
    # One brand whose every place has a site of its own, named after brand and place.
    sites = ((web == 2) | (web == 3)) & (name >= 3) & (name <= 5) & (others[:, NAME] >= 2)
    sites &= (levels[:, PHONE] == 5) & ~near
    return np.select([one_brand & network, one_brand, sister, sites], [2, 1, 3, 2], 0).astype(np.int8)
