"""``sales-agent run``: every outcome of a file, every exit code, resuming, interrupting."""

import os
import pty
import re
import select
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
import typer
import yaml

from sales_agent_dagster.cli.run import expand
from sales_agent_dagster.settings import PROJECT_ROOT
from sales_agent_dagster.stages import imported
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import METADATA
from sales_agent_dagster_tests.cli.conftest import Cli, clean_environment
from sales_agent_dagster_tests.cli.test_demo import one

SAMPLES = PROJECT_ROOT / "data" / "samples"
SAMPLE = SAMPLES / "dealer_leads_sample.csv"
SMALL = """Company,Web,Tel,Mail
Example Solar LLC,www.example-solar.com,(503) 555-0142,info@example-solar.com
Sample Generators,sample-generators.com,503-555-0199,
,,,
Model Electric,,,hello@model-electric.com
"""


@pytest.fixture
def small(tmp_path: Path) -> Path:
    """Three leads."""
    path = tmp_path / "small.csv"
    path.write_text(SMALL, encoding="utf-8")
    return path


UNLIKE = {"run_id", "created_at", "updated_at", "registered_at", "latency_ms", "description"}
"""Columns that name the run, its time or how long it took: they differ between two runs that say the same."""


def content(home: Path) -> dict[str, list[str]]:
    """Every row of the warehouse but for ``UNLIKE``."""
    warehouse = Warehouse(f"sqlite:///{home / 'warehouse.db'}")
    with warehouse.reading() as connection:
        found = {
            table.name: sorted(
                repr(tuple(row))
                for row in connection.execute(sa.select(*(c for c in table.columns if c.name not in UNLIKE)))
            )
            for table in METADATA.sorted_tables
        }
    warehouse.dispose()
    return found


def test_a_new_file_a_refused_one_and_a_known_one(cli: Cli, home: Path, small: Path, tmp_path: Path) -> None:
    hostile = tmp_path / "\x1b[31m[bold]bad.csv"
    hostile.write_bytes(b"\x00\x01\x02binary" * 50)
    again = tmp_path / "again.csv"
    shutil.copy(small, again)
    outcome = cli("run", str(hostile), str(small), str(again))
    assert outcome.code == 3
    assert "[bold]bad.csv is quarantined" in outcome.err
    assert "Imported   3 leads of 3 rows" in outcome.out
    assert "Same content as small.csv" in outcome.out
    assert "0 new rows, 0 agent calls." in outcome.out
    assert "3 files: 2 done, 1 quarantined." in outcome.out
    assert "\x1b" not in outcome.out + outcome.err
    assert "\\x1b[31m[bold]bad.csv" in outcome.out
    assert one(home, "select count(*) from crm_synced_leads") == 3
    status = cli("status")
    assert "1 quarantined file" in status.out
    assert "Unfinished" not in status.out


@pytest.mark.parametrize("lost", ["enriched_leads", "crm_synced_leads"])
def test_a_batch_cut_short_goes_on_where_it_stopped(cli: Cli, demo_home: Path, lost: str) -> None:
    before = content(demo_home)
    tables = [
        "crm_outbox",
        "crm_synced_leads",
        "campaign_messages",
        "campaigns",
        "analyzed_leads",
        "enriched_leads",
    ]
    with sqlite3.connect(demo_home / "warehouse.db") as connection:
        leads = [
            lead for (lead,) in connection.execute("select lead_id from imported_leads order by record_no")
        ]
        cut = [(lead,) for lead in leads[100:]]
        for table in tables[: tables.index(lost) + 1]:
            connection.executemany(f"delete from {table} where lead_id = ?", cut)
        own = "select entity_id from resolved_leads where lead_id = ? and not is_duplicate"
        connection.executemany(f"delete from crm_preview_records where entity_id = ({own})", cut)
    connection.close()
    outcome = cli("run", str(SAMPLE))
    assert (outcome.code, outcome.err) == (0, "")
    assert "1 batch unfinished or outdated: computing what is missing." in outcome.out
    assert content(demo_home) == before


def test_a_batch_whose_last_check_failed_is_not_done(cli: Cli, demo_home: Path) -> None:
    with closing(sqlite3.connect(demo_home / "warehouse.db")) as connection, connection:
        connection.execute(
            "update check_results set passed = 0 where asset = 'crm_synced_leads' "
            "and check_name = 'row_conservation'"
        )
    outcome = cli("run", str(SAMPLE))
    assert outcome.code == 0
    assert "1 batch unfinished or outdated" in outcome.out
    assert "0 new rows, 0 agent calls." in outcome.out
    assert "unfinished" not in cli("run", str(SAMPLE)).out


