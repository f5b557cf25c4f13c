"""The marketing graph: prepare -> email | linkedin | call (engine, side by side) -> lint (rules)."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from sales_agent_dagster.agents.marketing import PROMPT
from sales_agent_dagster.agents.marketing.drafts import Writer, footer, writer
from sales_agent_dagster.agents.marketing.facts import fact_sheet
from sales_agent_dagster.agents.marketing.lint import faults
from sales_agent_dagster.agents.marketing.schedule import plan_for
from sales_agent_dagster.agents.marketing.state import (
    Answers,
    Campaign,
    CampaignLead,
    CampaignState,
    Desk,
    Draft,
    Drafts,
)
from sales_agent_dagster.agents.runtime import AgentContext, run_graph
from sales_agent_dagster.domain.profile import Channel, Profile
from sales_agent_dagster.inference.engine import Answer, NoAnswer, Task, answer_all

CHANNELS: tuple[Channel, ...] = ("email", "linkedin", "call")


async def draft_campaigns(leads: Sequence[CampaignLead], context: AgentContext) -> list[Campaign]:
    """Campaigns for a chunk of leads, in order; never raises for one lead."""
    state = await run_graph(compiled_graph(), {"leads": leads}, context)
    campaigns: list[Campaign] = state["campaigns"]
    return campaigns


@lru_cache(maxsize=1)
def compiled_graph() -> Any:
    """The compiled graph, once per process."""
    builder = StateGraph(CampaignState, context_schema=AgentContext)
    builder.add_node("prepare", prepare)
    builder.add_node("draft_email", draft_email)
    builder.add_node("draft_linkedin", draft_linkedin)
    builder.add_node("draft_call", draft_call)
    builder.add_node("lint", lint)
    builder.add_edge(START, "prepare")
    for branch in ("draft_email", "draft_linkedin", "draft_call"):
        builder.add_edge("prepare", branch)
    builder.add_edge(["draft_email", "draft_linkedin", "draft_call"], "lint")
    builder.add_edge("lint", END)
    return builder.compile(name="marketing")


async def prepare(state: CampaignState, runtime: Runtime[AgentContext]) -> CampaignState:
    """Fact sheet, angles and channel plan of every lead."""
    profile = runtime.context.profile
    return {"desks": [_desk(lead, profile) for lead in state["leads"]]}


async def draft_email(state: CampaignState, runtime: Runtime[AgentContext]) -> CampaignState:
    """E-mail drafts, variants A and B."""
    return {"email": await _ask("email", state["desks"], runtime.context)}


async def draft_linkedin(state: CampaignState, runtime: Runtime[AgentContext]) -> CampaignState:
    """LinkedIn connection notes."""
    return {"linkedin": await _ask("linkedin", state["desks"], runtime.context)}


async def draft_call(state: CampaignState, runtime: Runtime[AgentContext]) -> CampaignState:
    """Call scripts."""
    return {"call": await _ask("call", state["desks"], runtime.context)}


async def lint(state: CampaignState, runtime: Runtime[AgentContext]) -> CampaignState:
    """Keep drafts without fault; give those with faults one more try by the plainer template."""
    answers = zip(state["email"], state["linkedin"], state["call"], strict=True)
    return {
        "campaigns": [
            _campaign(desk, dict(zip(CHANNELS, found, strict=True)), runtime.context.profile)
            for desk, found in zip(state["desks"], answers, strict=True)
        ]
    }
