"""``qualified_leads``: score, tier and why."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from sales_agent_dagster.agents.qualification import PROMPT
from sales_agent_dagster.agents.qualification.state import Factor, Verdict
from sales_agent_dagster.domain.hashing import content_hash
from sales_agent_dagster.domain.icp import one_decimal
from sales_agent_dagster.domain.oems import brand_dictionary
from sales_agent_dagster.domain.status import DONE, Status
from sales_agent_dagster.inference.engine import NoAnswer
from sales_agent_dagster.stages.base import LeadInput, LeadResult, Stage, StageContext, describe_dropped
from sales_agent_dagster.warehouse.schema import imported_leads, qualified_leads, resolved_leads

_FIELDS = (
    "company_name",
    "contact_name",
    "email",
    "phone_kind",
    "phone_2",
    "website_host",
    "industry",
    "rating",
    "dealer_tier",
    "capabilities",
    "source_icp_score",
    "source_resimercial",
    "source_multi_oem",
    "source_mep_r",
    "source_o_and_m",
    "notes",
)


class QualifiedLeads(Stage):
    """Scores every lead that is neither a duplicate nor suppressed."""

    name = "qualified_leads"
    table = qualified_leads
    upstream = "resolved_leads"
    version = "1"
    agent = "qualification"
    profile_sections = ("icp",)

    def fingerprint(self, context: StageContext) -> str:
        """Also the prompt and the brand dictionary: an edit of either recomputes the rows."""
        return content_hash(super().fingerprint(context), PROMPT.version, brand_dictionary().version)

    def load(
        self, context: StageContext, connection: sa.Connection, lead_ids: Sequence[str] | None
    ) -> list[LeadInput]:
        """Imported fields with the brands of the whole company, and the gates' decision."""
        lead, company = imported_leads.c, resolved_leads.c
        query = (
            sa.select(
                lead.lead_id,
                *(lead[name] for name in _FIELDS),
                sa.func.coalesce(company.oems, lead.oems).label("oems"),
                company.status.label("resolved_status"),
                company.reason.label("resolved_reason"),
                company.suppressed,
                company.suppressed_reason,
                company.is_duplicate,
                company.duplicate_of,
            )
            .join(
                resolved_leads,
                sa.and_(company.batch_id == lead.batch_id, company.lead_id == lead.lead_id),
            )
            .where(lead.batch_id == context.batch_id)
            .order_by(lead.record_no)
        )
        if lead_ids is not None:
            query = query.where(lead.lead_id.in_(lead_ids))
        rows = connection.execute(query).mappings().all()
        names = _company_names(connection, [row["duplicate_of"] for row in rows if row["duplicate_of"]])
        return [
            LeadInput(
                row["lead_id"],
                {name: row[name] for name in (*_FIELDS, "oems")},
                _gate(row, names),
            )
            for row in rows
        ]

    def warm_up(self) -> None:
        """Imports LangGraph and compiles the graph, once per process."""
        from sales_agent_dagster.agents.qualification.graph import compiled_graph

        compiled_graph()

    async def process(self, context: StageContext, inputs: Sequence[LeadInput]) -> Sequence[LeadResult]:
        """Runs the qualification agent over the chunk."""
        from sales_agent_dagster.agents.qualification.graph import qualify

        verdicts = await qualify([{"lead_id": item.lead_id, **item.values} for item in inputs], context.agent)
        return [_result(item, verdict) for item, verdict in zip(inputs, verdicts, strict=True)]


def _company_names(connection: sa.Connection, lead_ids: Sequence[str]) -> dict[str, str]:
    query = sa.select(imported_leads.c.lead_id, imported_leads.c.company_name).where(
        imported_leads.c.lead_id.in_(lead_ids)
    )
    return dict(connection.execute(query).tuples().all()) if lead_ids else {}


def _gate(row: sa.RowMapping, names: dict[str, str]) -> str | None:
    if row["suppressed"]:
        return f"suppressed: {row['suppressed_reason']}"
    if row["is_duplicate"]:
        earlier = row["duplicate_of"]
        return f"duplicate of {earlier} ({names.get(earlier, 'unknown company')})"
    if row["resolved_status"] not in DONE:
        return f"identity {row['resolved_status']}: {row['resolved_reason']}"
    return None


def _result(item: LeadInput, verdict: Verdict | NoAnswer) -> LeadResult:
    stated = item.values["source_icp_score"]
    if isinstance(verdict, NoAnswer):
        return LeadResult(
            item.lead_id,
            Status.FAILED,
            verdict.reason,
            {"source_icp_score": stated},
            latency_ms=verdict.latency_ms,
        )
    answer = verdict.answer
    return LeadResult(
        item.lead_id,
        Status.DEGRADED if answer.degraded_reason else Status.OK,
        answer.degraded_reason or describe_dropped(verdict.qualification.dropped),
        _columns(verdict, stated),
        engine=answer.engine,
        engine_version=answer.engine_version,
        latency_ms=answer.latency_ms,
        cost_usd=answer.cost_usd,
    )


def _columns(verdict: Verdict, stated: float | None) -> dict[str, Any]:
    value, card = verdict.qualification, verdict.scored.scorecard
    return {
        "score": value.score,
        "tier": value.tier.value,
        "confidence": value.confidence,
        "icp_score": card.icp_score,
        **{name: dimension.value for name, dimension in card.dimensions.items()},
        "signal_points": card.signal_points,
        "judged_points": value.judged_points,
        "source_icp_score": stated,
        "icp_delta": None if stated is None else one_decimal(card.icp_score - stated),
        "trades": ", ".join(verdict.scored.features.trades) or None,
        "summary": value.summary,
        "next_steps": "\n".join(value.next_steps),
        "objections": "\n".join(value.objections) or None,
        "factors": [_row_of(factor) for factor in value.factors],
        "dropped_claims": len(value.dropped),
    }


@lru_cache(maxsize=16384)
def _row_of(factor: Factor) -> dict[str, Any]:
    return asdict(factor)
