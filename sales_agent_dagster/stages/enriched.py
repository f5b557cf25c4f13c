"""``enriched_leads``: facts beyond the file."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import timedelta
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from sales_agent_dagster.agents.enrichment import PROMPT
from sales_agent_dagster.agents.enrichment.state import EnrichedLead
from sales_agent_dagster.domain.hashing import content_hash
from sales_agent_dagster.domain.oems import brand_dictionary
from sales_agent_dagster.domain.profile import Profile
from sales_agent_dagster.domain.status import DONE, Status
from sales_agent_dagster.domain.tiers import Tier
from sales_agent_dagster.enrichment.collecting import Missing
from sales_agent_dagster.enrichment.facts import Fact
from sales_agent_dagster.enrichment.offline import load_places
from sales_agent_dagster.enrichment.providers import COLUMNS
from sales_agent_dagster.enrichment.registry import in_use_version, uses_network
from sales_agent_dagster.enrichment.waterfall import load_waterfall
from sales_agent_dagster.inference.engine import NoAnswer
from sales_agent_dagster.settings import Settings
from sales_agent_dagster.stages.base import (
    LeadInput,
    LeadResult,
    Plan,
    Stage,
    StageContext,
    describe_dropped,
)
from sales_agent_dagster.warehouse.schema import (
    enriched_leads,
    enrichment_queue,
    enrichment_suppressions,
    imported_leads,
    qualified_leads,
    resolved_leads,
)

SHARE_OF_SLA = 0.8
"""Part of the SLA that a lead may wait for providers; the rest is for a model that reads what they found."""

_SETTLED = (
    "website_status",
    "employees",
    "founded",
    "company_linkedin",
    "company_phone",
    "company_email",
    "contact_person",
    "contact_email",
    "email_status",
)
"""Columns that are a field's surest value."""

_COMMON = frozenset(
    {"batch_id", "lead_id", "status", "reason", "engine", "engine_version", "latency_ms", "cost_usd"}
    | {"input_hash", "run_id", "created_at"}
)
"""Columns of every stage's table."""


class EnrichedLeads(Stage):
    """Collects facts about every qualified lead whose tier reaches the profile's line."""

    name = "enriched_leads"
    table = enriched_leads
    upstream = "qualified_leads"
    version = "2"
    agent = "enrichment"
    child_tables = (enrichment_queue,)

    def fingerprint(self, context: StageContext) -> str:
        """Also the prompt, the brand dictionary and the providers in use: a change recomputes the rows."""
        settings = context.settings
        providers = in_use_version(settings, load_waterfall(settings.waterfall_path))
        return content_hash(
            super().fingerprint(context), PROMPT.version, brand_dictionary().version, providers
        )

    def load(
        self, context: StageContext, connection: sa.Connection, lead_ids: Sequence[str] | None
    ) -> list[LeadInput]:
        """Imported fields with the brands of the whole company, and the gates' decision."""
        lead, company, qualified = imported_leads.c, resolved_leads.c, qualified_leads.c
        opted_out = sa.select(enrichment_suppressions.c.value)
        query = (
            sa.select(
                lead.lead_id,
                *(lead[name] for name in COLUMNS if name != "oems"),
                sa.func.coalesce(company.oems, lead.oems).label("oems"),
                qualified.status.label("qualified_status"),
                qualified.reason.label("qualified_reason"),
                qualified.tier,
                qualified.score,
                sa.or_(
                    lead.email.in_(opted_out), lead.website_host.in_(opted_out), lead.domain.in_(opted_out)
                ).label("opted_out"),
            )
            .join(
                resolved_leads,
                sa.and_(company.batch_id == lead.batch_id, company.lead_id == lead.lead_id),
            )
            .join(
                qualified_leads,
                sa.and_(qualified.batch_id == lead.batch_id, qualified.lead_id == lead.lead_id),
            )
            .where(lead.batch_id == context.batch_id)
            .order_by(lead.record_no)
        )
        if lead_ids is not None:
            query = query.where(lead.lead_id.in_(lead_ids))
        # Tier and score decide whom the providers on the network are asked about, and nothing else.
        asked = COLUMNS + (("tier", "score") if _uses_network(context) else ())
        return [
            LeadInput(row["lead_id"], {name: row[name] for name in asked}, _gate(row, context.profile))
            for row in connection.execute(query).mappings()
        ]

    def plan(self, context: StageContext) -> Plan:
        """Also the leads whose next pass over a provider that has not answered is due."""
        plan = super().plan(context)
        if not _uses_network(context):
            return plan
        queue = enrichment_queue.c
        query = sa.select(queue.lead_id).where(
            queue.batch_id == context.batch_id, queue.due_at <= context.now()
        )
        with context.warehouse.reading() as connection:
            due = set(connection.scalars(query)) - set(plan.todo)
        return replace(plan, todo=(*plan.todo, *sorted(due)))

    def warm_up(self) -> None:
        """Imports LangGraph, compiles the graph and reads the tables of places, once per process."""
        from sales_agent_dagster.agents.enrichment.graph import compiled_graph

        compiled_graph()
        load_places()

    async def process(self, context: StageContext, inputs: Sequence[LeadInput]) -> Sequence[LeadResult]:
        """Runs the enrichment agent over the chunk."""
        from sales_agent_dagster.agents.enrichment.graph import enrich

        passes = _passes(context, inputs)
        before = _stored(context, passes)
        leads = [
            {
                **item.values,
                "lead_id": item.lead_id,
                "limit_ms": limit_ms(context.settings, later=item.lead_id in passes),
                "again": item.lead_id in passes,
                "read_before": before[item.lead_id]["facts"] if item.lead_id in before else None,
            }
            for item in inputs
        ]
        enriched = await enrich(leads, context.agent, context.facts)
        return [
            _kept(context, lead, before[item.lead_id], passes[item.lead_id])
            if isinstance(lead, NoAnswer) and item.lead_id in before
            else _result(context, item, lead, passes.get(item.lead_id, {}))
            for item, lead in zip(inputs, enriched, strict=True)
        ]


