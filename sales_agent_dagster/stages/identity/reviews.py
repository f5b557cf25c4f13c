"""The review queue: pairs that only a person can decide."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from sales_agent_dagster.domain.hashing import content_hash
from sales_agent_dagster.matching.decide import Decision, Outcome
from sales_agent_dagster.stages.identity.labels import Labels
from sales_agent_dagster.stages.known_companies import chunked
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import identity_reviews, resolved_leads


def review_id_of(lead_id: str, other_lead_id: str) -> str:
    """Id of the question about a pair, whichever comes first."""
    return "R" + content_hash(sorted((lead_id, other_lead_id)))[:12]


def review_rows(decision: Decision, labels: Labels, least_bits: float) -> list[dict[str, Any]]:
    """The questions that a decision leaves open: one per company it may belong to.

    A merge that linkage decided leaves none. One that a person decided leaves those about other companies:
    they may be the same one. ``least_bits`` is the evidence from which a company is worth asking about.
    """
    pairs = {
        proposal.lead_id: frozenset((decision.lead_id, proposal.lead_id)) for proposal in decision.proposals
    }
    by_person = any(labels.get(pair) for pair in pairs.values())
    if decision.outcome is Outcome.NEW or (decision.outcome is Outcome.MERGE and not by_person):
        return []
    return [
        {
            "review_id": review_id_of(decision.lead_id, proposal.lead_id),
            "other_lead_id": proposal.lead_id,
            "other_entity_id": proposal.entity_id,
            "bits": proposal.score.bits,
            "probability": proposal.score.probability,
            "reason": proposal.score.sentence(),
            "explanation": proposal.score.explain(),
        }
        for proposal in decision.proposals
        if pairs[proposal.lead_id] not in labels
        and proposal.entity_id != decision.entity_id
        and proposal.score.veto is None
        and proposal.score.bits >= least_bits
    ]


def write_reviews(
    warehouse: Warehouse,
    connection: sa.Connection,
    wanted: Mapping[str, Sequence[Mapping[str, Any]]],
    batch_id: str,
) -> None:
    """Ask what is asked now, withdraw what no longer is; what was answered stays.

    ``wanted`` maps lead ids of a batch to ``review_rows``. A question is as old as the decision that leaves
    it open, whose row of ``resolved_leads`` must be written: one that comes back with it is the same to the
    byte.
    """
    stored = _stored(connection, batch_id, wanted)
    asked = {
        row["review_id"]: {**row, "batch_id": batch_id, "lead_id": lead_id}
        for lead_id, rows in wanted.items()
        for row in rows
    }
    withdrawn = [key for key, row in stored.items() if key not in asked and row["state"] == "open"]
    for some in chunked(withdrawn):
        connection.execute(sa.delete(identity_reviews).where(identity_reviews.c.review_id.in_(some)))
    stamps = _stamps(connection, batch_id)
    stamped = {key: {**row, **stamps[row["lead_id"]]} for key, row in asked.items()}
    changed = [
        {**row, "state": "open"}
        for key, row in stamped.items()
        if key not in stored or (stored[key]["state"] == "open" and not _same(stored[key], row))
    ]
    warehouse.upsert(connection, identity_reviews, changed)


def _stamps(connection: sa.Connection, batch_id: str) -> dict[str, dict[str, Any]]:
    """When and by which run each lead of a batch was decided about."""
    columns = resolved_leads.c
    query = sa.select(columns.lead_id, columns.run_id, columns.created_at).where(columns.batch_id == batch_id)
    return {
        lead_id: {"run_id": run_id, "created_at": at} for lead_id, run_id, at in connection.execute(query)
    }


def _stored(connection: sa.Connection, batch_id: str, lead_ids: Iterable[str]) -> dict[str, dict[str, Any]]:
    columns = identity_reviews.c
    query = sa.select(identity_reviews).where(columns.batch_id == batch_id)
    wanted = set(lead_ids)
    rows = (dict(row) for row in connection.execute(query).mappings())
    return {row["review_id"]: row for row in rows if row["lead_id"] in wanted}


def _same(stored: Mapping[str, Any], row: Mapping[str, Any]) -> bool:
    return all(stored[name] == value for name, value in row.items())
