"""Write the next revision: ``python -m sales_agent_dagster.warehouse.migrations "what changed" [URL]``.

Compares the tables in ``warehouse/schema`` with those that the revisions so far make, in an empty scratch
database. That is a temporary SQLite file; give the URL of an empty PostgreSQL database to have changed
comments noticed too, SQLite stores none.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.migrating import MIGRATIONS, alembic_config, revisions


def write_revision(message: str, url: str, folder: Path = MIGRATIONS / "versions") -> Path:
    """Write the revision from the newest one to the schema as it is now; returns its file.

    Args:
        message: what changes; becomes docstring and file name.
        url: an empty database to work in.
        folder: where the file goes.
    """
    from alembic import command
    from alembic.util.messaging import obfuscate_url_pw  # noqa: F401

    raise NotImplementedError
