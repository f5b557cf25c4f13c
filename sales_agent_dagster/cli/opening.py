"""Opening what a command needs, with errors that say what to fix."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from sales_agent_dagster.domain.errors import ConfigurationError, UnknownRecord
from sales_agent_dagster.settings import Settings
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import lead_batches


@contextmanager
def open_warehouse(settings: Settings) -> Iterator[Warehouse]:
    """The warehouse, created or migrated as needed; closed at the end.

    Raises:
        ConfigurationError: ``SALES_AGENT_HOME`` cannot be written, or the database cannot be opened.
        TransientError: the database is locked or does not answer.
    """
    try:
        settings.home.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(
            f"SALES_AGENT_HOME {settings.home} cannot be written: {error.strerror or error}. "
            "Set it to a folder that you can write."
        ) from None
    warehouse = Warehouse(settings.warehouse_url.get_secret_value())
    try:
        warehouse.migrate()
    except sa.exc.DBAPIError as error:
        fault = str(error.orig).strip().splitlines()[0]
        where = warehouse.url.render_as_string(hide_password=True)
        named = "SALES_AGENT_DATABASE_URL" if settings.database_url else "SALES_AGENT_HOME"
        raise ConfigurationError(
            f"The warehouse {where} cannot be opened: {fault}. {named} says where it is: can it be written?"
        ) from None
    try:
        yield warehouse
    finally:
        warehouse.dispose()


def find_batch(connection: sa.Connection, wanted: str) -> str:
    """The id of the batch whose id is, or alone begins with, ``wanted``.

    Raises:
        UnknownRecord: there is none, or several.
    """
    ids = lead_batches.c.batch_id
    query = sa.select(ids).where(ids.startswith(wanted, autoescape=True)).order_by(ids)
    found = list(connection.scalars(query))
    if wanted in found:
        return wanted
    if len(found) != 1:
        which = f"is the start of {', '.join(found[:5])}" if found else "is no batch"
        raise UnknownRecord(f"{wanted[:80]} {which}. `sales-agent status` lists all.")
    return str(found[0])
