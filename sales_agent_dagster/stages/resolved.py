"""``resolved_leads``: which leads are the same company, over this batch and all resolved before it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from sales_agent_dagster.domain.hashing import content_hash
from sales_agent_dagster.domain.status import Status
from sales_agent_dagster.domain.suppression import SuppressionList
from sales_agent_dagster.matching.base import Decision, KnownRecord, Matcher, Record
from sales_agent_dagster.matching.exact import ExactMatcher
from sales_agent_dagster.matching.keys import site_of
from sales_agent_dagster.stages.base import LeadInput, LeadResult, Plan, StageContext
from sales_agent_dagster.stages.exclusive import ExclusiveStage
from sales_agent_dagster.stages.known_companies import known_companies, known_leads, resolve_seq
from sales_agent_dagster.warehouse.schema import imported_leads, lead_keys, resolution_order, resolved_leads

LEAD_COLUMNS = (
    "lead_id",
    "record_no",
    "line_no",
    "company_name",
    "email",
    "phone",
    "phone_2",
    "website_host",
    "domain",
    "city",
    "state",
    "oems",
    "do_not_contact",
    "existing_customer",
)


class _WholeBatch(Plan):
    """A plan that is never cut: leads of one batch are decided together."""

    def chunks(self, size: int) -> list[tuple[str, ...]]:
        """All of ``todo`` as one chunk, whatever ``size`` says."""
        return [self.todo] if self.todo else []


@dataclass(slots=True)
class _Company:
    """What is known of a company: over its leads of earlier batches, then of this one."""

    size: int = 0
    oems: dict[str, None] = field(default_factory=dict)
    suppressed_reason: str | None = None


class ResolvedLeads(ExclusiveStage):
    """Decides for a whole batch at once, in import order.

    A batch sees the batches that were first resolved before it; that order is kept, so a re-run decides
    as the first run did and later batches never change earlier ones.
    """

    name = "resolved_leads"
    table = resolved_leads
    upstream = "imported_leads"
    version = "1"

    def __init__(self) -> None:
        self._matcher: Matcher = ExactMatcher()

    def fingerprint(self, context: StageContext) -> str:
        """The matcher and the profile's suppression lists; engine and scoring do not matter here."""
        suppress = context.profile.suppress.model_dump()
        return content_hash(self.version, self._matcher.name, self._matcher.version, suppress)

    def plan(self, context: StageContext) -> Plan:
        """All leads of the batch when one of their rows is missing or out of date, else none."""
        with context.warehouse.reading() as connection:
            ids = [lead["lead_id"] for lead in _batch_leads(connection, context.batch_id)]
            stored = connection.scalars(
                sa.select(resolved_leads.c.lead_id).where(resolved_leads.c.batch_id == context.batch_id)
            )
            complete = set(stored).issuperset(ids)
        # Comparing hashes needs all that earlier batches know: only worth it when rows are there.
        current = complete and not super().plan(context).todo
        return _WholeBatch(len(ids), () if current else tuple(ids))

    def load(
        self, context: StageContext, connection: sa.Connection, lead_ids: Sequence[str] | None
    ) -> list[LeadInput]:
        """The whole batch, whatever ``lead_ids`` says: one lead's row depends on all others."""
        leads = _batch_leads(connection, context.batch_id)
        keys = {key for lead in leads for key in self._matcher.keys(_record(lead))}
        own_place = resolve_seq(connection, context.batch_id)
        known = known_leads(connection, keys, before=own_place)
        companies = known_companies(connection, {lead["entity_id"] for lead in known}, before=own_place)
        past = {"leads": known, "companies": companies}
        return [LeadInput(lead["lead_id"], {"lead": lead, "past": past}) for lead in leads]

    def hashes(self, context: StageContext, inputs: Iterable[LeadInput]) -> dict[str, str]:
        """One hash of the whole batch and its past, marked with the lead."""
        items = list(inputs)
        past = items[0].values["past"] if items else None
        together = content_hash(self.fingerprint(context), [item.values["lead"] for item in items], past)
        return {item.lead_id: content_hash(together, item.lead_id) for item in items}

    async def process(self, context: StageContext, inputs: Sequence[LeadInput]) -> Sequence[LeadResult]:
        """Decisions of the matcher with what they make known of each company."""
        leads = [item.values["lead"] for item in inputs]
        past = inputs[0].values["past"]
        records = [_record(lead) for lead in leads]
        known = [
            KnownRecord(_record(lead, lead["batch_id"]), lead["entity_id"], lead["founder_id"])
            for lead in past["leads"]
        ]
        decisions = self._matcher.resolve(records, known)
        companies = _companies(leads, decisions, past["companies"], SuppressionList(context.profile.suppress))
        return [
            LeadResult(
                lead["lead_id"],
                Status.OK,
                decision.reason,
                _columns(decision, companies[decision.entity_id]),
                {lead_keys: self._key_rows(lead, record, decision)},
                engine_version=f"{self._matcher.name} {self._matcher.version}",
            )
            for lead, record, decision in zip(leads, records, decisions, strict=True)
        ]

    def store(
        self,
        context: StageContext,
        connection: sa.Connection,
        results: Sequence[LeadResult],
        hashes: Mapping[str, str],
    ) -> None:
        """Also writes the keys under which later batches find these leads, and the batch's place."""
        stamp = {"batch_id": context.batch_id, "run_id": context.run_id, "created_at": context.now()}
        seq = resolve_seq(connection, context.batch_id)
        if seq is None:
            highest = connection.scalar(sa.select(sa.func.max(resolution_order.c.resolve_seq)))
            seq = (highest or 0) + 1
            context.warehouse.upsert(connection, resolution_order, [{**stamp, "resolve_seq": seq}])
        connection.execute(sa.delete(lead_keys).where(lead_keys.c.batch_id == context.batch_id))
        super().store(context, connection, results, hashes)
        rows = [
            {**row, **stamp, "lead_id": result.lead_id, "resolve_seq": seq}
            for result in results
            for row in result.children[lead_keys]
        ]
        context.warehouse.upsert(connection, lead_keys, rows)

    def _key_rows(self, lead: Mapping[str, Any], record: Record, decision: Decision) -> list[dict[str, Any]]:
        return [
            {
                "kind": key.kind,
                "value": key.value,
                "entity_id": decision.entity_id,
                "record_no": lead["record_no"],
            }
            for key in self._matcher.keys(record)
        ]


