"""What flows through the qualification graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypedDict

from pydantic import BaseModel, ConfigDict

from sales_agent_dagster.agents.untrusted import Name, Phrase, Sentence, at_most
from sales_agent_dagster.domain.icp import LeadFeatures, Scorecard
from sales_agent_dagster.domain.tiers import Tier
from sales_agent_dagster.inference.engine import Answer, NoAnswer

Dimension = Literal["resimercial", "multi_oem", "mep_r", "o_and_m"]
Rating = Literal["much_lower", "lower", "same", "higher", "much_higher"]


class Judged(BaseModel):
    """One dimension as the engine sees it, beside the scorecard's value; ``evidence`` lists fact ids."""

    model_config = ConfigDict(frozen=True)
    factor: Dimension
    rating: Rating
    evidence: Annotated[list[Name], at_most(5)]
    reason: Phrase


class Judgement(BaseModel):
    """What an engine answers about one lead. No number in it: ratings are words, points are computed."""

    model_config = ConfigDict(frozen=True)
    ratings: Annotated[list[Judged], at_most(8)]
    summary: Sentence
    next_steps: Annotated[list[Phrase], at_most(4)]
    objections: Annotated[list[Phrase], at_most(3)]


NO_JUDGEMENT = Judgement(ratings=[], summary="", next_steps=[], objections=[])
"""What the rules answer: they have nothing to add to the scorecard."""


@dataclass(frozen=True, slots=True)
class Factor:
    """One reason for the score.

    Attributes:
        points: what it adds, ``weight x value``; of a judgement, its share of the most it may move.
    """

    name: str
    value: float
    weight: float
    points: float
    evidence: str


@dataclass(frozen=True, slots=True)
class Qualification:
    """The outcome about one lead.

    Attributes:
        score: the scorecard's plus ``judged_points``, 0-100.
        judged_points: what the engine's ratings add, at most ``rules.MAX_MOVE`` either way; 0 by rules.
        dropped: what was left out of the engine's answer, and why.
    """

    score: float
    tier: Tier
    confidence: float
    factors: tuple[Factor, ...]
    summary: str
    next_steps: tuple[str, ...]
    objections: tuple[str, ...]
    judged_points: float = 0.0
    dropped: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ScoredLead:
    """A lead with its features and scorecard."""

    lead_id: str
    features: LeadFeatures
    scorecard: Scorecard


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome for one lead: the scorecard, the engine's answer, and what both make together."""

    scored: ScoredLead
    answer: Answer[Judgement]
    qualification: Qualification


class QualificationState(TypedDict, total=False):
    """State of a run over a chunk.

    Attributes:
        leads: ``lead_id`` and the columns of ``features_of`` per lead.
        verdicts: in the order of ``leads``.
    """

    leads: Sequence[Mapping[str, Any]]
    verdicts: list[Verdict | NoAnswer]
