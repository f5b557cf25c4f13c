"""Answers of people as labelled pairs, to fit weights to."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import sqlalchemy as sa

from sales_agent_dagster.matching.answers import Answered
from sales_agent_dagster.warehouse.schema import identity_labels


def answered_pairs(connection: sa.Connection, lead_ids: Sequence[str]) -> Answered:
    """What people answered about pairs of these leads, in order of the pairs' ids.

    ``lead_ids`` are those of the rows of a table; the pairs are numbers of its rows.

    Returns:
        Only what somebody said: what follows from answers about other pairs is left out.
    """
    rows = {lead_id: row for row, lead_id in enumerate(lead_ids)}
    columns = identity_labels.c
    query = (
        sa.select(columns.left_lead_id, columns.right_lead_id, columns.same)
        .where(columns.explanation["derived_from"].as_string().is_(None))
        .order_by(columns.left_lead_id, columns.right_lead_id)
    )
    found = [
        (*sorted((rows[left], rows[right])), bool(same))
        for left, right, same in connection.execute(query)
        if left in rows and right in rows
    ]
    columns_of = np.array(found, np.int32).reshape(-1, 3).T
    return Answered(columns_of[0], columns_of[1], columns_of[2].astype(bool))
