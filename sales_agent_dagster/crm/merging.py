"""Three-way merge of one record: the last agreed value, ours and the CRM's, decided per field by its rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from sales_agent_dagster.crm.canonical import items_of, same
from sales_agent_dagster.crm.contract import Fields, Value
from sales_agent_dagster.crm.fields import FIELDS, FieldType, Kind
from sales_agent_dagster.crm.ownership import Rule


class Winner(StrEnum):
    """Whose value stands."""

    OURS = "ours"
    THEIRS = "theirs"


@dataclass(frozen=True, slots=True)
class Agreed:
    """What was last agreed on about a field.

    Attributes:
        base: the CRM's value then; ours: our value then.
        written: it was us who wrote it.
        locked: somebody edited it in the CRM since.
        edited_at: when, by the CRM's clock.
        carried: it was agreed on about a record that was merged into this one.
    """

    base: Value | None
    ours: Value | None
    written: bool = False
    locked: bool = False
    edited_at: datetime | None = None
    carried: bool = False

    def document(self) -> dict[str, Any]:
        """As ``crm_shadow`` keeps it."""
        kept = {"base": self.base, "ours": self.ours, "written": self.written, "locked": self.locked}
        kept |= {"carried": True} if self.carried else {}
        return kept | ({"edited_at": self.edited_at.isoformat()} if self.edited_at else {})

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> Agreed:
        """From what ``document`` gave."""
        edited = document.get("edited_at")
        at = datetime.fromisoformat(edited) if edited else None
        flags = document["written"], document["locked"], at, document.get("carried", False)
        return cls(document["base"], document["ours"], *flags)


@dataclass(frozen=True, slots=True)
class FieldChange:
    """One field to send.

    Attributes:
        before: as the CRM has it, None for empty.
        reason: a few words.
    """

    before: Value | None
    after: Value
    rule: Rule
    reason: str


@dataclass(frozen=True, slots=True)
class Conflict:
    """A field that both sides changed to different values since they agreed."""

    name: str
    rule: Rule
    winner: Winner
    base: Value | None
    ours: Value
    theirs: Value | None


@dataclass(slots=True)
class Merge:
    """What to send, by field, and the conflicts that were decided."""

    changes: dict[str, FieldChange] = field(default_factory=dict)
    conflicts: list[Conflict] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _Sides:
    """One field as both sides have it."""

    name: str
    agreed: Agreed | None
    ours: Value
    theirs: Value | None
    ours_changed: bool
    theirs_changed: bool
    theirs_newer: bool


def merge(
    kind: Kind,
    wanted: Fields,
    theirs: Fields,
    agreed: Mapping[str, Agreed],
    rules: Mapping[str, Rule],
    *,
    wanted_at: datetime,
    modified_at: datetime,
) -> Merge:
    """What to send to a record that the CRM has.

    Args:
        kind: of the record.
        wanted: our values; what we do not know is left out and clears nothing.
        theirs: the CRM's values.
        agreed: per field the last agreement; a field without was never synced.
        rules: per field; fields without a rule are not sent.
        wanted_at: when ours were computed.
        modified_at: when the CRM's record last changed.
    """
    result = Merge()
    for name, value in wanted.items():
        rule = rules.get(name)
        if rule is None or same(kind, name, value, theirs.get(name)):
            continue
        sides = _sides(kind, name, value, theirs.get(name), agreed.get(name), wanted_at, modified_at)
        if not (sides.ours_changed or sides.theirs_changed):
            continue  # the CRM writes it in its own way, and that is agreed on
        change = _decide(kind, rule, sides)
        if change is not None:
            result.changes[name] = change
        if sides.ours_changed and sides.theirs_changed and sides.agreed and rule is not Rule.APPEND_ONLY:
            winner = Winner.OURS if change else Winner.THEIRS
            result.conflicts.append(Conflict(name, rule, winner, sides.agreed.base, value, sides.theirs))
    return result


def _sides(
    kind: Kind,
    name: str,
    ours: Value,
    theirs: Value | None,
    agreed: Agreed | None,
    wanted_at: datetime,
    modified_at: datetime,
) -> _Sides:
    if agreed is not None and agreed.carried and not agreed.locked and theirs is None:
        agreed = None  # the merge did not take it along: nobody took it away
    if agreed is None:
        newer = theirs is not None and modified_at > wanted_at
        return _Sides(name, None, ours, theirs, ours_changed=True, theirs_changed=True, theirs_newer=newer)
    ours_changed = not same(kind, name, ours, agreed.ours)
    theirs_changed = not same(kind, name, theirs, agreed.base)
    newer = theirs_changed and (not ours_changed or (agreed.edited_at or modified_at) > wanted_at)
    return _Sides(name, agreed, ours, theirs, ours_changed, theirs_changed, newer)


def _decide(kind: Kind, rule: Rule, sides: _Sides) -> FieldChange | None:
    """The change to send, None to leave the CRM's value."""
    if rule is Rule.APPEND_ONLY:
        return _appended(kind, sides)
    reason = _REASONS[rule](sides)
    return FieldChange(sides.theirs, sides.ours, rule, reason) if reason else None


