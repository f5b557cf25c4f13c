"""The work of ``sales-agent crm live-smoke``."""

from __future__ import annotations

import time
from pathlib import Path
from secrets import token_hex

import orjson

from sales_agent_dagster.cli.exits import ExitCode
from sales_agent_dagster.cli.terminal import print_table, say
from sales_agent_dagster.crm.http import Exchange, TransportOptions
from sales_agent_dagster.crm.redacting import redacted
from sales_agent_dagster.crm.registry import connect
from sales_agent_dagster.crm.smoke import live_smoke
from sales_agent_dagster.domain.counted import count
from sales_agent_dagster.domain.errors import ConfigurationError, PermanentError
from sales_agent_dagster.settings import Settings


def smoke(settings: Settings, file: Path | None) -> ExitCode:
    """Create, read and delete one company in the configured CRM; keep the redacted traffic in a file.

    Raises:
        ConfigurationError: no CRM is configured, or writing is not allowed.
        PermanentError: the file cannot be written.
    """
    system = settings.crm.system
    if system == "preview":
        raise ConfigurationError(
            "No CRM is configured: set SALES_AGENT_CRM__SYSTEM to close, hubspot or salesforce."
        )
    if settings.crm.mode != "live":
        raise ConfigurationError(
            f"This creates one company in {system} and deletes it: set SALES_AGENT_CRM__MODE=live to let it."
        )
    traffic: list[Exchange] = []
    options = TransportOptions(dry_run=False, concurrency=1, hook=traffic.append)
    connector = connect(system, settings, options)
    tag = token_hex(4)
    try:
        steps = live_smoke(connector, tag, time.sleep)
    finally:
        connector.close()
    print_table(
        ["Step", "", "Result"], [(step.name, "ok" if step.ok else "FAILED", step.message) for step in steps]
    )
    kept = file or settings.home / "crm" / f"live-smoke-{system}-{tag}.jsonl"
    _write(kept, traffic)
    say(f"{count(len(traffic), 'request')}, without what they say of anybody, in {kept}.")
    return ExitCode.OK if all(step.ok for step in steps) else ExitCode.FAILED


def _write(file: Path, traffic: list[Exchange]) -> None:
    lines = b"".join(orjson.dumps(redacted(one), option=orjson.OPT_APPEND_NEWLINE) for one in traffic)
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(lines)
    except OSError as error:
        raise PermanentError(f"{file} cannot be written: {error.strerror}.") from None
