"""Processes that run a sync in a history: they can be killed at any step, and others can come in between.

A killed process is an exception in this one; so that it is like SIGKILL, nothing that it does afterwards
has any effect: whatever its ``finally`` clauses want to write or send is stopped, too, and its lease stays.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import sqlalchemy as sa

from sales_agent_dagster.stages.crm.holder import this_process
from sales_agent_dagster.warehouse.database import Warehouse

COMMIT, READS, WRITES, CAME = "commit", "reads", "writes", "came"
"""Kinds of steps: before a commit, before a call that reads or that may write, after its answer."""


class Crash(BaseException):
    """The process is gone."""


@dataclass
class Process:
    """One process.

    Attributes:
        holder: its name in the lease.
        kill_at: step at which it dies.
        between: what happens at which step, while it runs: at the first one from there on that ``fits``.
        wrote_at: step of its first call that may have written.
    """

    holder: str
    kill_at: int | None = None
    between: dict[int, Callable[[], None]] = field(default_factory=dict)
    fits: Callable[[str], bool] = lambda kind: True
    steps: int = 0
    wrote_at: int | None = None
    dead: bool = False

    def step(self, kind: str) -> None:
        self.check()
        self.steps += 1
        if kind == WRITES and self.wrote_at is None:
            self.wrote_at = self.steps
        if self.steps == self.kill_at:
            self.dead = True
            raise Crash(kind)
        due = min(self.between, default=None)
        if due is not None and due <= self.steps and self.fits(kind):
            self.between.pop(due)()

    def check(self) -> None:
        if self.dead:
            raise Crash("dead")


class Machine:
    """Which process is running, for the warehouse, the lease and the wire to the CRM.

    Attributes:
        at_commit: called at each commit of one.
    """

    def __init__(self, warehouse: Warehouse) -> None:
        self.running: Process | None = None
        self.at_commit: Callable[[], None] = lambda: None
        self._names = 0
        self._engine = warehouse.engine
        self._mine = threading.local()
        sa.event.listen(self._engine, "begin", self._begins, insert=True)
        sa.event.listen(self._engine, "commit", self._commits)
        sa.event.listen(self._engine, "checkout", self._checkout)
        sa.event.listen(self._engine, "checkin", self._checkin)

    def close(self) -> None:
        """Let go of the warehouse."""
        sa.event.remove(self._engine, "begin", self._begins)
        sa.event.remove(self._engine, "commit", self._commits)
        sa.event.remove(self._engine, "checkout", self._checkout)
        sa.event.remove(self._engine, "checkin", self._checkin)

    def new(self, *, elsewhere: bool) -> Process:
        """A process of another machine, of which nobody can tell whether it lives, or a dead one of this."""
        self._names += 1
        if elsewhere:
            return Process(f"other/boot/namespace/1/1/{self._names}")
        *place, pid, _, _ = this_process().split("/")
        return Process("/".join([*place, pid, "1", str(self._names)]))

    @contextmanager
    def runs(self, process: Process) -> Iterator[None]:
        """While it runs; another one may run in between."""
        before, self.running = self.running, process
        try:
            yield
        finally:
            self.running = before

    def holder(self) -> str:
        """In place of ``lease.this_process``."""
        return self.running.holder if self.running else this_process()

    def step(self, kind: str) -> None:
        if self.running is not None:
            self.running.step(kind)

    def is_connected(self) -> bool:
        """Whether this thread has a connection to the warehouse."""
        return getattr(self._mine, "connections", 0) > 0

    def _checkout(self, *_: object) -> None:
        self._mine.connections = getattr(self._mine, "connections", 0) + 1

    def _checkin(self, *_: object) -> None:
        self._mine.connections = getattr(self._mine, "connections", 0) - 1

    def _begins(self, _connection: sa.Connection) -> None:
        if self.running is not None:
            self.running.check()

    def _commits(self, _connection: sa.Connection) -> None:
        self.step(COMMIT)
        if self.running is not None:
            self.at_commit()
