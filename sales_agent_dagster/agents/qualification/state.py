"""What flows through the qualification graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, TypedDict

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from sales_agent_dagster.domain.icp import LeadFeatures, Scorecard
from sales_agent_dagster.domain.tiers import Tier
from sales_agent_dagster.inference.engine import Answer, NoAnswer

Sentence = Annotated[str, StringConstraints(min_length=1, max_length=300)]


class Factor(BaseModel):
    """One reason for the score: ``points`` is what it adds, ``weight x value`` for a dimension."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    name: str = Field(max_length=40)
    value: float
    weight: float
    points: float
    evidence: str = Field(max_length=500)


class Qualification(BaseModel):
    """The answer about one lead. The tier is not part of it: it always follows from the score."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    score: float = Field(ge=0, le=100)
    confidence: float = Field(ge=0, le=1)
    factors: list[Factor] = Field(max_length=20)
    summary: Sentence
    next_steps: list[Sentence] = Field(min_length=1, max_length=5)
    objections: list[Sentence] = Field(max_length=3)


@dataclass(frozen=True, slots=True)
class ScoredLead:
    """A lead with its features and scorecard."""

    lead_id: str
    features: LeadFeatures
    scorecard: Scorecard


@dataclass(frozen=True, slots=True)
class Verdict:
    """The outcome for one lead: the scorecard, the engine's answer and the tier of its score."""

    scored: ScoredLead
    answer: Answer[Qualification]
    tier: Tier


class QualificationState(TypedDict, total=False):
    """State of a run over a chunk; the lists run parallel to ``leads``.

    Attributes:
        leads: ``lead_id`` and the columns of ``features_of`` per lead.
    """

    leads: Sequence[Mapping[str, Any]]
    scored: list[ScoredLead | NoAnswer]
    answers: list[Answer[Qualification] | NoAnswer]
    verdicts: list[Verdict | NoAnswer]
