"""The ``sales-agent`` command's surface: arguments, help, exit codes.

Each command imports its work when it is called, so that ``--help`` and the reading commands start fast.
"""

from __future__ import annotations

import atexit
import gc
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from sales_agent_dagster.cli.crm_app import app as crm_app
from sales_agent_dagster.cli.exits import ExitCode
from sales_agent_dagster.domain.errors import ConfigurationError, SalesAgentError

EXIT_CODES = (
    "Exit codes: 0 all good; 1 a batch failed, or nothing was found; 2 wrong usage or configuration; "
    "3 a file was quarantined, everything else is done; 130 interrupted."
)

GC_THRESHOLDS = (50_000, 25, 25)

app = typer.Typer(
    name="sales-agent",
    help="CSV lead lists in; scored, deduplicated, researched, written-to and CRM-ready tables out.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    # Boxes and colours only where somebody looks at them.
    rich_markup_mode="rich" if sys.stdout.isatty() else None,
)
app.add_typer(crm_app, name="crm")


class Format(StrEnum):
    """Output formats of ``query``."""

    TABLE = "table"
    JSON = "json"
    CSV = "csv"


Json = Annotated[bool, typer.Option("--json", help="One JSON document, for programs.")]


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        print(f"sales-agent {version('sales_agent_dagster')}")
        raise typer.Exit


@app.callback()
def root(
    _version: Annotated[
        bool,
        typer.Option("--version", help="Show the version.", is_eager=True, callback=_show_version),
    ] = False,
) -> None:
    """Options of the command itself."""


@app.command()
def demo() -> None:
    """Run the whole pipeline on 200 made-up leads: no keys, no servers."""
    from sales_agent_dagster.cli.demo import run_demo
    from sales_agent_dagster.settings import load_settings

    raise typer.Exit(run_demo(load_settings(engine="scorecard")))


@app.command()
def run(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE", help="CSV files, folders of them, or patterns like 'x/*.csv'."),
    ],
    engine: Annotated[
        str | None,
        typer.Option(
            metavar="auto|cerebras|scorecard",
            help="What the agents think with; default: SALES_AGENT_ENGINE. auto is cerebras when "
            "CEREBRAS_API_KEY or CEREBRAS_BASE_URL is set.",
        ),
    ] = None,
    retry_degraded: Annotated[
        bool,
        typer.Option(
            "--retry-degraded",
            help="Also compute the rows again that a lesser engine answered while a provider was away.",
        ),
    ] = False,
) -> None:
    """Run CSV files through the pipeline. What is done already is not done again."""
    from sales_agent_dagster.cli.run import run_files
    from sales_agent_dagster.settings import load_settings

    settings = load_settings(engine=engine) if engine else load_settings()
    raise typer.Exit(run_files(settings, files, retry_degraded=retry_degraded))


@app.command()
def status(as_json: Json = False) -> None:
    """Show files, batches, rows per stage, failures and refusals."""
    from sales_agent_dagster.cli.status import show_status
    from sales_agent_dagster.settings import load_settings

    raise typer.Exit(show_status(load_settings(), as_json=as_json))


@app.command()
def lead(
    wanted: Annotated[
        str, typer.Argument(metavar="LEAD", help="Lead id, its start, or part of a company name.")
    ],
    as_json: Json = False,
) -> None:
    """Explain one lead: its score, every stage, its drafts."""
    from sales_agent_dagster.cli.lead import show_lead
    from sales_agent_dagster.settings import load_settings

    raise typer.Exit(show_lead(load_settings(), wanted, as_json=as_json))


@app.command()
def cost(
    batch: Annotated[
        str | None, typer.Argument(metavar="BATCH", help="Batch id or its start; unset is everything.")
    ] = None,
    as_json: Json = False,
    prune: Annotated[
        bool, typer.Option("--prune", help="First delete model responses that are past retention.")
    ] = False,
) -> None:
    """Show what model calls cost, what replays saved, and a forecast."""
    from sales_agent_dagster.cli.cost import show_cost
    from sales_agent_dagster.settings import load_settings

    raise typer.Exit(show_cost(load_settings(), batch, as_json=as_json, prune=prune))


@app.command()
def enrich(
    pending: Annotated[
        bool, typer.Option("--pending", help="Ask providers again that have not answered yet.")
    ] = False,
    ask_again: Annotated[
        bool,
        typer.Option("--ask-again", help="Also what was cut off; that may cost its credits a second time."),
    ] = False,
    as_json: Json = False,
) -> None:
    """Show what providers of facts found, cost and still owe."""
    from sales_agent_dagster.cli.enrich import Request, run_enrich
    from sales_agent_dagster.settings import load_settings

    raise typer.Exit(run_enrich(load_settings(), Request(pending or ask_again, ask_again, as_json)))


@app.command()
def review(
    accept: Annotated[list[str] | None, typer.Option(metavar="ID", help="They are one company.")] = None,
    reject: Annotated[list[str] | None, typer.Option(metavar="ID", help="They are not.")] = None,
    list_only: Annotated[bool, typer.Option("--list", help="Only list what is open.")] = False,
) -> None:
    """Decide whether leads are one company where that is left open."""
    from sales_agent_dagster.cli.review import Answers, run_review
    from sales_agent_dagster.settings import load_settings

    raise typer.Exit(run_review(load_settings(), Answers(accept or (), reject or ()), list_only=list_only))


