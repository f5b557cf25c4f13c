"""What a person answers: reviews decided, merges undone. Each answer is a label and takes effect at once.

An answer is stored in one transaction; then the batches that hold leads of the companies concerned are
resolved again, in their order. A process that dies in between loses nothing: the next run finds those rows
outdated, as it finds all rows further down.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import sqlalchemy as sa

from sales_agent_dagster.domain.errors import PermanentError, UnknownRecord
from sales_agent_dagster.stages.base import StageContext
from sales_agent_dagster.stages.identity.labels import (
    derived_from,
    labels_of,
    reviews_derived_from,
    withdraw_derived,
    withdraw_label,
    write_label,
)
from sales_agent_dagster.stages.known_companies import chunked
from sales_agent_dagster.stages.resolved import ResolvedLeads
from sales_agent_dagster.warehouse.schema import (
    identity_reviews,
    resolution_order,
    resolved_leads,
)

MEMBERS_NAMED = 5
"""Leads that a message names at most."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What an answer changed.

    Attributes:
        row: the lead's row of ``resolved_leads`` after it.
        batch_ids: batches in which rows of ``resolved_leads`` changed, in the order of resolution; their rows
            further down are outdated.
        rows: number of those rows.
    """

    lead_id: str
    row: dict[str, Any]
    batch_ids: tuple[str, ...]
    rows: int


def answer_review(context: StageContext, review_id: str, *, same: bool) -> Effect:
    """Answer a question of the review queue; an earlier answer to it is replaced. ``context`` is any batch's.

    Raises:
        UnknownRecord: no such question.
    """
    stage = ResolvedLeads()
    with context.warehouse.transaction() as connection:
        context.warehouse.exclusive(connection, stage.name)
        review = _review(connection, review_id)
        pair = review["lead_id"], review["other_lead_id"]
        label = partial(
            write_label, context.warehouse, connection, same=same, source="review", now=context.now()
        )
        label(pair, explanation=review["explanation"])
        own, other = (_resolved(connection, lead_id) for lead_id in pair)
        if same and own["is_duplicate"]:
            # It belongs to a company already: the answer says that the two companies are one.
            founders = _founder(own), _founder(other)
            if founders[0] != founders[1]:
                label(founders, explanation=derived_from(review_id, _reasons(connection, own)))
        if not same:
            withdraw_derived(connection, [review_id])
        state = "accepted" if same else "rejected"
        _set_state(connection, [review_id], state=state, answered_at=context.now())
        batches = _batches_of(connection, [own["entity_id"], other["entity_id"]])
    return _resolve_again(context, pair[0], batches)


def unmerge(context: StageContext, lead_id: str) -> Effect:
    """Take a lead out of the company it was merged into.

    What a person had accepted is asked again, everything is as it was before the answer. What linkage had
    merged it never merges again.

    Raises:
        UnknownRecord: no such lead, or it is not resolved yet.
        PermanentError: the lead is the first of its company.
    """
    stage = ResolvedLeads()
    with context.warehouse.transaction() as connection:
        context.warehouse.exclusive(connection, stage.name)
        row = _resolved(connection, lead_id)
        if not row["is_duplicate"]:
            raise PermanentError(_not_merged(connection, row))
        accepted = _accepted(connection, row)
        for pair in accepted:
            withdraw_label(connection, pair)
            _reopen(connection, pair)
        if not accepted:
            _refuse(context, connection, row)
        batches = _batches_of(connection, [row["entity_id"]])
    return _resolve_again(context, lead_id, batches)


def _accepted(connection: sa.Connection, row: dict[str, Any]) -> list[tuple[str, str]]:
    """Answers that put the lead into its company: it and another lead of the company are one.

    Where there are answers about itself, not those by which other leads joined it: they go where it goes.
    """
    lead_id, asked = row["lead_id"], identity_reviews.c
    labels = labels_of(connection, [lead_id])
    same = {other for pair, is_same in labels.items() if is_same for other in pair - {lead_id}}
    inside = sa.select(resolved_leads.c.lead_id).where(resolved_leads.c.entity_id == row["entity_id"])
    others = [
        other
        for some in chunked(sorted(same))
        for other in connection.scalars(inside.where(resolved_leads.c.lead_id.in_(some)))
    ]
    about_it = set(connection.scalars(sa.select(asked.other_lead_id).where(asked.lead_id == lead_id)))
    own = [other for other in others if other in about_it]
    return [(lead_id, other) for other in own or others]


def _reasons(connection: sa.Connection, row: dict[str, Any]) -> set[str]:
    """Answers by which the lead is in its company; not those that only brought another company in."""
    reviews = [id_ for pair in _accepted(connection, row) for id_ in _reviews_about(connection, pair)]
    return set(reviews) - set(reviews_derived_from(connection))


def _refuse(context: StageContext, connection: sa.Connection, row: dict[str, Any]) -> None:
    """Label the lead as different from the one it matched and from the first of the company."""
    for other, explanation in {
        row["duplicate_of"]: None,
        row["matched_lead_id"] or row["duplicate_of"]: row["explanation"],
    }.items():
        write_label(
            context.warehouse,
            connection,
            (row["lead_id"], other),
            same=False,
            source="unmerge",
            explanation=explanation,
            now=context.now(),
        )


def _resolve_again(context: StageContext, lead_id: str, batch_ids: Sequence[str]) -> Effect:
    changed: dict[str, int] = {}
    for batch_id in batch_ids:
        plan = asyncio.run(ResolvedLeads().run(replace(context, batch_id=batch_id)))
        if plan.todo:
            changed[batch_id] = len(plan.todo)
    with context.warehouse.reading() as connection:
        row = _resolved(connection, lead_id)
    return Effect(lead_id, row, tuple(changed), sum(changed.values()))


def _review(connection: sa.Connection, review_id: str) -> dict[str, Any]:
    query = sa.select(identity_reviews).where(identity_reviews.c.review_id == review_id)
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise UnknownRecord(f"There is no review {review_id[:80]}. List them: sales-agent review --list.")
    return dict(row)


def _resolved(connection: sa.Connection, lead_id: str) -> dict[str, Any]:
    """The lead's row; the latest one when it is in several batches."""
    query = (
        sa.select(resolved_leads)
        .join(resolution_order, resolution_order.c.batch_id == resolved_leads.c.batch_id)
        .where(resolved_leads.c.lead_id == lead_id)
        .order_by(resolution_order.c.resolve_seq.desc())
        .limit(1)
    )
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise UnknownRecord(f"There is no resolved lead {lead_id[:80]}.")
    return dict(row)


