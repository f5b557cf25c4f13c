"""``sales-agent doctor``: what is configured, what works without the rest, what to set."""

from __future__ import annotations

import asyncio
import os
import platform
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import Enum
from importlib.util import find_spec
from pathlib import Path

import sqlalchemy as sa
from dotenv import dotenv_values
from pydantic import BaseModel
from rich.text import Text

from sales_agent_dagster.agents.checkpoints import VALKEY_EXTRA, checkpoint_store
from sales_agent_dagster.cli.dagster_home import INSTANCE_FILE
from sales_agent_dagster.cli.exits import ExitCode
from sales_agent_dagster.cli.terminal import complain, gap, interactive, out, print_table, safe, say
from sales_agent_dagster.crm.http import TransportOptions
from sales_agent_dagster.crm.ownership import load_ownership
from sales_agent_dagster.crm.registry import CONNECTORS, connect
from sales_agent_dagster.domain.counted import count
from sales_agent_dagster.domain.errors import ConfigurationError, SalesAgentError, TransientError
from sales_agent_dagster.domain.profile import load_profile
from sales_agent_dagster.enrichment.registry import make_providers
from sales_agent_dagster.enrichment.waterfall import load_waterfall
from sales_agent_dagster.inference.build import engine_name
from sales_agent_dagster.settings import PROJECT_ROOT, Settings, load_settings, variable_of
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.migrating import revisions, stored_revision

PYTHONS = ((3, 11), (3, 13))
"""Oldest and newest Python that this runs on."""

LOW_DISK_BYTES = 2**30
"""Below this much free space a run may not finish: 100,000 leads take a few hundred megabytes."""

PREFIX = "SALES_AGENT_"
COMPOSE_VARIABLES = frozenset({"SALES_AGENT_UI_PORT", "SALES_AGENT_WEBHOOK_PORT"})
"""Read by docker-compose.yml, not by us."""

SCORECARD = "Runs with --engine scorecard need no model."


class State(Enum):
    """How a finding reads: a mark, and its colour."""

    OK = ("ok", "green")
    OPTIONAL = ("not set", "cyan")
    WARNING = ("warning", "yellow")
    BROKEN = ("BROKEN", "bold red")


@dataclass(frozen=True)
class Finding:
    """One line of the report; ``advice`` says what to do, or what works without it."""

    what: str
    state: State
    detail: str
    advice: str = ""


def diagnose() -> ExitCode:
    """Print the report.

    Returns:
        FAILED when something that runs need is broken, else OK.
    """
    findings = list(examine())
    rows = [(item.what, Text(*item.state.value), _detail(item.detail, item.advice)) for item in findings]
    print_table(["Check", "State", "Found"], rows)
    broken = sum(item.state is State.BROKEN for item in findings)
    if broken:
        complain(
            f"{count(broken, 'thing')} that runs need {'is' if broken == 1 else 'are'} broken, see above."
        )
        return ExitCode.FAILED
    gap()
    say("Everything that runs need is in place.")
    return ExitCode.OK


def _detail(detail: str, advice: str) -> Text:
    text = Text(safe(detail, lines=True))
    between = "\n" if interactive(out()) else "  "
    return text.append(f"{between}{safe(advice, lines=True)}", "dim") if advice else text


def examine() -> Iterator[Finding]:
    """Every finding; those that need the settings only when these are right."""
    yield _python()
    try:
        settings = load_settings()
    except ConfigurationError as error:
        yield Finding("Settings", State.BROKEN, str(error))
        return
    checks: tuple[Callable[[Settings], Finding], ...] = (
        _settings,
        _home,
        _disk,
        _warehouse,
        _profile,
        _linkage,
        _providers,
        _dagster_home,
        _incoming,
        _cerebras,
        _crm,
        _redis,
        _checkpoints,
        _webhook,
    )
    for check in checks:
        yield check(settings)


def _python() -> Finding:
    version = platform.python_version()
    oldest, newest = PYTHONS
    if oldest <= sys.version_info[:2] <= newest:
        return Finding("Python", State.OK, version)
    advice = f"Use Python {oldest[0]}.{oldest[1]} to {newest[0]}.{newest[1]}."
    return Finding("Python", State.BROKEN, version, advice)


