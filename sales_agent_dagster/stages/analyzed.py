"""``analyzed_leads``: where a company stands in the market that the leads themselves show."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa

from sales_agent_dagster.agents.growth import PROMPT
from sales_agent_dagster.agents.growth.market import UNKNOWN, Company, Market
from sales_agent_dagster.agents.growth.state import GrowthAnalysis, GrowthLead
from sales_agent_dagster.agents.untrusted import is_nameable
from sales_agent_dagster.domain.hashing import content_hash
from sales_agent_dagster.domain.oems import brand_dictionary, categories_of, parse_brands
from sales_agent_dagster.domain.status import DONE, Status
from sales_agent_dagster.domain.tiers import Tier
from sales_agent_dagster.enrichment.phone_places import place_of_phone
from sales_agent_dagster.inference.engine import NoAnswer
from sales_agent_dagster.stages.base import LeadInput, LeadResult, Stage, StageContext, describe_dropped
from sales_agent_dagster.warehouse.schema import (
    analyzed_leads,
    enriched_leads,
    imported_leads,
    qualified_leads,
    resolution_order,
    resolved_leads,
)

_MARKETS_KEPT = 4


class AnalyzedLeads(Stage):
    """Analyses every enriched lead whose tier reaches the profile's line for growth.

    The market is the companies (leads that are no duplicates) of this batch and of those resolved
    before it. So a later batch never changes an earlier one's rows. It is computed once per run, when the
    run is planned; all chunks of the run then see the same market.
    """

    name = "analyzed_leads"
    table = analyzed_leads
    upstream = "enriched_leads"
    version = "1"
    agent = "growth"

    def __init__(self) -> None:
        self._markets: OrderedDict[tuple[str, str, str], Market] = OrderedDict()
        self._lock = threading.Lock()

    def __reduce__(self) -> tuple[type[AnalyzedLeads], tuple[()]]:
        return AnalyzedLeads, ()

    def fingerprint(self, context: StageContext) -> str:
        """Also the prompt and the brand dictionary: an edit of either recomputes the rows."""
        return content_hash(super().fingerprint(context), PROMPT.version, brand_dictionary().version)

    def load(
        self, context: StageContext, connection: sa.Connection, lead_ids: Sequence[str] | None
    ) -> list[LeadInput]:
        """Each lead's own facts with its market figures, and the gates' decision."""
        query = _leads_query(context.batch_id)
        if lead_ids is not None:
            query = query.where(imported_leads.c.lead_id.in_(lead_ids))
        rows = connection.execute(query).mappings().all()
        market = self._market(context, connection, fresh=lead_ids is None)
        return [_input(row, market, context.profile.gates.growth) for row in rows]

    def warm_up(self) -> None:
        """Imports LangGraph and compiles the graph, once per process."""
        from sales_agent_dagster.agents.growth.graph import compiled_graph

        compiled_graph()

    async def process(self, context: StageContext, inputs: Sequence[LeadInput]) -> Sequence[LeadResult]:
        """Runs the growth agent over the chunk."""
        from sales_agent_dagster.agents.growth.graph import analyze

        leads = [GrowthLead(lead_id=item.lead_id, **item.values) for item in inputs]
        analyses = await analyze(leads, context.agent)
        return [_result(item.lead_id, analysis) for item, analysis in zip(inputs, analyses, strict=True)]

    def _market(self, context: StageContext, connection: sa.Connection, *, fresh: bool) -> Market:
        key = (repr(context.warehouse), context.batch_id, context.run_id)
        with self._lock:
            if fresh or key not in self._markets:
                self._markets[key] = Market(_population(connection, context.batch_id))
                while len(self._markets) > _MARKETS_KEPT:
                    self._markets.popitem(last=False)
            return self._markets[key]


def _same_lead(left: sa.Table, right: sa.Table) -> sa.ColumnElement[bool]:
    return sa.and_(left.c.batch_id == right.c.batch_id, left.c.lead_id == right.c.lead_id)


_JOINED = (
    sa.join(imported_leads, resolved_leads, _same_lead(imported_leads, resolved_leads))
    .join(qualified_leads, _same_lead(imported_leads, qualified_leads))
    .join(enriched_leads, _same_lead(imported_leads, enriched_leads))
)
_STATE = sa.func.coalesce(enriched_leads.c.region_state, imported_leads.c.state)
_COMPANY = (
    _STATE.label("state"),
    # Only where it is the last resort: else it would split the groups of the population.
    sa.case((_STATE.is_(None), sa.func.substr(imported_leads.c.phone, 1, 8))).label("phone_prefix"),
    qualified_leads.c.score,
    sa.func.coalesce(enriched_leads.c.brands, resolved_leads.c.oems).label("brands"),
    sa.func.coalesce(enriched_leads.c.trades, qualified_leads.c.trades).label("trades"),
)
"""What makes a company's kind: the same expressions for the lead and for the population."""


