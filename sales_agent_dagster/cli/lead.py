"""``sales-agent lead``: everything known about one lead, and why it scored as it did."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from sales_agent_dagster.cli.exits import ExitCode
from sales_agent_dagster.cli.opening import open_warehouse
from sales_agent_dagster.cli.terminal import (
    complain,
    err,
    gap,
    milliseconds,
    money,
    out,
    print_json,
    print_table,
    safe,
    say,
)
from sales_agent_dagster.cli.waterfall import print_waterfall
from sales_agent_dagster.domain.counted import count
from sales_agent_dagster.settings import Settings
from sales_agent_dagster.warehouse.reports import LeadMatch, find_leads, lead_history
from sales_agent_dagster.warehouse.schema import STAGE_TABLES

MATCHES_SHOWN = 20
_STAGE_WIDTH = max(len(table.name) for table in STAGE_TABLES) + 2


def show_lead(settings: Settings, wanted: str, *, as_json: bool) -> ExitCode:
    """Print the lead whose id starts with ``wanted`` or whose company name contains it.

    Returns:
        FAILED when no lead fits, USAGE when several do (they are listed).
    """
    with open_warehouse(settings) as warehouse, warehouse.reading() as connection:
        found = find_leads(connection, wanted, MATCHES_SHOWN + 1)
        chosen = {match.lead_id for match in found}
        if wanted in chosen:
            chosen = {wanted}
        if len(chosen) != 1:
            return _not_one(wanted, found)
        history = lead_history(connection, chosen.pop())
    if as_json:
        print_json(history)
    else:
        messages = history.pop("campaign_messages")
        _print_lead(history, messages)
    return ExitCode.OK


def _not_one(wanted: str, found: Sequence[LeadMatch]) -> ExitCode:
    if not found:
        complain(
            f"No lead's id starts with, and no company name contains, {safe(wanted)!r}. These are the names: "
            'sales-agent query "select lead_id, company_name from imported_leads"'
        )
        return ExitCode.FAILED
    more = len(found) > MATCHES_SHOWN
    many = f"More than {MATCHES_SHOWN}" if more else str(len(found))
    complain(f"{many} leads fit {safe(wanted)!r}. Give one of these ids:")
    rows = [
        (row.lead_id, row.company_name, ", ".join(filter(None, (row.city, row.state))), row.batch_id)
        for row in found[:MATCHES_SHOWN]
    ]
    print_table(["lead_id", "Company", "Place", "Batch"], rows, console=err())
    return ExitCode.USAGE


def _print_lead(history: Mapping[str, Mapping[str, Any]], messages: Sequence[Mapping[str, Any]]) -> None:
    imported = history["imported_leads"]
    say((str(imported["company_name"]), "bold"))
    place = ", ".join(
        filter(None, (imported["street"], imported["city"], imported["state"], imported["zip"]))
    )
    contact = " · ".join(filter(None, (imported["contact_name"], imported["email"], imported["phone"])))
    for text in (place, contact, imported["website"]):
        if text:
            say(text)
    say((f"{imported['lead_id']}, line {imported['line_no']} of batch {imported['batch_id']}", "dim"))
    _print_identity(history.get("resolved_leads"))
    _print_score(history.get("qualified_leads"))
    _print_stages(history)
    _print_messages(messages)


def _print_identity(resolved: Mapping[str, Any] | None) -> None:
    """Which company it is, and why; a new one without anything alike needs no words."""
    if resolved is None or resolved["explanation"] is None:
        return
    gap()
    say((f"Identity: {resolved['decision']}", "bold"), f", company {resolved['entity_id']}")
    say(resolved["reason"] or "")
    print_waterfall(resolved["explanation"])


def _print_score(qualified: Mapping[str, Any] | None) -> None:
    if qualified is None or qualified["score"] is None:
        return
    gap()
    say(
        (f"Score {qualified['score']:g} of 100, {qualified['tier']}", "bold"),
        f", confidence {qualified['confidence'] or 0:.0%}",
    )
    say(qualified["summary"] or "")
    rows = [
        (factor.get("name"), f"{factor.get('points') or 0:+g}", factor.get("value"), factor.get("evidence"))
        for factor in qualified["factors"] or ()
    ]
    if rows:
        gap()
        print_table(["Factor", "Points", "Value", "Evidence"], rows, right=["Points", "Value"])
    steps = (qualified["next_steps"] or "").splitlines()
    if steps:
        gap()
    for step in steps:
        say(f"Next: {step}", hang=6)


def _print_stages(history: Mapping[str, Mapping[str, Any]]) -> None:
    gap()
    rows = [
        (
            stage,
            row["status"],
            " ".join(filter(None, (row.get("engine"), row.get("engine_version")))),
            milliseconds(row["latency_ms"]) if "latency_ms" in row else "",
            money(row["cost_usd"]) if "cost_usd" in row else "",
        )
        for stage, row in history.items()
    ]
    print_table(["Stage", "Status", "Engine", "Time", "Cost"], rows, right=["Time", "Cost"])
    gap()
    for stage, row in history.items():
        if why := _why(stage, row):
            # Below the table: a column beside these five is too narrow for sentences.
            say((f"{stage:<{_STAGE_WIDTH}}", "bold"), why, hang=_STAGE_WIDTH)


def _why(stage: str, row: Mapping[str, Any]) -> str:
    """The reason, or what the stage came to; the score's summary is shown with the score."""
    summary = None if stage == "qualified_leads" else row.get("summary")
    return row["reason"] or summary or row.get("next_step") or ""


def _print_messages(messages: Sequence[Mapping[str, Any]]) -> None:
    if not messages:
        return
    gap()
    say((f"{count(len(messages), 'draft')}, nothing is sent", "bold"))
    for message in messages:
        gap()
        say((f"{message['channel']} {message['variant']}", "bold cyan"))
        if message["subject"]:
            say(("Subject: ", "dim"), message["subject"])
        out().print(safe(message["body"], lines=True))
