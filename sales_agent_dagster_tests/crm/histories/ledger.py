"""What really happened in a CRM: every change of every record, whose it was, and what we had read before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sales_agent_dagster.crm.fields import Kind

Name = tuple[Kind, str]
"""A record: its kind and the CRM's id."""


@dataclass(frozen=True)
class Row:
    """A record as the stand-in itself holds it.

    Attributes:
        key: our key in it.
        values: by our names; None is empty, lists are sets of items.
    """

    key: str | None
    values: Mapping[str, Any]


@dataclass(frozen=True)
class Mutation:
    """One change of one record.

    Attributes:
        number: its place among all; ``at``: seconds by the CRM's clock.
        ours: the sync did it, not a person.
        before, after: None while it is not there.
        into: of a record that went the one that has it now.
        merging: records became one: what it changed was not typed by anybody.
        read: number of the last mutation before the sync had last read the record by its id.
        known: number of the last mutation of the record that the sync knows that it did.
    """

    number: int
    at: float
    ours: bool
    name: Name
    before: Row | None
    after: Row | None
    into: str | None
    merging: bool
    read: int
    known: int

    def changes(self, field_name: str) -> bool:
        return self.value_before(field_name) != self.value_after(field_name)

    def value_before(self, field_name: str) -> Any:
        return self.before.values.get(field_name) if self.before else None

    def value_after(self, field_name: str) -> Any:
        return self.after.values.get(field_name) if self.after else None


@dataclass
class Ledger:
    """All mutations, in order.

    Attributes:
        look: what the stand-in holds now.
        now: the CRM's time, seconds.
    """

    look: Callable[[], dict[Name, Row]]
    now: Callable[[], float]
    mutations: list[Mutation] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rows = self.look()
        self._read: dict[Name, int] = {}
        self._misled: set[Name] = set()
        self._just_read: dict[Name, int] = {}
        self._known: dict[Name, int] = {}
        self._just_told: dict[Name, int] = {}
        self._merged: dict[Name, str] = {}

    def note(self, *, ours: bool, merged: Mapping[Name, str] | None = None) -> list[Mutation]:
        """Write down what changed since the last time; ``merged``: what went into what.

        A record that took another one in has changed, whatever its values say.
        """
        self._merged.update(merged or {})
        survivors = {(kind, into) for (kind, _), into in (merged or {}).items()}
        found = self.look()
        new = []
        for name in [*self.rows, *(name for name in found if name not in self.rows)]:
            before, after = self.rows.get(name), found.get(name)
            if before == after and name not in survivors:
                continue
            into = self._merged.get(name) if after is None else None
            number = len(self.mutations) + len(new) + 1
            new.append(
                Mutation(
                    number,
                    self.now(),
                    ours,
                    name,
                    before,
                    after,
                    into,
                    bool(merged),
                    self._read.get(name, 0),
                    self._known.get(name, 0),
                )
            )
        self.mutations += new
        self.rows = found
        return new

    def was_read(self, names: Iterable[Name], *, stale: bool) -> None:
        """The sync has just read these as they are, or been told an older state and knows no better."""
        for name in names:
            if stale:
                self._misled.add(name)
            else:
                self._just_read[name] = len(self.mutations)

    def compared(self, *, but: str = "") -> None:
        """What was just read was for comparing, unless the record's own write follows: it fills a list."""
        read = {name: at for name, at in self._just_read.items() if name not in self._misled}
        self._read.update({name: at for name, at in read.items() if not but or name[1] not in but})
        self._just_read.clear()

    def was_told(self, mutations: Iterable[Mutation]) -> None:
        """The answer to what the sync wrote has come."""
        self._just_told.update({one.name: one.number for one in mutations})

    def committed(self) -> None:
        """What has come is known for good."""
        self.compared()
        self._known.update(self._just_told)
        self._just_told.clear()

    def anew(self) -> None:
        """Another sync begins, which reads for itself."""
        self._misled.clear()
        self._just_read.clear()
        self._just_told.clear()

    def of(self, name: Name) -> list[Mutation]:
        return [one for one in self.mutations if one.name == name]

    def heir(self, name: Name) -> Name:
        """The record that a record is by now, after all merges."""
        return self.chain(name)[-1]

    def chain(self, name: Name) -> list[Name]:
        """The record, the one that it was merged into, and so on."""
        found = [name]
        while found[-1] in self._merged and (found[-1][0], self._merged[found[-1]]) not in found:
            found.append((found[-1][0], self._merged[found[-1]]))
        return found
