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
from sales_agent_dagster.matching.decide import Decision, Outcome
from sales_agent_dagster.matching.model import LinkageModel, load_model
from sales_agent_dagster.matching.normalise import NORM_VERSION
from sales_agent_dagster.stages.base import LeadInput, LeadResult, Plan, StageContext
from sales_agent_dagster.stages.crm.suppressing import suppressed_leads
from sales_agent_dagster.stages.exclusive import ExclusiveStage
from sales_agent_dagster.stages.identity.companies import Move, record_moves
from sales_agent_dagster.stages.identity.index_writing import write_index
from sales_agent_dagster.stages.identity.many import rows_of
from sales_agent_dagster.stages.identity.resolving import IDENTITY_COLUMNS, Resolution, resolve
from sales_agent_dagster.stages.identity.reviews import review_rows, write_reviews
from sales_agent_dagster.stages.known_companies import known_companies, next_place, resolve_seq
from sales_agent_dagster.warehouse.schema import (
    imported_leads,
    lead_batches,
    resolved_leads,
    superseded_rows,
)

LEAD_COLUMNS = (
    "lead_id",
    "record_no",
    "line_no",
    *IDENTITY_COLUMNS,
    "website_host",
    "oems",
    "do_not_contact",
    "existing_customer",
)
NAME_LENGTH = 80
"""Characters of another lead's name that a reason quotes."""

_NAMES = """
    SELECT i.lead_id, i.company_name FROM {given} CROSS JOIN imported_leads i WHERE i.lead_id = given.value
"""
_PROVENANCE = ("run_id", "created_at", "latency_ms")


@dataclass(slots=True)
class _Company:
    """What is known of a company: over its leads of earlier batches, then of this one."""

    size: int = 0
    oems: dict[str, None] = field(default_factory=dict)
    suppressed_reason: str | None = None


class _WholeBatch(Plan):
    """A plan that is never cut: leads of one batch are decided together."""

    def chunks(self, size: int) -> list[tuple[str, ...]]:
        """All of ``todo`` as one chunk, whatever ``size`` says."""
        return [self.todo] if self.todo else []


class ResolvedLeads(ExclusiveStage):
    """Decides for a whole batch at once, in import order; writes the leads whose decision is not stored yet.

    A batch sees the batches that were first resolved before it; that order is kept, so a re-run decides
    as the first run did and later batches never change earlier ones.
    """

    name = "resolved_leads"
    table = resolved_leads
    upstream = "imported_leads"
    version = "2"

    def fingerprint(self, context: StageContext) -> str:
        """The model and the profile's suppression lists; engine and scoring do not matter here."""
        suppress = context.profile.suppress.model_dump()
        return content_hash(self.version, NORM_VERSION, _model(context).version, suppress)

    def plan(self, context: StageContext) -> Plan:
        """The leads whose row is missing or out of date."""
        with context.warehouse.reading() as connection:
            ids = [lead["lead_id"] for lead in _batch_leads(connection, context.batch_id)]
            stored = connection.scalars(
                sa.select(resolved_leads.c.lead_id).where(resolved_leads.c.batch_id == context.batch_id)
            )
            complete = set(stored).issuperset(ids)
        # Deciding again to compare is only worth it when rows are there.
        todo = super().plan(context).todo if complete else tuple(ids)
        return _WholeBatch(len(ids), todo)

    def load(
        self, context: StageContext, connection: sa.Connection, lead_ids: Sequence[str] | None
    ) -> list[LeadInput]:
        """The given leads, or all, decided together with the whole batch."""
        batch = _Batch(context, connection)
        wanted = None if lead_ids is None else set(lead_ids)
        return [item for item in batch.inputs() if wanted is None or item.lead_id in wanted]

    def hashes(self, context: StageContext, inputs: Iterable[LeadInput]) -> dict[str, str]:
        """Per lead, the hash of its columns, its decision, its company and the questions about it."""
        fingerprint = self.fingerprint(context)
        return {
            item.lead_id: content_hash(
                fingerprint,
                item.values["lead"],
                item.values["columns"],
                item.values["reason"],
                [(row["review_id"], row["other_entity_id"]) for row in item.values["reviews"]],
            )
            for item in inputs
        }

    async def process(self, context: StageContext, inputs: Sequence[LeadInput]) -> Sequence[LeadResult]:
        """The decisions as rows."""
        version = f"linkage {_model(context).version}"
        return [
            LeadResult(
                item.lead_id,
                Status.OK,
                item.values["reason"],
                item.values["columns"],
                engine_version=version,
            )
            for item in inputs
        ]

    def write(
        self,
        context: StageContext,
        connection: sa.Connection,
        inputs: Sequence[LeadInput],
        results: Sequence[LeadResult],
    ) -> None:
        """Also the linkage index, the review queue and what merges and undos changed."""
        stamp = {"batch_id": context.batch_id, "run_id": context.run_id, "created_at": context.now()}
        before = _stored_rows(connection, context.batch_id)
        super().write(context, connection, inputs, results)
        _bring_back(context, connection, before, self.hashes(context, inputs))
        resolution: Resolution = inputs[0].values["resolution"]
        write_index(context.warehouse, connection, resolution.index, stamp)
        decisions = [item.values["decision"] for item in inputs]
        wanted = {item.lead_id: item.values["reviews"] for item in inputs}
        write_reviews(context.warehouse, connection, wanted, context.batch_id)
        moves = [move for decision in decisions if (move := _move(decision, before, resolution))]
        if moves:
            del stamp["batch_id"]
            record_moves(context.warehouse, connection, moves, stamp)


