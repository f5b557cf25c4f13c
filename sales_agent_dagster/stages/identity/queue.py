"""Reading the review queue for people: both leads side by side."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from sales_agent_dagster.stages.identity.companies import FIELDS
from sales_agent_dagster.stages.known_companies import chunked
from sales_agent_dagster.warehouse.schema import identity_reviews, imported_leads


@dataclass(frozen=True, slots=True)
class Question:
    """One open review.

    Attributes:
        review: its row of ``identity_reviews``.
        lead: the lead's fields.
        other: those of the lead it may be the same company as.
    """

    review: Mapping[str, Any]
    lead: Mapping[str, Any]
    other: Mapping[str, Any]


def open_questions(connection: sa.Connection, limit: int) -> list[Question]:
    """Open reviews, those of one company together, the most undecided company first."""
    columns = identity_reviews.c
    hardest = sa.func.min(sa.func.abs(columns.bits)).over(partition_by=columns.other_entity_id)
    query = (
        sa.select(identity_reviews)
        .where(columns.state == "open")
        .order_by(hardest, columns.other_entity_id, sa.func.abs(columns.bits), columns.review_id)
        .limit(limit)
    )
    reviews = [dict(row) for row in connection.execute(query).mappings()]
    leads = _leads(connection, {review[name] for review in reviews for name in ("lead_id", "other_lead_id")})
    return [Question(review, leads[review["lead_id"]], leads[review["other_lead_id"]]) for review in reviews]


def open_count(connection: sa.Connection) -> int:
    """Number of open reviews."""
    query = sa.select(sa.func.count()).where(identity_reviews.c.state == "open")
    return int(connection.scalar(query) or 0)


def _leads(connection: sa.Connection, lead_ids: set[str]) -> dict[str, Mapping[str, Any]]:
    columns = imported_leads.c
    names = ("lead_id", "batch_id", "line_no", *FIELDS)
    query = sa.select(*(columns[name] for name in names))
    return {
        row["lead_id"]: dict(row)
        for some in chunked(sorted(lead_ids))
        for row in connection.execute(query.where(columns.lead_id.in_(some))).mappings()
    }
