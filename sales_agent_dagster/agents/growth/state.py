"""What the growth agent takes in and gives out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, TypedDict

from pydantic import BaseModel, ConfigDict, Field

from sales_agent_dagster.agents.growth.market import Figures


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


class Play(BaseModel):
    """A suggestion and the figure it rests on."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    play: str
    text: Annotated[str, Field(max_length=300)]
    figure: str
    value: str


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
    """One lead's analysis.

    Attributes:
        narrative: None when neither the engine nor the rules answered; ``degraded_reason`` says why.
        degraded_reason: why a lesser engine answered; None when the asked one did.
    """

    lead_id: str
    measures: Measures
    narrative: GrowthNarrative | None
    engine: str
    engine_version: str
    latency_ms: float
    cost_usd: float
    degraded_reason: str | None


class GrowthState(TypedDict, total=False):
    """State of the graph: a chunk of leads, then one entry per lead in each list."""

    leads: Sequence[GrowthLead]
    measures: list[Measures]
    analyses: list[GrowthAnalysis]
