"""Scores of single pairs, with everything a person needs to judge them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from sales_agent_dagster.matching.arrays import starts_of
from sales_agent_dagster.matching.compare import compare
from sales_agent_dagster.matching.counts import ValueCounts
from sales_agent_dagster.matching.facts import Facts, Known
from sales_agent_dagster.matching.lead import NormLead
from sales_agent_dagster.matching.levels import FIELDS, LEVELS
from sales_agent_dagster.matching.model import LinkageModel
from sales_agent_dagster.matching.sentences import ALTERNATIVE_WORDS, VETO, sentences
from sales_agent_dagster.matching.table import LeadTable
from sales_agent_dagster.matching.weigh import RELATIONS, evidence_of, moved, related, vetoed, waterfall


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
        pair: number of the pair among ``scores``, which put it into words when asked.
    """

    bits: float
    prior: float
    veto: str | None
    relation: str | None
    model: str
    pair: int = field(repr=False, compare=False)
    scores: Scores = field(repr=False, compare=False)

    @property
    def parts(self) -> tuple[Part, ...]:
        """Fields that both leads know, and what the alternatives take off."""
        return self.scores.parts(self.pair)

    @property
    def probability(self) -> float:
        """Probability of a match, by the model."""
        return float(1 / (1 + np.exp2(min(-self.bits, 1000.0))))

    def level(self, field: str) -> str:
        """The level of agreement in a field; see ``levels.LEVELS``."""
        return self.scores.level(self.pair, field)

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
        return self.scores.sentence(self.pair)


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
    found = Scores(facts, rows[:, 0], rows[:, 1], model)
    return [found[pair] for pair in range(len(pairs))]


def known_from(counts: ValueCounts) -> Known:
    """Figures of the whole table where they are higher than those of the leads at hand."""

    def known(kind: str, texts: pa.StringArray, own: NDArray[np.int32]) -> NDArray[np.int32]:
        figures = counts.spread if kind.endswith("_spread") else counts.leads
        name = kind.removesuffix("_spread")
        found = np.array([figures.get((name, text), 0) for text in texts.to_pylist()], np.int32)
        return np.maximum(own, found)

    return known


class Scores:
    """Scores of pairs of rows of a table. Most are never asked for more than their bits.

    Attributes:
        bits: per pair; see ``PairScore``.
        vetoed, moved: per pair; see ``weigh``.
        relation: per pair the number in ``weigh.RELATIONS``.
    """

    def __init__(
        self, facts: Facts, left: NDArray[np.int32], right: NDArray[np.int32], model: LinkageModel
    ) -> None:
        self._facts, self._model, self._rows = facts, model, (left, right)
        self._compared = compare(facts, left, right)
        self._falls = waterfall(evidence_of(self._compared), model.weights, facts.population)
        falls = self._falls
        self.bits = falls.prior + (falls.fields + falls.tf).sum(axis=1) + falls.penalty
        self.vetoed = vetoed(self._compared.levels)
        self.moved = moved(self._compared.levels)
        self.relation = related(self._compared.levels, self._compared.others)
        self._texts: dict[int, str] = {}

    def __getitem__(self, pair: int) -> PairScore:
        return PairScore(
            float(self.bits[pair]),
            self._falls.prior,
            VETO if self.vetoed[pair] else None,
            RELATIONS[self.relation[pair]],
            self._model.version,
            pair,
            self,
        )

    def level(self, pair: int, field: str) -> str:
        """See ``PairScore.level``."""
        name: str = LEVELS[field][self._compared.levels[pair, FIELDS.index(field)]]
        return name

    def sentence(self, pair: int) -> str:
        """See ``PairScore.sentence``. Those likely to be asked for are made together, which is far faster."""
        if not self._texts:
            self._say(self._likely())
        if pair not in self._texts:
            self._say(np.array([pair]))
        return self._texts[pair]

    def _likely(self) -> NDArray[np.int64]:
        """The best pair of each left row, and pairs that are likelier one than not or related."""
        left = self._rows[0]
        order = np.lexsort((-self.bits, self.vetoed, left))
        best = np.zeros(len(left), bool)
        best[order[starts_of(left[order])]] = True
        return np.flatnonzero(best | (self.relation > 0) | (self.bits >= 0))

    def _say(self, pairs: NDArray[np.int64]) -> None:
        texts = sentences(self._compared.take(pairs), self._falls.take(pairs), self.vetoed[pairs])
        self._texts.update(zip(pairs.tolist(), texts.to_pylist(), strict=True))

    def parts(self, pair: int) -> tuple[Part, ...]:
        """See ``PairScore.parts``."""
        facts, compared, falls = self._facts, self._compared, self._falls
        rows = [int(side[pair]) for side in self._rows]
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
