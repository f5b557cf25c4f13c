"""Scores of single pairs, with everything a person needs to judge them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sales_agent_dagster.matching.compare import Comparison, compare
from sales_agent_dagster.matching.counts import ValueCounts
from sales_agent_dagster.matching.facts import Facts
from sales_agent_dagster.matching.lead import NormLead
from sales_agent_dagster.matching.levels import FIELDS, LEVELS
from sales_agent_dagster.matching.model import LinkageModel
from sales_agent_dagster.matching.sentences import ALTERNATIVE_WORDS, VETO, sentences
from sales_agent_dagster.matching.table import LeadTable
from sales_agent_dagster.matching.weigh import RELATIONS, Waterfall, evidence_of, related, vetoed, waterfall


@dataclass(frozen=True, slots=True)
class Part:
    """One line of the waterfall.

    Attributes:
        field: compared field, or ``alternatives`` for what other explanations take off.
        level: see ``levels.LEVELS``.
        similarity: 0 to 1; None where none was computed.
        bits: for a value that one other lead holds.
        tf_bits: for the number of leads that really hold it.
    """

    field: str
    left: str
    right: str
    level: str
    similarity: float | None
    bits: float
    tf_bits: float


@dataclass(frozen=True, slots=True)
class PairScore:
    """How likely two leads are one firm at one place.

    Attributes:
        bits: log2 of the odds: the sum of ``prior`` and of all parts' ``bits`` and ``tf_bits``.
        veto: named reason why they must not be merged, whatever the bits; None when there is none.
        relation: ``branch``, ``franchise`` or ``sister`` if they are not the same firm.
        model: version of the weights.
        text: see ``sentence``.
        fall: gives ``parts``; most pairs are never asked for theirs.
    """

    bits: float
    prior: float
    veto: str | None
    relation: str | None
    model: str
    text: str
    fall: Callable[[], tuple[Part, ...]] = field(repr=False, compare=False)

    @property
    def parts(self) -> tuple[Part, ...]:
        """Fields that both leads know, and what the alternatives take off."""
        return self.fall()

    @property
    def probability(self) -> float:
        """Probability of a match, by the model."""
        return float(1 / (1 + np.exp2(min(-self.bits, 1000.0))))

    def explain(self) -> dict[str, Any]:
        """JSON-ready waterfall."""
        return {
            "parts": [
                {
                    "field": part.field,
                    "left": part.left or None,
                    "right": part.right or None,
                    "level": part.level,
                    "similarity": part.similarity,
                    "bits": part.bits,
                    "tf_bits": part.tf_bits,
                }
                for part in self.parts
            ],
            "prior": self.prior,
            "veto": self.veto,
            "relation": self.relation,
            "total": self.bits,
            "probability": self.probability,
            "model": self.model,
        }

    def sentence(self) -> str:
        """One line: fields, heaviest first, what the alternatives take off, prior, and the sum."""
        return self.text


def score(
    pairs: Sequence[tuple[NormLead, NormLead]], model: LinkageModel, counts: ValueCounts, population: int
) -> list[PairScore]:
    """One score per pair, in order.

    Args:
        pairs: any two leads each; one lead may be in many.
        model: weights.
        counts: of the whole table; values it lacks count as often as these leads hold them.
        population: leads of the whole table, at least 2.
    """
    leads: dict[NormLead, int] = {}
    rows = np.array([[leads.setdefault(lead, len(leads)) for lead in pair] for pair in pairs], np.int32)
    if not len(rows):
        return []
    facts = Facts(LeadTable.of(list(leads)), population, known_from(counts))
    return scores(facts, rows[:, 0], rows[:, 1], model)


def known_from(counts: ValueCounts) -> Callable[[str, Sequence[str], NDArray[np.int32]], NDArray[np.int32]]:
    """Figures of the whole table where they are higher than those of the leads at hand."""

    def known(kind: str, texts: Sequence[str], own: NDArray[np.int32]) -> NDArray[np.int32]:
        figures = counts.spread if kind.endswith("_spread") else counts.leads
        name = kind.removesuffix("_spread")
        found = np.array([figures.get((name, text), 0) for text in texts], np.int32)
        return np.maximum(own, found)

    return known


def scores(
    facts: Facts, left: NDArray[np.int32], right: NDArray[np.int32], model: LinkageModel
) -> list[PairScore]:
    """Scores of pairs of rows of a table."""
    compared = compare(facts, left, right)
    falls = waterfall(evidence_of(compared), model.weights, facts.population)
    vetoes = vetoed(compared.levels)
    relations = related(compared.levels, compared.others)
    texts = sentences(compared, falls, vetoes).to_pylist()
    totals = falls.prior + (falls.fields + falls.tf).sum(axis=1) + falls.penalty
    tell = partial(_parts, facts, left, right, compared, falls)
    return [
        PairScore(
            total,
            falls.prior,
            VETO if veto else None,
            RELATIONS[relation],
            model.version,
            text,
            partial(tell, pair),
        )
        for pair, (total, veto, relation, text) in enumerate(
            zip(totals.tolist(), vetoes.tolist(), relations.tolist(), texts, strict=True)
        )
    ]


def _parts(
    facts: Facts,
    left: NDArray[np.int32],
    right: NDArray[np.int32],
    compared: Comparison,
    falls: Waterfall,
    pair: int,
) -> tuple[Part, ...]:
    rows = int(left[pair]), int(right[pair])
    parts = []
    for number in np.flatnonzero(compared.levels[pair]).tolist():
        name, similarity = FIELDS[number], float(compared.similarity[pair, number])
        parts.append(
            Part(
                name,
                shown(facts, name, rows[0]),
                shown(facts, name, rows[1]),
                LEVELS[name][compared.levels[pair, number]],
                None if np.isnan(similarity) else round(similarity, 3),
                float(falls.fields[pair, number]),
                float(falls.tf[pair, number]),
            )
        )
    words = ALTERNATIVE_WORDS[falls.alternative[pair]]
    parts.append(Part("alternatives", "", "", words, None, float(falls.penalty[pair]), 0.0))
    return tuple(parts)


_SHOWN = {
    "phone": ("phone", "phone_2"),
    "street": ("street_no", "street", "unit"),
    "place": ("city", "state", "zip5"),
}


def shown(facts: Facts, field: str, row: int) -> str:
    """What a field compared of a row, for people."""
    if field == "web":
        return facts.web.text(row)
    return " ".join(filter(None, (facts.table[name].text(row) for name in _SHOWN.get(field, (field,)))))
