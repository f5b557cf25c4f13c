"""``sales-agent demo`` and what it leaves: tables, a Dagster run, nothing to do the second time."""

import re
import sqlite3
from pathlib import Path

import dagster as dg
import pytest

from sales_agent_dagster.cli import demo
from sales_agent_dagster.warehouse.schema import STAGE_TABLES
from sales_agent_dagster_tests.cli.conftest import Cli, Outcome


def rows_of(home: Path, sql: str) -> list[tuple[object, ...]]:
    with sqlite3.connect(home / "warehouse.db") as connection:
        found = connection.execute(sql).fetchall()
    connection.close()
    return found


def dump(home: Path) -> list[str]:
    """Every row of the warehouse."""
    with sqlite3.connect(home / "warehouse.db") as connection:
        lines = sorted(connection.iterdump())
    connection.close()
    return lines


def one(home: Path, sql: str) -> int:
    return int(str(rows_of(home, sql)[0][0]))


def test_the_summary_says_what_the_tables_hold(demo_run: tuple[Path, Outcome]) -> None:
    home, outcome = demo_run
    assert (outcome.code, outcome.err) == (0, "")
    imported, rejected = (
        one(home, "select count(*) from imported_leads"),
        one(home, "select count(*) from rejected_rows"),
    )
    assert imported + rejected == 200
    assert f"{imported} leads of 200 rows, {rejected} rejected" in outcome.out
    companies = one(home, "select count(distinct entity_id) from resolved_leads")
    duplicates = one(home, "select sum(is_duplicate) from resolved_leads")
    assert duplicates > 0
    assert re.search(rf"{companies} companies, {duplicates} duplicates?\b", outcome.out)
    done = "select count(*) from {} where status in ('ok', 'degraded')"
    assert f"Qualified  {one(home, done.format('qualified_leads'))} scored" in outcome.out
    messages = one(home, "select count(*) from campaign_messages")
    assert f"Campaigns  {one(home, done.format('campaigns'))}, with {messages} drafts" in outcome.out
    for tier, leads in rows_of(
        home, "select tier, count(*) from qualified_leads where tier is not null group by tier"
    ):
        assert re.search(rf"^{tier} +{leads}  #+$", outcome.out, re.MULTILINE)
    for operation, leads in rows_of(
        home, "select operation, count(*) from crm_synced_leads group by operation"
    ):
        assert f"{leads} {operation}" in outcome.out


def test_every_lead_has_its_one_row_in_every_table(demo_run: tuple[Path, Outcome]) -> None:
    home, _ = demo_run
    counts = {table.name: one(home, f"select count(*) from {table.name}") for table in STAGE_TABLES}
    assert len(set(counts.values())) == 1, counts
    for name in counts:
        if name != "imported_leads":
            assert one(home, f"select count(*) from {name} where status <> 'ok' and reason is null") == 0


def test_progress_is_a_line_per_stage_in_a_pipe(demo_run: tuple[Path, Outcome]) -> None:
    _, outcome = demo_run
    shown = re.findall(r"^  (\w+) +(\d+) of (\d+) rows$", outcome.out, re.MULTILINE)
    assert [stage for stage, _, _ in shown] == [table.name for table in STAGE_TABLES]
    assert all(rows == expected for _, rows, expected in shown)
    assert "\x1b" not in outcome.out
    assert all(line == line.rstrip() for line in outcome.out.splitlines())


def test_three_examples_with_score_and_reason_can_be_explained(
    demo_home: Path, demo_run: tuple[Path, Outcome], cli: Cli
) -> None:
    examples = re.findall(r"^ *(\d+\.\d) (\w+) .*  (\S+)\n +(\S.*)$", demo_run[1].out, re.MULTILINE)
    assert len(examples) == 3
    ((best,),) = rows_of(demo_home, "select max(score) from qualified_leads")
    assert float(examples[0][0]) == pytest.approx(best, abs=0.06)
    explained = cli("lead", examples[0][2])
    assert explained.code == 0
    assert examples[0][3] in explained.out


def test_the_run_is_in_dagster(demo_run: tuple[Path, Outcome]) -> None:
    home, _ = demo_run
    with dg.DagsterInstance.from_config(str(home / "dagster")) as instance:
        (run,) = instance.get_runs()
        assert run.status is dg.DagsterRunStatus.SUCCESS
        partition = run.tags["dagster/partition"]
        assert rows_of(home, "select batch_id from lead_batches") == [(partition,)]
        assert instance.has_dynamic_partition("lead_batches", partition)


def test_the_second_demo_does_nothing_and_says_so(demo_home: Path, shell: Cli) -> None:
    before = dump(demo_home)
    outcome = shell("demo")
    assert (outcome.code, outcome.err) == (0, "")
    assert "0 new rows, 0 agent calls." in outcome.out
    assert "Next" in outcome.out
    assert dump(demo_home) == before


def test_state_stays_under_home(demo_run: tuple[Path, Outcome]) -> None:
    home, _ = demo_run
    assert sorted(path.name for path in home.parent.iterdir()) == ["home"]
    assert {path.name for path in home.iterdir()} <= {
        "archive",
        "dagster",
        "warehouse.db",
        "warehouse.db-shm",
        "warehouse.db-wal",
    }


def test_a_missing_sample_is_told(cli: Cli, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "SAMPLE", tmp_path / "none.csv")
    outcome = cli("demo")
    assert (outcome.code, outcome.out) == (2, "")
    assert "is missing" in outcome.err