def _settings(settings: Settings) -> Finding:
    changed = sorted(_changed(settings))
    env_file = PROJECT_ROOT / ".env"
    source = f"environment and {env_file}" if env_file.exists() else "environment; no .env file"
    detail = f"set: {', '.join(changed)} ({source})" if changed else f"all defaults ({source})"
    if unknown := sorted(_unknown(env_file)):
        advice = f"No such setting, so without effect: {', '.join(unknown)}. See .env.example."
        return Finding("Settings", State.WARNING, detail, advice)
    return Finding("Settings", State.OK, detail, "" if changed else "See .env.example.")


def _changed(section: BaseModel, *path: str) -> Iterator[str]:
    """The variables that are set, those inside sections each by itself."""
    for name in section.model_fields_set:
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            yield from _changed(value, *path, name)
        else:
            yield variable_of(*path, name)


def _unknown(env_file: Path) -> set[str]:
    """Variables with our prefix that no setting has; inside a section such a one is an error already."""
    given = {name.upper() for name in (*os.environ, *dotenv_values(env_file)) if name}
    known = {variable_of(name) for name in Settings.model_fields} | COMPOSE_VARIABLES
    ours = {name for name in given if name.startswith(PREFIX)}
    return {name for name in ours if PREFIX + name.removeprefix(PREFIX).split("__")[0] not in known}


def _home(settings: Settings) -> Finding:
    home = settings.home.resolve()
    if fault := _unwritable(home):
        return Finding(
            "Home", State.BROKEN, f"{home}: {fault}", "Set SALES_AGENT_HOME to a folder you can write."
        )
    return Finding("Home", State.OK, str(home))


def _unwritable(folder: Path) -> str | None:
    """Why the folder cannot be written or made; None when it can. Changes nothing."""
    existing = _nearest_existing(folder)
    if not existing.is_dir():
        return f"{existing} is not a folder"
    if not os.access(existing, os.W_OK | os.X_OK):
        return f"{existing} is not writable"
    return None


def _nearest_existing(path: Path) -> Path:
    return next(folder for folder in (path, *path.parents) if folder.exists())


def _disk(settings: Settings) -> Finding:
    free = shutil.disk_usage(_nearest_existing(settings.home.resolve())).free
    detail = f"{free / 2**30:,.1f} GiB free"
    if free < LOW_DISK_BYTES:
        return Finding("Disk", State.WARNING, detail, "Less than 1 GiB: free some before a large import.")
    return Finding("Disk", State.OK, detail)


def _warehouse(settings: Settings) -> Finding:
    advice = "Check SALES_AGENT_DATABASE_URL."
    try:
        warehouse = Warehouse(settings.warehouse_url.get_secret_value())
        where = warehouse.url.render_as_string(hide_password=True)
        if warehouse.url.get_backend_name() == "sqlite" and not Path(str(warehouse.url.database)).exists():
            return Finding("Warehouse", State.OK, where, "Created by the first run.")
        with warehouse.reading() as connection:
            revision = stored_revision(connection)
        warehouse.dispose()
    except SalesAgentError as error:
        return Finding("Warehouse", State.BROKEN, str(error), advice)
    except sa.exc.DBAPIError as error:
        return Finding("Warehouse", State.BROKEN, f"{where}: {error.orig}", advice)
    if revision == revisions()[-1]:
        return Finding("Warehouse", State.OK, f"{where}, schema version {revision}")
    if revision is None or revision in revisions():
        return Finding("Warehouse", State.OK, where, "The next command brings its schema up to date.")
    return Finding(
        "Warehouse", State.BROKEN, f"{where}: schema version {revision} is newer", "Update this program."
    )


def _profile(settings: Settings) -> Finding:
    try:
        profile = load_profile(settings.profile_path)
    except ConfigurationError as error:
        return Finding("Profile", State.BROKEN, str(error), "Edit the file, or set SALES_AGENT_PROFILE_PATH.")
    return Finding("Profile", State.OK, f"{profile.name} ({settings.profile_path})")


