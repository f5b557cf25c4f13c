"""What the growth agent takes in and gives out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, Literal, TypedDict

from pydantic import BaseModel, ConfigDict

from sales_agent_dagster.agents.growth.market import Figures
from sales_agent_dagster.agents.untrusted import Name, Paragraph, Sentence, at_most
from sales_agent_dagster.inference.engine import Answer, NoAnswer

PlayKind = Literal[
    "ask_about_capability",
    "several_brands",
    "stand_apart",
    "service_contracts",
    "build_service",
    "reference_account",
]


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


class WordedPlay(BaseModel):
    """A suggestion in an engine's words; ``figure`` is the id of the figure it rests on."""

    model_config = ConfigDict(frozen=True)
    play: PlayKind
    figure: Name
    text: Sentence


class Narrative(BaseModel):
    """What an engine answers: words with figures' ids in square brackets. Values are put in by code."""

    model_config = ConfigDict(frozen=True)
    summary: Paragraph
    plays: Annotated[list[WordedPlay], at_most(3)]


NO_NARRATIVE = Narrative(summary="", plays=[])
"""What the rules answer: their words are made from the figures afterwards."""


@dataclass(frozen=True, slots=True)
class Play:
    """A suggestion, and the figure it rests on with its value."""

    play: PlayKind
    text: str
    figure: str
    value: str


@dataclass(frozen=True, slots=True)
class Words:
    """The part of an analysis that is words; every number in it is a computed figure.

    Attributes:
        dropped: what was left out of the engine's words, and why.
    """

    summary: str
    plays: tuple[Play, ...]
    dropped: tuple[str, ...] = ()


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
    """The outcome for one lead: what was computed, the engine's answer, and the words that hold."""

    lead: GrowthLead
    measures: Measures
    answer: Answer[Narrative]
    words: Words


class GrowthState(TypedDict, total=False):
    """State of a run over a chunk; the lists run parallel to ``leads``."""

    leads: Sequence[GrowthLead]
    measures: list[Measures | NoAnswer]
    answers: list[Answer[Narrative] | NoAnswer]
    analyses: list[GrowthAnalysis | NoAnswer]
