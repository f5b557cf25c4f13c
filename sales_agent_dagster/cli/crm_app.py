"""``sales-agent crm ...``: arguments and help. Each command imports its work when it is called."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer(
    help="Sync with the CRM: look, plan, apply, review. SALES_AGENT_CRM__SYSTEM names it.",
    no_args_is_help=True,
)

Json = Annotated[bool, typer.Option("--json", help="One JSON document, for programs.")]

Batch = Annotated[
    str | None,
    typer.Option(metavar="BATCH", help="Only the companies of this batch (or the start of its id)."),
]


class Mode(StrEnum):
    """What is said of a batch's plan."""

    PLAN = "plan"
    APPLY = "apply"
    UNSET = "unset"


@app.command()
def plan(
    csv: Annotated[Path | None, typer.Option(metavar="FILE", help="Write every line to a CSV file.")] = None,
    as_json: Json = False,
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="Print at most this many lines.")] = 60,
    pull: Annotated[bool, typer.Option(help="First read what changed in the CRM.")] = True,
    batch: Batch = None,
) -> None:
    """Show what the CRM would be told, field by field. Writes nothing to it."""
    from sales_agent_dagster.cli.crm import show_plan
    from sales_agent_dagster.settings import load_settings

    settings = load_settings()
    raise typer.Exit(show_plan(settings, csv, as_json=as_json, limit=limit, pulls=pull, batch=batch))


@app.command()
def apply(
    again: Annotated[
        bool, typer.Option("--again", help="Also what was refused too often, once its remedy is done.")
    ] = False,
    as_json: Json = False,
    batch: Batch = None,
) -> None:
    """Send what is planned and show the report card. Needs SALES_AGENT_CRM__MODE=live."""
    from sales_agent_dagster.cli.crm import apply_plan
    from sales_agent_dagster.settings import load_settings

    raise typer.Exit(apply_plan(load_settings(), as_json=as_json, batch=batch, again=again))


@app.command()
def mode(
    batch: Annotated[
        str | None,
        typer.Argument(metavar="BATCH", help="Id of the batch, or its start; without, all are listed."),
    ] = None,
    what: Annotated[
        Mode | None,
        typer.Argument(metavar="MODE", help="plan: only plan; apply: also send; unset: as the settings say."),
    ] = None,
) -> None:
    """Set whether a batch's plan is sent by its asset. Sending needs SALES_AGENT_CRM__MODE=live."""
    from sales_agent_dagster.cli.crm_mode import batch_mode
    from sales_agent_dagster.settings import load_settings

    raise typer.Exit(batch_mode(load_settings(), batch, what and what.value))


@app.command()
def pull() -> None:
    """Read what changed in the CRM into the warehouse. Writes nothing to the CRM."""
    from sales_agent_dagster.cli.crm import pull_changes
    from sales_agent_dagster.settings import load_settings

    raise typer.Exit(pull_changes(load_settings()))


@app.command()
def setup() -> None:
    """Check the account and its fields. Creates missing ones when SALES_AGENT_CRM__MODE=live."""
    from sales_agent_dagster.cli.crm import set_up
    from sales_agent_dagster.settings import load_settings

    raise typer.Exit(set_up(load_settings()))


@app.command()
def status(as_json: Json = False) -> None:
    """Show the last syncs, what is open and what the CRM refused. Asks only the warehouse."""
    from sales_agent_dagster.cli.crm_status import show_status
    from sales_agent_dagster.settings import load_settings

    raise typer.Exit(show_status(load_settings(), as_json=as_json))


@app.command()
def review(
    accept: Annotated[list[str] | None, typer.Option(metavar="KEY", help="It is that record.")] = None,
    reject: Annotated[list[str] | None, typer.Option(metavar="KEY", help="It is another one.")] = None,
) -> None:
    """Answer which records of the CRM are companies of ours. Without an answer, lists what is open."""
    from sales_agent_dagster.cli.crm import answer
    from sales_agent_dagster.settings import load_settings

    raise typer.Exit(answer(load_settings(), accept or (), reject or ()))


@app.command()
def live_smoke(
    file: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Keep the redacted traffic here, as JSON lines.")
    ] = None,
) -> None:
    """Create, read and delete one company in the CRM. Needs SALES_AGENT_CRM__MODE=live."""
    from sales_agent_dagster.cli.crm_smoke import smoke
    from sales_agent_dagster.settings import load_settings

    raise typer.Exit(smoke(load_settings(), file))


@app.command()
def erase(
    email: Annotated[str, typer.Argument(metavar="E-MAIL", help="Address of the person.")],
    as_json: Json = False,
) -> None:
    """Erase a person from the CRM and from every table, for good. Needs SALES_AGENT_CRM__MODE=live."""
    from sales_agent_dagster.cli.crm import erase_person
    from sales_agent_dagster.settings import load_settings

    raise typer.Exit(erase_person(load_settings(), email, as_json=as_json))
