"""What flows through the enrichment graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any, Literal, TypedDict

from pydantic import BaseModel, ConfigDict

from sales_agent_dagster.agents.untrusted import Name, Phrase, Sentence, at_most
from sales_agent_dagster.enrichment.facts import Fact
from sales_agent_dagster.inference.engine import Answer, NoAnswer

Topic = Literal["trade", "customers", "service", "brand", "certification", "service_area", "founded"]


class ReadFact(BaseModel):
    """One fact as an engine read it: ``quote`` is verbatim in the text named ``source``."""

    model_config = ConfigDict(frozen=True)
    topic: Topic
    value: Phrase
    source: Name
    quote: Sentence


class Reading(BaseModel):
    """What an engine answers about one lead: what its texts say."""

    model_config = ConfigDict(frozen=True)
    facts: Annotated[list[ReadFact], at_most(12)]


NOTHING_READ = Reading(facts=[])
"""What the rules answer: they have read the texts already."""


@dataclass(frozen=True, slots=True)
class Region:
    """Where a lead is, as the surest facts that agree say; None where none does.

    Attributes:
        source: where the state comes from, or the time zone when no state is known.
    """

    city: str | None
    state: str | None
    county: str | None
    timezone: str | None
    source: str | None


@dataclass(frozen=True, slots=True)
class EnrichedLead:
    """The outcome for one lead.

    Attributes:
        facts: collected ones, then those the engine read.
        values: surest value per field that is not a region.
        trades: every trade of the facts.
        completeness: share of the wanted fields that are known, 0-1.
        read_count: facts that the engine read and that hold.
        dropped: facts of the engine's answer that do not hold, and why.
    """

    answer: Answer[Reading]
    facts: tuple[Fact, ...]
    region: Region
    values: Mapping[str, str]
    trades: tuple[str, ...]
    completeness: float
    read_count: int = 0
    dropped: tuple[str, ...] = ()


class EnrichmentState(TypedDict, total=False):
    """State of a run over a chunk; the lists run parallel to ``leads``.

    Attributes:
        leads: ``lead_id`` and the columns of ``enrichment.offline.offline_facts`` per lead.
        collected: offline facts per lead.
    """

    leads: Sequence[Mapping[str, Any]]
    collected: list[list[Fact] | NoAnswer]
    answers: list[Answer[Reading] | NoAnswer]
    enriched: list[EnrichedLead | NoAnswer]
