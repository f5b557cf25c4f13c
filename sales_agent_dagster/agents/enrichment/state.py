"""What flows through the enrichment graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from pydantic import BaseModel, ConfigDict, Field

from sales_agent_dagster.enrichment.facts import Fact
from sales_agent_dagster.inference.engine import Answer, NoAnswer


class Enrichment(BaseModel):
    """The answer about one lead: its facts."""

    model_config = ConfigDict(frozen=True, extra="forbid")
    facts: list[Fact] = Field(max_length=60)


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
        values: surest value per field that is not a region.
        trades: every trade of the facts.
        completeness: share of the wanted fields that are known, 0-1.
    """

    answer: Answer[Enrichment]
    facts: tuple[Fact, ...]
    region: Region
    values: Mapping[str, str]
    trades: tuple[str, ...]
    completeness: float


class EnrichmentState(TypedDict, total=False):
    """State of a run over a chunk; the lists run parallel to ``leads``.

    Attributes:
        leads: ``lead_id`` and the columns of ``enrichment.offline.offline_facts`` per lead.
        collected: offline facts per lead.
    """

    leads: Sequence[Mapping[str, Any]]
    collected: list[list[Fact] | NoAnswer]
    answers: list[Answer[Enrichment] | NoAnswer]
    enriched: list[EnrichedLead | NoAnswer]
