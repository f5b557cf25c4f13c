"""``crm_synced_leads``: what the CRM would be told about each company. Sends nothing: ``stages.crm`` does."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from sales_agent_dagster.crm.base import CrmRecord, Fields
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.crm.mapping import company_record, record_of
from sales_agent_dagster.crm.plan import Operation, plan_record
from sales_agent_dagster.crm.preview import PreviewCrm, record_id_of, replay
from sales_agent_dagster.domain.hashing import content_hash
from sales_agent_dagster.domain.profile import Profile
from sales_agent_dagster.domain.status import DONE, Status
from sales_agent_dagster.domain.tiers import Tier
from sales_agent_dagster.stages.base import LeadInput, LeadResult, Plan, StageContext
from sales_agent_dagster.stages.crm.batch import configured, look_at_crm, sync_batch
from sales_agent_dagster.stages.crm.wanting import (
    contacts_of,
    plan_for_crm,
    tell_outcomes,
    wanted_before,
    wanted_row,
)
from sales_agent_dagster.stages.exclusive import ExclusiveStage
from sales_agent_dagster.stages.known_companies import chunked, resolve_seq
from sales_agent_dagster.warehouse.schema import (
    analyzed_leads,
    campaigns,
    crm_outbox,
    crm_preview_records,
    crm_synced_leads,
    crm_wanted,
    enriched_leads,
    imported_leads,
    qualified_leads,
    resolution_order,
    resolved_leads,
)

_IMPORTED = (
    "lead_id",
    "record_no",
    "company_name",
    "phone",
    "website",
    "linkedin_url",
    "street",
    "city",
    "state",
    "zip",
    "country",
    "industry",
    "contact_name",
    "contact_title",
    "email",
)
_RESOLVED = ("entity_id", "is_duplicate", "duplicate_of", "suppressed", "suppressed_reason")


class CrmSyncedLeads(ExclusiveStage):
    """Plans one operation per company and batch; the company's other leads of the batch are skipped.

    What the preview CRM would hold is replayed from the outbox: a batch plans against the operations of
    the batches resolved before it, never against its own. So a re-run plans what the first run planned.
    The plan for a configured CRM is the one against its records as they were last pulled.
    """

    name = "crm_synced_leads"
    table = crm_synced_leads
    upstream = "campaigns"
    version = "2"
    child_tables = (crm_outbox, crm_wanted)

    async def run(self, context: StageContext) -> Plan:
        """With a CRM configured: also compare with its records as they are now, and sync when it is live."""
        done = await super().run(context)
        if configured(context):
            seen = look_at_crm(context)
            with context.warehouse.transaction() as connection:
                ids = connection.scalars(
                    sa.select(crm_wanted.c.lead_id).where(crm_wanted.c.batch_id == context.batch_id)
                ).all()
                plan_for_crm(context, connection, list(ids))
            sync_batch(context, seen)
            with context.warehouse.transaction() as connection:
                tell_outcomes(context, connection)
        return done

    def fingerprint(self, context: StageContext) -> str:
        """The version and which CRM: what else matters is in the leads' values or their gate."""
        return content_hash(self.version, context.settings.crm.system)

    def skipped_values(self, item: LeadInput) -> dict[str, Any]:
        """No operation."""
        return {"crm": PreviewCrm.name, "operation": Operation.SKIP.value}

    def load(
        self, context: StageContext, connection: sa.Connection, lead_ids: Sequence[str] | None
    ) -> list[LeadInput]:
        """Per lead the company's record as we know it, the CRM's, and the gates' decision."""
        rows = [dict(row) for row in connection.execute(_leads(context.batch_id, lead_ids)).mappings()]
        companies: dict[str, list[dict[str, Any]]] = defaultdict(list)
        for row in rows:
            companies[row["entity_id"]].append(row)
        crm = PreviewCrm(_planned(connection, list(companies), resolve_seq(connection, context.batch_id)))
        records = crm.lookup(list(companies))
        wanted = wanted_before(connection, list(companies), resolve_seq(connection, context.batch_id))
        asked = None if lead_ids is None else set(lead_ids)
        return [
            _input(
                row,
                companies[row["entity_id"]],
                records.get(row["entity_id"]),
                context.profile,
                known=row["entity_id"] in wanted,
            )
            for row in rows
            if asked is None or row["lead_id"] in asked
        ]

    async def process(self, context: StageContext, inputs: Sequence[LeadInput]) -> Sequence[LeadResult]:
        """One operation per lead that no gate stopped."""
        return [_result(item, context.batch_id) for item in inputs]

    def store(
        self,
        context: StageContext,
        connection: sa.Connection,
        results: Sequence[LeadResult],
        hashes: Mapping[str, str],
    ) -> None:
        """Also brings the preview CRM to the state after the plan."""
        outbox = crm_outbox.c
        of_leads = sa.select(outbox.entity_id).where(
            outbox.batch_id == context.batch_id, outbox.lead_id.in_([result.lead_id for result in results])
        )
        before = set(connection.scalars(of_leads))
        super().store(context, connection, results, hashes)
        after = {row["entity_id"] for result in results for row in result.children.get(crm_outbox, ())}
        _refresh_preview(context, connection, sorted(before | after))
        if context.settings.crm.system != PreviewCrm.name:
            plan_for_crm(context, connection, [result.lead_id for result in results])


