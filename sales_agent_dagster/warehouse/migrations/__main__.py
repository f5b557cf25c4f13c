"""Write the next revision: ``python -m sales_agent_dagster.warehouse.migrations "what changed" [URL]``.

Compares the tables in ``warehouse/schema`` with those that the revisions so far make, in an empty scratch
database. That is a temporary SQLite file; give the URL of an empty PostgreSQL database to have changed
comments noticed too, SQLite stores none.
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.migrating import MIGRATIONS, alembic_config, revisions
from sales_agent_dagster.warehouse.views import drop_views


def write_revision(message: str, url: str) -> Path:
    """Write the revision from the newest one to the schema as it is now; returns its file.

    Args:
        message: what changes; becomes docstring and file name.
        url: an empty database to work in.
    """
    from alembic import command

    warehouse = Warehouse(url)
    if revisions():
        warehouse.migrate()
    number = f"{len(revisions()) + 1:04d}"
    with warehouse.transaction() as connection:
        drop_views(connection)
        config = alembic_config(connection)
        command.revision(config, message, autogenerate=True, rev_id=number)
    warehouse.dispose()
    return next((MIGRATIONS / "versions").glob(f"{number}_*.py"))


def main(arguments: list[str]) -> None:
    """Command line."""
    if len(arguments) not in (1, 2):
        sys.exit(__doc__)
    with tempfile.TemporaryDirectory() as folder:
        print(write_revision(arguments[0], *arguments[1:] or [f"sqlite:///{folder}/scratch.db"]))


if __name__ == "__main__":
    main(sys.argv[1:])
