"""Answers of people about pairs of leads."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from sales_agent_dagster.domain.errors import UnknownRecord
from sales_agent_dagster.stages.identity.many import rows_of
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import identity_labels

Labels = dict[frozenset[str], bool]
"""Two lead ids to whether they are one company."""

_LABELS = """
    SELECT l.left_lead_id, l.right_lead_id, l.same FROM {given} CROSS JOIN identity_labels l
    WHERE l.left_lead_id = given.value
    UNION
    SELECT l.left_lead_id, l.right_lead_id, l.same FROM {given} CROSS JOIN identity_labels l
    WHERE l.right_lead_id = given.value
"""


def labels_of(connection: sa.Connection, lead_ids: Iterable[str]) -> Labels:
    """All answers that name one of these leads."""
    rows = rows_of(connection, _LABELS, sorted(lead_ids), str)
    return {frozenset((left, right)): bool(same) for left, right, same in rows}


def partners_of(labels: Labels, lead_ids: Iterable[str]) -> dict[str, list[str]]:
    """Per lead the other leads that an answer names with it."""
    wanted = set(lead_ids)
    partners: dict[str, list[str]] = defaultdict(list)
    for pair in labels:
        for lead_id in pair & wanted:
            partners[lead_id] += pair - {lead_id}
    return dict(partners)


def write_label(
    warehouse: Warehouse,
    connection: sa.Connection,
    pair: tuple[str, str],
    *,
    same: bool,
    source: str,
    explanation: Any,
    now: datetime,
) -> None:
    """Store an answer; it replaces an earlier one about the same pair."""
    left, right = sorted(pair)
    row = {
        "left_lead_id": left,
        "right_lead_id": right,
        "same": same,
        "source": source,
        "explanation": explanation,
        "created_at": now,
    }
    warehouse.upsert(connection, identity_labels, [row])


def derived_from(review_id: str, because: Iterable[str]) -> dict[str, Any]:
    """Explanation of a label that nobody gave directly: it follows from an answer, ``because`` of others."""
    return {"derived_from": review_id, "because": sorted(because)}


def reviews_derived_from(connection: sa.Connection) -> dict[str, tuple[tuple[str, str], set[str]]]:
    """Derived labels by the answer they follow from: the pair, and the answers it needs besides."""
    columns = identity_labels.c
    query = sa.select(columns.left_lead_id, columns.right_lead_id, columns.explanation).where(
        columns.explanation["derived_from"].as_string().is_not(None)
    )
    return {
        why["derived_from"]: ((left, right), set(why["because"]))
        for left, right, why in connection.execute(query)
    }


def withdraw_derived(connection: sa.Connection, review_ids: Iterable[str]) -> None:
    """Forget the labels that follow from one of these answers, which are no longer given."""
    gone = set(review_ids)
    for review_id, (pair, because) in reviews_derived_from(connection).items():
        if gone & {review_id, *because}:
            withdraw_label(connection, pair)


def withdraw_label(connection: sa.Connection, pair: tuple[str, str]) -> None:
    """Forget an answer.

    Raises:
        UnknownRecord: there is none about this pair.
    """
    left, right = sorted(pair)
    columns = identity_labels.c
    done = connection.execute(
        sa.delete(identity_labels).where(columns.left_lead_id == left, columns.right_lead_id == right)
    )
    if not done.rowcount:
        raise UnknownRecord(f"Nobody has answered whether {left} and {right} are one company.")
