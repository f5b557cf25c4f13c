"""``sales-agent status``: what is there, what failed, what was refused."""

import json
from datetime import UTC, datetime

import sqlalchemy as sa

from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import crm_synced_leads, lead_batches, lead_files, rejected_rows
from sales_agent_dagster_tests.cli.conftest import Cli
from sales_agent_dagster_tests.rows import file_row, seed_batch


def test_before_the_first_import(cli: Cli) -> None:
    outcome = cli("status")
    assert outcome.code == 0
    assert outcome.out == "Nothing imported yet. Try: sales-agent demo\n"
    assert json.loads(cli("status", "--json").out) == {"files": [], "batches": [], "rejected": []}


def seed_all(warehouse: Warehouse) -> None:
    """A complete batch, one with a failed lead, an incomplete one, and a quarantined file."""
    two = [{"company_name": "A"}, {"company_name": "B"}]
    seed_batch(warehouse, "done-1", two, through="crm_synced_leads")
    failing = [{"company_name": "A"}, {"company_name": "B", "campaigns": {"status": "failed", "reason": "x"}}]
    seed_batch(warehouse, "failed-1", failing, through="crm_synced_leads")
    seed_batch(warehouse, "half-1", two, through="qualified_leads")
    with warehouse.transaction() as connection:
        connection.execute(sa.update(lead_batches).values(row_count=2))
        refused = file_row(
            "bad",
            file_name="\x1b[31mbad.csv",
            archive_path=None,
            status="quarantined",
            reason_code="binary",
            reason="It is not text.",
            remedy="Export it as CSV.",
        )
        warehouse.upsert(connection, lead_files, [refused])


def test_batches_and_quarantined_files(cli: Cli, home_warehouse: Warehouse) -> None:
    seed_all(home_warehouse)
    out = cli("status").out
    lines = {line.split()[0]: line for line in out.splitlines() if line}
    assert lines["done-1"].split()[1:] == ["complete", "2", "0", "2"]
    assert lines["failed-1"].split()[1:] == ["1", "failed", "2", "0", "2"]
    assert lines["half-1"].split()[1:] == ["incomplete", "2", "0", "2"]
    assert lines["qualified_leads"].split()[1:] == ["6", "6", "0", "0", "0"]
    assert lines["campaigns"].split()[1:] == ["4", "3", "0", "0", "1"]
    assert "\\x1b[31mbad.csv" in out
    assert "\x1b" not in out
    assert "It is not text." in out
    assert "Export it as CSV." in out
    assert "3 files, 3 batches, 1 quarantined file." in out
    assert "Unfinished: file-half-1.csv." in out


def test_rejected_rows_are_told_by_file_and_reason(cli: Cli, home_warehouse: Warehouse) -> None:
    seed_batch(home_warehouse, "b-1", [{"company_name": "A"}], through="imported_leads")
    faults = [(7, "name_junk"), (5, "name_junk"), (9, "name_missing")]
    rows = [
        {
            "batch_id": "b-1",
            "record_no": line,
            "file_name": "b.csv",
            "line_no": line,
            "field": "company_name",
            "reason_code": code,
            "reason": f"It is {code}.",
            "remedy": "Put it there.",
            "raw": {},
            "run_id": "r",
            "created_at": datetime.now(UTC),
        }
        for line, code in faults
    ]
    with home_warehouse.transaction() as connection:
        home_warehouse.upsert(connection, rejected_rows, rows)
    told = json.loads(cli("status", "--json").out)["rejected"]
    assert [(row["reason_code"], row["rows"], row["first_line"]) for row in told] == [
        ("name_junk", 2, 5),
        ("name_missing", 1, 9),
    ]
    out = cli("status").out
    assert "It is name_junk." in out
    assert "Put it there." in out


def test_json_has_every_count(cli: Cli, home_warehouse: Warehouse) -> None:
    seed_all(home_warehouse)
    state = json.loads(cli("status", "--json").out)
    assert [batch["batch_id"] for batch in state["batches"]] == ["done-1", "failed-1", "half-1"]
    assert [batch["complete"] for batch in state["batches"]] == [True, True, False]
    assert state["batches"][1]["stages"]["campaigns"] == {"ok": 1, "failed": 1}
    assert [file["status"] for file in state["files"]].count("quarantined") == 1


def test_a_batch_lacking_one_row_is_incomplete(cli: Cli, home_warehouse: Warehouse) -> None:
    seed_all(home_warehouse)
    with home_warehouse.transaction() as connection:
        one = sa.select(sa.func.min(crm_synced_leads.c.lead_id)).where(
            crm_synced_leads.c.batch_id == "done-1"
        )
        connection.execute(
            sa.delete(crm_synced_leads).where(crm_synced_leads.c.lead_id == one.scalar_subquery())
        )
    state = json.loads(cli("status", "--json").out)
    assert state["batches"][0]["complete"] is False
