"""Records, their past, their associations."""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from sales_agent_dagster_tests.hubspot_server.properties import (
    ALWAYS_SHOWN,
    TYPES,
    Definitions,
    modified_name,
    stamp,
)
from sales_agent_dagster_tests.hubspot_server.replies import NotFound, Refused

FIRST_ID = 51_000_000_001
MAX_VERSIONS = 12


class Clock:
    """The server's time: real, or standing still until told."""

    def __init__(self, virtual_at: float | None = None) -> None:
        self._virtual = virtual_at

    def now(self) -> float:
        """Epoch seconds."""
        return time.time() if self._virtual is None else self._virtual

    def advance(self, seconds: float) -> None:
        """Virtual time only; can stand in for ``time.sleep``."""
        if self._virtual is None:
            raise RuntimeError("this clock is real")
        self._virtual += seconds

    @property
    def ms(self) -> int:
        return int(self.now() * 1000)


@dataclass
class Version:
    """What a record was from a moment on."""

    at: int
    values: Mapping[str, str]
    archived: bool
    source: str


@dataclass
class Record:
    id: str
    created: int
    updated: int
    values: Mapping[str, str]
    archived_at: int | None = None
    versions: list[Version] = field(default_factory=list)
    merged: list[Version] = field(default_factory=list)
    """Versions of the records merged into this one."""

    def at(self, ms: int | None) -> Version | None:
        """The record at a moment, None before it was there; without a moment as it is now."""
        if ms is None:
            return self.versions[-1]
        return next((version for version in reversed(self.versions) if version.at <= ms), None)


@dataclass
class Change:
    """One mutation, in the terms of a webhook event."""

    kind: str
    what: str
    object_id: str
    at: int
    source: str
    source_id: str
    values: Mapping[str, str | None]
    others: tuple[str, ...] = ()


