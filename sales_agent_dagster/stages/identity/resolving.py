"""Deciding for the leads of one batch: look up, count, decide. Reads only."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from sales_agent_dagster.matching.counts import ValueCounts, values_of
from sales_agent_dagster.matching.decide import Decision, decide, entity_id_of
from sales_agent_dagster.matching.garbage import without_collecting
from sales_agent_dagster.matching.lead import NormLead, RawLead
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
    counts = count_values(new, known)
    candidates = {lead_id: known.candidates_of(lead_id) for lead_id in lead_ids}
    population = known.population + len(new)
    decisions = decide(new, candidates, model, counts, population, labels=labels, keys=known.keys)
    founders = {**{entity_id_of(lead_id): lead_id for lead_id in lead_ids}, **known.founders}
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


def count_values(new: Sequence[NormLead], known: Known) -> ValueCounts:
    """Counts over stored and new leads together; spreads as the earlier batches found them."""
    leads = Counter({value: held for value, (held, _) in known.values.items()})
    leads.update(value for lead in new for value in values_of(lead))
    return ValueCounts(leads, {value: spread for value, (_, spread) in known.values.items()})