def _leads(batch_id: str, lead_ids: Sequence[str] | None) -> sa.Select[Any]:
    """All leads of the batch, or of the companies of the given leads, in import order."""
    lead, company, qualified, enriched = (
        imported_leads.c,
        resolved_leads.c,
        qualified_leads.c,
        enriched_leads.c,
    )
    query = sa.select(
        *(lead[name] for name in _IMPORTED),
        *(company[name] for name in _RESOLVED),
        company.oems.label("brands"),
        qualified.status.label("qualified_status"),
        qualified.reason.label("qualified_reason"),
        qualified.tier,
        qualified.score,
        sa.func.coalesce(enriched.trades, qualified.trades).label("trades"),
        analyzed_leads.c.expansion_score,
        sa.func.coalesce(campaigns.c.next_step, qualified.next_steps).label("next_step"),
    ).select_from(imported_leads)
    for table in (resolved_leads, qualified_leads, enriched_leads, analyzed_leads, campaigns):
        query = query.join(table, sa.and_(table.c.batch_id == lead.batch_id, table.c.lead_id == lead.lead_id))
    query = query.where(lead.batch_id == batch_id).order_by(lead.record_no)
    if lead_ids is None:
        return query
    same = sa.select(resolved_leads.c.entity_id).where(
        resolved_leads.c.batch_id == batch_id, resolved_leads.c.lead_id.in_(lead_ids)
    )
    return query.where(company.entity_id.in_(same))


def _input(
    lead: Mapping[str, Any],
    company: Sequence[Mapping[str, Any]],
    current: CrmRecord | None,
    profile: Profile,
    *,
    known: bool,
) -> LeadInput:
    skip = _gate(lead, company[0], profile, known=known)
    if skip:
        return LeadInput(lead["lead_id"], {"entity_id": lead["entity_id"]}, skip)
    values = {
        "entity_id": lead["entity_id"],
        "wanted": company_record(map(record_of, company)),
        "contacts": contacts_of(map(record_of, company)),
        "current": dict(current.fields) if current else None,
    }
    return LeadInput(lead["lead_id"], values)


def _gate(
    lead: Mapping[str, Any], standing: Mapping[str, Any], profile: Profile, *, known: bool
) -> str | None:
    """Why the lead plans nothing.

    ``standing`` is the first lead of its company in the batch; ``known`` says that an earlier batch wants
    the company in the CRM.
    """
    if lead["suppressed"]:
        return f"suppressed: {lead['suppressed_reason']}"
    if lead["lead_id"] != standing["lead_id"]:
        return f"duplicate: the company is synced as {standing['lead_id']} ({standing['company_name'][:80]})"
    if lead["qualified_status"] in DONE:
        tier, line = Tier(lead["tier"]), profile.gates.crm
        return None if tier.reaches(line) else f"tier {tier} is below the line {line} for the CRM"
    if lead["is_duplicate"] and lead["qualified_status"] == Status.SKIPPED:
        # An earlier batch judged the company: what this list adds goes to its record, if it has one.
        return None if known else f"duplicate of {lead['duplicate_of']}, whose company is not in the CRM"
    return f"qualification {lead['qualified_status']}: {lead['qualified_reason']}"


def _result(item: LeadInput, batch_id: str) -> LeadResult:
    entity_id, current = item.values["entity_id"], item.values["current"]
    record_id = record_id_of(entity_id)
    plan = plan_record(
        item.values["wanted"], None if current is None else CrmRecord(record_id, entity_id, current)
    )
    values = {
        "crm": PreviewCrm.name,
        "operation": plan.operation.value,
        "crm_record_id": record_id,
        "changed_fields": ", ".join(plan.diff) or None,
        "diff": plan.diff or None,
    }
    outbox = {
        "op_id": f"{PreviewCrm.name}-{batch_id}-{item.lead_id}",
        "crm": PreviewCrm.name,
        "entity_id": entity_id,
        "kind": Kind.COMPANY.value,
        "external_key": entity_id,
        "operation": plan.operation.value,
        "state": "planned",
        "payload": plan.payload,
        "payload_hash": content_hash(plan.payload),
    }
    children: dict[sa.Table, list[dict[str, Any]]] = {
        crm_outbox: [outbox] if plan.payload else [],
        crm_wanted: [wanted_row(item.values)],
    }
    return LeadResult(item.lead_id, Status.OK, plan.reason, values, children)


def _planned(
    connection: sa.Connection, entity_ids: Sequence[str], before: int | None
) -> dict[str, list[Fields]]:
    """Payloads in the outbox by company, oldest batch first; only of batches resolved before that place."""
    query = (
        sa.select(crm_outbox.c.entity_id, crm_outbox.c.payload)
        .join(resolution_order, resolution_order.c.batch_id == crm_outbox.c.batch_id)
        .where(crm_outbox.c.crm == PreviewCrm.name)
        .order_by(resolution_order.c.resolve_seq)
    )
    if before is not None:
        query = query.where(resolution_order.c.resolve_seq < before)
    payloads: dict[str, list[Fields]] = defaultdict(list)
    for some in chunked(entity_ids):
        for entity_id, payload in connection.execute(query.where(crm_outbox.c.entity_id.in_(some))):
            payloads[entity_id].append(payload)
    return payloads


def _refresh_preview(context: StageContext, connection: sa.Connection, entity_ids: Sequence[str]) -> None:
    """Replays the outbox for these companies; those without any operation leave the preview."""
    planned = _planned(connection, entity_ids, before=None)
    records = crm_preview_records
    for some in chunked([entity_id for entity_id in entity_ids if entity_id not in planned]):
        connection.execute(sa.delete(records).where(records.c.entity_id.in_(some)))
    context.warehouse.upsert(
        connection,
        records,
        [
            {
                "crm_record_id": record_id_of(entity_id),
                "entity_id": entity_id,
                "fields": replay(payloads),
                "updated_at": context.now(),
            }
            for entity_id, payloads in planned.items()
        ],
    )