def _pipeline(sides: _Sides) -> str | None:
    if sides.agreed and sides.theirs_changed:
        return "ours; an edit in the CRM is overwritten"
    return "ours"


def _crm(sides: _Sides) -> str | None:
    return None


def _newest(sides: _Sides) -> str | None:
    if sides.theirs_newer:
        return None
    return "ours is newer" if sides.theirs_changed and sides.agreed else "only ours changed"


def _fill_if_empty(sides: _Sides) -> str | None:
    if sides.agreed is None:
        return "the CRM has none" if sides.theirs is None else None
    if sides.theirs_changed or sides.agreed.locked:
        return None
    if sides.theirs is None:
        return "the CRM has none"
    # What we filled in ourselves and nobody touched may still be corrected by us.
    return "we filled it in, and nobody edited it" if sides.agreed.written else None


_REASONS = {
    Rule.PIPELINE: _pipeline,
    Rule.CRM: _crm,
    Rule.NEVER: _crm,
    Rule.NEWEST: _newest,
    Rule.FILL_IF_EMPTY: _fill_if_empty,
}


def _appended(kind: Kind, sides: _Sides) -> FieldChange | None:
    """Adds our items that were not there when we agreed: what was removed since stays removed."""
    held = items_of(sides.theirs)
    there = {item.casefold() for item in held}
    agreed = [sides.agreed.base, sides.agreed.ours] if sides.agreed else []
    known = {item.casefold() for value in agreed for item in items_of(value)}
    added = [item for item in items_of(sides.ours) if item.casefold() not in there | known]
    length = FIELDS[kind][sides.name].length
    after, fits = list(held), []
    for item in added:
        if length is None or len(", ".join([*after, item])) <= length:
            after.append(item)
            fits.append(item)
    if not fits:
        return None
    reason = f"adds {', '.join(fits)}"
    return FieldChange(sides.theirs, ", ".join(after), Rule.APPEND_ONLY, reason)


def agree(
    kind: Kind, wanted: Fields, theirs: Fields, agreed: Mapping[str, Agreed], sent: Fields
) -> dict[str, Agreed]:
    """The agreement after ``sent`` was written, or after both sides were found to say the same.

    A field that the CRM's side keeps against ours stays as it was agreed: nothing about it is settled.
    """
    settled = dict(agreed)
    for name, value in wanted.items():
        if name in sent:
            settled[name] = Agreed(sent[name], value, written=True)
        elif same(kind, name, value, theirs.get(name)):
            known = agreed.get(name)
            if known is None or not (
                same(kind, name, known.base, theirs.get(name)) and same(kind, name, known.ours, value)
            ):
                locked = known is not None and known.locked
                settled[name] = Agreed(theirs.get(name), value, locked=locked)
    return settled


def written(
    kind: Kind,
    payload: Mapping[str, Value | None],
    agreed: Mapping[str, Agreed],
    replaced: Fields | None = None,
) -> dict[str, Agreed]:
    """What is agreed on once a payload is there of which only itself is known, not what we wanted by it.

    Items of a list that were agreed on before stay known to us: people may have taken some away. But not
    those of ``replaced``, what the record said right before a payload that was meant for another: it was we
    who took them away.
    """
    found = {}
    for name, value in payload.items():
        if value is None:
            continue
        ours, before = value, agreed.get(name)
        if before is not None and FIELDS[kind][name].type is FieldType.LIST:
            lost = set(items_of((replaced or {}).get(name))) - set(items_of(value))
            items = (item for known in (before.base, before.ours, value) for item in items_of(known))
            ours = ", ".join(dict.fromkeys(item for item in items if item not in lost))
        found[name] = Agreed(value, ours, written=True)
    return found
