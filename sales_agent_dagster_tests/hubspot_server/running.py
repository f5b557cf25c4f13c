"""Starting the server, and what a person or an operator can do to it while it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import Any

from sales_agent_dagster_tests.hubspot_server import associations
from sales_agent_dagster_tests.hubspot_server.app import Logged, Options, StandIn
from sales_agent_dagster_tests.hubspot_server.faults import Fault
from sales_agent_dagster_tests.hubspot_server.limits import Limits
from sales_agent_dagster_tests.hubspot_server.objects import derived
from sales_agent_dagster_tests.hubspot_server.store import Change, Clock, Record, Store
from sales_agent_dagster_tests.serving import process, served

HUMAN = ("CRM_UI", "userId:7")


class RunningServer:
    """A server in a thread. Object types are the plural names of paths: ``companies``, ``contacts`` …"""

    def __init__(self, app: StandIn, url: str) -> None:
        self.app = app
        self.url = url
        self._as_started = replace(app.options)

    def reset(self, **options: Any) -> None:
        """As started, but for the options given; an empty account, nothing broken, nothing logged."""
        self.app.configure(replace(self._as_started, **options))

    @property
    def clock(self) -> Clock:
        return self.app.clock

    @property
    def store(self) -> Store:
        return self.app.store

    @property
    def limits(self) -> Limits:
        return self.app.limits

    @property
    def log(self) -> list[Logged]:
        """Requests since the last reset, oldest first."""
        with self.app.lock:
            return list(self.app.log)

    @property
    def changes(self) -> list[Change]:
        """Mutations since the last reset, oldest first; ``webhooks.events_of`` makes events of them."""
        with self.app.lock:
            return list(self.app.store.changes)

    def writes(self) -> list[Logged]:
        """Logged requests that could change something: not GET, not a search, not a batch read."""
        return [
            entry
            for entry in self.log
            if entry.method != "GET" and not entry.canonical.endswith(("/search", "/batch/read"))
        ]

    def fail(self, *faults: str | Fault, where: str = "", times: int = 1) -> None:
        """Faults of the next requests that fit, in order; ``where`` is searched in ``METHOD /path``."""
        made = [fault if isinstance(fault, Fault) else Fault(fault, where) for fault in faults]
        with self.app.lock:
            self.app.faults.waiting += [replace(fault) for _ in range(times) for fault in made]

    # What a person does in the CRM

    def add(self, kind: str, **values: Any) -> str:
        """A record made by a person; its id."""
        with self.app.lock:
            checked = self.store.definitions.checked(kind, values)
            return self.store.create(kind, derived(kind, checked), *HUMAN).id

    def edit(self, kind: str, record_id: str, **values: Any) -> None:
        """A person changes fields; None clears."""
        with self.app.lock:
            record = self.store.active(kind, record_id)
            self.store.update(
                kind, record, derived(kind, self.store.definitions.checked(kind, values)), *HUMAN
            )

    def merge(self, kind: str, kept: str, lost: str) -> None:
        with self.app.lock:
            self.store.merge(kind, self.store.active(kind, kept), self.store.active(kind, lost), *HUMAN)

    def delete(self, kind: str, record_id: str) -> None:
        with self.app.lock:
            self.store.archive(kind, self.store.active(kind, record_id), *HUMAN)

    def restore(self, kind: str, record_id: str) -> None:
        with self.app.lock:
            self.store.restore(kind, self.store.records[kind][record_id])

    def opt_out(self, contact_id: str) -> None:
        """The person unsubscribes."""
        self.edit("contacts", contact_id, hs_email_optout=True)

    def replied(self, contact_id: str, at: datetime) -> None:
        """The person answers a sales e-mail: HubSpot notes when."""
        values = {"hs_sales_email_last_replied": at.isoformat(timespec="milliseconds")}
        with self.app.lock:
            self.store.update("contacts", self.store.active("contacts", contact_id), values, *HUMAN)

    def associate(self, kind: str, record_id: str, other: str, other_id: str) -> None:
        with self.app.lock:
            types = [("HUBSPOT_DEFINED", associations.DEFAULT_TYPES[kind, other])]
            associations.link(self.store, kind, record_id, other, other_id, types)

    def add_many(self, kind: str, rows: Sequence[Mapping[str, Any]], step_s: float = 0.0) -> list[str]:
        """Many records by a person's import, ``step_s`` of virtual time apart."""
        ids = []
        for row in rows:
            ids.append(self.add(kind, **row))
            if step_s:
                self.clock.advance(step_s)
        return ids

    # What there is

    def active(self, kind: str) -> dict[str, Record]:
        """Records that are neither archived nor merged away, by id."""
        with self.app.lock:
            return {i: record for i, record in self.store.records[kind].items() if record.archived_at is None}

    def linked(self, kind: str, record_id: str, other: str) -> set[str]:
        with self.app.lock:
            return set(self.store.linked(kind, record_id, other))


@contextmanager
def running_server(**options: Any) -> Iterator[RunningServer]:
    """A server on a free loopback port; see ``app.Options``."""
    app = StandIn(Options(**options))
    with served(app) as (host, port):
        yield RunningServer(app, f"http://{host}:{port}")


@contextmanager
def server_process(*arguments: str) -> Iterator[str]:
    """URL of a server in a process of its own; arguments as for ``python -m``."""
    with process("hubspot_server", *arguments) as url:
        yield url
