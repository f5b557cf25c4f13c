"""``sales-agent status``: files, batches, rows per stage, what failed or was refused."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import sqlalchemy as sa
from rich.text import Text

from sales_agent_dagster.cli.exits import ExitCode
from sales_agent_dagster.cli.figures import progress_of
from sales_agent_dagster.cli.opening import open_warehouse
from sales_agent_dagster.cli.terminal import count, gap, print_json, print_table, say
from sales_agent_dagster.settings import Settings
from sales_agent_dagster.warehouse import reports
from sales_agent_dagster.warehouse.reports import BatchOverview
from sales_agent_dagster.warehouse.schema import STAGE_TABLES, lead_files


def show_status(settings: Settings, *, as_json: bool) -> ExitCode:
    """Print the state of everything that was ever imported."""
    with open_warehouse(settings) as warehouse, warehouse.reading() as connection:
        state = {
            "files": _files(connection),
            "batches": [_batch(batch) for batch in reports.batches(connection)],
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


def _print_state(files: list[dict[str, Any]], batches: list[dict[str, Any]]) -> None:
    if not files:
        say("Nothing imported yet. Try: sales-agent demo")
        return
    short = {table.name: table.name.removesuffix("_leads").replace("_", " ") for table in STAGE_TABLES}
    rows = [
        (
            batch["batch_id"],
            _condition(batch),
            batch["rows"],
            batch["rejected"],
            *(sum(batch["stages"].get(stage, {}).values()) for stage in short),
        )
        for batch in batches
    ]
    figures = ["rows", "rejected", *short.values()]
    print_table(["Batch", "State", *figures], rows, right=figures)
    refused = [file for file in files if file["status"] == "quarantined"]
    if refused:
        gap()
        say(f"{count(len(refused), 'file')} quarantined")
        lines = [(file["file_name"], file["reason"], file["remedy"]) for file in refused]
        print_table(["File", "Why", "What to do"], lines)
    accepted = len(files) - len(refused)
    gap()
    say(f"{count(accepted, 'file')}, {count(len(batches), 'batch', 'batches')}.")
    if unfinished := [batch for batch in batches if not batch["complete"]]:
        names = sorted({batch["file_name"] for batch in unfinished})
        say(f"Unfinished: run `sales-agent run` again on {', '.join(names)}; it goes on where it stopped.")


def _condition(batch: dict[str, Any]) -> Text:
    if not batch["complete"]:
        return Text("incomplete", "yellow")
    if failed := sum(statuses.get("failed", 0) for statuses in batch["stages"].values()):
        return Text(f"{failed} failed", "red")
    return Text("complete", "green")