def test_newer_rules_of_the_import_are_noticed(
    cli: Cli, demo_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(imported, "IMPORT_VERSION", "newer")
    outcome = cli("run", str(SAMPLE))
    assert outcome.code == 0
    assert "1 batch unfinished or outdated" in outcome.out
    assert "198 new rows" in outcome.out


def test_an_edited_profile_computes_again_what_it_touches(
    cli: Cli, demo_home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    profile = yaml.safe_load((PROJECT_ROOT / "data" / "profile.yaml").read_text())
    profile["icp"]["tiers"] |= {"PLATINUM": 99.5, "GOLD": 99}
    path = tmp_path / "profile.yaml"
    path.write_text(yaml.safe_dump(profile))
    monkeypatch.setenv("SALES_AGENT_PROFILE_PATH", str(path))
    assert one(demo_home, "select count(*) from qualified_leads where tier = 'GOLD'") > 0
    outcome = cli("run", str(SAMPLE))
    assert outcome.code == 0
    assert "unfinished or outdated" in outcome.out
    assert one(demo_home, "select count(*) from qualified_leads where tier = 'GOLD'") == 0
    assert "0 new rows, 0 agent calls." in cli("run", str(SAMPLE)).out


def test_a_failed_batch_names_step_error_and_remedy_and_the_rest_goes_on(
    cli: Cli, home: Path, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SALES_AGENT_MAX_REJECTED_RATIO", "0")
    bad = small.with_name("rejects.csv")
    bad.write_text(SMALL + ",,,only@an-address.example\n" * 2 + "\x07,,1,\n", encoding="utf-8")
    outcome = cli("run", str(bad), str(small))
    assert outcome.code == 1
    assert re.search(r"^Error: batch rejects-\w+ failed at \S+.*: .*reject", outcome.err, re.MULTILINE)
    assert "Traceback" not in outcome.err
    assert "run the same file again" in outcome.out
    assert "2 files: 1 done, 1 failed." in outcome.out
    monkeypatch.setenv("SALES_AGENT_MAX_REJECTED_RATIO", "1")
    again = cli("run", str(bad))
    assert (again.code, again.err) == (0, "")
    assert "computing what is missing" in again.out


def test_nothing_runs_when_an_argument_is_wrong(cli: Cli, home: Path, small: Path, tmp_path: Path) -> None:
    for arguments, words in (
        ((str(small), "none.csv", "no/*.csv"), ("none.csv does not exist", "no/*.csv does not exist")),
        ((str(tmp_path / "empty"),), ("holds no .csv",)),
        ((str(small.with_suffix(".cvs")),), ("does not exist. Did you mean", f"{small.name}?")),
        ((str(tmp_path / "nowhere" / "x.csv"),), ("there is no folder",)),
        ((str(small), "--engine", "oracle"), ("SALES_AGENT_ENGINE",)),
    ):
        (tmp_path / "empty").mkdir(exist_ok=True)
        outcome = cli("run", *arguments)
        assert (outcome.code, outcome.out) == (2, "")
        shown = " ".join(outcome.err.split())
        assert all(word in shown for word in words)
        assert "Traceback" not in outcome.err
    assert not home.exists()


def test_a_wrong_profile_is_code_2(
    cli: Cli, home: Path, small: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SALES_AGENT_PROFILE_PATH", str(small))
    outcome = cli("run", str(small), "--engine", "scorecard")
    assert (outcome.code, outcome.out) == (2, "")
    assert "small.csv" in outcome.err
    assert not home.exists()


def test_folders_and_patterns(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("b.csv", "a.CSV", "c.txt", "d.xlsx", "[x].csv"):
        (tmp_path / name).touch()
    (tmp_path / "folder.csv").mkdir()
    found = [path.name for path in expand([tmp_path])]
    assert found == ["[x].csv", "a.CSV", "b.csv", "c.txt"]
    monkeypatch.chdir(tmp_path)
    assert expand([Path("[x].csv")]) == [Path("[x].csv")]
    assert expand([Path("*.csv"), Path("b.csv"), Path("d.xlsx")]) == [
        Path("[x].csv"),
        Path("b.csv"),
        Path("d.xlsx"),
    ]
    with pytest.raises(typer.BadParameter, match=r"folder\.csv holds no"):
        expand([Path("folder.csv")])


def test_ctrl_c_is_130_without_traceback_and_the_next_run_finishes(
    demo_run: object, shell: Cli, home: Path
) -> None:
    process = subprocess.Popen(
        [sys.executable, "-m", "sales_agent_dagster.cli", "run", str(SAMPLE)],
        env=clean_environment(home),
        cwd=PROJECT_ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    for line in process.stdout:
        if "imported_leads" in line:
            break
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=60)
    assert process.returncode == 130, out + errors
    assert "Interrupted. What is done is stored" in out
    assert "Traceback" not in errors
    outcome = shell("run", str(SAMPLE))
    assert (outcome.code, outcome.err) == (0, "")
    assert isinstance(demo_run, tuple)
    assert content(home) == content(demo_run[0])


def on_a_terminal(home: Path, *arguments: str, **variables: str) -> tuple[int, str]:
    """Exit code and everything the command sends to a terminal of 100 columns."""
    controller, terminal = pty.openpty()
    environment = clean_environment(home, TERM="xterm-256color", COLUMNS="100", LINES="40", **variables)
    process = subprocess.Popen(
        [sys.executable, "-m", "sales_agent_dagster.cli", *arguments],
        env=environment,
        cwd=PROJECT_ROOT,
        stdin=terminal,
        stdout=terminal,
        stderr=terminal,
    )
    os.close(terminal)
    shown = b""
    while True:
        ready, _, _ = select.select([controller], [], [], 120)
        assert ready, shown
        try:
            part = os.read(controller, 65536)
        except OSError:  # Linux: the other end is closed
            break
        if not part:
            break
        shown += part
    os.close(controller)
    return process.wait(), shown.decode()


def test_a_terminal_gets_bars_and_colours(home: Path, small: Path) -> None:
    code, shown = on_a_terminal(home, "run", str(small))
    assert code == 0
    assert "\x1b[1m" in shown
    assert re.search(r"crm_synced_leads .*━", shown)
    assert "of 3 rows\r\n" not in shown.replace("leads of 3 rows", "")
    code, shown = on_a_terminal(home, "status", NO_COLOR="1")
    assert code == 0
    assert "─" in shown
    assert not re.search(r"\x1b\[[0-9;]*3[0-7]m", shown)
