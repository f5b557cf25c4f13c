"""Schema versions: which one the database has, which one the code wants, how to get there.

Everything happens in one transaction under a lock, so two processes that start together do not collide
and a kill leaves the old schema whole.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from sales_agent_dagster.domain.errors import ConfigurationError, PermanentError
from sales_agent_dagster.warehouse.views import create_views, drop_views

if TYPE_CHECKING:
    from alembic.config import Config

MIGRATIONS = Path(__file__).parent / "migrations"
ADVISORY_LOCK = 7_235_904_411
"""Any number that no other program takes; held on PostgreSQL while the schema changes."""


def revisions() -> tuple[str, ...]:
    """Ids of all revisions, oldest first: the numbers their files begin with."""
    return tuple(sorted(path.name.partition("_")[0] for path in (MIGRATIONS / "versions").glob("[0-9]*.py")))


def migrate(engine: sa.Engine) -> None:
    """Bring the schema to the newest revision. One read, and no Alembic import, when it is there already.

    Raises:
        ConfigurationError: the database has a revision that this code does not know.
        PermanentError: rows would lose what they refer to; nothing is changed.
    """
    with engine.connect() as connection:
        if stored_revision(connection) == revisions()[-1]:
            return
    with engine.connect() as connection, _keys_checked_at_the_end(connection) as check:
        writer = connection.execution_options(write_lock=True)
        with writer.begin():
            if writer.dialect.name == "postgresql":
                writer.execute(sa.select(sa.func.pg_advisory_xact_lock(ADVISORY_LOCK)))
            _upgrade(writer)
            check(writer)


@contextmanager
def _keys_checked_at_the_end(connection: sa.Connection) -> Iterator[Callable[[sa.Connection], None]]:
    """Let SQLite replace a table that others refer to, its only way to alter one; gives the final check.

    SQLite's documented procedure (https://www.sqlite.org/lang_altertable.html, 7): enforcement can only be
    switched outside of a transaction, and what refers to nothing must be looked for before the commit.
    """
    if connection.dialect.name != "sqlite":
        yield lambda _writer: None
        return
    driver: Any = connection.connection.driver_connection
    driver.execute("PRAGMA foreign_keys = OFF")
    try:
        yield _require_whole_keys
    finally:
        driver.execute("PRAGMA foreign_keys = ON")


def _require_whole_keys(connection: sa.Connection) -> None:
    broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchone()
    if broken:
        raise PermanentError(f"The migration would leave rows of {broken[0]} without their {broken[2]}.")


def stored_revision(connection: sa.Connection) -> str | None:
    """Revision of the database; None when it has no tables of ours."""
    try:
        found = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    except sa.exc.DBAPIError:
        connection.rollback()
        if sa.inspect(connection).has_table("alembic_version"):
            raise
        return None
    return None if found is None else str(found)


def alembic_config(connection: sa.Connection) -> Config:
    """Alembic's configuration for a connection; there is no ini file."""
    from alembic.config import Config

    config = Config(attributes={"connection": connection})
    config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
    return config


def _upgrade(connection: sa.Connection) -> None:
    from alembic import command

    if sa.inspect(connection).has_table("alembic_version"):
        found = stored_revision(connection)
        if found == revisions()[-1]:
            return  # another process was faster
        if found is not None and found not in revisions():
            raise ConfigurationError(
                f"The warehouse has schema version {found}, this program knows up to {revisions()[-1]}. "
                "Update the program, or set SALES_AGENT_DATABASE_URL (or SALES_AGENT_HOME) to another one."
            )
    drop_views(connection)
    command.upgrade(alembic_config(connection), "head")
    create_views(connection)
