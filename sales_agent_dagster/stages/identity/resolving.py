"""Deciding for the leads of one batch: look up, count, decide. Reads only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from sales_agent_dagster.matching.counts import ValueCounts
from sales_agent_dagster.matching.decide import Arrivals, Decision, decide_arrivals, entity_id_of
from sales_agent_dagster.matching.garbage import without_collecting
from sales_agent_dagster.matching.lead import RawLead
from sales_agent_dagster.matching.model import LinkageModel
from sales_agent_dagster.matching.normalise import normalise
from sales_agent_dagster.stages.identity.index import Known, lead_no_of, look_up
from sales_agent_dagster.stages.identity.index_writing import IndexedBatch, IndexedLead
from sales_agent_dagster.stages.identity.labels import Labels, labels_of, partners_of

_CELLS = {
    "name": "company_name",
    "phone": "phone",
    "phone_2": "phone_2",
    "website": "website",
    "email": "email",
    "linkedin": "linkedin_url",
    "contact": "contact_name",
    "street": "street",
    "city": "city",
    "state": "state",
    "zip": "zip",
}
"""Cells of a ``RawLead`` and the columns of ``imported_leads`` they come from."""

IDENTITY_COLUMNS = tuple(_CELLS.values())


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
    return RawLead(lead["lead_id"], **{name: lead[column] or "" for name, column in _CELLS.items()})


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
    counts = count_values(known)
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
    decisions = decide_arrivals(arrivals, model, counts, known.population + len(new), labels=labels)
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
    return Resolution(decisions, founders, labels, IndexedBatch(place, indexed, known, counts))


def count_values(known: Known) -> ValueCounts:
    """Counts over stored and new leads together; spreads as the earlier batches found them."""
    leads = Counter({value: held for value, (held, _) in known.values.items()})
    leads.update(known.held)
    return ValueCounts(leads, {value: spread for value, (_, spread) in known.values.items()})
