"""``sales-agent crm status``: what the warehouse knows of the syncs."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from sales_agent_dagster.cli.crm import print_card
from sales_agent_dagster.cli.exits import ExitCode
from sales_agent_dagster.cli.opening import open_warehouse
from sales_agent_dagster.cli.terminal import gap, print_json, print_table, say
from sales_agent_dagster.domain.counted import count
from sales_agent_dagster.settings import Settings
from sales_agent_dagster.stages.crm.listing import company_names
from sales_agent_dagster.stages.crm.stored import MAX_REFUSALS
from sales_agent_dagster.warehouse.schema import crm_dead_letters, crm_outbox, crm_sync_runs, crm_watermarks

SHOWN_SYNCS = 10
SHOWN_LETTERS = 50


def show_status(settings: Settings, *, as_json: bool) -> ExitCode:
    """Print the last syncs, operations by state, dead letters and watermarks of all CRMs."""
    with open_warehouse(settings) as warehouse, warehouse.reading() as connection:
        state = _state(connection)
    if as_json:
        print_json(state)
    else:
        _print(state)
    return ExitCode.OK


def _state(connection: sa.Connection) -> dict[str, Any]:
    runs, letters = crm_sync_runs, crm_dead_letters
    operations = (
        sa.select(crm_outbox.c.crm, crm_outbox.c.state, sa.func.count().label("operations"))
        .where(crm_outbox.c.batch_id.is_(None))
        .group_by(crm_outbox.c.crm, crm_outbox.c.state)
        .order_by(crm_outbox.c.crm, crm_outbox.c.state)
    )
    queries: dict[str, sa.Select[Any]] = {
        "syncs": sa.select(runs).order_by(runs.c.started_at.desc()).limit(SHOWN_SYNCS),
        "operations": operations,
        "dead_letters": sa.select(letters).order_by(letters.c.last_seen.desc()).limit(SHOWN_LETTERS),
        "watermarks": sa.select(crm_watermarks).order_by(crm_watermarks.c.crm, crm_watermarks.c.stream),
    }
    found = {
        name: [dict(row) for row in connection.execute(query).mappings()] for name, query in queries.items()
    }
    names = company_names(connection, {letter["entity_id"] for letter in found["dead_letters"]})
    for letter in found["dead_letters"]:
        letter["company"] = names.get(letter["entity_id"], "")
    return found


def _print(state: dict[str, Any]) -> None:
    if not state["syncs"]:
        say("No sync yet: `sales-agent crm plan` shows what would be sent.")
        return
    print_card(state["syncs"][0])
    gap()
    print_table(
        ["Started (UTC)", "CRM", "Mode", "Created", "Updated", "Rejected", "Unknown", "Ended"],
        [
            (
                f"{run['started_at']:%m-%d %H:%M}",
                run["crm"],
                run["mode"],
                run["created"],
                run["updated"],
                run["rejected"],
                run["still_unknown"],
                run["stopped"] or ("" if run["finished_at"] else "not yet, or killed"),
            )
            for run in state["syncs"]
        ],
        right=["Created", "Updated", "Rejected", "Unknown"],
    )
    if state["operations"]:
        gap()
        rows = [(row["crm"], row["state"], f"{row['operations']:,}") for row in state["operations"]]
        print_table(["CRM", "Operations", "Number"], rows, right=["Number"])
    if state["dead_letters"]:
        gap()
        say((f"{count(len(state['dead_letters']), 'record')} refused", "bold"))
        print_table(
            ["Key", "Company", "Kind", "Class", "Times", "The CRM's words", "What to do"],
            [
                (
                    letter["external_key"],
                    letter["company"],
                    letter["kind"],
                    letter["failure"],
                    letter["attempts"],
                    letter["message"],
                    letter["remedy"],
                )
                for letter in state["dead_letters"]
            ],
            right=["Times"],
        )
        if any(letter["attempts"] >= MAX_REFUSALS for letter in state["dead_letters"]):
            words = f"Refused {MAX_REFUSALS} times, a record waits until it changes; "
            say((f"{words}`sales-agent crm apply --again` sends it as it is.", "dim"))
    if state["watermarks"]:
        gap()
        rows = [
            (mark["crm"], mark["stream"], f"{mark['complete_to']:%Y-%m-%d %H:%M:%S}")
            for mark in state["watermarks"]
        ]
        print_table(["CRM", "Stream", "Pulled to (UTC)"], rows)
