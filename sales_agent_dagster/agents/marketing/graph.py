"""The marketing graph: prepare -> email | linkedin | call (engine, side by side) -> lint (rules)."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from sales_agent_dagster.agents.marketing import PROMPT
from sales_agent_dagster.agents.marketing.angles import angles_for
from sales_agent_dagster.agents.marketing.drafts import Writer
from sales_agent_dagster.agents.marketing.facts import fact_sheet
from sales_agent_dagster.agents.marketing.review import review, tools_for
from sales_agent_dagster.agents.marketing.schedule import plan_for
from sales_agent_dagster.agents.marketing.state import (
    Answers,
    Campaign,
    CampaignLead,
    CampaignState,
    Desk,
    Drafts,
)
from sales_agent_dagster.agents.runtime import AgentContext, attempt, run_graph
from sales_agent_dagster.domain.profile import Channel, Profile
from sales_agent_dagster.inference.engine import NoAnswer, Task, answer_all

_BRANCHES = 3


async def draft_campaigns(leads: Sequence[CampaignLead], context: AgentContext) -> list[Campaign | NoAnswer]:
    """Campaigns for a chunk of leads, in order; never raises for one lead."""
    state = await run_graph(compiled_graph(), {"leads": leads}, context)
    campaigns: list[Campaign | NoAnswer] = state["campaigns"]
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
    return {"desks": [attempt(partial(_desk, profile, lead)) for lead in state["leads"]]}


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
    """Keep the drafts without fault; see ``review``."""
    parts = zip(state["desks"], state["email"], state["linkedin"], state["call"], strict=True)
    tools = tools_for(runtime.context.profile)
    return {
        "campaigns": [
            desk
            if isinstance(desk, NoAnswer)
            else attempt(partial(review, desk, {"email": email, "linkedin": linkedin, "call": call}, tools))
            for desk, email, linkedin, call in parts
        ]
    }


def _desk(profile: Profile, lead: CampaignLead) -> Desk:
    sheet = fact_sheet(lead)
    plan = plan_for(lead, sheet.company is not None, profile.outreach)
    return Desk(lead, sheet, angles_for(sheet, lead.lead_id), plan)


async def _ask(channel: Channel, desks: Sequence[Desk | NoAnswer], context: AgentContext) -> Answers:
    """Answers for the leads whose plan has the channel. The branches share the calls in flight."""
    planned = [
        isinstance(desk, Desk) and any(step.channel == channel for step in desk.plan.steps) for desk in desks
    ]
    writer = tools_for(context.profile).writer
    tasks = [
        _task(channel, desk, writer)
        for desk, wanted in zip(desks, planned, strict=True)
        if wanted and isinstance(desk, Desk)
    ]
    share = max(1, context.concurrency // _BRANCHES)
    answers = iter(await answer_all(context.engine, tasks, share))
    return [next(answers) if wanted else None for wanted in planned]


def _task(channel: Channel, desk: Desk, writer: Writer) -> Task[Drafts]:
    rule = partial(writer.write, desk, channel)
    return Task(PROMPT, desk.lead.lead_id, partial(writer.payload, desk, channel), Drafts, rule)
