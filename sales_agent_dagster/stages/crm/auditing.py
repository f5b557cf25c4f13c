"""A second look at what was sent, apart from the gates that let it through."""

from __future__ import annotations

from datetime import datetime

import sqlalchemy as sa

from sales_agent_dagster.stages.crm.context import SyncContext
from sales_agent_dagster.stages.crm.desired import desired_of
from sales_agent_dagster.stages.crm.suppressing import Party, anybody_suppressed, tokens_of
from sales_agent_dagster.stages.known_companies import chunked
from sales_agent_dagster.warehouse.schema import crm_outbox, suppression

_SENT = ("sent", "unknown")


def breaches(context: SyncContext, started: datetime) -> list[str]:
    """Operations sent from ``started`` on to or about somebody who was suppressed when they were.

    That is when their group was let through the gates. What came between that and the outcome may have come
    after the operation had gone out, which no gate could have stopped: it is not counted.
    """
    row = crm_outbox.c
    query = sa.select(row.op_id, row.entity_id, row.payload, row.company_id, row.sending_at).where(
        row.crm == context.crm, row.sending_at >= started, row.state.in_(_SENT)
    )
    with context.warehouse.reading() as connection:
        if not anybody_suppressed(connection):
            return []
        sent = connection.execute(query).all()
        desired = desired_of(connection, {one.entity_id for one in sent})
        parties = {
            one.op_id: (
                Party(one.entity_id, one.payload or {}, one.company_id),
                Party(one.entity_id, desired[one.entity_id].company if one.entity_id in desired else {}),
            )
            for one in sent
        }
        tokens = {
            op_id: {token for party in about for token, _ in tokens_of(context, party)}
            for op_id, about in parties.items()
        }
        since = _since(connection, set().union(*tokens.values()))
    return [
        one.op_id
        for one in sent
        if any(token in since and since[token] <= one.sending_at for token in tokens[one.op_id])
    ]


def _since(connection: sa.Connection, tokens: set[str]) -> dict[str, datetime]:
    """Since when those of the tokens that are suppressed are."""
    found: dict[str, datetime] = {}
    for some in chunked(sorted(tokens)):
        query = sa.select(suppression.c.token, suppression.c.created_at).where(suppression.c.token.in_(some))
        found.update(connection.execute(query).tuples().all())
    return found