def limit_ms(settings: Settings, *, later: bool) -> float:
    """Longest that a lead waits for providers; ``later`` is a pass over what was not answered in time."""
    if later:
        return settings.enrichment.pending_deadline_ms
    if settings.enrichment.deadline_ms is not None:
        return settings.enrichment.deadline_ms
    sla = settings.sla.enrichment.p95_ms
    return settings.enrichment.pending_deadline_ms if sla is None else SHARE_OF_SLA * sla


def _uses_network(context: StageContext) -> bool:
    return uses_network(context.settings, load_waterfall(context.settings.waterfall_path))


def _passes(context: StageContext, inputs: Sequence[LeadInput]) -> dict[str, dict[str, int]]:
    """Passes so far by provider, of the leads that wait for one."""
    if not _uses_network(context):
        return {}
    queue = enrichment_queue.c
    query = sa.select(queue.lead_id, queue.provider, queue.attempts).where(
        queue.batch_id == context.batch_id, queue.lead_id.in_([item.lead_id for item in inputs])
    )
    passes: dict[str, dict[str, int]] = {}
    with context.warehouse.reading() as connection:
        for row in connection.execute(query):
            passes.setdefault(row.lead_id, {})[row.provider] = row.attempts
    return passes


def _stored(context: StageContext, lead_ids: Iterable[str]) -> dict[str, sa.RowMapping]:
    """Rows of an earlier pass that say something."""
    row = enriched_leads.c
    query = sa.select(enriched_leads).where(
        row.batch_id == context.batch_id,
        row.lead_id.in_(list(lead_ids)),
        row.status.in_([status.value for status in DONE]),
    )
    with context.warehouse.reading() as connection:
        return {found["lead_id"]: found for found in connection.execute(query).mappings()}


def _kept(
    context: StageContext, failure: NoAnswer, row: sa.RowMapping, passes: Mapping[str, int]
) -> LeadResult:
    """The row as it was: a pass that fails takes nothing away, and is tried again as often as any."""
    missing = [Missing(provider, failure.reason, later=True) for provider in passes]
    queued = _queued(context, missing, passes)
    own = {column.name: row[column.name] for column in enriched_leads.columns if column.name not in _COMMON}
    status = Status(row["status"])
    reasons = (row["reason"] if status is Status.DEGRADED else None, _describe(missing, queued))
    return LeadResult(
        row["lead_id"],
        status,
        "; ".join(filter(None, reasons)),
        own | {"pending_providers": _pending(queued)},
        children={enrichment_queue: queued},
        engine=row["engine"],
        engine_version=row["engine_version"],
        latency_ms=row["latency_ms"],
        cost_usd=row["cost_usd"],
        own_latency=True,
    )


