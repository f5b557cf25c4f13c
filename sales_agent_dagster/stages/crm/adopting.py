"""Records that carry our key and that we did not know: an answer was lost, but what we wrote there is ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from sales_agent_dagster.crm.contract import Action, Value
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.crm.merging import written
from sales_agent_dagster.stages.crm.context import SyncContext
from sales_agent_dagster.stages.crm.outbox import forgive
from sales_agent_dagster.stages.crm.stored import Link, agreements_of, save_agreements
from sales_agent_dagster.stages.known_companies import chunked
from sales_agent_dagster.warehouse.schema import crm_outbox


def adopt(context: SyncContext, connection: sa.Connection, kind: Kind, links: Sequence[Link]) -> None:
    """Agree, about records that were linked by our key, on what our own creates wrote into them.

    Else their values would be the CRM's, and none of ours would ever be corrected by us.
    """
    found = {link.external_key: link.remote_id for link in links if link.how == "external_key"}
    known = agreements_of(connection, context.crm, kind, found.values())
    payloads = _payloads(connection, context.crm, kind, found)
    agreed = {
        found[key]: written(kind, payload, {})
        for key, payload in payloads.items()
        if found[key] not in known
    }
    save_agreements(context, connection, kind, agreed)
    forgive(context, connection, kind, found)


def _payloads(
    connection: sa.Connection, crm: str, kind: Kind, keys: Mapping[str, str]
) -> dict[str, Mapping[str, Value]]:
    """What the newest creates that were sent with these keys said."""
    row, found = crm_outbox.c, {}
    query = (
        sa.select(row.external_key, row.payload)
        .where(
            row.crm == crm,
            row.kind == kind.value,
            row.operation == Action.CREATE.value,
            row.sending_at.is_not(None),
        )
        .order_by(row.sending_at)
    )
    for some in chunked(sorted(keys)):
        found.update(connection.execute(query.where(row.external_key.in_(some))).tuples().all())
    return found
