"""A CRM for a history: its stand-in without sockets, the people in it, what goes wrong there."""

from __future__ import annotations

import random
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import orjson
import requests

from sales_agent_dagster.crm.contract import Connector, Event
from sales_agent_dagster.crm.http import TransportOptions
from sales_agent_dagster.crm.transport import Transport
from sales_agent_dagster_tests.crm.histories.direct import Application, DirectAdapter
from sales_agent_dagster_tests.crm.histories.ledger import Ledger, Mutation, Name, Row
from sales_agent_dagster_tests.crm.histories.processes import CAME, READS, WRITES, Machine

URL = "http://crm.test"
LISTS = ("brands",)
"""Of the fields that histories look at, those that are lists."""


class World(ABC):
    """One account.

    Attributes:
        ledger: what happens to its records.
    """

    def __init__(self, dice: random.Random, machine: Machine) -> None:
        self.dice = dice
        self.machine = machine
        self.connector = self.connect()
        self.connector.ensure_fields(dry_run=False)
        self.ready()
        self.ledger = Ledger(self.rows, lambda: self.now().timestamp())
        machine.at_commit = self.ledger.committed

    def ready(self) -> None:  # noqa: B027 - most vendors need nothing
        """Once our fields are there."""

    def options(self) -> TransportOptions:
        """One call at a time, by the account's clock; waiting moves it."""
        return TransportOptions(
            dry_run=False,
            concurrency=1,
            longest_wait_s=10_000.0,
            now=lambda: self.now().timestamp(),
            sleep=self.advance,
            jitter=self.dice.random,
        )

    def wired(self, transport: Transport) -> None:
        """Let a transport call the stand-in directly."""
        transport._session.mount(URL, Wire(self, self.app))

    @property
    @abstractmethod
    def app(self) -> Application: ...

    @abstractmethod
    def connect(self) -> Connector:
        """Another connector, as a new process has one."""

    @abstractmethod
    def now(self) -> datetime: ...

    @abstractmethod
    def advance(self, seconds: float) -> None: ...

    @abstractmethod
    def rows(self) -> dict[Name, Row]:
        """Companies and contacts that are there, as they are stored."""

    @abstractmethod
    def reads_exactly(self, method: str, path: str) -> bool:
        """Whether a call reads records by their ids, as they are."""

    def names(self, remote_id: str, path: str, content: bytes) -> bool:
        """Whether such a call was for this record."""
        return f'"id":"{remote_id}"'.encode() in content

    def writes(self, method: str, path: str) -> bool:
        """Whether a call may change records."""
        return method != "GET" and not path.endswith(("/search/", "/search", "/batch/read", "/token"))

    # What people do

    @abstractmethod
    def add(self, name: str) -> None: ...

    @abstractmethod
    def edit(self, name: Name, field: str, value: str | float | None) -> None: ...

    @abstractmethod
    def delete(self, name: Name) -> None: ...

    @abstractmethod
    def merge(self, source: str, target: str) -> Mapping[Name, str]:
        """Merge a company into another; what became of the records that went."""

    def alike(self, source: str, target: str) -> bool:
        """Whether the CRM can merge them."""
        return True

    def convert(self, remote_id: str) -> Mapping[Name, str]:
        """Turn a lead into an account and a contact, where there is such a thing."""
        return {}

    # What goes wrong

    @abstractmethod
    def fault(self) -> None:
        """Some of the next calls go wrong."""

    @abstractmethod
    def heal(self) -> None: ...

    def stale(self) -> bool:
        """Whether the call that was just answered was answered with an older state."""
        return False

    def events(self) -> Sequence[Event]:
        """What webhooks would tell of all that happened, oldest first."""
        return ()


class Wire(DirectAdapter):
    """The connection between a process and the stand-in: its calls are steps, and the ledger sees them."""

    def __init__(self, world: World, app: Application) -> None:
        super().__init__(app)
        self._world = world

    def send(self, request: requests.PreparedRequest, **given: Any) -> requests.Response:  # type: ignore[override]
        world, machine = self._world, self._world.machine
        method, path = str(request.method), requests.utils.urlparse(str(request.url)).path
        writes = world.writes(method, path)
        if machine.running is not None:
            assert not machine.is_connected(), "A CRM that answers slowly keeps no transaction open."
            world.ledger.compared(but=path if writes else "")
        machine.step(WRITES if writes else READS)
        new: list[Mutation] = []
        try:
            response = super().send(request, **given)
        finally:
            if writes and machine.running is not None:
                new = world.ledger.note(ours=True)
        if machine.running is not None:
            self._came(method, path, response, new)
        machine.step(CAME)
        return response

    def _came(self, method: str, path: str, response: requests.Response, new: list[Mutation]) -> None:
        world, ledger, content = self._world, self._world.ledger, response.content
        if world.reads_exactly(method, path):
            told = [name for name in ledger.rows if world.names(name[1], path, content)]
            ledger.was_read(told, stale=world.stale())
        elif new and response.ok and _is_whole(content):
            ledger.was_told(new)


def _is_whole(content: bytes) -> bool:
    try:
        orjson.loads(content)
    except orjson.JSONDecodeError:
        return False
    return True


def held(values: Mapping[str, Any]) -> dict[str, Any]:
    """Values as the ledger compares them: empty is None, numbers are numbers, lists are sets."""
    found: dict[str, Any] = {}
    for name, value in values.items():
        if value in (None, "", []):
            found[name] = None
        elif name == "score":
            found[name] = float(value)
        elif name in LISTS:
            found[name] = frozenset(item.strip() for item in str(value).split(",") if item.strip())
        else:
            found[name] = str(value)
    return found


def utc(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
