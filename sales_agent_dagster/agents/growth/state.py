"""What the growth agent takes in and gives out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, TypedDict

from pydantic import BaseModel, ConfigDict, Field

from sales_agent_dagster.agents.growth.market import Figures
from sales_agent_dagster.inference.engine import Answer, NoAnswer


@dataclass(frozen=True, slots=True)
class GrowthLead:
    """One company with its figures.

    Attributes:
        o_and_m: service and maintenance dimension of its qualification, 0-100.
    """

    lead_id: str
    company_name: str
    figures: Figures
    o_and_m: float | None
    has_phone: bool
    has_email: bool
    has_own_website: bool


@dataclass(frozen=True, slots=True)
class Play:
    """A suggestion and the figure it rests on."""

    play: Annotated[str, Field(max_length=40)]
    text: Annotated[str, Field(max_length=300)]
    figure: Annotated[str, Field(max_length=40)]
    value: Annotated[str, Field(max_length=120)]


class GrowthNarrative(BaseModel):
    """The part of an analysis that is words: what an engine answers. Scores and figures are computed."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    summary: Annotated[str, Field(max_length=600)]
    plays: Annotated[list[Play], Field(max_length=3)]


@dataclass(frozen=True, slots=True)
class Component:
    """One component of the expansion score.

    Attributes:
        points: out of ``weight``; None when there is no figure, and the component does not count.
        figure: the figure cited, in words.
    """

    name: str
    weight: int
    points: float | None
    figure: str


@dataclass(frozen=True, slots=True)
class Measures:
    """What the rules compute for one lead before anything is put into words."""

    expansion_score: float
    market_position: str | None
    components: tuple[Component, ...]


@dataclass(frozen=True, slots=True)
class GrowthAnalysis:
    """The outcome for one lead: what was computed, and the answer that puts it into words."""

    lead: GrowthLead
    measures: Measures
    answer: Answer[GrowthNarrative]


class GrowthState(TypedDict, total=False):
    """State of a run over a chunk; the lists run parallel to ``leads``."""

    leads: Sequence[GrowthLead]
    measures: list[Measures | NoAnswer]
    answers: list[Answer[GrowthNarrative] | NoAnswer]
    analyses: list[GrowthAnalysis | NoAnswer]