def _founder(row: dict[str, Any]) -> str:
    founder: str = row["duplicate_of"] or row["lead_id"]
    return founder


def _not_merged(connection: sa.Connection, row: dict[str, Any]) -> str:
    query = sa.select(resolved_leads.c.lead_id).where(resolved_leads.c.duplicate_of == row["lead_id"])
    others = list(connection.scalars(query.order_by(resolved_leads.c.lead_id).limit(MEMBERS_NAMED)))
    if not others:
        return f"Lead {row['lead_id']} is not merged with any other."
    return (
        f"Lead {row['lead_id']} is the first of its company: others were merged into it. "
        f"Unmerge one of them: {', '.join(others)}."
    )


def _reopen(connection: sa.Connection, pair: tuple[str, str]) -> None:
    review_ids = _reviews_about(connection, pair)
    _set_state(connection, review_ids, state="open", answered_at=None)
    withdraw_derived(connection, review_ids)


def _reviews_about(connection: sa.Connection, pair: tuple[str, str]) -> list[str]:
    columns = identity_reviews.c
    query = sa.select(columns.review_id).where(columns.lead_id.in_(pair), columns.other_lead_id.in_(pair))
    return list(connection.scalars(query))


def _set_state(connection: sa.Connection, review_ids: Sequence[str], **values: Any) -> None:
    for some in chunked(review_ids):
        row = identity_reviews.c.review_id.in_(some)
        connection.execute(sa.update(identity_reviews).where(row).values(**values))


def _batches_of(connection: sa.Connection, entity_ids: Sequence[str]) -> list[str]:
    """Batches with leads of these companies, related to them, or in question for them; in order."""
    row, asked = resolved_leads.c, identity_reviews.c
    named = sa.union(
        sa.select(row.batch_id).where(row.entity_id.in_(entity_ids)),
        sa.select(row.batch_id).where(row.related_to.in_(entity_ids)),
        sa.select(asked.batch_id).where(asked.other_entity_id.in_(entity_ids)),
    ).subquery()
    order = resolution_order.c
    query = sa.select(order.batch_id).where(order.batch_id.in_(sa.select(named.c.batch_id)))
    return list(connection.scalars(query.order_by(order.resolve_seq)))
