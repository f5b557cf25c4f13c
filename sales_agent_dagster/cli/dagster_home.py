"""DAGSTER_HOME: a folder under ``SALES_AGENT_HOME`` that holds a copy of the project's ``dagster.yaml``."""

from __future__ import annotations

import os
from pathlib import Path

from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.settings import PROJECT_ROOT, Settings

INSTANCE_FILE = PROJECT_ROOT / "dagster.yaml"


def prepare_dagster_home(settings: Settings) -> Path:
    """Create the folder and bring its ``dagster.yaml`` up to date; returns the absolute folder.

    A DAGSTER_HOME that is set already (production) is used as it is.

    Raises:
        ConfigurationError: the folder cannot be written.
    """
    if given := os.environ.get("DAGSTER_HOME"):
        return Path(given).resolve()
    home = settings.dagster_home.resolve()
    target = home / INSTANCE_FILE.name
    wanted = INSTANCE_FILE.read_bytes()
    try:
        home.mkdir(parents=True, exist_ok=True)
        if not target.exists() or target.read_bytes() != wanted:
            target.write_bytes(wanted)
    except OSError as error:
        raise ConfigurationError(
            f"Dagster home {home} cannot be written: {error.strerror or error}."
        ) from None
    return home
