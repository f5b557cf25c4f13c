"""Opening what a command needs, with errors that say what to fix."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.settings import Settings
from sales_agent_dagster.warehouse.database import Warehouse


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
            f"SALES_AGENT_HOME {settings.home} cannot be written: {error.strerror or error}."
        ) from None
    warehouse = Warehouse(settings.warehouse_url.get_secret_value())
    try:
        warehouse.migrate()
    except sa.exc.DBAPIError as error:
        fault = str(error.orig).strip().splitlines()[0]
        raise ConfigurationError(
            f"The warehouse {warehouse.url.render_as_string(hide_password=True)} cannot be opened: {fault}"
        ) from None
    try:
        yield warehouse
    finally:
        warehouse.dispose()
