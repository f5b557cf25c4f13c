"""``sales-agent ui``: Dagster's web UI and daemon on this project, in place of this process."""

from __future__ import annotations

import os
import socket
import sys

from sales_agent_dagster.cli.dagster_home import prepare_dagster_home
from sales_agent_dagster.cli.opening import open_warehouse
from sales_agent_dagster.cli.terminal import say
from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.settings import PROJECT_ROOT, Settings

HOST = "127.0.0.1"
WORKSPACE = PROJECT_ROOT / "workspace.yaml"


def open_ui(settings: Settings, port: int) -> None:
    """Replace this process with ``dagster dev``; returns only by raising.

    Raises:
        ConfigurationError: the port is taken, or a folder cannot be written.
    """
    if fault := _fault(port):
        raise ConfigurationError(
            f"Port {port} cannot be opened: {fault}. Is the UI running already? "
            f"If not: sales-agent ui --port {_free_port()}"
        )
    with open_warehouse(settings):
        pass  # created here, so that errors are told before Dagster's processes start
    dagster_home = prepare_dagster_home(settings)
    incoming = settings.incoming_dir.resolve()
    try:
        incoming.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ConfigurationError(f"SALES_AGENT_INCOMING_DIR {incoming}: {error.strerror or error}.") from None
    say(("Dagster UI      ", "bold"), f"http://{HOST}:{port}  (ready in about 15 seconds; Ctrl-C stops it)")
    say(("Drop CSVs into  ", "bold"), str(incoming))
    sys.stdout.flush()
    environment = {
        **os.environ,
        "DAGSTER_HOME": str(dagster_home),
        # Absolute, because Dagster's processes may run in other folders.
        "SALES_AGENT_HOME": str(settings.home.resolve()),
        "SALES_AGENT_INCOMING_DIR": str(incoming),
        "SALES_AGENT_PROFILE_PATH": str(settings.profile_path.resolve()),
        "PYTHONWARNINGS": "ignore:Function `dev_command` is superseded",
    }
    os.execve(sys.executable, _command(port), environment)  # noqa: S606 - our own interpreter


def _command(port: int) -> list[str]:
    module = ["-m", "dagster", "dev", "-w", str(WORKSPACE), "-h", HOST, "-p", str(port)]
    return [sys.executable, *module, "--log-level", "error"]


def _fault(port: int) -> str | None:
    """Why nobody can listen there: it is taken, or not for this user."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            return error.strerror or str(error)
    return None


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])
