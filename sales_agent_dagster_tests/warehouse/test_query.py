from __future__ import annotations

from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
import sqlalchemy as sa

from sales_agent_dagster.domain.errors import PermanentError
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.query import QueryResult, run_query
from sales_agent_dagster_tests.conftest import new_database
from sales_agent_dagster_tests.rows import seed_batch

ENDLESS = """
    WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000000000)
    SELECT MAX(i) FROM n
"""
NAMES = ("A", "B", "C")
IDS = ("batch-1-1", "batch-1-2", "batch-1-3")


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def seeded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Warehouse]:
    """A warehouse with three leads; one for all tests here, because queries cannot change it."""
    if request.param == "sqlite":
        path = tmp_path_factory.mktemp("query") / "warehouse.db"
        opened = nullcontext(f"sqlite:///{path}")
    else:
        opened = new_database(request.getfixturevalue("postgres_url"), "template0")
    with opened as url:
        warehouse = Warehouse(url)
        warehouse.migrate()
        assert tuple(seed_batch(warehouse, leads=[{"company_name": name} for name in NAMES])) == IDS
        yield warehouse
        warehouse.dispose()


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT lead_id, company_name FROM imported_leads ORDER BY 1",
        "  -- names;\n /* of ; leads */ SELECT lead_id, company_name FROM imported_leads ORDER BY 1;",
        "with x as (select * from lead_360) select lead_id, company_name from x order by lead_id;  ",
    ],
)
def test_rows_and_columns(seeded: Warehouse, sql: str) -> None:
    assert run_query(seeded, sql) == QueryResult(
        ("lead_id", "company_name"), list(zip(IDS, NAMES, strict=True)), truncated=False
    )


@pytest.mark.parametrize(("limit", "found", "truncated"), [(2, 2, True), (3, 3, False), (4, 3, False)])
def test_more_rows_than_the_limit_are_cut_and_marked(
    seeded: Warehouse, limit: int, found: int, truncated: bool
) -> None:
    result = run_query(seeded, "SELECT * FROM imported_leads", limit)
    assert (len(result.rows), result.truncated) == (found, truncated)


@pytest.mark.parametrize("sql", ["EXPLAIN SELECT * FROM imported_leads", "VALUES (1, 'a')"])
def test_other_reading_statements(seeded: Warehouse, sql: str) -> None:
    assert run_query(seeded, sql).rows


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("DELETE FROM imported_leads", "DELETE is refused"),
        ("update imported_leads set company_name = 'x'", "UPDATE is refused"),
        ("DROP VIEW lead_360", "DROP is refused"),
        ("ATTACH DATABASE '/tmp/x.db' AS x", "ATTACH is refused"),
        ("PRAGMA journal_mode = DELETE", "PRAGMA is refused"),
        ("SET default_transaction_read_only = off", "SET is refused"),
        ("COPY imported_leads TO PROGRAM 'cat'", "COPY is refused"),
        ("COMMIT", "COMMIT is refused"),
        ("/* hidden */ -- twice\n DELETE FROM imported_leads", "DELETE is refused"),
        ("", "empty"),
        ("  -- nothing", "empty"),
        (";", "empty"),
        ("SELECT 1; SELECT 2", "one statement"),
        ("SELECT 1; DELETE FROM imported_leads", "one statement"),
        ("SELECT 1; COMMIT; DELETE FROM imported_leads", "one statement"),
        ("SELECT nonsense FROM imported_leads", "failed.*nonsense"),
        ("SELECT FROM WHERE", "failed"),
        ("SELECT * FROM imported_lead", r"no table or view imported_lead\. Did you mean imported_leads"),
        ("SELECT * FROM lead_306", "Did you mean lead_360"),
        ("SELECT * FROM xyzzy", "Start with one of .*lead_360.*pipeline_funnel"),
    ],
)
def test_anything_else_is_refused_with_the_reason(seeded: Warehouse, sql: str, words: str) -> None:
    with pytest.raises(PermanentError, match=words):
        run_query(seeded, sql)
    assert len(run_query(seeded, "SELECT * FROM imported_leads").rows) == 3


def test_a_hidden_write_is_refused_by_the_database(seeded: Warehouse) -> None:
    if seeded.engine.name == "sqlite":
        hidden = "WITH x AS (SELECT 1) DELETE FROM imported_leads"
    else:
        hidden = "WITH gone AS (DELETE FROM imported_leads RETURNING *) SELECT * FROM gone"
    with pytest.raises(PermanentError, match="read only"):
        run_query(seeded, hidden)
    assert len(run_query(seeded, "SELECT * FROM imported_leads").rows) == 3


def test_a_slow_query_is_stopped(seeded: Warehouse) -> None:
    with pytest.raises(PermanentError, match=r"longer than 0.2 s"):
        run_query(seeded, ENDLESS, timeout_seconds=0.2)


def test_the_time_limit_ends_with_the_query(postgres_warehouse: Warehouse) -> None:
    run_query(postgres_warehouse, "SELECT 1", timeout_seconds=5)
    with postgres_warehouse.reading() as connection:
        assert connection.exec_driver_sql("SHOW statement_timeout").scalar() == "0"
        assert connection.exec_driver_sql("SHOW transaction_read_only").scalar() == "off"


@pytest.mark.parametrize("sql", ["SELECT load_extension('x')", "SELECT * FROM pragma_journal_mode"])
def test_sqlite_functions_that_reach_out_are_refused(sqlite_warehouse: Warehouse, sql: str) -> None:
    with pytest.raises(PermanentError, match=r"read only|failed"):
        run_query(sqlite_warehouse, sql)


def test_a_query_does_not_make_a_warehouse(tmp_path: Path) -> None:
    path = tmp_path / "none.db"
    with pytest.raises(PermanentError, match="no warehouse yet"):
        run_query(Warehouse(f"sqlite:///{path}"), "SELECT 1")
    assert not path.exists()


def test_reading_goes_on_while_a_writer_writes(seeded: Warehouse) -> None:
    def write_and_fail() -> None:
        with seeded.transaction() as connection:
            connection.execute(sa.text("UPDATE imported_leads SET company_name = 'new'"))
            found = run_query(seeded, "SELECT DISTINCT company_name FROM imported_leads ORDER BY 1")
            assert found.rows == [("A",), ("B",), ("C",)]
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        write_and_fail()


def test_a_file_name_with_odd_characters(sqlite_warehouse: Warehouse, tmp_path: Path) -> None:
    odd = tmp_path / "ware house#1%.db"
    sqlite_warehouse.dispose()
    Path(str(sqlite_warehouse.url.database)).rename(odd)
    assert run_query(Warehouse(f"sqlite:///{odd}"), "SELECT COUNT(*) FROM imported_leads").rows == [(0,)]