class _Batch:
    """A batch with everything that its rows are made of."""

    def __init__(self, context: StageContext, connection: sa.Connection) -> None:
        self._context, self._connection = context, connection
        self.leads = _batch_leads(connection, context.batch_id)
        self.place = resolve_seq(connection, context.batch_id) or next_place(connection)
        first_record = sa.select(lead_batches.c.first_record).where(
            lead_batches.c.batch_id == context.batch_id
        )
        model = _model(context)
        self._least = model.thresholds.review
        self.resolution = resolve(
            connection, self.leads, self.place, int(connection.scalar(first_record) or 1), model
        )

    def inputs(self) -> list[LeadInput]:
        """Per lead its columns of both tables, the decision, and the resolution of the batch."""
        companies, sentences = self._companies(), self._sentences()
        return [
            LeadInput(
                lead["lead_id"],
                {
                    "lead": lead,
                    "columns": _columns(decision, companies[decision.entity_id], self.resolution.founders),
                    "reason": sentences[lead["lead_id"]],
                    "decision": decision,
                    "reviews": review_rows(decision, self.resolution.labels, self._least),
                    "resolution": self.resolution,
                },
            )
            for lead, decision in zip(self.leads, self.resolution.decisions, strict=True)
        ]

    def _sentences(self) -> dict[str, str]:
        """Per lead the decision in words, with the name of the lead it is about beside its id."""
        nearest = {
            decision.lead_id: decision.proposals[0].lead_id
            for decision in self.resolution.decisions
            if decision.proposals
        }
        rows = rows_of(self._connection, _NAMES, sorted(set(nearest.values())), str)
        names = {row.lead_id: row.company_name for row in rows}
        sentences = {decision.lead_id: decision.sentence for decision in self.resolution.decisions}
        for lead_id, other in nearest.items():
            told = f"{other} {names[other][:NAME_LENGTH]}"
            sentences[lead_id] = sentences[lead_id].replace(other, told, 1)
        return sentences

    def _companies(self) -> dict[str, _Company]:
        """Per company: leads, union of their brands, the first reason not to contact one of them."""
        suppression = SuppressionList(self._context.profile.suppress)
        pepper = self._context.settings.suppression_pepper.get_secret_value()
        opted_out = suppressed_leads(self._connection, pepper, self.leads)
        decisions = self.resolution.decisions
        joined = {decision.entity_id for decision in decisions if decision.outcome is Outcome.MERGE}
        companies: dict[str, _Company] = defaultdict(_Company)
        for entity_id, known in known_companies(self._connection, joined, self.place).items():
            companies[entity_id] = _Company(known["size"], _brands(known["oems"]), known["suppressed_reason"])
        for lead, decision in zip(self.leads, decisions, strict=True):
            company = companies[decision.entity_id]
            company.size += 1
            company.oems |= _brands(lead["oems"])
            reason = suppression.reason(lead) or opted_out.get(lead["lead_id"])
            if company.suppressed_reason is None and reason:
                company.suppressed_reason = f"{reason} (lead {lead['lead_id']})"
        return companies