class Store:
    """One account's data."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.definitions = Definitions()
        self.records: dict[str, dict[str, Record]] = {kind: {} for kind in TYPES}
        self.gone: dict[str, str] = {}
        """Id of a record merged away: id of the one it became part of."""
        self.unique: dict[tuple[str, str], dict[str, str]] = {}
        self.links: dict[tuple[str, str], dict[str, dict[str, set[tuple[str, int]]]]] = {}
        """By (from kind, to kind): from id: to id: (category, type id)."""
        self.changes: list[Change] = []
        self.revision = 0
        self._ids = itertools.count(FIRST_ID)

    # Reading

    def find(self, kind: str, record_id: str, by: str = "") -> Record | None:
        """By id, following merges, or by a unique property; archived ones too."""
        if by and by != "hs_object_id":
            if by not in self.definitions.unique_names(kind):
                raise Refused(400, "VALIDATION_ERROR", f"Property {by} is not a unique property of {kind}")
            record_id = self.unique.get((kind, by), {}).get(record_id.lower(), "")
        while record_id in self.gone:
            record_id = self.gone[record_id]
        return self.records[kind].get(record_id)

    def find_archived(self, kind: str, value: str, by: str) -> Record | None:
        """The archived record that had this unique value last."""
        held = [
            record
            for record in self.records[kind].values()
            if record.archived_at is not None and record.values.get(by, "").lower() == value.lower()
        ]
        return max(held, key=lambda record: record.updated, default=None)

    def active(self, kind: str, record_id: str, by: str = "") -> Record:
        found = self.find(kind, record_id, by)
        if found is None or found.archived_at is not None:
            raise NotFound()
        return found

    def shown(
        self,
        kind: str,
        record: Record,
        wanted: Iterable[str],
        version: Version | None = None,
        history: Iterable[str] = (),
    ) -> dict[str, Any]:
        """A record as JSON: the properties asked for that exist, null where unset."""
        seen = version or record.versions[-1]
        shown = ALWAYS_SHOWN[kind]
        names = dict.fromkeys(
            [*(wanted or shown), *(name for name in shown if "date" in name or name == "hs_object_id")]
        )
        stored = {
            "hs_object_id": record.id,
            ("hs_createdate" if kind in ("notes", "emails") else "createdate"): stamp(record.created),
            modified_name(kind): stamp(seen.at),
            **seen.values,
        }
        found: dict[str, Any] = {
            "id": record.id,
            "properties": {n: stored.get(n) for n in names if self.definitions.of(kind, n)},
            "createdAt": stamp(record.created),
            "updatedAt": stamp(seen.at),
            "archived": seen.archived,
        }
        if seen.archived and record.archived_at is not None:
            found["archivedAt"] = stamp(record.archived_at)
        past = list(history)
        if past:
            found["propertiesWithHistory"] = {name: _history(record, name) for name in past}
        return found

    # Writing

    def create(self, kind: str, values: Mapping[str, str | None], source: str, source_id: str) -> Record:
        kept = {name: value for name, value in values.items() if value is not None}
        self.check_unique(kind, kept, None)
        now = self.clock.ms
        record = Record(str(next(self._ids)), now, now, kept)
        record.versions.append(Version(now, kept, False, source))
        self.records[kind][record.id] = record
        self._index(kind, kept, record.id)
        self._changed(Change(kind, "creation", record.id, now, source, source_id, kept))
        return record

    def update(
        self, kind: str, record: Record, values: Mapping[str, str | None], source: str, source_id: str
    ) -> None:
        kept = {**record.values, **values}
        stored = {name: value for name, value in kept.items() if value is not None}
        self.check_unique(kind, {n: v for n, v in values.items() if v is not None}, record.id)
        self._unindex(kind, record)
        self._versioned(record, stored, source, archived=False)
        self._index(kind, stored, record.id)
        self._changed(Change(kind, "propertyChange", record.id, record.updated, source, source_id, values))

    def archive(self, kind: str, record: Record, source: str, source_id: str, forever: bool = False) -> None:
        self._unindex(kind, record)
        record.archived_at = self.clock.ms
        self._versioned(record, record.values, source, archived=True)
        if forever:
            del self.records[kind][record.id]
            self._forget_links(kind, record.id)
        what = "privacyDeletion" if forever else "deletion"
        self._changed(Change(kind, what, record.id, record.archived_at, source, source_id, {}))

    def restore(self, kind: str, record: Record) -> None:
        record.archived_at = None
        self._versioned(record, record.values, "CRM_UI", archived=False)
        self._index(kind, record.values, record.id)
        self._changed(Change(kind, "restore", record.id, record.updated, "CRM_UI", "user", {}))

    def merge(self, kind: str, kept: Record, lost: Record, source: str, source_id: str) -> Record:
        """``lost`` becomes part of ``kept``, which keeps its own values and gains those it had none for."""
        self._unindex(kind, lost)
        self._unindex(kind, kept)
        past = kept.values.get("hs_merged_object_ids", "")
        theirs = lost.values.get("hs_merged_object_ids", "")
        ids = ";".join(part for part in (past, theirs, lost.id) if part)
        uniques = set(self.definitions.unique_names(kind))
        gained = {n: v for n, v in lost.values.items() if n not in uniques}
        self._versioned(kept, {**gained, **kept.values, "hs_merged_object_ids": ids}, source, archived=False)
        kept.merged += [*lost.merged, *lost.versions]
        del self.records[kind][lost.id]
        self.gone[lost.id] = kept.id
        self._index(kind, kept.values, kept.id)
        self._move_links(kind, lost.id, kept.id)
        self._changed(Change(kind, "merge", kept.id, kept.updated, source, source_id, {}, (kept.id, lost.id)))
        return kept

    # Associations

    def link(self, a: str, a_id: str, b: str, b_id: str, types: Iterable[tuple[str, int]], back: int) -> None:
        """Both directions: ``types`` one way, ``back`` the other."""
        there = self.links.setdefault((a, b), {}).setdefault(a_id, {})
        there.setdefault(b_id, set()).update(types)
        here = self.links.setdefault((b, a), {}).setdefault(b_id, {})
        here.setdefault(a_id, set()).add(("HUBSPOT_DEFINED", back))
        self.revision += 1

    def unlink(self, a: str, a_id: str, b: str, b_id: str) -> None:
        self.links.get((a, b), {}).get(a_id, {}).pop(b_id, None)
        self.links.get((b, a), {}).get(b_id, {}).pop(a_id, None)
        self.revision += 1

    def linked(self, a: str, a_id: str, b: str) -> dict[str, set[tuple[str, int]]]:
        """Types by id of the other side; archived records have none."""
        return {
            other: types
            for other, types in self.links.get((a, b), {}).get(a_id, {}).items()
            if (found := self.records[b].get(other)) is not None and found.archived_at is None
        }

    def _forget_links(self, kind: str, record_id: str) -> None:
        for (a, b), links in self.links.items():
            if a == kind:
                links.pop(record_id, None)
            if b == kind:
                for ends in links.values():
                    ends.pop(record_id, None)

    def _move_links(self, kind: str, lost: str, kept: str) -> None:
        for (a, b), links in self.links.items():
            if a == kind and lost in links:
                for other, types in links.pop(lost).items():
                    links.setdefault(kept, {}).setdefault(other, set()).update(types)
            if b == kind:
                for ends in links.values():
                    if lost in ends:
                        ends.setdefault(kept, set()).update(ends.pop(lost))

    # Inside

    def _versioned(self, record: Record, values: Mapping[str, str], source: str, archived: bool) -> None:
        # Two writes in one millisecond still have an order.
        record.updated = max(self.clock.ms, record.updated)
        record.values = values
        record.versions.append(Version(record.updated, values, archived, source))
        del record.versions[:-MAX_VERSIONS]

    def _changed(self, change: Change) -> None:
        self.revision += 1
        self.changes.append(change)

    def check_unique(self, kind: str, values: Mapping[str, str], owner: str | None) -> None:
        for name in self.definitions.unique_names(kind):
            held = self.unique.get((kind, name), {}).get(values.get(name, "").lower())
            if name in values and held is not None and held != owner:
                raise _taken(kind, name, values[name], held)

    def _index(self, kind: str, values: Mapping[str, str], record_id: str) -> None:
        for name in self.definitions.unique_names(kind):
            if name in values:
                self.unique.setdefault((kind, name), {})[values[name].lower()] = record_id

    def _unindex(self, kind: str, record: Record) -> None:
        for name in self.definitions.unique_names(kind):
            held = self.unique.get((kind, name), {})
            if held.get(record.values.get(name, "").lower()) == record.id:
                del held[record.values[name].lower()]


def _taken(kind: str, name: str, value: str, held: str) -> Refused:
    if kind == "contacts" and name == "email":
        return Refused(409, "CONFLICT", f"Contact already exists. Existing ID: {held}")
    message = f"{held} already has that value. Unique property {name} cannot hold {value!r} twice."
    return Refused(
        400,
        "VALIDATION_ERROR",
        f"Property values were not valid: {message}",
        errors=[
            {"message": message, "code": "CONFLICTING_UNIQUE_VALUE", "context": {"propertyName": [name]}}
        ],
    )


def _history(record: Record, name: str) -> list[dict[str, Any]]:
    """Newest first, one entry per change of value; merged records' values are among them."""
    entries: list[dict[str, Any]] = []
    for version in sorted([*record.versions, *record.merged], key=lambda version: version.at):
        value = version.values.get(name, "")
        if not entries or entries[-1]["value"] != value:
            entries.append({"value": value, "timestamp": stamp(version.at), "sourceType": version.source})
    return entries[::-1]