def _linkage(settings: Settings) -> Finding:
    path = settings.linkage_model_path
    if path is None:
        return Finding("Linkage model", State.OPTIONAL, "the shipped one decides which leads are one company")
    from sales_agent_dagster.matching.model import load_model  # only who sets a path pays for numpy

    try:
        model = load_model(path)
    except ConfigurationError as error:
        advice = "Correct SALES_AGENT_LINKAGE_MODEL_PATH, or unset it."
        return Finding("Linkage model", State.BROKEN, str(error), advice)
    return Finding("Linkage model", State.OK, f"version {model.version} ({path})")


def _providers(settings: Settings) -> Finding:
    try:
        waterfall = load_waterfall(settings.waterfall_path)
        made = make_providers(settings, waterfall)
    except ConfigurationError as error:
        advice = "Edit the file, or set SALES_AGENT_WATERFALL_PATH."
        return Finding("Providers of facts", State.BROKEN, str(error), advice)
    used = [step.provider for step, _ in made]
    off = [step.provider for step in waterfall.steps if step.provider not in used]
    detail = f"{', '.join(used)} ({settings.waterfall_path})"
    advice = f"Off: {', '.join(off)}. See the waterfall, and .env.example for keys." if off else ""
    if "website" in used and settings.website.contact is None:
        return Finding(
            "Providers of facts",
            State.WARNING,
            f"{detail}: websites cannot tell who visits them",
            "Set SALES_AGENT_WEBSITE__CONTACT to a page or mailbox of yours.",
        )
    paid = [provider.spec.name for _, provider in made if provider.spec.credits]
    if paid and "website" not in used:
        return Finding(
            "Providers of facts",
            State.WARNING,
            f"{detail}: {', '.join(paid)} will be paid for what websites may say for nothing",
            "Set `enabled: true` at website in the waterfall.",
        )
    return Finding("Providers of facts", State.OK, detail, advice)


def _dagster_home(settings: Settings) -> Finding:
    if given := os.environ.get("DAGSTER_HOME"):
        return Finding("Dagster home", State.OK, f"{given}, from DAGSTER_HOME")
    if not INSTANCE_FILE.exists():
        return Finding("Dagster home", State.BROKEN, f"{INSTANCE_FILE} is missing", "Restore it from git.")
    return Finding("Dagster home", State.OK, str(settings.dagster_home.resolve()))


def _incoming(settings: Settings) -> Finding:
    folder = settings.incoming_dir.resolve()
    if folder.is_dir():
        return Finding("Incoming folder", State.OK, str(folder), "Watched while `sales-agent ui` runs.")
    if fault := _unwritable(folder):
        return Finding(
            "Incoming folder", State.WARNING, f"{folder}: {fault}", "`sales-agent run FILE` works without."
        )
    return Finding("Incoming folder", State.OK, str(folder), "Created by `sales-agent ui`.")


def _cerebras(settings: Settings) -> Finding:
    chosen = engine_name(settings) == "cerebras"
    if not (settings.cerebras_api_key or settings.cerebras_base_url):
        if chosen:
            return Finding("Cerebras", State.BROKEN, "no key", "Set CEREBRAS_API_KEY or CEREBRAS_BASE_URL.")
        return Finding(
            "Cerebras", State.OPTIONAL, "the scorecard engine answers", "Set CEREBRAS_API_KEY to ask a model."
        )
    if not chosen:
        return Finding("Cerebras", State.OK, f"set; unused by the {settings.engine} engine")
    from sales_agent_dagster.inference.cerebras.endpoint import endpoint_of
    from sales_agent_dagster.inference.cerebras.errors import NO_LIST, Rejected

    models = ", then ".join((settings.cerebras.model, *settings.cerebras.fallback_models))
    try:
        host = endpoint_of(settings).host
        asyncio.run(_ask_for_models(settings))
    except Rejected as error:
        if error.status not in NO_LIST:
            return Finding("Cerebras", State.BROKEN, str(error), SCORECARD)
        detail = f"{host} gives no list of models: HTTP {error.status}"
        advice = (
            f"Check CEREBRAS_BASE_URL; if it is right, the first question tells whether {models} is there."
        )
        return Finding("Cerebras", State.WARNING, detail, advice)
    except TransientError as error:
        advice = "Leads get the scorecard's answers while it is away; --retry-degraded asks again."
        return Finding("Cerebras", State.WARNING, str(error), advice)
    except SalesAgentError as error:
        return Finding("Cerebras", State.BROKEN, str(error), SCORECARD)
    return Finding("Cerebras", State.OK, f"{host} answers and offers {models}")


