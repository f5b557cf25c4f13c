"""What a batch will cost, before it is run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import sqlalchemy as sa

from sales_agent_dagster.domain.calls import Usage
from sales_agent_dagster.inference.build import engine_name
from sales_agent_dagster.inference.prices import PriceList
from sales_agent_dagster.settings import Settings
from sales_agent_dagster.stages.base import Stage
from sales_agent_dagster.stages.pipeline import STAGES
from sales_agent_dagster.warehouse.spending import asked_share, usd_per_lead

AGENT_STAGES: Mapping[str, type[Stage]] = {stage.agent: stage for stage in STAGES if stage.agent}
"""Stages that may ask a model, by agent."""

TYPICAL_USAGE: Mapping[str, Usage] = {
    "qualification": Usage(prompt=650, completion=250),
    "enrichment": Usage(prompt=400, completion=200),
    "growth": Usage(prompt=500, completion=220),
    "marketing": Usage(prompt=1250, completion=550),
}
"""Tokens per lead that is asked about, over all its calls: taken as long as the ledger has no call. Input as
measured on the sample list; output with about 100 tokens of reasoning a call."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """What model calls will cost, US dollars.

    Attributes:
        by_agent: the parts of ``usd``.
        measured: all parts rest on earlier calls of the ledger; else on the price list and typical usage.
    """

    by_agent: Mapping[str, float]
    measured: bool

    @property
    def usd(self) -> float:
        """All agents together."""
        return sum(self.by_agent.values())


def forecast(
    connection: sa.Connection, settings: Settings, prices: PriceList, leads: Mapping[str, int], day: date
) -> Forecast:
    """The cost of asking about some leads: their number x share that is asked about x measured cost each.

    What the ledger replays costs nothing and is not foreseen. Without measured figures every lead is
    taken to be asked about, at list prices.

    Args:
        connection: to the warehouse.
        settings: which engine, model and policy.
        prices: for agents that the ledger knows nothing of.
        leads: per agent, leads whose row is still to be computed.
        day: UTC date.
    """
    engine, model = engine_name(settings), settings.cerebras.model
    if engine == "scorecard" or settings.model_policy == "none":
        return Forecast({}, measured=True)
    measured = usd_per_lead(connection, model)
    by_agent = {}
    for agent, number in leads.items():
        share = asked_share(connection, AGENT_STAGES[agent].table, agent, model, engine)
        usd = measured.get(agent)
        if usd is None:
            usd = prices.cost(model, TYPICAL_USAGE[agent], day).usd
        by_agent[agent] = number * (1.0 if share is None else share) * usd
    return Forecast(by_agent, measured=set(leads) <= set(measured))
