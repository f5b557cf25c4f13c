"""Records that carry our key and that we did not know.

An answer was lost, but what we wrote there is ours.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

import sqlalchemy as sa

from sales_agent_dagster.crm.canonical import same
from sales_agent_dagster.crm.contract import Action, Fields, Value
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.crm.merging import written
from sales_agent_dagster.crm.ownership import COMPANIONS
from sales_agent_dagster.stages.crm.context import SyncContext
from sales_agent_dagster.stages.crm.outbox import forgive
from sales_agent_dagster.stages.crm.stored import Link, agreements_of, save_agreements, snapshots_of
from sales_agent_dagster.stages.known_companies import chunked
from sales_agent_dagster.warehouse.schema import crm_outbox


def adopt(context: SyncContext, connection: sa.Connection, kind: Kind, links: Sequence[Link]) -> None:
    """Agree, about records that were linked by our key, on what our own creates wrote into them.

    Else their values would be the CRM's, and none of ours would ever be corrected by us.
    """
    found = {link.external_key: link.remote_id for link in links if link.how == "external_key"}
    known = agreements_of(connection, context.crm, kind, found.values())
    records = snapshots_of(connection, context.crm, kind, found.values())
    there = {
        key: records[remote_id].fields
        for key, remote_id in found.items()
        if remote_id in records and remote_id not in known
    }
    agreed = {
        found[key]: written(kind, fields, {})
        for key, fields in sent_by_creates(context, connection, kind, there).items()
    }
    save_agreements(context, connection, kind, agreed)
    forgive(context, connection, kind, found)


def sent_by_creates(
    context: SyncContext, connection: sa.Connection, kind: Kind, there: Mapping[str, Fields]
) -> dict[str, dict[str, Value]]:
    """By our key, what our creates wrote into a record that says what is ``there``.

    Of several creates perhaps only one arrived, and not the last. Keys that none was sent for are left out.
    """
    payloads = _payloads(connection, context.crm, kind, there)
    return {key: _sent(kind, some, there[key]) for key, some in payloads.items()}


def _sent(kind: Kind, payloads: Sequence[Fields], there: Fields) -> dict[str, Value]:
    """What the payload said that arrived, and of the others what is there, if none can be told from its mark.

    Args:
        kind: of the record.
        payloads: newest first.
        there: what the record says.
    """
    arrived = max(
        payloads, key=lambda payload: (_bears_mark(kind, payload, there), _alike(kind, payload, there))
    )
    sent = dict(arrived)
    if not _bears_mark(kind, arrived, there):
        for payload in payloads:
            sent |= {
                name: value for name, value in payload.items() if same(kind, name, value, there.get(name))
            }
    return sent


def _bears_mark(kind: Kind, payload: Fields, there: Fields) -> bool:
    marks = {name: value for name, value in payload.items() if name in COMPANIONS}
    return bool(marks) and _alike(kind, marks, there) == len(marks)


def _alike(kind: Kind, payload: Fields, there: Fields) -> int:
    """How many values of the payload are there."""
    return sum(same(kind, name, value, there.get(name)) for name, value in payload.items())


def _payloads(
    connection: sa.Connection, crm: str, kind: Kind, keys: Iterable[str]
) -> Mapping[str, list[Fields]]:
    """What the creates that were sent with these keys said, newest first."""
    row, found = crm_outbox.c, defaultdict(list)
    query = (
        sa.select(row.external_key, row.payload)
        .where(
            row.crm == crm,
            row.kind == kind.value,
            row.operation == Action.CREATE.value,
            row.sending_at.is_not(None),
        )
        .order_by(row.sending_at.desc(), row.op_id)
    )
    for some in chunked(sorted(keys)):
        for key, payload in connection.execute(query.where(row.external_key.in_(some))):
            found[key].append(payload)
    return found