def _batch_leads(connection: sa.Connection, batch_id: str) -> list[dict[str, Any]]:
    query = (
        sa.select(*(imported_leads.c[name] for name in LEAD_COLUMNS))
        .where(imported_leads.c.batch_id == batch_id)
        .order_by(imported_leads.c.record_no)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def _record(lead: Mapping[str, Any], batch_id: str | None = None) -> Record:
    where = f"line {lead['line_no']}" + (f" of {batch_id}" if batch_id else "")
    return Record(
        lead_id=lead["lead_id"],
        company_name=lead["company_name"],
        where=where,
        phones=tuple(phone for phone in (lead["phone"], lead["phone_2"]) if phone),
        email=lead["email"],
        site=site_of(lead["website_host"], lead["domain"], lead["email"]),
        city=lead["city"],
        state=lead["state"],
    )


def _companies(
    leads: Sequence[Mapping[str, Any]],
    decisions: Sequence[Decision],
    past: Mapping[str, Mapping[str, Any]],
    suppression: SuppressionList,
) -> dict[str, _Company]:
    """Per company: number of leads, union of their brands, the first reason not to contact any of them."""
    companies: dict[str, _Company] = defaultdict(_Company)
    for entity_id, known in past.items():
        companies[entity_id] = _Company(known["size"], _brands(known["oems"]), known["suppressed_reason"])
    for lead, decision in zip(leads, decisions, strict=True):
        company = companies[decision.entity_id]
        company.size += 1
        company.oems |= _brands(lead["oems"])
        if company.suppressed_reason is None and (reason := suppression.reason(lead)):
            company.suppressed_reason = f"{reason} (lead {lead['lead_id']})"
    return companies


def _brands(oems: str | None) -> dict[str, None]:
    return dict.fromkeys(oems.split(", ")) if oems else {}


def _columns(decision: Decision, company: _Company) -> dict[str, Any]:
    is_duplicate = decision.founder_id != decision.lead_id
    return {
        "entity_id": decision.entity_id,
        "is_duplicate": is_duplicate,
        "duplicate_of": decision.founder_id if is_duplicate else None,
        "match_rule": decision.rule,
        "related_to": decision.related_to,
        "cluster_size": company.size,
        "oems": ", ".join(company.oems) or None,
        "oem_count": len(company.oems),
        "suppressed": company.suppressed_reason is not None,
        "suppressed_reason": company.suppressed_reason,
        "evidence": decision.evidence or None,
    }
