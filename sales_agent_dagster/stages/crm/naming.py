"""How somebody with an address is called, and which of our notes in the CRM name them."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field

import sqlalchemy as sa

from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.stages.crm.activities import activity_key
from sales_agent_dagster.stages.crm.context import SyncContext
from sales_agent_dagster.warehouse.schema import crm_contacts, crm_outbox, imported_leads
from sales_agent_dagster.warehouse.schema.crm import OPEN_STATES

_SHORTEST = 2
"""Letters of a name that is looked for in texts: an initial would be found in every one."""


@dataclass
class Notes:
    """Our notes that name somebody.

    Attributes:
        remote_ids: of those that are in the CRM.
        op_ids: operations whose payload is such a note, and is done with.
        undecided: one of them has no known outcome yet.
    """

    remote_ids: set[str] = field(default_factory=set)
    op_ids: set[str] = field(default_factory=set)
    undecided: bool = False


def names_of(context: SyncContext, connection: sa.Connection, address: str) -> frozenset[str]:
    """Whole, first and last names of who has the address, folded, as lists and the CRM say them."""
    lead, person = imported_leads.c, crm_contacts.c
    listed = sa.select(lead.contact_name, lead.contact_first_name, lead.contact_last_name).where(
        sa.func.lower(lead.email) == address
    )
    held = sa.select(person.contact_name).where(
        person.crm == context.crm, sa.func.lower(person.email) == address
    )
    rows = [*connection.execute(listed).tuples(), *connection.execute(held).tuples()]
    return frozenset(folded(name) for row in rows for name in row if name and len(folded(name)) >= _SHORTEST)


def folded(text: str) -> str:
    """A name as it is compared."""
    return " ".join(text.split()).casefold()


def notes_naming(
    context: SyncContext, connection: sa.Connection, address: str, names: Collection[str]
) -> Notes:
    """Notes on the leads that have the address, as far as they say one of the names."""
    found = Notes()
    if not names:
        return found
    lead, sent = imported_leads.c, crm_outbox.c
    leads = connection.execute(
        sa.select(lead.batch_id, lead.lead_id).where(sa.func.lower(lead.email) == address)
    ).tuples()
    said = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, names))})(?!\w)")
    for batch_id, lead_id in leads:
        query = sa.select(sent.op_id, sent.remote_id, sent.state, sent.payload).where(
            sent.crm == context.crm,
            sent.kind == Kind.NOTE.value,
            sent.external_key.endswith(activity_key(Kind.NOTE, "", (batch_id, lead_id)), autoescape=True),
        )
        for op_id, remote_id, state, payload in connection.execute(query):
            if not said.search(folded(str((payload or {}).get("body") or ""))):
                continue
            if state in OPEN_STATES:
                found.undecided = True
                continue
            found.op_ids.add(op_id)
            found.remote_ids |= {remote_id} if remote_id else set()
    return found
