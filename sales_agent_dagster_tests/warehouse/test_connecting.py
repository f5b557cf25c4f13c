from __future__ import annotations

import sqlite3
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa

from sales_agent_dagster.domain.errors import ConfigurationError, TransientError
from sales_agent_dagster.warehouse.connecting import parse_url, translated_errors
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import lead_files
from sales_agent_dagster_tests.conftest import database_url
from sales_agent_dagster_tests.postgres_server import free_port


@pytest.mark.parametrize("scheme", ["postgres", "postgresql", "postgresql+psycopg"])
def test_every_spelling_of_postgres_means_psycopg(scheme: str) -> None:
    url = parse_url(f"{scheme}://ann:secret@db.example:5433/leads?sslmode=require")
    assert url.drivername == "postgresql+psycopg"
    assert (url.host, url.port, url.database, url.password) == ("db.example", 5433, "leads", "secret")
    assert url.query == {"sslmode": "require"}


@pytest.mark.parametrize(
    "url",
    [
        "mysql://ann:secret@host/leads",
        "postgresql+psycopg2://ann:secret@host/leads",
        "ann:secret@host",
        "postgresql://ann:secret@host:port/leads",
        "",
        "sqlite://",
        "sqlite:///:memory:",
    ],
)
def test_other_urls_are_refused_without_telling_the_password(url: str) -> None:
    with pytest.raises(ConfigurationError, match="SALES_AGENT_DATABASE_URL") as caught:
        Warehouse(url)
    assert "secret" not in str(caught.value)


def test_the_password_is_not_shown() -> None:
    assert "secret" not in repr(Warehouse("postgresql://ann:secret@host/leads"))


def test_sqlite_is_set_up_and_its_folder_made(tmp_path: Path) -> None:
    path = tmp_path / "new folder" / "ware house.db"
    warehouse = Warehouse(f"sqlite:///{path}")
    with warehouse.reading() as connection:
        pragmas = {
            name: connection.exec_driver_sql(f"PRAGMA {name}").scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    warehouse.dispose()
    assert path.exists()
    assert pragmas == {"journal_mode": "wal", "synchronous": 1, "foreign_keys": 1, "busy_timeout": 30_000}


def test_postgres_knows_the_application_and_speaks_utc(postgres_warehouse: Warehouse) -> None:
    with postgres_warehouse.reading() as connection:
        assert connection.exec_driver_sql("SHOW application_name").scalar() == "sales_agent"
        assert connection.exec_driver_sql("SHOW timezone").scalar() == "UTC"


def test_a_locked_sqlite_is_transient(sqlite_warehouse: Warehouse) -> None:
    other = sqlite3.connect(str(sqlite_warehouse.url.database), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with sqlite_warehouse.reading() as connection:  # the pool hands the same connection out again
        connection.exec_driver_sql("PRAGMA busy_timeout = 1")
    with pytest.raises(TransientError, match="locked") as caught, sqlite_warehouse.transaction():
        pytest.fail("the lock was held")
    assert isinstance(caught.value.__cause__, sa.exc.OperationalError)
    other.close()
    with sqlite_warehouse.transaction():
        pass


def test_a_lost_connection_is_transient_and_the_next_one_works(postgres_warehouse: Warehouse) -> None:
    def lose_it() -> None:
        with postgres_warehouse.transaction() as connection:
            kill_backends(postgres_warehouse)
            connection.execute(sa.select(lead_files))

    with pytest.raises(TransientError):
        lose_it()
    kill_backends(postgres_warehouse)  # this time an idle one, which the pool must notice
    with postgres_warehouse.transaction() as connection:
        assert connection.execute(sa.select(lead_files)).all() == []


def kill_backends(warehouse: Warehouse) -> None:
    server = database_url(warehouse.url.set(drivername="postgresql").render_as_string(), "postgres")
    with psycopg.connect(server, autocommit=True) as admin:
        admin.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s",
            [warehouse.url.database],
        )


def test_no_server_is_transient() -> None:
    warehouse = Warehouse(f"postgresql://postgres@127.0.0.1:{free_port()}/leads")
    with pytest.raises(TransientError, match="not available"), warehouse.reading() as connection:
        connection.execute(sa.select(1))
    with pytest.raises(TransientError):
        warehouse.migrate()


def test_an_unknown_database_is_a_wrong_setting(postgres_url: str) -> None:
    warehouse = Warehouse(database_url(postgres_url, "nowhere"))
    with pytest.raises(ConfigurationError, match=r"SALES_AGENT_DATABASE_URL.*nowhere"):
        warehouse.migrate()


@pytest.mark.parametrize(
    ("sqlstate", "transient"),
    [("40001", True), ("40P01", True), ("57P01", True), ("53300", True), ("57014", False), ("42P01", False)],
)
def test_which_postgres_failures_may_pass(sqlstate: str, transient: bool) -> None:
    cause = psycopg.errors.lookup(sqlstate)("failed")
    error = sa.exc.DBAPIError.instance("SELECT 1", None, cause, psycopg.Error)
    with pytest.raises(TransientError if transient else sa.exc.DBAPIError), translated_errors():
        raise error


def test_an_error_in_sql_passes_as_it_is(warehouse: Warehouse) -> None:
    with pytest.raises(sa.exc.DBAPIError), warehouse.reading() as connection:
        connection.exec_driver_sql("SELECT * FROM nowhere")
