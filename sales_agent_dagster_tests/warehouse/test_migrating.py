from __future__ import annotations

import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory

from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.migrating import ADVISORY_LOCK, alembic_config, revisions, stored_revision
from sales_agent_dagster.warehouse.schema import METADATA, lead_files
from sales_agent_dagster.warehouse.views import VIEWS
from sales_agent_dagster_tests.rows import file_row, seed_batch


def schema_of(connection: sa.Connection) -> dict[str, Any]:
    """What ``compare_metadata`` does not look at: check constraints and keys, by table."""
    inspector = sa.inspect(connection)
    return {
        name: (
            sorted((check["name"], check["sqltext"]) for check in inspector.get_check_constraints(name)),
            inspector.get_pk_constraint(name),
            sorted(
                (key["name"], key["constrained_columns"], key["referred_table"], key["referred_columns"])
                for key in inspector.get_foreign_keys(name)
            ),
        )
        for name in METADATA.tables
    }


def test_the_revisions_make_exactly_the_schema(unmigrated: Warehouse) -> None:
    unmigrated.migrate()
    with unmigrated.reading() as connection:
        options = {"compare_type": True, "compare_server_default": True}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), METADATA) == []
        inspector = sa.inspect(connection)
        assert set(inspector.get_table_names()) == {*METADATA.tables, "alembic_version"}
        assert set(inspector.get_view_names()) == {view.name for view in VIEWS}


def test_the_revisions_make_the_same_constraints_as_the_schema(unmigrated: Warehouse) -> None:
    with unmigrated.reading() as connection:  # rolled back
        METADATA.create_all(connection)
        wanted = schema_of(connection)
    unmigrated.migrate()
    with unmigrated.reading() as connection:
        assert schema_of(connection) == wanted


def test_postgres_has_the_comments_of_tables_and_views(postgres_warehouse: Warehouse) -> None:
    with postgres_warehouse.reading() as connection:
        inspector = sa.inspect(connection)
        for table in METADATA.sorted_tables:
            assert inspector.get_table_comment(table.name)["text"] == table.comment
        for view in VIEWS:
            comments = {column["name"]: column["comment"] for column in inspector.get_columns(view.name)}
            assert comments == dict(view.columns)


def test_revisions_are_those_alembic_sees(sqlite_warehouse: Warehouse) -> None:
    with sqlite_warehouse.reading() as connection:
        script = ScriptDirectory.from_config(alembic_config(connection))
        assert script.get_heads() == [revisions()[-1]]
        assert tuple(found.revision for found in script.walk_revisions())[::-1] == revisions()
        assert stored_revision(connection) == revisions()[-1]


def test_a_second_migration_changes_nothing(warehouse: Warehouse) -> None:
    seed_batch(warehouse, through="crm_synced_leads")
    warehouse.migrate()
    warehouse.migrate()
    with warehouse.reading() as connection:
        assert connection.scalar(sa.text("SELECT COUNT(*) FROM lead_360")) == 1


def test_at_the_newest_version_it_is_one_read(warehouse: Warehouse) -> None:
    statements: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)

    sa.event.listen(warehouse.engine, "before_cursor_execute", note)
    warehouse.migrate()
    assert [text for text in statements if text != "BEGIN"] == ["SELECT version_num FROM alembic_version"]


def test_at_the_newest_version_alembic_is_not_imported(sqlite_warehouse: Warehouse) -> None:
    url = str(sqlite_warehouse.url)
    program = (
        "import sys; from sales_agent_dagster.warehouse.database import Warehouse; "
        f"Warehouse({url!r}).migrate(); print('alembic' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


def test_who_waited_for_another_migration_has_nothing_left_to_do(unmigrated: Warehouse) -> None:
    second = Warehouse(unmigrated.url.render_as_string(hide_password=False))
    waiting = threading.Event()
    statements: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_rest: object) -> None:
        statements.append(statement)
        if statement == "BEGIN IMMEDIATE" or "pg_advisory_xact_lock" in statement:
            waiting.set()

    sa.event.listen(second.engine, "before_cursor_execute", note)
    with ThreadPoolExecutor(1) as pool:
        with unmigrated.transaction() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(sa.select(sa.func.pg_advisory_xact_lock(ADVISORY_LOCK)))
            done = pool.submit(second.migrate)
            assert waiting.wait(30)
            command.upgrade(alembic_config(connection), "head")
        done.result(timeout=60)
    assert not [text for text in statements if "CREATE" in text]
    second.dispose()


def test_each_revision_can_be_the_starting_point(unmigrated: Warehouse) -> None:
    with unmigrated.transaction() as connection:
        command.upgrade(alembic_config(connection), revisions()[0])
        unmigrated.upsert(connection, lead_files, [file_row("kept")])
    unmigrated.migrate()
    with unmigrated.reading() as connection:
        assert stored_revision(connection) == revisions()[-1]
        assert connection.scalar(sa.select(lead_files.c.file_id)) == "kept"
        assert connection.scalar(sa.text("SELECT COUNT(*) FROM lead_360")) == 0


def test_a_newer_database_is_refused_and_left_alone(warehouse: Warehouse) -> None:
    with warehouse.transaction() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(
        ConfigurationError, match=rf"version 9999, this program knows up to {revisions()[-1]}"
    ):
        warehouse.migrate()
    with warehouse.reading() as connection:
        assert stored_revision(connection) == "9999"
        assert set(sa.inspect(connection).get_view_names()) == {view.name for view in VIEWS}


def test_a_failing_migration_leaves_nothing_behind(unmigrated: Warehouse) -> None:
    with unmigrated.transaction() as connection:
        connection.exec_driver_sql("CREATE TABLE crm_outbox (something TEXT)")
    with pytest.raises(sa.exc.DBAPIError, match="crm_outbox"):
        unmigrated.migrate()
    with unmigrated.reading() as connection:
        assert sa.inspect(connection).get_table_names() == ["crm_outbox"]


def test_a_broken_version_table_is_reported(unmigrated: Warehouse) -> None:
    with unmigrated.transaction() as connection:
        connection.exec_driver_sql("CREATE TABLE alembic_version (other TEXT)")
    with pytest.raises(sa.exc.DBAPIError, match="version_num"):
        unmigrated.migrate()
