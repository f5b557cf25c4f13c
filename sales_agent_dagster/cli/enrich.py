"""``sales-agent enrich``: what providers of facts were asked, and another pass over what they still owe."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import orjson
import sqlalchemy as sa

from sales_agent_dagster.cli.exits import ExitCode
from sales_agent_dagster.cli.opening import open_warehouse
from sales_agent_dagster.cli.terminal import gap, money, print_table, say, unless_zero
from sales_agent_dagster.domain.counted import count
from sales_agent_dagster.domain.profile import load_profile
from sales_agent_dagster.enrichment.registry import make_providers
from sales_agent_dagster.enrichment.waterfall import load_waterfall
from sales_agent_dagster.inference.build import build_engine
from sales_agent_dagster.settings import Settings
from sales_agent_dagster.stages.base import StageContext
from sales_agent_dagster.stages.enriched import EnrichedLeads
from sales_agent_dagster.stages.fact_service import build_fact_service
from sales_agent_dagster.stages.pipeline import STAGES
from sales_agent_dagster.warehouse.calls import WarehouseCalls
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.lookups import WarehouseLookups
from sales_agent_dagster.warehouse.schema import enrichment_queue, lead_batches

RUN_ID = "command line"
"""Begins the ``run_id`` of rows that were computed here: no Dagster run did."""


@dataclass(frozen=True, slots=True)
class Request:
    """What the command is to do.

    Attributes:
        pending: ask again now, whenever the next pass is due.
        ask_again: first give up lookups that were cut off: asking again may cost their credits again.
    """

    pending: bool = False
    ask_again: bool = False
    as_json: bool = False


def run_enrich(settings: Settings, request: Request) -> ExitCode:
    """Show the providers' figures and the queue; with ``pending`` after a pass over the queue.

    Raises:
        ConfigurationError: the waterfall, the profile or a provider has faults.
        TransientError: the database is locked or does not answer.
    """
    make_providers(settings, load_waterfall(settings.waterfall_path))  # a fault is told before any work
    with open_warehouse(settings) as warehouse:
        released = WarehouseLookups(warehouse).release_cut_off(datetime.now(UTC)) if request.ask_again else []
        done = _ask_pending(settings, warehouse, released) if request.pending else None
        with warehouse.reading() as connection:
            state = _state(connection)
    if request.as_json:
        print(orjson.dumps(state | {"asked_again": done, "released": len(released)}).decode())
        return ExitCode.OK
    if released:
        say(f"{count(len(released), 'lookup')} that had been cut off was given up and asked again.")
    if done is not None:
        left = count(len(state["pending"]), "provider") if state["pending"] else "nothing"
        say(f"{count(done, 'lead')} asked about again; {left} still to answer.")
    _print_state(state, settings)
    return ExitCode.OK


def _ask_pending(settings: Settings, warehouse: Warehouse, more: Sequence[tuple[str, str]]) -> int:
    """Compute the queued leads, ``more`` leads and what rests on them again; returns the number of leads."""
    queue, batch = enrichment_queue.c, lead_batches.c
    query = (
        sa.select(queue.batch_id, queue.lead_id)
        .distinct()
        .join(lead_batches, batch.batch_id == queue.batch_id)
        .order_by(queue.batch_id, queue.lead_id)
    )
    with warehouse.reading() as connection:
        wanted = [(row.batch_id, row.lead_id) for row in connection.execute(query)]
    by_batch: dict[str, list[str]] = {}
    for batch_id, lead_id in dict.fromkeys([*wanted, *more]):
        by_batch.setdefault(batch_id, []).append(lead_id)
    if not by_batch:
        return 0
    profile = load_profile(settings.profile_path)
    facts = build_fact_service(settings, warehouse)
    engine = build_engine(settings, WarehouseCalls(warehouse))
    # Caps of a run are counted by its id: each call of the command is a run of its own.
    run_id = f"{RUN_ID} {secrets.token_hex(4)}"
    try:
        for batch_id, lead_ids in by_batch.items():
            context = StageContext(warehouse, settings, profile, engine, batch_id, run_id, facts=facts)
            asyncio.run(_again(context, lead_ids))
    finally:
        engine.close()
        facts.close()
    return sum(map(len, by_batch.values()))


async def _again(context: StageContext, lead_ids: Sequence[str]) -> None:
    size = context.settings.chunk_size
    for start in range(0, len(lead_ids), size):
        await EnrichedLeads().run_chunk(context, lead_ids[start : start + size])
    for stage in STAGES[STAGES.index(EnrichedLeads) + 1 :]:
        await stage().run(context)


def _state(connection: sa.Connection) -> dict[str, Any]:
    """Everything that is shown, JSON-ready."""
    providers = sa.text(
        "SELECT provider, SUM(lookups) AS lookups, SUM(found) AS found, SUM(not_found) AS not_found, "
        "SUM(failed) AS failed, SUM(unsettled) AS unsettled, SUM(facts) AS facts, SUM(credits) AS credits, "
        "SUM(cost_usd) AS cost_usd FROM enrichment_providers GROUP BY provider ORDER BY provider"
    )
    queue = enrichment_queue.c
    pending = (
        sa.select(queue.provider, queue.reason, sa.func.count().label("leads"))
        .group_by(queue.provider, queue.reason)
        .order_by(queue.provider, queue.reason)
    )
    return {
        "providers": [_figures(row) for row in connection.execute(providers).mappings()],
        "pending": [dict(row) for row in connection.execute(pending).mappings()],
    }


def _figures(row: sa.RowMapping) -> dict[str, Any]:
    figures = {name: float(row[name]) for name in ("credits", "cost_usd")}
    whole = {name: int(row[name]) for name in row if name not in ("provider", *figures)}
    answered = whole["found"] + whole["not_found"]
    return {
        "provider": row["provider"],
        **whole,
        **figures,
        "hit_rate": whole["found"] / answered if answered else None,
        "usd_per_fact": figures["cost_usd"] / whole["facts"] if whole["facts"] else None,
    }


def _print_state(state: dict[str, Any], settings: Settings) -> None:
    if not state["providers"]:
        say(f"No provider on the network was asked yet. {settings.waterfall_path} and keys switch them on.")
        return
    shown = state["providers"]
    columns = {
        "Lookups": [f"{row['lookups']:,}" for row in shown],
        "Found": [f"{row['found']:,}" for row in shown],
        "Not found": [unless_zero(row["not_found"]) for row in shown],
        "Failed": [unless_zero(row["failed"]) for row in shown],
        "Unsettled": [unless_zero(row["unsettled"]) for row in shown],
        "Facts": [f"{row['facts']:,}" for row in shown],
        "Credits": [f"{row['credits']:,g}" for row in shown],
        "Hits": ["" if row["hit_rate"] is None else f"{row['hit_rate']:.0%}" for row in shown],
        "Cost": [money(row["cost_usd"]) for row in shown],
        "Per fact": ["" if row["usd_per_fact"] is None else f"${row['usd_per_fact']:.4f}" for row in shown],
    }
    # Columns without anything to tell are left out: all of them are wider than most terminals.
    told = {title: cells for title, cells in columns.items() if any(cells)}
    rows = zip((row["provider"] for row in shown), *told.values(), strict=True)
    print_table(["Provider", *told], rows, right=told)
    if state["pending"]:
        gap()
        waiting = [(row["provider"], row["reason"], f"{row['leads']:,}") for row in state["pending"]]
        print_table(["Still to answer", "Why", "Leads"], waiting, right=["Leads"])
        say("sales-agent enrich --pending asks again.")
