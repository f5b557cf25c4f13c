"""The agents with the scorecard engine, graph and engine without tables: leads per second on one core.

``python -m benchmarks.scorecard [--leads 10000] [--chunk 500] [--repeat 5]``. The leads are made up, every
one with its own name and number. Caches are warm: the first pass over them is printed apart.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import random
import statistics
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console
from rich.table import Table

from sales_agent_dagster.agents.enrichment.graph import enrich
from sales_agent_dagster.agents.growth.graph import analyze
from sales_agent_dagster.agents.growth.market import UNKNOWN, Company, Market
from sales_agent_dagster.agents.growth.state import GrowthLead
from sales_agent_dagster.agents.marketing.graph import draft_campaigns
from sales_agent_dagster.agents.marketing.state import CampaignLead
from sales_agent_dagster.agents.qualification.graph import qualify
from sales_agent_dagster.agents.runtime import AgentContext
from sales_agent_dagster.cli.main import GC_THRESHOLDS
from sales_agent_dagster.domain.calls import CallScope
from sales_agent_dagster.domain.oems import categories_of, parse_brands
from sales_agent_dagster.domain.profile import load_profile
from sales_agent_dagster.domain.trades import trades_in
from sales_agent_dagster.enrichment.offline import offline_facts
from sales_agent_dagster.inference.engine import ScorecardEngine
from sales_agent_dagster.settings import PROJECT_ROOT

_NAMES = ("Acorn", "Birch", "Cedar", "Dogwood", "Elm", "Fir", "Hazel", "Juniper", "Larch", "Maple", "Oak")
_TRADES = ("Electric", "Plumbing & Heating", "HVAC-Electric", "Generators", "Solar", "Power", "Home Services")
_BRANDS = ("Generac", "Briggs & Stratton", "Cummins", "Kohler", "Tesla", "Enphase", "Carrier", "Handmade")
_AREAS = ("212", "512", "713", "847", "206", "404", "303", "617", "305", "800")
_ZIPS = ("10001", "78701", "77002", "60035", "98101", "30303", "80202", "02108", "33101")


@dataclass(frozen=True, slots=True)
class Agent:
    """An agent to time.

    Attributes:
        run: the agent over one chunk.
        inputs: what it takes for the made-up leads.
    """

    name: str
    run: Callable[[Sequence[Any], AgentContext], Awaitable[Sequence[Any]]]
    inputs: Callable[[Sequence[dict[str, Any]]], Sequence[Any]]


def _as_they_are(leads: Sequence[dict[str, Any]]) -> Sequence[dict[str, Any]]:
    return leads


def _company(lead: dict[str, Any]) -> Company:
    brands = tuple(sorted(parse_brands(lead["oems"])))
    trades = trades_in(lead["company_name"])
    categories = (category for brand in brands for category in categories_of(brand))
    states = [fact.value for fact in offline_facts(lead) if fact.field == "region_state"]
    score = 54.0 + 6.25 * (len(brands) + len(trades))
    return Company(states[0] if states else UNKNOWN, score, brands, trades, frozenset((*trades, *categories)))


def _growth_leads(leads: Sequence[dict[str, Any]]) -> list[GrowthLead]:
    companies = [_company(lead) for lead in leads]
    market = Market((company, 1) for company in companies)
    return [
        GrowthLead(
            lead_id=lead["lead_id"],
            company_name=lead["company_name"],
            figures=market.figures(company),
            o_and_m=50.0,
            has_phone=True,
            has_email=lead["email"] is not None,
            has_own_website=lead["website_host"] is not None,
        )
        for lead, company in zip(leads, companies, strict=True)
    ]


def _campaign_leads(leads: Sequence[dict[str, Any]]) -> list[CampaignLead]:
    return [
        CampaignLead(
            lead_id=lead["lead_id"],
            company_name=lead["company_name"],
            email_kind="role" if lead["email"] else None,
            phone_kind=lead["phone_kind"],
            facts=[asdict(fact) for fact in offline_facts(lead)],
            growth={
                "territory": growth.figures.territory,
                "territory_leads": growth.figures.territory_leads,
                "same_oem_competitors": growth.figures.same_oem_competitors,
                "main_brand": growth.figures.main_brand,
                "gaps": [asdict(gap) for gap in growth.figures.gaps],
            },
        )
        for lead, growth in zip(leads, _growth_leads(leads), strict=True)
    ]


AGENTS = (
    Agent("qualification", qualify, _as_they_are),
    Agent("enrichment", enrich, _as_they_are),
    Agent("growth", analyze, _growth_leads),
    Agent("marketing", draft_campaigns, _campaign_leads),
)


def made_up_leads(count: int, first: int = 0) -> list[dict[str, Any]]:
    """Seeded leads with the columns that the agents read, numbered from ``first``."""
    rng = random.Random(first)
    return [_made_up_lead(number, rng) for number in range(first, first + count)]


def _made_up_lead(number: int, rng: random.Random) -> dict[str, Any]:
    area = rng.choice(_AREAS)
    site = f"example{number}.example.com" if rng.random() < 0.74 else None
    return {
        "lead_id": f"lead-{number}",
        "company_name": f"{rng.choice(_NAMES)} {number} {rng.choice(_TRADES)} LLC",
        "contact_name": "Jordan Example" if rng.random() < 0.1 else None,
        "email": f"info@{site}" if site and rng.random() < 0.3 else None,
        "phone": f"+1{area}{rng.randint(200, 999)}{rng.randint(0, 9999):04}",
        "phone_2": None,
        "phone_kind": "toll_free" if area == "800" else "geographic",
        "website_host": site,
        "city": None,
        "state": None,
        "zip": rng.choice(_ZIPS) if rng.random() < 0.5 else None,
        "industry": "Generator/Electrical Services",
        "rating": round(rng.uniform(3, 5), 1) if rng.random() < 0.5 else None,
        "dealer_tier": rng.choice((None, "Elite", "Premier")),
        "capabilities": "hvac, generator" if rng.random() < 0.2 else None,
        "notes": None,
        "oems": ", ".join(rng.sample(_BRANDS, rng.choice((1, 1, 1, 2, 3)))),
        "source_resimercial": None,
        "source_multi_oem": None,
        "source_mep_r": None,
        "source_o_and_m": None,
    }


async def _pass(agent: Agent, inputs: Sequence[Any], chunk: int, context: AgentContext) -> float:
    """CPU seconds of one pass over all chunks."""
    started = time.process_time()
    for start in range(0, len(inputs), chunk):
        await agent.run(inputs[start : start + chunk], context)
    return time.process_time() - started


async def measure(count: int, chunk: int, repeat: int) -> dict[str, tuple[float, list[float]]]:
    """CPU seconds per agent: the first pass, and the passes after it."""
    profile = load_profile(PROJECT_ROOT / "data" / "profile.yaml")
    context = AgentContext(ScorecardEngine(), profile, CallScope("benchmark", "benchmark"))
    passes: dict[str, list[float]] = {agent.name: [] for agent in AGENTS}
    for number in range(repeat + 1):
        leads = made_up_leads(count, number * count)
        for agent in AGENTS:
            inputs = agent.inputs(leads)
            gc.collect()
            passes[agent.name].append(await _pass(agent, inputs, chunk, context))
    return {name: (times[0], times[1:]) for name, times in passes.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--leads", type=int, default=10_000)
    parser.add_argument("--chunk", type=int, default=500)
    parser.add_argument("--repeat", type=int, default=5)
    arguments = parser.parse_args()
    gc.set_threshold(*GC_THRESHOLDS)
    figures = asyncio.run(measure(arguments.leads, arguments.chunk, arguments.repeat))
    table = Table(title=f"{arguments.leads:,} leads in chunks of {arguments.chunk}, one core")
    table.add_column("agent")
    for column in ("first pass, leads/s", "median, leads/s", "best, leads/s", "median, µs/lead"):
        table.add_column(column, justify="right")
    totals = [sum(first for first, _ in figures.values())]
    totals += [sum(times) for times in zip(*(times for _, times in figures.values()), strict=True)]
    for name, first, times in (
        *((name, first, times) for name, (first, times) in figures.items()),
        ("all of them", totals[0], totals[1:]),
    ):
        median = statistics.median(times)
        speeds = (arguments.leads / seconds for seconds in (first, median, min(times)))
        table.add_row(name, *(f"{speed:,.0f}" for speed in speeds), f"{median / arguments.leads * 1e6:.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
