"""Starting the server: in a thread of this process, or as a process of its own."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from sales_agent_dagster_tests.cerebras_server.app import Options, StandIn
from sales_agent_dagster_tests.cerebras_server.counting import Stats
from sales_agent_dagster_tests.cerebras_server.faults import Fault, as_fault
from sales_agent_dagster_tests.serving import process, served


class RunningServer:
    """A server in a thread. Faults, counters and options can be read and changed while it runs."""

    def __init__(self, app: StandIn, host: str, port: int) -> None:
        self.app = app
        self.host = host
        self.port = port
        self.url = f"http://{host}:{port}"
        self._as_started = replace(app.options)

    @property
    def stats(self) -> Stats:
        return self.app.stats

    @property
    def options(self) -> Options:
        """Changes count from the next request; those of limits need ``reset``."""
        return self.app.options

    def script(self, *faults: str | Fault | None) -> None:
        """Faults of the next requests, in order; None lets one through."""
        self.app.plan.script.extend(None if fault is None else as_fault(fault) for fault in faults)

    def rates(self, shares: Mapping[str | Fault, float], seed: int = 0) -> None:
        """Faults by chance: share of requests by fault."""
        self.app.plan.random.seed(seed)
        self.app.plan.chances = [(share, as_fault(fault)) for fault, share in shares.items()]

    def match(self, text: str, fault: str | Fault, times: int = 1_000_000) -> None:
        """A fault for requests whose body holds the text."""
        self.app.plan.matches.append((text.encode(), as_fault(fault), times))

    def reset(self, **options: Any) -> None:
        """As started, but for the options given; nothing counted, nothing broken, nothing cached."""
        self.app.options = replace(self._as_started, **options)
        self.app.reset()


@contextmanager
def running_server(**options: Any) -> Iterator[RunningServer]:
    """A server on a free loopback port; see ``app.Options``."""
    app = StandIn(Options(**options))
    with served(app) as (host, port):
        yield RunningServer(app, host, port)


@contextmanager
def server_process(*arguments: str) -> Iterator[str]:
    """URL of a server in a process of its own; arguments as for ``python -m``."""
    with process("cerebras_server", *arguments) as url:
        yield url
