"""The warehouse's leads as a table to match against."""

from __future__ import annotations

import pyarrow as pa
import sqlalchemy as sa

from sales_agent_dagster.cli.dedupe_files import LeadFile
from sales_agent_dagster.cli.opening import open_warehouse
from sales_agent_dagster.matching.answers import Answered
from sales_agent_dagster.settings import load_settings
from sales_agent_dagster.stages.identity.training import answered_pairs
from sales_agent_dagster.warehouse.schema import imported_leads, resolved_leads

_COLUMNS = {
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
"""Field of ``RawLead`` to column of ``imported_leads``."""


def read_warehouse() -> LeadFile:
    """All resolved leads with their entities and accounts, in order of their ids.

    Raises:
        ConfigurationError: the warehouse cannot be opened.
        TransientError: the database is locked or does not answer.
    """
    settings = load_settings()
    query = (
        sa.select(
            resolved_leads.c.lead_id,
            resolved_leads.c.entity_id,
            resolved_leads.c.account_id,
            *(imported_leads.c[name] for name in _COLUMNS.values()),
        )
        .join_from(
            resolved_leads,
            imported_leads,
            sa.and_(
                imported_leads.c.batch_id == resolved_leads.c.batch_id,
                imported_leads.c.lead_id == resolved_leads.c.lead_id,
            ),
        )
        .order_by(resolved_leads.c.lead_id)
    )
    with open_warehouse(settings) as warehouse, warehouse.reading() as connection:
        rows = [tuple(value or "" for value in row) for row in connection.execute(query)]
    columns = list(zip(*rows, strict=True)) or [()] * (3 + len(_COLUMNS))
    arrays = [pa.array(column, pa.string()) for column in columns]
    raw = dict(zip(_COLUMNS, arrays[3:], strict=True))
    return LeadFile(settings.home, arrays[0], raw, arrays[1], arrays[2])


def read_answers(leads: LeadFile) -> Answered:
    """What people answered about pairs of the warehouse's leads, as rows of ``leads``.

    Raises:
        ConfigurationError: the warehouse cannot be opened.
        TransientError: the database is locked or does not answer.
    """
    with open_warehouse(load_settings()) as warehouse, warehouse.reading() as connection:
        return answered_pairs(connection, leads.record_ids.to_pylist())