async def _ask_for_models(settings: Settings) -> None:
    from sales_agent_dagster.inference.cerebras.client import CerebrasClient, check_models
    from sales_agent_dagster.inference.cerebras.endpoint import endpoint_of

    client = CerebrasClient(endpoint_of(settings), connections=1)
    try:
        await check_models(client, settings)
    finally:
        await client.close()


def _crm(settings: Settings) -> Finding:
    crm = settings.crm
    if crm.system == "preview":
        advice = f"Set SALES_AGENT_CRM__SYSTEM to one of {', '.join(CONNECTORS)} to sync with it."
        return Finding("CRM", State.OPTIONAL, "plans go to the local preview", advice)
    if crm.mode == "off":
        return Finding("CRM", State.OPTIONAL, f"{crm.system} is switched off by SALES_AGENT_CRM__MODE")
    try:
        connect(crm.system, settings, TransportOptions(dry_run=True, concurrency=1)).close()
        load_ownership(settings.crm_rules_path)
    except ConfigurationError as error:
        return Finding("CRM", State.BROKEN, str(error))
    written = "may be written to" if crm.mode == "live" else "is only read: SALES_AGENT_CRM__MODE=dry_run"
    return Finding("CRM", State.OK, f"{crm.system} {written}", "`sales-agent crm setup` asks the account.")


def _redis(settings: Settings) -> Finding:
    if settings.redis_url is None:
        return Finding("Redis", State.OPTIONAL, "each process has its share of the provider's limits")
    import redis  # only who sets a URL pays for the import

    try:
        url = settings.redis_url.get_secret_value()
        with redis.Redis.from_url(url, socket_connect_timeout=2, socket_timeout=2) as client:
            client.ping()
    except (redis.RedisError, ValueError) as error:
        detail = f"SALES_AGENT_REDIS_URL: {type(error).__name__}"
        return Finding("Redis", State.WARNING, detail, "Runs work without it.")
    return Finding("Redis", State.OK, "answers; processes share limits, breakers and calls in flight")


def _checkpoints(settings: Settings) -> Finding:
    try:
        store = checkpoint_store(settings)
    except ConfigurationError as error:
        return Finding("Checkpoints", State.BROKEN, str(error))
    if store is None:
        detail = "not kept; graphs of several model steps start over after a kill"
        return Finding("Checkpoints", State.OPTIONAL, detail, "Nothing is bought twice all the same.")
    if store.kind == "valkey" and find_spec("langgraph_checkpoint_aws") is None:
        return Finding("Checkpoints", State.BROKEN, VALKEY_EXTRA)
    places = {
        "sqlite": store.url.get_secret_value(),
        "postgres": "in the warehouse's PostgreSQL",
        "valkey": "in Redis",
    }
    return Finding("Checkpoints", State.OK, f"{places[store.kind]} (SALES_AGENT_CHECKPOINTS)")


def _webhook(settings: Settings) -> Finding:
    if settings.failure_webhook_url is None:
        return Finding(
            "Failure webhook",
            State.OPTIONAL,
            "failed runs show in the UI and the log",
            "Set SALES_AGENT_FAILURE_WEBHOOK_URL to be told.",
        )
    if settings.failure_webhook_url.get_secret_value().startswith(("http://", "https://")):
        return Finding("Failure webhook", State.OK, "set")
    return Finding(
        "Failure webhook", State.WARNING, "is not an http(s) URL", "Correct SALES_AGENT_FAILURE_WEBHOOK_URL."
    )