def _model(context: StageContext) -> LinkageModel:
    return load_model(context.settings.linkage_model_path)


def _batch_leads(connection: sa.Connection, batch_id: str) -> list[dict[str, Any]]:
    query = (
        sa.select(*(imported_leads.c[name] for name in LEAD_COLUMNS))
        .where(imported_leads.c.batch_id == batch_id)
        .order_by(imported_leads.c.record_no)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


def _brands(oems: str | None) -> dict[str, None]:
    return dict.fromkeys(oems.split(", ")) if oems else {}


def _columns(decision: Decision, company: _Company, founders: Mapping[str, str]) -> dict[str, Any]:
    founder_id = founders[decision.entity_id]
    is_duplicate = founder_id != decision.lead_id
    best = decision.proposals[0].score if decision.proposals else None
    return {
        "entity_id": decision.entity_id,
        "account_id": decision.account_id,
        "decision": decision.outcome.value,
        "is_duplicate": is_duplicate,
        "duplicate_of": founder_id if is_duplicate else None,
        "matched_lead_id": decision.matched_lead_id,
        "bits": decision.bits,
        "related_to": decision.related_entity_id,
        "relation": decision.relation,
        "cluster_size": company.size,
        "oems": ", ".join(company.oems) or None,
        "oem_count": len(company.oems),
        "suppressed": company.suppressed_reason is not None,
        "suppressed_reason": company.suppressed_reason,
        "explanation": best.explain() if best else None,
    }


def _stored_rows(connection: sa.Connection, batch_id: str) -> dict[str, dict[str, Any]]:
    columns = resolved_leads.c
    names = ("lead_id", "entity_id", "input_hash", *_PROVENANCE)
    query = sa.select(*(columns[name] for name in names)).where(columns.batch_id == batch_id)
    return {row["lead_id"]: dict(row) for row in connection.execute(query).mappings()}


def _bring_back(
    context: StageContext,
    connection: sa.Connection,
    before: Mapping[str, Mapping[str, Any]],
    hashes: Mapping[str, str],
) -> None:
    """Note when and by which run replaced rows were computed; a row that is as it was once has that again."""
    replaced = [
        {
            "batch_id": context.batch_id,
            "lead_id": lead_id,
            "input_hash": before[lead_id]["input_hash"],
            **{name: before[lead_id][name] for name in _PROVENANCE},
        }
        for lead_id in hashes
        if lead_id in before
    ]
    if not replaced:
        return
    context.warehouse.upsert(connection, superseded_rows, replaced)
    old = superseded_rows.c
    query = sa.select(superseded_rows).where(old.batch_id == context.batch_id)
    for row in connection.execute(query).mappings():
        if hashes.get(row["lead_id"]) == row["input_hash"]:
            connection.execute(
                sa.update(resolved_leads)
                .where(
                    resolved_leads.c.batch_id == context.batch_id,
                    resolved_leads.c.lead_id == row["lead_id"],
                )
                .values({name: row[name] for name in _PROVENANCE})
            )


def _move(decision: Decision, before: Mapping[str, Mapping[str, Any]], resolution: Resolution) -> Move | None:
    """How the lead changed companies; None when it stays, or founds its own as a new lead."""
    left = before[decision.lead_id]["entity_id"] if decision.lead_id in before else None
    founder_id = resolution.founders[decision.entity_id]
    if left == decision.entity_id or (left is None and founder_id == decision.lead_id):
        return None
    matched = decision.matched_lead_id or decision.lead_id
    by_person = frozenset((decision.lead_id, matched)) in resolution.labels
    return Move(decision.lead_id, left, decision.entity_id, founder_id, matched, by_person)
