"""The work of ``sales-agent crm``: looking, planning, applying, answering."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sales_agent_dagster.cli.crm_plan import print_plan, print_totals, totals_of, write_plan
from sales_agent_dagster.cli.exits import ExitCode
from sales_agent_dagster.cli.opening import find_batch, open_warehouse
from sales_agent_dagster.cli.terminal import gap, print_json, print_table, say
from sales_agent_dagster.crm.contract import FieldState
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.domain.counted import count
from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.domain.profile import load_profile
from sales_agent_dagster.settings import Settings
from sales_agent_dagster.stages.crm.batch_modes import held_back
from sales_agent_dagster.stages.crm.context import SyncContext, open_sync
from sales_agent_dagster.stages.crm.desired import entity_ids
from sales_agent_dagster.stages.crm.erasing import erase
from sales_agent_dagster.stages.crm.linking import answer_review, reviews
from sales_agent_dagster.stages.crm.listing import plan_rows, review_rows
from sales_agent_dagster.stages.crm.outbox import try_again
from sales_agent_dagster.stages.crm.planning import plan
from sales_agent_dagster.stages.crm.pulling import pull
from sales_agent_dagster.stages.crm.recording import CARD
from sales_agent_dagster.stages.crm.syncing import look, sync

RUN_ID = "command line"
"""Stands as ``run_id`` in rows that a command changed: no Dagster run did."""


@contextmanager
def opened(settings: Settings, *, live: bool | None) -> Iterator[SyncContext]:
    """A sync with the configured CRM, closed at the end.

    Raises:
        ConfigurationError: no CRM is configured, or it is switched off.
    """
    if settings.crm.system == "preview":
        raise ConfigurationError(
            "No CRM is configured: plans go to the local preview. Set SALES_AGENT_CRM__SYSTEM to close, "
            "hubspot or salesforce, and its key (see .env.example)."
        )
    if settings.crm.mode == "off":
        raise ConfigurationError("The CRM is switched off: SALES_AGENT_CRM__MODE=off.")
    with open_warehouse(settings) as warehouse:
        context = open_sync(warehouse, settings, load_profile(settings.profile_path), RUN_ID, live=live)
        try:
            yield context
        finally:
            context.connector.close()


def show_plan(
    settings: Settings, file: Path | None, *, as_json: bool, limit: int, pulls: bool, batch: str | None = None
) -> ExitCode:
    """Print the plan, of one batch's companies or of all; all lines go to ``file`` when it is given.

    Raises:
        ConfigurationError: no CRM is configured.
        PermanentError: the file cannot be written.
        CrmError: the CRM cannot be read.
    """
    with opened(settings, live=False) as context:
        look(context, pulls=pulls)
        rows = list(plan_rows(context, plan(context, _companies(context, batch))))
        account = context.crm
    if file is not None:
        write_plan(file, rows)
    if as_json:
        print_json({"crm": account, "totals": totals_of(rows), "lines": [asdict(row) for row in rows]})
        return ExitCode.OK
    print_plan(rows, limit)
    if file is not None:
        say(f"{count(len(rows), 'line')} in {file}.")
    print_totals(account, totals_of(rows))
    return ExitCode.OK


def apply_plan(
    settings: Settings, *, as_json: bool, batch: str | None = None, again: bool = False
) -> ExitCode:
    """Sync one batch's companies, or all but those held back, and print the report card.

    ``again``: also what the CRM refused too often.

    Raises:
        ConfigurationError: no CRM is configured, or writing is not allowed.
        LeaseHeld: another sync is writing.
        CrmError: the CRM cannot be read.
    """
    if settings.crm.mode == "dry_run":
        raise ConfigurationError(
            "Nothing is written to a CRM unless you say so: set SALES_AGENT_CRM__MODE=live. "
            "`sales-agent crm plan` shows what would be sent."
        )
    with opened(settings, live=None) as context:
        ids = _companies(context, batch)
        if batch is None:
            with context.warehouse.reading() as connection:
                held = held_back(connection)
                ids = [one for one in entity_ids(connection) if one not in held] if held else None
        if again:
            with context.warehouse.transaction() as connection:
                try_again(context, connection, ids)
        card = sync(context, ids)
    if as_json:
        print_json(card)
    else:
        print_card(card)
    return ExitCode.FAILED if card["stopped"] or card["rejected"] or card["still_unknown"] else ExitCode.OK


def _companies(context: SyncContext, batch: str | None) -> list[str] | None:
    """Companies of a batch; None is all.

    Raises:
        UnknownRecord: there is no such batch.
    """
    if batch is None:
        return None
    with context.warehouse.reading() as connection:
        return entity_ids(connection, find_batch(connection, batch))


def pull_changes(settings: Settings) -> ExitCode:
    """Pull all streams and say how much came.

    Raises:
        ConfigurationError: no CRM is configured.
        CrmError: the CRM cannot be read.
    """
    with opened(settings, live=False) as context:
        pull(context)
        card = context.card
    say(
        f"{count(card.pulled, 'record or event', 'records and events')} pulled, {card.echoes:,} of them "
        f"nothing new; {count(card.human_changes, 'field')} changed by others."
    )
    return ExitCode.OK


def set_up(settings: Settings) -> ExitCode:
    """Say whether the account can be used, and create its missing fields when that is allowed.

    Raises:
        ConfigurationError: no CRM is configured.
        CrmError: the CRM cannot be read, or does not let us create fields.
    """
    with opened(settings, live=None) as context:
        health = context.connector.health()
        say((context.crm, "bold"), f": {health.message}")
        if not health.ok:
            return ExitCode.FAILED
        say(f"Account: {context.connector.describe().account}")
        ensured = context.connector.ensure_fields(dry_run=not context.live)
    rows = [(str(one.kind), one.name, str(one.state), one.instruction or "") for one in ensured]
    columns = ["Kind", "Field", "State", "What to do"]
    shown = len(columns) if any(one.instruction for one in ensured) else len(columns) - 1
    gap()
    print_table(columns[:shown], [row[:shown] for row in rows])
    gap()
    missing = [one for one in ensured if one.state is FieldState.MISSING]
    if not missing:
        say("Everything is there: `sales-agent crm plan` shows what would be sent.")
    elif not context.live and not any(one.instruction for one in missing):
        say("SALES_AGENT_CRM__MODE=live creates the missing fields: run this again with it.")
    return ExitCode.FAILED if missing else ExitCode.OK


def answer(settings: Settings, accepted: Sequence[str], rejected: Sequence[str]) -> ExitCode:
    """Store answers given as external keys; without any, list what waits for one.

    Raises:
        ConfigurationError: no CRM is configured.
        UnknownRecord: nothing is asked about a key; answers before it are stored.
    """
    given = [(key, True) for key in accepted] + [(key, False) for key in rejected]
    with opened(settings, live=False) as context:
        if not given:
            _print_reviews(context)
            return ExitCode.OK
        kinds = {link.external_key: link.kind for link in reviews(context)}
        for key, same in given:
            link = answer_review(context, kinds.get(key, Kind.COMPANY), key, same=same)
            say(f"{link.external_key}: {link.state}, {link.remote_id}. {link.reason}")
    return ExitCode.OK


def erase_person(settings: Settings, email: str, *, as_json: bool) -> ExitCode:
    """Erase a person and print the receipt; fails while the CRM has not done its part.

    Raises:
        ConfigurationError: no CRM is configured, writing is not allowed, or it is no address.
        CrmError: the CRM cannot be read. Running it again finishes what was begun.
    """
    with opened(settings, live=None) as context:
        receipt = erase(context, email)
    if as_json:
        print_json(asdict(receipt))
    else:
        for title, counts in (("In the CRM", receipt.remote), ("In the warehouse", receipt.rows)):
            told = ", ".join(f"{number:,} {name}" for name, number in counts.items())
            say(f"{title:<17} {told or 'nothing'}")
        for words in receipt.refused:
            say((f"The CRM did not: {words}", "bold"))
        for path in receipt.archives:
            say(f"Still in the source file {path}: replace it, or delete its batch.")
    return ExitCode.FAILED if receipt.refused else ExitCode.OK


def print_card(card: Mapping[str, Any]) -> None:
    """Print a row of ``crm_sync_runs``."""
    say((f"{card['crm']}, {card['mode']}", "bold"))
    for title, names in CARD:
        told = [f"{card[name]:,} {words}" for name, words in names.items() if card[name]]
        say(f"{title:<10} {', '.join(told) or 'nothing'}", indent=2)
    if card["rejected_by_class"]:
        classes = ", ".join(f"{number:,} {name}" for name, number in card["rejected_by_class"].items())
        say(f"{'Rejected':<10} {classes}: `sales-agent crm status` says why and what to do", indent=2)
    if card["still_unknown"]:
        words = "the next sync asks the CRM again whether these were done; a record is not made twice"
        say(f"{'Unknown':<10} {card['still_unknown']:,}: {words}", indent=2)
    calls = [f"{card['requests']:,} calls"]
    if card["p95_ms"] is not None:
        calls.append(f"p95 {card['p95_ms']:.0f} ms")
    if card["quota_left"] is not None:
        calls.append(f"{card['quota_left']:.0%} of the quota left")
    say(f"{'Calls':<10} {', '.join(calls)}", indent=2)
    if card["stopped"]:
        say((f"Stopped: {card['stopped']}", "bold"), indent=2)


def _print_reviews(context: SyncContext) -> None:
    waiting = review_rows(context)
    if not waiting:
        say("Nothing to review.")
        return
    for one in waiting:
        say((one.external_key, "bold"), f"  {one.kind}  ", (one.company, "bold"))
        say(f"Is it {one.record or 'this record'}, {one.place}?", indent=4)
        say((one.reason, "dim"), indent=4)
    say((f"{count(len(waiting), 'open question')}; --accept KEY or --reject KEY answers.", "dim"))
