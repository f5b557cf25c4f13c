"""Revision 0004 on a warehouse that holds leads: nothing is lost, and the next run decides them again."""

from __future__ import annotations

import pytest
import sqlalchemy as sa
from alembic import command

from sales_agent_dagster.domain.errors import PermanentError
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.migrating import alembic_config
from sales_agent_dagster_tests.rows import batch_row, file_row, stage_row


@pytest.fixture
def old_warehouse(unmigrated: Warehouse) -> Warehouse:
    """At revision 0003, with a company of two leads and a row that depends on each."""
    with unmigrated.transaction() as connection:
        command.upgrade(alembic_config(connection), "0003")
        tables = sa.MetaData()
        tables.reflect(connection)

        def insert(table: str, row: dict[str, object]) -> None:
            known = {name: value for name, value in row.items() if name in tables.tables[table].c}
            connection.execute(sa.insert(tables.tables[table]).values(known))

        insert("lead_files", file_row())
        insert("lead_batches", batch_row())
        for lead_id, duplicate in (("a", False), ("b", True)):
            insert("imported_leads", stage_row("imported_leads", lead_id=lead_id, company_name="Acme"))
            columns = {"entity_id": "E1", "is_duplicate": duplicate}
            insert("resolved_leads", stage_row("resolved_leads", lead_id=lead_id, **columns))
            insert("qualified_leads", stage_row("qualified_leads", lead_id=lead_id))
        stamp = {name: stage_row("qualified_leads")[name] for name in ("batch_id", "run_id", "created_at")}
        insert("resolution_order", {**stamp, "resolve_seq": 1})
    return unmigrated


def test_stored_leads_survive(old_warehouse: Warehouse) -> None:
    old_warehouse.migrate()
    with old_warehouse.reading() as connection:
        rows = connection.exec_driver_sql(
            "SELECT lead_id, entity_id, account_id, decision FROM resolved_leads ORDER BY lead_id"
        ).all()
        assert [tuple(row) for row in rows] == [("a", "E1", "E1", "new"), ("b", "E1", "E1", "merge")]
        assert connection.exec_driver_sql("SELECT COUNT(*) FROM qualified_leads").scalar() == 2
        assert connection.exec_driver_sql("SELECT leads FROM resolution_order").scalar() == 2
    if old_warehouse.engine.dialect.name == "sqlite":
        with pytest.raises(sa.exc.IntegrityError), old_warehouse.transaction() as connection:
            connection.exec_driver_sql("DELETE FROM resolved_leads")


@pytest.mark.parametrize("unmigrated", ["sqlite"], indirect=True)
def test_a_migration_that_would_orphan_rows_changes_nothing(old_warehouse: Warehouse) -> None:
    """PostgreSQL checks by itself, statement by statement."""
    with old_warehouse.engine.connect() as connection:
        driver = connection.connection.driver_connection
        driver.execute("PRAGMA foreign_keys = OFF")
        driver.execute("DELETE FROM imported_leads WHERE lead_id = 'a'")
        driver.execute("PRAGMA foreign_keys = ON")
    with pytest.raises(PermanentError, match="without their imported_leads"):
        old_warehouse.migrate()
    with old_warehouse.reading() as connection:
        assert connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == "0003"