@app.command()
def unmerge(
    lead_id: Annotated[str, typer.Argument(metavar="LEAD_ID", help="A lead that was merged.")],
) -> None:
    """Take a lead out of its company. It is never merged there again."""
    from sales_agent_dagster.cli.review import run_unmerge
    from sales_agent_dagster.settings import load_settings

    raise typer.Exit(run_unmerge(load_settings(), lead_id))


@app.command()
def dedupe(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE",
            help="CSV or Parquet. 'dedupe train FILE' learns weights instead, 'dedupe train warehouse' from "
            "all resolved leads and, where there are 300, from people's answers to reviews.",
        ),
    ],
    out: Annotated[
        Path, typer.Option(metavar="FILE", help="Decisions, CSV or Parquet; for train the weights, JSON.")
    ],
    against: Annotated[
        str | None, typer.Option(metavar="FILE|warehouse", help="Leads that rows may belong to.")
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Weights; default: the shipped ones, adapted to the file."),
    ] = None,
) -> None:
    """Find duplicates in any table of leads. Every row gets an entity, a decision and its reason."""
    from sales_agent_dagster.cli.dedupe import dedupe_file

    match words:
        case ["train", source] if against is None:
            from sales_agent_dagster.cli.dedupe_train import train_model

            raise typer.Exit(train_model(source, out, model))
        case [file] if file != "train":
            raise typer.Exit(dedupe_file(Path(file), out, against, model))
        case _:
            raise typer.BadParameter(
                "give one file: dedupe FILE --out FILE, or dedupe train FILE|warehouse --out MODEL"
            )


@app.command()
def query(
    sql: Annotated[str, typer.Argument(metavar="SQL", help="One SELECT; see docs/tables.md.")],
    output: Annotated[Format, typer.Option("--format", help="How to print the rows.")] = Format.TABLE,
    limit: Annotated[int, typer.Option(metavar="N", min=1, help="Print at most this many rows.")] = 1000,
) -> None:
    """Ask the tables. Read-only: nothing can be changed."""
    from sales_agent_dagster.cli.query import print_query
    from sales_agent_dagster.settings import load_settings

    raise typer.Exit(print_query(load_settings(), sql, output.value, limit))


@app.command("eval")
def evaluate(
    engine: Annotated[
        str | None,
        typer.Option(
            metavar="auto|cerebras|scorecard", help="What is evaluated; default: SALES_AGENT_ENGINE."
        ),
    ] = None,
    replay: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Answers from this recording; nobody is asked, no key needed."),
    ] = None,
    record: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Write the model's answers to this file.")
    ] = None,
    accept: Annotated[
        bool, typer.Option("--accept", help="Compare later evaluations with these figures.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Measure an engine on leads whose right answers are known."""
    from sales_agent_dagster.cli.eval import Request, run_evaluation
    from sales_agent_dagster.settings import load_settings

    settings = load_settings(engine=engine) if engine else load_settings()
    raise typer.Exit(run_evaluation(settings, Request(replay, record, accept, as_json)))


@app.command()
def doctor() -> None:
    """Show what is set, what works without the rest, what to set."""
    from sales_agent_dagster.cli.doctor import diagnose

    raise typer.Exit(diagnose())


@app.command()
def ui(
    port: Annotated[int, typer.Option(metavar="PORT", min=1, max=65535, help="Port on 127.0.0.1.")] = 3000,
) -> None:
    """Open Dagster's web UI, with the incoming folder watched."""
    from sales_agent_dagster.cli.ui import open_ui
    from sales_agent_dagster.settings import load_settings

    open_ui(load_settings(), port)


@app.command()
def serve(
    host: Annotated[
        str | None,
        typer.Option(metavar="HOST", help="Address; default: SALES_AGENT_SERVICE__HOST, this machine."),
    ] = None,
    port: Annotated[
        int | None, typer.Option(metavar="PORT", min=0, max=65535, help="Default: SALES_AGENT_SERVICE__PORT.")
    ] = None,
) -> None:
    """Receive the CRM's webhooks. Serves POST /webhooks/close and /webhooks/hubspot, GET /healthz."""
    from sales_agent_dagster.cli.serve import serve_webhooks
    from sales_agent_dagster.settings import load_settings

    serve_webhooks(load_settings(), host, port)


def main() -> None:
    """Run the command and exit; expected errors are a message, never a traceback."""
    from sales_agent_dagster.cli.terminal import complain, tolerate_any_encoding

    tolerate_any_encoding()
    _spare_the_garbage_collector()
    try:
        app()
    except SalesAgentError as error:
        complain(str(error))
        sys.exit(ExitCode.USAGE if isinstance(error, ConfigurationError) else ExitCode.FAILED)


def _spare_the_garbage_collector() -> None:
    """Half a second to two of every run: imports make a million objects, and nearly all of them stay.

    By default they are scanned for cycles after every 700 new ones, and once more while the process ends.
    """
    gc.set_threshold(*GC_THRESHOLDS)
    atexit.register(gc.freeze)
