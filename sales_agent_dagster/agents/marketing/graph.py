"""The marketing graph: prepare -> five channels side by side (engine) -> lint -> revise (engine) -> finish.

The step ``revise`` is taken when an engine's words have faults: it gets them back once, and what is still
faulty then is a template's.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from functools import lru_cache, partial
from typing import Any, Literal

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from sales_agent_dagster.agents.checkpoints import Resumption
from sales_agent_dagster.agents.marketing import PROMPT
from sales_agent_dagster.agents.marketing.angles import COMMON, PLAIN, STRONG, angles_for
from sales_agent_dagster.agents.marketing.asking import ask_channel
from sales_agent_dagster.agents.marketing.facts import fact_sheet
from sales_agent_dagster.agents.marketing.review import faults_of_answers, review, tools_for
from sales_agent_dagster.agents.marketing.schedule import plan_for
from sales_agent_dagster.agents.marketing.state import (
    Answered,
    Campaign,
    CampaignLead,
    CampaignState,
    Desk,
)
from sales_agent_dagster.agents.marketing.templating import templates_version
from sales_agent_dagster.agents.runtime import AgentContext, attempt, run_graph
from sales_agent_dagster.domain.profile import Channel, Profile
from sales_agent_dagster.inference.engine import SCORECARD, Answer, NoAnswer

CHANNELS: tuple[Channel, ...] = ("email", "linkedin", "call", "social", "blog")


async def draft_campaigns(leads: Sequence[CampaignLead], context: AgentContext) -> list[Campaign | NoAnswer]:
    """Campaigns for a chunk of leads, in order; never raises for one lead."""
    state = await run_graph(compiled_graph(), {"leads": leads}, context, resumption())
    campaigns: list[Campaign | NoAnswer] = state["campaigns"]
    return campaigns


@lru_cache(maxsize=1)
def resumption() -> Resumption:
    """Angles hold functions, so they are kept by name."""
    angles = {angle.name: angle for angle in (*STRONG, *COMMON, *PLAIN)}
    return Resumption(CampaignState, f"{PROMPT.version} {templates_version()}", angles)


@lru_cache(maxsize=1)
def compiled_graph() -> Any:
    """The compiled graph, once per process."""
    builder = StateGraph(CampaignState, context_schema=AgentContext)
    nodes = (prepare, draft_email, draft_linkedin, draft_call, draft_social, draft_blog, lint, revise, finish)
    for node in nodes:
        builder.add_node(node.__name__, node)
    drafting = [f"draft_{channel}" for channel in CHANNELS]
    builder.add_edge(START, "prepare")
    for branch in drafting:
        builder.add_edge("prepare", branch)
    builder.add_edge(drafting, "lint")
    builder.add_conditional_edges("lint", after_lint)
    builder.add_edge("revise", "finish")
    builder.add_edge("finish", END)
    return builder.compile(name="marketing")


async def prepare(state: CampaignState, runtime: Runtime[AgentContext]) -> CampaignState:
    """Fact sheet, angles and channel plan of every lead."""
    profile = runtime.context.profile
    return {"desks": [attempt(partial(_desk, profile, lead)) for lead in state["leads"]]}


async def draft_email(state: CampaignState, runtime: Runtime[AgentContext]) -> CampaignState:
    """Words of e-mails, variants A and B."""
    return {"email": await ask_channel("email", state["desks"], runtime.context)}


async def draft_linkedin(state: CampaignState, runtime: Runtime[AgentContext]) -> CampaignState:
    """Words of LinkedIn connection notes."""
    return {"linkedin": await ask_channel("linkedin", state["desks"], runtime.context)}


async def draft_call(state: CampaignState, runtime: Runtime[AgentContext]) -> CampaignState:
    """Words of call scripts."""
    return {"call": await ask_channel("call", state["desks"], runtime.context)}


async def draft_social(state: CampaignState, runtime: Runtime[AgentContext]) -> CampaignState:
    """Words of public posts, one per segment."""
    return {"social": await ask_channel("social", state["desks"], runtime.context)}


async def draft_blog(state: CampaignState, runtime: Runtime[AgentContext]) -> CampaignState:
    """Outlines of articles, one per segment."""
    return {"blog": await ask_channel("blog", state["desks"], runtime.context)}


async def lint(state: CampaignState, runtime: Runtime[AgentContext]) -> CampaignState:
    """What is wrong with an engine's words; templates are read where they are chosen."""
    if not any(_by_model(answer) for channel in CHANNELS for answer in state[channel]):
        return {"faults": [], "revised": []}
    tools = tools_for(runtime.context.profile)
    return {
        "faults": [
            {} if isinstance(desk, NoAnswer) else faults_of_answers(desk, _answers(state, position), tools)
            for position, desk in enumerate(state["desks"])
        ],
        "revised": [],
    }


def after_lint(state: CampaignState) -> Literal["revise", "finish"]:
    """Revise where an engine's words have faults."""
    return "revise" if any(state["faults"]) else "finish"


async def revise(state: CampaignState, runtime: Runtime[AgentContext]) -> CampaignState:
    """Gives the faults back to the engine, once: a lead's second answers for the channels that had some."""
    revised: list[dict[Channel, Answered]] = [{} for _ in state["desks"]]
    asking = [
        ask_channel(
            channel,
            state["desks"],
            runtime.context,
            list(zip(state[channel], state["faults"], strict=True)),
        )
        for channel in CHANNELS
    ]
    for channel, answers in zip(CHANNELS, await asyncio.gather(*asking), strict=True):
        for position, answer in enumerate(answers):
            if answer is not None:
                revised[position][channel] = answer
    return {"revised": revised}


async def finish(state: CampaignState, runtime: Runtime[AgentContext]) -> CampaignState:
    """Keep the drafts without fault; see ``review``."""
    tools = tools_for(runtime.context.profile)
    revised = state["revised"] or [{}] * len(state["desks"])
    return {
        "campaigns": [
            desk
            if isinstance(desk, NoAnswer)
            else attempt(partial(review, desk, _answers(state, position), revised[position], tools))
            for position, desk in enumerate(state["desks"])
        ]
    }


def _answers(state: CampaignState, position: int) -> dict[Channel, Answered | None]:
    return {channel: state[channel][position] for channel in CHANNELS}


def _by_model(answer: Answered | None) -> bool:
    return isinstance(answer, Answer) and answer.engine != SCORECARD


def _desk(profile: Profile, lead: CampaignLead) -> Desk:
    sheet = fact_sheet(lead)
    plan = plan_for(lead, sheet.company is not None, profile.outreach)
    return Desk(lead, sheet, angles_for(sheet, lead.lead_id), plan)
