"""``sales-agent query``: reads only, prints for people, programs and spreadsheets."""

import csv
import io
import json

import pytest

from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster_tests.cli.conftest import Cli
from sales_agent_dagster_tests.rows import seed_batch

HOSTILE = ["=1+1", "+14155550100", "-2", "@cmd", "\x1b[31mred", "[bold]x[/]", 'quote " and\nline', "plain"]


@pytest.fixture
def hostile(home_warehouse: Warehouse) -> None:
    seed_batch(home_warehouse, "batch-1", [{"company_name": name} for name in HOSTILE])


NAMES = "select company_name, oem_count, -5 as n from imported_leads order by record_no"


def test_table_escapes_and_keeps_every_row(cli: Cli, hostile: None) -> None:
    outcome = cli("query", NAMES)
    assert outcome.code == 0
    lines = outcome.out.splitlines()
    assert lines[0].split() == ["company_name", "oem_count", "n"]
    assert len(lines) == 1 + len(HOSTILE)
    assert "\\x1b[31mred" in outcome.out
    assert "[bold]x[/]" in outcome.out
    assert "\x1b" not in outcome.out


def test_json_is_one_array_of_the_data_as_it_is(cli: Cli, hostile: None) -> None:
    outcome = cli("query", NAMES, "--format", "json")
    assert [row["company_name"] for row in json.loads(outcome.out)] == HOSTILE
    assert "\x1b" not in outcome.out


def test_json_keeps_columns_of_one_name_apart_and_has_no_nan(cli: Cli, home_warehouse: Warehouse) -> None:
    outcome = cli("query", "select 1 as a, 2 as a, 9e999 as b, null as c", "--format", "json")
    assert json.loads(outcome.out) == [{"a": 1, "a_2": 2, "b": None, "c": None}]


def test_json_without_rows_is_an_empty_array(cli: Cli, home_warehouse: Warehouse) -> None:
    assert json.loads(cli("query", "select * from imported_leads", "--format", "json").out) == []


def test_csv_disarms_text_formulas_and_leaves_numbers(cli: Cli, hostile: None) -> None:
    outcome = cli("query", NAMES, "--format", "csv")
    rows = list(csv.reader(io.StringIO(outcome.out)))
    assert rows[0] == ["company_name", "oem_count", "n"]
    assert [row[0] for row in rows[1:]] == [
        "'=1+1",
        "'+14155550100",
        "'-2",
        "'@cmd",
        "\x1b[31mred",
        "[bold]x[/]",
        'quote " and\nline',
        "plain",
    ]
    assert {row[2] for row in rows[1:]} == {"-5"}


def test_csv_disarms_headers_too(cli: Cli, home_warehouse: Warehouse) -> None:
    assert cli("query", 'select 1 as "=x"', "--format", "csv").out.splitlines()[0] == "'=x"


def test_limit_is_told_on_standard_error(cli: Cli, hostile: None) -> None:
    outcome = cli("query", NAMES, "--limit", "2", "--format", "json")
    assert len(json.loads(outcome.out)) == 2
    assert outcome.err == "Only the first 2 rows; --limit shows more.\n"
    assert cli("query", NAMES, "--limit", str(len(HOSTILE))).err == ""


@pytest.mark.parametrize(
    ("sql", "words"),
    [
        ("selec 1", "SELEC is refused"),
        ("select * from imported_lead", "Did you mean imported_leads"),
        ("delete from imported_leads", "DELETE is refused"),
        ("with x as (select 1) delete from imported_leads", "read"),
        ("select 1; select 2", "one statement"),
        ("select wrong from imported_leads", "no such column"),
        ("", "empty"),
    ],
)
def test_wrong_sql_is_one_line_and_code_2(cli: Cli, hostile: None, sql: str, words: str) -> None:
    outcome = cli("query", sql)
    assert outcome.code == 2
    assert outcome.out == ""
    assert outcome.err.startswith("Error: ")
    assert outcome.err.count("\n") == 1
    assert words in outcome.err


def test_before_the_first_import_it_says_so(cli: Cli) -> None:
    outcome = cli("query", "select 1")
    assert (outcome.code, outcome.out) == (2, "")
    assert "no warehouse yet" in outcome.err


@pytest.mark.parametrize("arguments", [("--format", "xml"), ("--limit", "0"), ("--limit", "many")])
def test_wrong_options_are_code_2(cli: Cli, arguments: tuple[str, str]) -> None:
    assert cli("query", "select 1", *arguments).code == 2


def test_on_postgres(cli: Cli, postgres_warehouse: Warehouse, monkeypatch: pytest.MonkeyPatch) -> None:
    seed_batch(postgres_warehouse, "batch-1", [{"company_name": "A"}])
    monkeypatch.setenv(
        "SALES_AGENT_DATABASE_URL", postgres_warehouse.url.render_as_string(hide_password=False)
    )
    sql = "select company_name, 1.5::numeric as n, created_at, 'x'::bytea as b from imported_leads"
    row = json.loads(cli("query", sql, "--format", "json").out)[0]
    assert (row["company_name"], row["n"]) == ("A", 1.5)
    assert row["created_at"].startswith("2026-03-01T12:00:00")
    mean = "select avg(n) as mean, sum(n) as total from (values (1), (2::numeric)) as v(n)"
    assert cli("query", mean).out.split() == ["mean", "total", "1.5", "3"]
    broken = cli("query", "select company_nam from imported_leads")
    assert broken.code == 2
    assert broken.err.count("\n") == 1


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (0.00077989898, "0.0007799"),
        (12345678.123456789, "12345678.1235"),
        (-0.66666666666666, "-0.6667"),
        (48.0, "48.0"),
    ],
)
def test_a_table_shows_long_floats_short_and_json_in_full(
    cli: Cli, hostile: None, value: float, shown: str
) -> None:
    sql = f"select {value!r} as number"
    assert cli("query", sql).out.split() == ["number", shown]
    assert json.loads(cli("query", sql, "--format", "json").out) == [{"number": value}]
