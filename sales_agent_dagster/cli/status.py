"""``sales-agent status``: files, batches, rows per stage, what failed or was refused."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict
from typing import Any

import sqlalchemy as sa
from rich.text import Text

from sales_agent_dagster.cli.exits import ExitCode
from sales_agent_dagster.cli.figures import progress_of
from sales_agent_dagster.cli.opening import open_warehouse
from sales_agent_dagster.cli.terminal import gap, print_json, print_table, say
from sales_agent_dagster.domain.counted import count
from sales_agent_dagster.domain.status import Status
from sales_agent_dagster.settings import Settings
from sales_agent_dagster.warehouse import reports
from sales_agent_dagster.warehouse.reports import BatchOverview
from sales_agent_dagster.warehouse.schema import STAGE_TABLES, lead_files, rejected_rows


def show_status(settings: Settings, *, as_json: bool) -> ExitCode:
    """Print the state of everything that was ever imported."""
    with open_warehouse(settings) as warehouse, warehouse.reading() as connection:
        state = {
            "files": _files(connection),
            "batches": [_batch(batch) for batch in reports.batches(connection)],
            "rejected": _rejected(connection),
        }
    if as_json:
        print_json(state)
    else:
        _print_state(**state)
    return ExitCode.OK


def _files(connection: sa.Connection) -> list[dict[str, Any]]:
    shown = lead_files.c
    columns = (
        shown.file_id,
        shown.file_name,
        shown.status,
        shown.row_count,
        shown.batch_count,
        shown.reason,
        shown.remedy,
        shown.registered_at,
    )
    query = sa.select(*columns).order_by(shown.registered_at, shown.file_id)
    return [dict(row) for row in connection.execute(query).mappings()]


def _batch(overview: BatchOverview) -> dict[str, Any]:
    shown = asdict(overview)
    return {**shown, "complete": progress_of(overview).complete}


def _rejected(connection: sa.Connection) -> list[dict[str, Any]]:
    """Rows that were not imported, by file and reason."""
    row = rejected_rows.c
    query = (
        sa.select(
            row.file_name,
            row.reason_code,
            sa.func.count().label("rows"),
            sa.func.min(row.line_no).label("first_line"),
            sa.func.min(row.reason).label("reason"),
            sa.func.min(row.remedy).label("remedy"),
        )
        .group_by(row.file_name, row.reason_code)
        .order_by(row.file_name, row.reason_code)
    )
    return [dict(found) for found in connection.execute(query).mappings()]


def _print_state(
    files: list[dict[str, Any]], batches: list[dict[str, Any]], rejected: list[dict[str, Any]]
) -> None:
    if not files:
        say("Nothing imported yet. Try: sales-agent demo")
        return
    if batches:
        rows = [
            (batch["batch_id"], _condition(batch), batch["rows"], batch["rejected"], batch["imported"])
            for batch in batches
        ]
        print_table(
            ["Batch", "State", "Rows", "Rejected", "Leads"], rows, right=["Rows", "Rejected", "Leads"]
        )
        gap()
        _print_stages(batches)
        gap()
    if rejected:
        told = [
            (found["file_name"], f"{found['rows']:,}", found["first_line"], found["reason"], found["remedy"])
            for found in rejected
        ]
        heads = ["Rows rejected in", "Rows", "First line", "Why", "What to do"]
        print_table(heads, told, right=["Rows", "First line"])
        gap()
    refused = [file for file in files if file["status"] == "quarantined"]
    if refused:
        lines = [(file["file_name"], file["reason"], file["remedy"]) for file in refused]
        print_table(["Quarantined file", "Why", "What to do"], lines)
        gap()
    say(
        f"{count(len(files) - len(refused), 'file')}, {count(len(batches), 'batch', 'batches')}, "
        f"{count(len(refused), 'quarantined file')}."
    )
    if unfinished := sorted({batch["file_name"] for batch in batches if not batch["complete"]}):
        say(f"Unfinished: {', '.join(unfinished)}. `sales-agent run` on the same file goes on there.")


def _print_stages(batches: list[dict[str, Any]]) -> None:
    """Leads by stage and status, over all batches."""
    totals = {table.name: Counter[str]() for table in STAGE_TABLES}
    for batch in batches:
        for stage, statuses in batch["stages"].items():
            totals[stage].update(statuses)
    rows = [(stage, by.total(), *(by[status] for status in Status)) for stage, by in totals.items()]
    figures = ["Leads", *(status.value for status in Status)]
    print_table(["Stage", *figures], rows, right=figures)


def _condition(batch: dict[str, Any]) -> Text:
    if not batch["complete"]:
        return Text("incomplete", "yellow")
    if failed := sum(statuses.get("failed", 0) for statuses in batch["stages"].values()):
        return Text(f"{failed} failed", "red")
    return Text("complete", "green")