def _pending(queued: Sequence[Mapping[str, Any]]) -> str | None:
    return ", ".join(row["provider"] for row in queued) or None


def _gate(row: sa.RowMapping, profile: Profile) -> str | None:
    if row["qualified_status"] == Status.SKIPPED:
        return str(row["qualified_reason"])
    if row["qualified_status"] not in DONE:
        return f"qualification {row['qualified_status']}: {row['qualified_reason']}"
    tier, line = Tier(row["tier"]), profile.gates.enrichment
    if not tier.reaches(line):
        return f"tier {tier} is below the line {line} for enrichment"
    if row["opted_out"]:
        return "suppressed: asked a provider not to be processed"
    return None


def _result(
    context: StageContext, item: LeadInput, lead: EnrichedLead | NoAnswer, passes: Mapping[str, int]
) -> LeadResult:
    if isinstance(lead, NoAnswer):
        return LeadResult(item.lead_id, Status.FAILED, lead.reason, latency_ms=lead.latency_ms)
    answer, collected = lead.answer, lead.collected
    if collected.suppressed is not None:
        return LeadResult(item.lead_id, Status.SKIPPED, f"suppressed: {collected.suppressed}")
    queued = _queued(context, collected.missing, passes)
    reasons = (answer.degraded_reason, describe_dropped(lead.dropped), _describe(collected.missing, queued))
    networked = collected.latency_ms > 0
    return LeadResult(
        item.lead_id,
        Status.DEGRADED if answer.degraded_reason else Status.OK,
        "; ".join(filter(None, reasons)) or None,
        _columns(lead, queued),
        children={enrichment_queue: queued},
        engine=answer.engine,
        engine_version=answer.engine_version,
        # In a later pass nobody waits for the lead: its time is the model's alone.
        latency_ms=answer.latency_ms + (0.0 if passes else collected.latency_ms),
        cost_usd=answer.cost_usd,
        own_latency=networked,
    )


def _queued(
    context: StageContext, missing: Sequence[Missing], passes: Mapping[str, int]
) -> list[dict[str, Any]]:
    """Rows for the providers to be asked again: each time after twice the time, and not for ever.

    A pass in which the lead was held back is none: it waits for its turn as long as it takes.
    """
    settings = context.settings.enrichment
    rows = []
    for item in {one.provider: one for one in missing if one.later}.values():
        before = passes.get(item.provider, 0)
        if item.counts and before >= settings.pending_attempts:
            continue
        wait_s = max(settings.pending_after_s * 2**before, item.retry_after_s or 0.0)
        rows.append(
            {
                "provider": item.provider,
                "reason": item.reason,
                "attempts": before + item.counts,
                "due_at": context.now() + timedelta(seconds=wait_s),
            }
        )
    return rows


def _describe(missing: Sequence[Missing], queued: Sequence[Mapping[str, Any]]) -> str | None:
    """``website: no answer in time (asked again later)``, one after another."""
    if not missing:
        return None
    again = {row["provider"] for row in queued}
    told = (
        f"{item.provider}: {item.reason}{' (asked again later)' if item.provider in again else ''}"
        for item in missing
    )
    return "; ".join(told)[:300]


def _columns(lead: EnrichedLead, queued: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    region, values, collected = lead.region, lead.values, lead.collected
    return {
        "region_city": region.city,
        "region_state": region.state,
        "region_county": region.county,
        "timezone": region.timezone,
        "region_source": region.source,
        "domain_kind": values.get("domain_kind", "none"),
        "email_kind": values.get("email_kind", "none"),
        "brands": values.get("brands"),
        "brand_categories": values.get("brand_categories"),
        "trades": ", ".join(lead.trades) or None,
        "trade_count": len(lead.trades),
        **{name: values.get(name) for name in _SETTLED},
        "providers": ", ".join(collected.answered) or None,
        "pending_providers": _pending(queued),
        "provider_credits": collected.credits,
        "fact_count": len(lead.facts),
        "completeness": lead.completeness,
        "read_count": lead.read_count,
        "dropped_facts": len(lead.dropped),
        "facts": [_row_of(fact) for fact in lead.facts],
    }


@lru_cache(maxsize=16384)
def _row_of(fact: Fact) -> dict[str, Any]:
    return {name: value for name, value in asdict(fact).items() if value is not None}
