"""``sales-agent lead``: everything known about one lead, and why it scored as it did."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from sales_agent_dagster.cli.exits import ExitCode
from sales_agent_dagster.cli.opening import open_warehouse
from sales_agent_dagster.cli.terminal import complain, count, err, money, out, safe, say, table
from sales_agent_dagster.settings import Settings
from sales_agent_dagster.warehouse.reports import lead_history
from sales_agent_dagster.warehouse.schema import campaign_messages, imported_leads

MATCHES_SHOWN = 20


def show_lead(settings: Settings, wanted: str, *, as_json: bool) -> ExitCode:
    """Print the lead whose id starts with ``wanted`` or whose company name contains it.

    Returns:
        FAILED when no lead fits, USAGE when several do (they are listed).
    """
    warehouse = open_warehouse(settings)
    with warehouse.reading() as connection:
        found = find_leads(connection, wanted)
        if len(found) != 1:
            return _not_one(wanted, found)
        lead_id = found[0].lead_id
        history = lead_history(connection, lead_id)
        messages = _messages(connection, lead_id)
    if as_json:
        print(json.dumps({**history, "campaign_messages": messages}, default=str, indent=2))
    else:
        _print_lead(history, messages)
    return ExitCode.OK


def find_leads(connection: sa.Connection, wanted: str) -> Sequence[sa.Row[Any]]:
    """Leads by exact id, else by start of id, else by part of company name, case ignored; a few."""
    columns = (
        imported_leads.c.lead_id,
        imported_leads.c.company_name,
        imported_leads.c.city,
        imported_leads.c.state,
        imported_leads.c.batch_id,
    )
    for fits in (
        imported_leads.c.lead_id == wanted,
        imported_leads.c.lead_id.startswith(wanted, autoescape=True),
        imported_leads.c.company_name.icontains(wanted, autoescape=True),
    ):
        query = (
            sa.select(*columns).where(fits).order_by(imported_leads.c.company_name, imported_leads.c.lead_id)
        )
        if found := connection.execute(query.limit(MATCHES_SHOWN + 1)).all():
            return found
    return []


def _not_one(wanted: str, found: Sequence[sa.Row[Any]]) -> ExitCode:
    if not found:
        complain(f"No lead's id starts with, and no company name contains, {safe(wanted)!r}.")
        return ExitCode.FAILED
    more = len(found) > MATCHES_SHOWN
    many = f"more than {MATCHES_SHOWN}" if more else str(len(found))
    complain(f"{many} leads fit {safe(wanted)!r}. Give one of these ids:")
    rows = [
        (row.lead_id, row.company_name, ", ".join(filter(None, (row.city, row.state))), row.batch_id)
        for row in found[:MATCHES_SHOWN]
    ]
    err().print(table(["lead_id", "Company", "Place", "Batch"], rows))
    return ExitCode.USAGE


def _messages(connection: sa.Connection, lead_id: str) -> list[dict[str, Any]]:
    shown = campaign_messages.c
    query = (
        sa.select(shown.channel, shown.variant, shown.subject, shown.body, shown.fact_ids)
        .where(shown.lead_id == lead_id)
        .order_by(shown.channel, shown.variant)
    )
    return [dict(row) for row in connection.execute(query).mappings()]


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
    _print_score(history.get("qualified_leads"))
    _print_stages(history)
    _print_messages(messages)


def _print_score(qualified: Mapping[str, Any] | None) -> None:
    if qualified is None or qualified["score"] is None:
        return
    say(
        (f"\nScore {qualified['score']:g} of 100, {qualified['tier']}", "bold"),
        f", confidence {qualified['confidence'] or 0:.0%}",
    )
    say(qualified["summary"] or "")
    rows = [
        (factor.get("name"), f"{factor.get('points') or 0:+g}", factor.get("value"), factor.get("evidence"))
        for factor in qualified["factors"] or ()
    ]
    if rows:
        out().print(table(["Factor", "Points", "Value", "Evidence"], rows, right=["Points"]))
    for step in (qualified["next_steps"] or "").splitlines():
        say(f"Next: {step}")


def _print_stages(history: Mapping[str, Mapping[str, Any]]) -> None:
    say(("\nStages", "bold"))
    rows = [
        (
            stage,
            row["status"],
            row["reason"] or row.get("summary") or row.get("next_step") or "",
            " ".join(filter(None, (row.get("engine"), row.get("engine_version")))),
            f"{row['latency_ms']:.1f} ms" if "latency_ms" in row else "",
            money(row["cost_usd"]) if "cost_usd" in row else "",
        )
        for stage, row in history.items()
    ]
    columns = ["Stage", "Status", "Why", "Engine", "Time", "Cost"]
    out().print(table(columns, rows, right=["Time", "Cost"]))


def _print_messages(messages: Sequence[Mapping[str, Any]]) -> None:
    if not messages:
        return
    say((f"\n{count(len(messages), 'draft')}, nothing is sent", "bold"))
    for message in messages:
        say((f"\n{message['channel']} {message['variant']}", "bold cyan"))
        if message["subject"]:
            say(("Subject: ", "dim"), message["subject"])
        out().print(safe(message["body"], lines=True))
