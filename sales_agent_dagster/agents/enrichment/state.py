"""What flows through the enrichment graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Protocol, TypedDict

from pydantic import BaseModel, ConfigDict

from sales_agent_dagster.agents.runtime import AgentContext
from sales_agent_dagster.agents.untrusted import Name, Phrase, Sentence, at_most
from sales_agent_dagster.domain.calls import CallScope
from sales_agent_dagster.enrichment.collecting import Broken, Collected, Collector, Subject
from sales_agent_dagster.enrichment.facts import Fact
from sales_agent_dagster.enrichment.offline import OfflineProvider
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


class FactSource(Protocol):
    """The providers of facts that are in use, as one."""

    async def collect(
        self, subjects: Sequence[Subject], scope: CallScope, limits_ms: Sequence[float]
    ) -> list[Collected | Broken]:
        """Facts about each lead, in order, each within its limit; never raises for one lead."""
        ...


@dataclass(frozen=True, slots=True)
class EnrichmentContext(AgentContext):
    """Also where the facts come from; the default uses no network."""

    source: FactSource = field(default_factory=lambda: Collector([OfflineProvider()]))


@dataclass(frozen=True, slots=True)
class EnrichedLead:
    """The outcome for one lead.

    Attributes:
        collected: what the providers said.
        facts: collected ones, then those the engine read.
        values: surest value per field that is not a region.
        trades: every trade of the facts.
        completeness: share of the wanted fields that are known, 0-1.
        read_count: facts that the engine read and that hold.
        dropped: facts of the engine's answer that do not hold, and why.
    """

    answer: Answer[Reading]
    collected: Collected
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
        leads: ``lead_id``, ``enrichment.providers.COLUMNS`` and where known ``tier``, ``score`` and
            ``limit_ms``, the longest wait for the network, per lead; in a later pass also ``again`` and
            ``read_before``, the facts that are stored.
        collected: what the providers said per lead.
    """

    leads: Sequence[Mapping[str, Any]]
    collected: list[Collected | NoAnswer]
    answers: list[Answer[Reading] | NoAnswer]
    enriched: list[EnrichedLead | NoAnswer]