def _leads_query(batch_id: str) -> sa.Select[Any]:
    lead = imported_leads.c
    return (
        sa.select(
            lead.lead_id,
            *_COMPANY,
            lead.company_name,
            lead.phone,
            lead.email,
            qualified_leads.c.tier,
            qualified_leads.c.o_and_m,
            enriched_leads.c.domain_kind,
            enriched_leads.c.status.label("enriched_status"),
            enriched_leads.c.reason.label("enriched_reason"),
        )
        .select_from(_JOINED)
        .where(lead.batch_id == batch_id)
        .order_by(lead.record_no)
    )


def _population(connection: sa.Connection, batch_id: str) -> list[tuple[Company, int]]:
    # In the order of resolution, which a batch keeps: one that was held up and comes later changes nothing.
    order = resolution_order.alias("others")
    own_place = sa.select(resolution_order.c.resolve_seq).where(resolution_order.c.batch_id == batch_id)
    companies = (
        sa.select(*_COMPANY)
        .select_from(_JOINED.join(order, order.c.batch_id == imported_leads.c.batch_id))
        .where(order.c.resolve_seq <= own_place.scalar_subquery(), resolved_leads.c.is_duplicate.is_(False))
        .subquery("companies")
    )
    query = sa.select(*companies.c, sa.func.count().label("companies")).group_by(*companies.c)
    return [(_company(row), row["companies"]) for row in connection.execute(query).mappings()]


def _company(row: sa.RowMapping) -> Company:
    brands = tuple(sorted(filter(is_nameable, parse_brands(row["brands"]))))
    trades = tuple(row["trades"].split(", ")) if row["trades"] else ()
    categories = (category for brand in brands for category in categories_of(brand))
    return Company(_territory(row), row["score"], brands, trades, frozenset((*trades, *categories)))


def _territory(row: sa.RowMapping) -> str:
    state, prefix = row["state"], row["phone_prefix"]
    if state is None and prefix is not None:
        # The line number says nothing about the place; 5555 makes the number whole again.
        state = place_of_phone(f"{prefix}5555").state
    return state or UNKNOWN


def _input(row: sa.RowMapping, market: Market, line: Tier) -> LeadInput:
    skip = _gate(row, line)
    if skip is not None:
        return LeadInput(row["lead_id"], {}, skip)
    values = {
        "company_name": row["company_name"],
        "figures": market.figures(_company(row)),
        "o_and_m": row["o_and_m"],
        "has_phone": row["phone"] is not None,
        "has_email": row["email"] is not None,
        "has_own_website": row["domain_kind"] == "own",
    }
    return LeadInput(row["lead_id"], values)


def _gate(row: sa.RowMapping, line: Tier) -> str | None:
    if row["enriched_status"] not in DONE:
        return row["enriched_reason"] or f"enrichment {row['enriched_status']}"
    tier = row["tier"]
    if tier is None or not Tier(tier).reaches(line):
        return f"tier {tier or 'unknown'} is below the line {line} for growth"
    return None


def _result(lead_id: str, analysis: GrowthAnalysis | NoAnswer) -> LeadResult:
    if isinstance(analysis, NoAnswer):
        return LeadResult(lead_id, Status.FAILED, analysis.reason, latency_ms=analysis.latency_ms)
    answer = analysis.answer
    return LeadResult(
        lead_id,
        Status.DEGRADED if answer.degraded_reason else Status.OK,
        answer.degraded_reason or describe_dropped(analysis.words.dropped),
        _columns(analysis),
        engine=answer.engine,
        engine_version=answer.engine_version,
        latency_ms=answer.latency_ms,
        cost_usd=answer.cost_usd,
    )


def _columns(analysis: GrowthAnalysis) -> dict[str, Any]:
    figures, measures, words = analysis.lead.figures, analysis.measures, analysis.words
    return {
        "territory": figures.territory,
        "compared_with": figures.scope,
        "territory_leads": figures.territory_leads,
        "territory_density": figures.territory_density,
        "same_oem_competitors": figures.same_oem_competitors,
        "same_trade_competitors": figures.same_trade_competitors,
        "market_position": measures.market_position,
        "score_percentile": figures.score_percentile,
        "main_brand": figures.main_brand,
        "capability_gaps": ", ".join(gap.capability for gap in figures.gaps) or None,
        "gaps": [asdict(gap) for gap in figures.gaps],
        "expansion_score": measures.expansion_score,
        "summary": words.summary,
        "reasons": [asdict(part) for part in measures.components],
        "plays": [asdict(play) for play in words.plays],
        "dropped_claims": len(words.dropped),
    }
