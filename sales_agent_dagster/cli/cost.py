"""``sales-agent cost``: what model calls cost, what replays saved, what is left, what is to come."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa
from rich.text import Text

from sales_agent_dagster.cli.exits import ExitCode
from sales_agent_dagster.cli.figures import batch_progress
from sales_agent_dagster.cli.opening import find_batch, open_warehouse
from sales_agent_dagster.cli.terminal import bar, gap, money, print_json, print_table, say, unless_zero
from sales_agent_dagster.domain.counted import count
from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.inference.build import engine_name
from sales_agent_dagster.inference.prices import load_prices
from sales_agent_dagster.settings import Settings
from sales_agent_dagster.stages.forecast import AGENT_STAGES, Forecast, forecast
from sales_agent_dagster.warehouse.calls import WarehouseCalls
from sales_agent_dagster.warehouse.schema import lead_batches
from sales_agent_dagster.warehouse.spending import (
    Grouping,
    Spending,
    bought_leads,
    dearest_lead_usd,
    spending,
    spending_by,
)

GROUPINGS: Mapping[str, Grouping] = {"day": "day", "batch": "batch_id", "agent": "agent", "model": "model"}
BASES = {True: "measured on earlier calls", False: "at list prices and typical lengths"}
"""What a forecast rests on."""

SHOWN_GROUPS = 14
"""Days and batches listed; the newest ones."""


def show_cost(settings: Settings, batch: str | None, *, as_json: bool, prune: bool) -> ExitCode:
    """Print spend over all batches, or over the one whose id is or begins with ``batch``.

    Raises:
        ConfigurationError: ``prune`` without a retention setting, or the price file is wrong.
        UnknownRecord: no such batch, or several.
    """
    now = datetime.now(UTC)
    with open_warehouse(settings) as warehouse:
        pruned = _prune(settings, WarehouseCalls(warehouse), now) if prune else None
        with warehouse.reading() as connection:
            batch_id = None if batch is None else find_batch(connection, batch)
            state = _state(connection, settings, batch_id, now)
    if as_json:
        print_json(state | ({} if pruned is None else {"pruned_responses": pruned}))
        return ExitCode.OK
    if pruned is not None:
        say(f"{count(pruned, 'response')} past retention deleted; calls and their cost stay.")
        gap()
    _print_state(state)
    return ExitCode.OK


def foresee(
    connection: sa.Connection, settings: Settings, batch_ids: Iterable[str], now: datetime
) -> tuple[int, Forecast]:
    """Leads that are still to be computed in some batches, and what asking about them will cost.

    What a killed run bought already is not counted. A batch that has all its rows is only to be run again
    when they are outdated: then all its leads count.
    """
    leads = dict.fromkeys(AGENT_STAGES, 0)
    for batch_id in batch_ids:
        progress = batch_progress(connection, batch_id)
        bought = bought_leads(connection, batch_id, settings.cerebras.model)
        for agent, stage in AGENT_STAGES.items():
            done = 0 if progress.complete else max(progress.rows[stage.name], bought.get(agent, 0))
            leads[agent] += max(0, progress.expected - done)
    prices = load_prices(settings.prices_path)
    return max(leads.values()), forecast(connection, settings, prices, leads, now.date())


def print_forecast(settings: Settings, leads: int, expected: Forecast) -> None:
    """One line before money is spent; none when nothing is."""
    if expected.usd == 0:
        return
    basis = BASES[expected.measured]
    say(
        f"About {money(expected.usd)} of model calls for {count(leads, 'lead')} "
        f"({settings.cerebras.model}, {basis}).",
        indent=2,
    )
    limit = settings.budgets.batch_usd
    if limit is not None and expected.usd > limit:
        say(f"The batch budget allows {money(limit)}: the rest is answered without a model.", indent=2)


def _prune(settings: Settings, calls: WarehouseCalls, now: datetime) -> int:
    days = settings.cerebras.retention_days
    if days is None:
        raise ConfigurationError(
            "Responses are kept for ever. Set SALES_AGENT_CEREBRAS__RETENTION_DAYS to delete older ones."
        )
    return calls.prune(now - timedelta(days=days))


def _state(
    connection: sa.Connection, settings: Settings, batch_id: str | None, now: datetime
) -> dict[str, Any]:
    """Everything that is shown, JSON-ready."""
    groups = {name: key for name, key in GROUPINGS.items() if not (batch_id and key == "batch_id")}
    known = connection.scalars(sa.select(lead_batches.c.batch_id).order_by(lead_batches.c.batch_seq))
    unfinished = [
        known_id
        for known_id in ([batch_id] if batch_id else known)
        if not batch_progress(connection, known_id).complete
    ]
    leads, expected = foresee(connection, settings, unfinished, now)
    return {
        "batch_id": batch_id,
        "total": _figures(spending(connection, batch_id=batch_id)),
        **{
            f"by_{name}": [
                {name: group, **_figures(spent)}
                for (group,), spent in spending_by(connection, key, batch_id=batch_id).items()
            ]
            for name, key in groups.items()
        },
        "budgets": _budgets(connection, settings, batch_id, now),
        "forecast": {
            "engine": engine_name(settings),
            "unfinished_batches": len(unfinished),
            "leads": leads,
            "usd": expected.usd,
            **asdict(expected),
        },
    }


def _figures(spent: Spending) -> dict[str, Any]:
    return {**asdict(spent), "cached_share": spent.cached_share}


def _budgets(
    connection: sa.Connection, settings: Settings, batch_id: str | None, now: datetime
) -> list[dict[str, Any]]:
    limits, today = settings.budgets, now.date().isoformat()
    by_day = spending_by(connection, "day")
    rows = [("day", today, by_day.get((today,), Spending()).cost_usd, limits.day_usd)]
    if batch_id:
        spent = spending(connection, batch_id=batch_id).cost_usd
        rows.append(("batch", batch_id, spent, limits.batch_usd))
        rows.append(("lead", "the dearest", dearest_lead_usd(connection, batch_id), limits.lead_usd))
    names = ("budget", "of", "spent_usd", "limit_usd")
    return [dict(zip(names, row, strict=True)) for row in rows]


def _print_state(state: Mapping[str, Any]) -> None:
    total = state["total"]
    where = f"batch {state['batch_id']}: " if state["batch_id"] else ""
    if not total["calls"] and not total["replays"]:
        say(f"{where}No model has been asked.")
    else:
        _print_total(where, total)
        for name in GROUPINGS:
            if groups := state.get(f"by_{name}"):
                gap()
                _print_groups(name, groups)
    gap()
    _print_budgets(state["budgets"])
    _print_outlook(state["forecast"])


def _print_total(where: str, total: Mapping[str, Any]) -> None:
    say(
        where,
        (money(total["cost_usd"]), "bold"),
        f" for {count(total['calls'], 'call')} to models.",
        f" {count(total['replays'], 'answer')} replayed, which saved {money(total['saved_usd'])}."
        if total["replays"]
        else "",
    )
    if total["assumed_usd"]:
        say(
            (f"{money(total['assumed_usd'])} of it is an assumption: ", "yellow"),
            "the model is in no price list. Add its price and set SALES_AGENT_PRICES_PATH.",
        )


def _print_groups(name: str, groups: list[dict[str, Any]]) -> None:
    """One table; of many days or batches the newest. Columns without anything to tell are left out."""
    shown = groups[-SHOWN_GROUPS:]
    columns: dict[str, list[str | Text]] = {
        "Calls": [f"{group['calls']:,}" for group in shown],
        "Failed": [unless_zero(group["invalid"] + group["failed"]) for group in shown],
        "Replays": [unless_zero(group["replays"]) for group in shown],
        "Input": [_tokens(group["prompt_tokens"]) for group in shown],
        "Cached": [f"{group['cached_share']:.0%}" if group["prompt_tokens"] else "" for group in shown],
        "Output": [_tokens(group["completion_tokens"]) for group in shown],
        "Spent": [Text(money(group["cost_usd"]), "bold") for group in shown],
        "Saved": [money(group["saved_usd"]) if group["replays"] else "" for group in shown],
    }
    told = {title: cells for title, cells in columns.items() if any(str(cell) for cell in cells)}
    rows = zip((group[name] for group in shown), *told.values(), strict=True)
    print_table([name.capitalize(), *told], rows, right=told)
    if len(groups) > SHOWN_GROUPS:
        say((f"and {count(len(groups) - SHOWN_GROUPS, f'earlier {name}')}; --json shows all", "dim"))


def _tokens(number: int) -> str:
    """``812``, ``4.1k``, ``41k``, ``1.2M``."""
    for unit, size in (("M", 1_000_000), ("k", 1_000)):
        if number >= size:
            return f"{number / size:,.1f}{unit}" if number < 10 * size else f"{number / size:,.0f}{unit}"
    return str(number)


def _print_budgets(budgets: list[dict[str, Any]]) -> None:
    rows = []
    for budget in budgets:
        limit, spent = budget["limit_usd"], budget["spent_usd"]
        used = 0.0 if not limit else min(1.0, spent / limit)
        style = "red" if limit is not None and spent >= limit else "green"
        rows.append(
            (
                f"{budget['budget'].capitalize()} ({budget['of']})",
                money(spent),
                "no limit" if limit is None else money(limit),
                Text(bar(used), style),
            )
        )
    print_table(["Budget", "Spent", "Limit", ""], rows, right=["Spent", "Limit"])


def _print_outlook(expected: Mapping[str, Any]) -> None:
    if not expected["unfinished_batches"]:
        return
    gap()
    batches = count(expected["unfinished_batches"], "unfinished batch", "unfinished batches")
    if expected["engine"] == "scorecard":
        say(f"{batches}: free, the scorecard engine asks no model.")
        return
    leads, usd = count(expected["leads"], "lead"), money(expected["usd"])
    say(f"{batches}, {leads}: about ", (usd, "bold"), f", {BASES[expected['measured']]}.")
