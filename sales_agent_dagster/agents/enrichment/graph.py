"""The enrichment graph: collect (providers of facts) -> extract (engine) -> reconcile (rules)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields
from functools import lru_cache, partial
from typing import Any

from langgraph.graph import END, START, StateGraph
from langgraph.runtime import Runtime

from sales_agent_dagster.agents.enrichment import PROMPT, reading, rules
from sales_agent_dagster.agents.enrichment.state import (
    NOTHING_READ,
    EnrichedLead,
    EnrichmentContext,
    EnrichmentState,
    FactSource,
    Reading,
)
from sales_agent_dagster.agents.runtime import AgentContext, ask, attempt, run_graph
from sales_agent_dagster.domain.tiers import Tier
from sales_agent_dagster.enrichment.collecting import Broken, Collected, Subject
from sales_agent_dagster.inference.engine import Answer, NoAnswer, Task

NO_WAIT_MS = 0.0
"""Of leads without a limit: answers that are kept are used, nobody on the network is asked."""

MAX_COMPLETION_TOKENS = 900
"""About 250 for eight facts; the rest is room for a reasoning model's thoughts at low effort."""


async def enrich(
    leads: Sequence[Mapping[str, Any]], context: AgentContext, source: FactSource | None = None
) -> list[EnrichedLead | NoAnswer]:
    """Facts about a chunk of leads, in order; never raises for one lead.

    Args:
        leads: see ``EnrichmentState.leads``.
        context: what the agent works with.
        source: the providers in use; by default those that need no network.
    """
    given = {field.name: getattr(context, field.name) for field in fields(AgentContext)}
    full = EnrichmentContext(**given, source=source) if source else EnrichmentContext(**given)
    state = await run_graph(compiled_graph(), {"leads": leads}, full)
    enriched: list[EnrichedLead | NoAnswer] = state["enriched"]
    return enriched


@lru_cache(maxsize=1)
def compiled_graph() -> Any:
    """The compiled graph, once per process."""
    builder = StateGraph(EnrichmentState, context_schema=EnrichmentContext)
    builder.add_node("collect", collect)
    builder.add_node("extract", extract)
    builder.add_node("reconcile", reconcile)
    builder.add_edge(START, "collect")
    builder.add_edge("collect", "extract")
    builder.add_edge("extract", "reconcile")
    builder.add_edge("reconcile", END)
    return builder.compile(name="enrichment")


async def collect(state: EnrichmentState, runtime: Runtime[EnrichmentContext]) -> EnrichmentState:
    """What the providers say of every lead; a lead whose values break a rule becomes its reason."""
    context, leads = runtime.context, state["leads"]
    limits = [lead.get("limit_ms", NO_WAIT_MS) for lead in leads]
    found = await context.source.collect([_subject(lead) for lead in leads], context.scope, limits)
    return {
        "collected": [
            NoAnswer(f"rules: {item.reason}", 0.0) if isinstance(item, Broken) else item for item in found
        ]
    }


def _subject(lead: Mapping[str, Any]) -> Subject:
    tier = Tier(lead.get("tier") or Tier.UNQUALIFIED)
    return Subject(lead["lead_id"], lead, tier, lead.get("score") or 0, again=bool(lead.get("again")))


async def extract(state: EnrichmentState, runtime: Runtime[EnrichmentContext]) -> EnrichmentState:
    """Asks the engine what the words of each lead add, for the leads that the policy names."""
    context = runtime.context
    pairs = list(zip(state["leads"], state["collected"], strict=True))
    tasks = [found if isinstance(found, NoAnswer) else _task(lead, found) for lead, found in pairs]
    wanted = [
        not isinstance(found, NoAnswer)
        and found.suppressed is None
        and context.wants(partial(reading.has_unread_words, lead, found))
        for lead, found in pairs
    ]
    return {"answers": await ask(tasks, context, wanted)}


async def reconcile(state: EnrichmentState) -> EnrichmentState:
    """Keeps what holds of the engine's answers and settles each lead's facts."""
    parts = zip(state["leads"], state["collected"], state["answers"], strict=True)
    return {
        "enriched": [
            found
            if isinstance(found, NoAnswer)
            else answer
            if isinstance(answer, NoAnswer)
            else attempt(partial(_settled, lead, found, answer))
            for lead, found, answer in parts
        ]
    }


def _settled(lead: Mapping[str, Any], found: Collected, answer: Answer[Reading]) -> EnrichedLead:
    texts = reading.texts_of(lead, found.texts)
    if answer.degraded_reason:
        return rules.reconcile(found, reading.standing(lead.get("read_before") or (), texts), (), answer)
    if not answer.value.facts:
        return rules.reconcile(found, (), (), answer)
    read, dropped = reading.verified(answer.value.facts, texts)
    return rules.reconcile(found, read, dropped, answer)


def _task(lead: Mapping[str, Any], found: Collected) -> Task[Reading]:
    return Task(
        prompt=PROMPT,
        lead_id=lead["lead_id"],
        describe=partial(reading.payload_of, lead, found.texts),
        output_type=Reading,
        rules=lambda: NOTHING_READ,
        max_completion_tokens=MAX_COMPLETION_TOKENS,
    )
