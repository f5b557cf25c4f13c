"""Deciding for the leads of one batch: look up, count, decide. Reads only."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import sqlalchemy as sa

from sales_agent_dagster.matching.decide import Arrivals, Decision, decide_arrivals, entity_id_of
from sales_agent_dagster.matching.garbage import without_collecting
from sales_agent_dagster.matching.lead import RawLead
from sales_agent_dagster.matching.model import LinkageModel
from sales_agent_dagster.matching.normalise import normalise
from sales_agent_dagster.stages.identity.index import lead_no_of, look_up
from sales_agent_dagster.stages.identity.index_writing import IndexedBatch, IndexedLead
from sales_agent_dagster.stages.identity.labels import Labels, labels_of, partners_of

IDENTITY_COLUMNS = (
    "company_name",
    "phone",
    "phone_2",
    "website",
    "email",
    "linkedin_url",
    "contact_name",
    "street",
    "city",
    "state",
    "zip",
)
"""Columns of ``imported_leads`` that the cells of a ``RawLead`` come from, in its order."""
_cells_of = itemgetter(*IDENTITY_COLUMNS)


@dataclass(frozen=True, slots=True)
class Resolution:
    """What was decided for a batch.

    Attributes:
        founders: first lead of each entity that a decision names.
        index: what the linkage index has to hold after it.
    """

    decisions: Sequence[Decision]
    founders: Mapping[str, str]
    labels: Labels
    index: IndexedBatch


def raw_lead(lead: Mapping[str, Any]) -> RawLead:
    """Cells for linkage from columns of ``imported_leads``."""
    return RawLead(lead["lead_id"], *[cell or "" for cell in _cells_of(lead)])


@without_collecting()
def resolve(
    connection: sa.Connection,
    leads: Sequence[Mapping[str, Any]],
    place: int,
    first_record: int,
    model: LinkageModel,
) -> Resolution:
    """Decide for all leads of a batch together, over what the batches before ``place`` know.

    ``leads`` are columns of ``imported_leads`` in import order; ``first_record`` is the number of the batch's
    first data row within the file.
    """
    new = [normalise(raw_lead(lead)) for lead in leads]
    lead_ids = [lead.lead_id for lead in new]
    labels = labels_of(connection, lead_ids)
    known = look_up(connection, new, place, partners_of(labels, lead_ids))
    arrivals = Arrivals(
        known.arriving,
        lead_ids,
        known.keys,
        known.leads,
        known.lead_ids,
        known.account_ids,
        known.founder_ids,
        (known.sharing.new, known.sharing.stored),
    )
    decisions = decide_arrivals(
        arrivals, model, known.figures.known, known.population + len(new), labels=labels
    )
    matched = [decision.matched_lead_id for decision in decisions if decision.matched_lead_id]
    founders = {entity_id_of(lead_id): lead_id for lead_id in lead_ids} | known.founders_of(matched)
    indexed = [
        IndexedLead(
            lead_no_of(place, lead["record_no"] - first_record),
            norm,
            founders[decision.entity_id],
            decision.account_id,
        )
        for lead, norm, decision in zip(leads, new, decisions, strict=True)
    ]
    return Resolution(decisions, founders, labels, IndexedBatch(place, indexed, known))
