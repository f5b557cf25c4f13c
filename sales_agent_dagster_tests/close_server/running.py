"""Starting the server: in a thread of this process, or as a process of its own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import requests

from sales_agent_dagster_tests.close_server.app import BASE, StandIn
from sales_agent_dagster_tests.close_server.calls import HUMAN, Actor, Call, Logged, Options
from sales_agent_dagster_tests.close_server.clock import Clock
from sales_agent_dagster_tests.close_server.faults import Fault
from sales_agent_dagster_tests.close_server.routes import Crm
from sales_agent_dagster_tests.serving import process, served


class RunningClose:
    """A server in a thread; its state can be read and changed while it runs."""

    def __init__(self, app: StandIn, host: str, port: int) -> None:
        self.app = app
        self.url = f"http://{host}:{port}{BASE}/"
        self._as_started = replace(app.options)

    @property
    def crm(self) -> Crm:
        return self.app.crm

    @property
    def clock(self) -> Clock:
        return self.app.clock

    @property
    def options(self) -> Options:
        """Changes count from the next request."""
        return self.app.crm.options

    @property
    def log(self) -> list[Logged]:
        return self.app.log

    def reset(self, **options: Any) -> None:
        """As started, but for the options given: an empty organisation."""
        self.app.options = replace(self._as_started, **options)
        self.app.reset()

    def script(self, *kinds: str | None) -> None:
        """Faults of the next requests, in order; None lets one through."""
        self.app.plan.script += [Fault(kind) if kind else None for kind in kinds]

    def fault(self, kind: str, **where: Any) -> None:
        """A fault for requests of a ``method`` and ``path``; see ``faults.Fault``."""
        self.app.plan.standing.append(Fault(kind, **where))

    def ask(self, method: str, path: str, body: dict[str, Any] | None = None, actor: Actor = HUMAN) -> Any:
        """Do as a person does in the CRM's pages: past limits, faults and the log."""
        return self.app.ask(method, path, body, actor)

    def objects(self, kind: str) -> list[dict[str, Any]]:
        """What is held of a kind, as stored."""
        with self.app.lock:
            return list(self.crm.store.objects[kind].values())

    def writes(self) -> list[Logged]:
        """Requests that could change something."""
        return [each for each in self.log if each.method != "GET" and each.path != "/data/search/"]

    def fill(self, leads: int, *, same_instant: bool = False) -> None:
        """Leads without contacts, a person's work, a tick apart unless all are of one instant."""
        with self.app.lock:
            for number in range(leads):
                if not same_instant:
                    self.clock.tick()
                call = Call("POST", ("lead",), {}, {}, HUMAN, "req_fill")
                self.crm.objects.insert(call, "lead", {"name": f"Lead {number}"})

    def deliver(self) -> list[int]:
        """Send the webhook deliveries that are due; their statuses, 0 for no answer."""
        with requests.Session() as session:
            return self.crm.webhooks.deliver(session)


@contextmanager
def running_close(**options: Any) -> Iterator[RunningClose]:
    """A server on a free loopback port; see ``calls.Options``."""
    app = StandIn(Options(**options))
    with served(app) as (host, port):
        yield RunningClose(app, host, port)


@contextmanager
def close_process(*arguments: str) -> Iterator[str]:
    """Base URL of a server in a process of its own; arguments as for ``python -m``."""
    with process("close_server", *arguments) as url:
        yield url
