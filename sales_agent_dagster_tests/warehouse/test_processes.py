"""What only shows with real processes: racing migrations, competing writers, a killed writer."""

from __future__ import annotations

import signal
import subprocess
import sys
import textwrap

import sqlalchemy as sa

from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.migrating import revisions, stored_revision
from sales_agent_dagster.warehouse.schema import imported_leads, lead_files
from sales_agent_dagster_tests.rows import seed_batch

MIGRATE_AND_WRITE = """
    import sys
    from sales_agent_dagster.warehouse.database import Warehouse
    from sales_agent_dagster.warehouse.schema import lead_files
    from sales_agent_dagster_tests.rows import file_row

    url, name = sys.argv[1:]
    warehouse = Warehouse(url)
    print("ready", flush=True)
    sys.stdin.readline()
    warehouse.migrate()
    for turn in range(10):
        with warehouse.transaction() as connection:
            rows = [file_row(f"{number:03d}", file_name=name, size_bytes=turn) for number in range(100)]
            warehouse.upsert(connection, lead_files, rows)
"""

WRITE_UNTIL_KILLED = """
    import sys, time
    from sales_agent_dagster.warehouse.database import Warehouse
    from sales_agent_dagster.warehouse.schema import imported_leads
    from sales_agent_dagster_tests.rows import stage_row

    warehouse = Warehouse(sys.argv[1])
    with warehouse.transaction() as connection:
        for number in range(5):
            ids = [f"{number}-{i}" for i in range(500)]
            rows = [stage_row("imported_leads", lead_id=lead_id, company_name="new") for lead_id in ids]
            warehouse.upsert(connection, imported_leads, rows)
        warehouse.upsert(connection, imported_leads, [stage_row("imported_leads", lead_id="old")])
        print("written", flush=True)
        sys.stdin.readline()
"""


def start(program: str, *arguments: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", textwrap.dedent(program), *arguments]
    return subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def address(warehouse: Warehouse) -> str:
    return warehouse.url.render_as_string(hide_password=False)


def test_two_processes_migrate_and_write_the_same_rows_at_once(unmigrated: Warehouse) -> None:
    racers = [start(MIGRATE_AND_WRITE, address(unmigrated), name) for name in ("one", "two")]
    for racer in racers:
        assert racer.stdout is not None
        assert racer.stdout.readline() == "ready\n"
    faults = [racer.communicate("go\n", timeout=120)[1] for racer in racers]
    assert [racer.returncode for racer in racers] == [0, 0], faults
    with unmigrated.reading() as connection:
        assert stored_revision(connection) == revisions()[-1]
        found = connection.execute(sa.select(lead_files.c.file_name, lead_files.c.size_bytes)).all()
    assert len(found) == 100
    assert len(set(found)) == 1  # every transaction whole: the rows are all one writer's last turn
    assert found[0].size_bytes == 9


def test_a_killed_writer_leaves_nothing_half_written(warehouse: Warehouse) -> None:
    seed_batch(warehouse, leads=[{"lead_id": "old", "company_name": "as it was"}], file_id="file-1")
    writer = start(WRITE_UNTIL_KILLED, address(warehouse))
    assert writer.stdout is not None
    assert writer.stdout.readline() == "written\n"
    writer.send_signal(signal.SIGKILL)
    writer.communicate(timeout=60)
    with warehouse.transaction() as connection:  # the dead writer's lock is gone too
        found = connection.execute(sa.select(imported_leads.c.lead_id, imported_leads.c.company_name)).all()
    assert found == [("old", "as it was")]
    with warehouse.transaction() as connection:
        connection.execute(sa.update(imported_leads).values(company_name="later"))
