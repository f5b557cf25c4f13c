"""What to do with one record: compare what we know with what the CRM holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from sales_agent_dagster.crm.base import CrmRecord, Fields, Value
from sales_agent_dagster.crm.mapping import FIELD_LENGTHS, LISTS, bounded


class Operation(StrEnum):
    """What a plan does to the CRM."""

    CREATE = "create"
    UPDATE = "update"
    UNCHANGED = "unchanged"
    SKIP = "skip"


@dataclass(frozen=True, slots=True)
class RecordPlan:
    """One operation.

    Attributes:
        payload: fields to send: all of a new record, the changed ones of a known one.
        diff: per changed field its value ``before`` and ``after``; None before is a field not there yet.
        reason: one sentence.
    """

    operation: Operation
    payload: Fields
    diff: Mapping[str, dict[str, Value | None]]
    reason: str


def plan_record(wanted: Fields, current: CrmRecord | None) -> RecordPlan:
    """Create, update or leave a record.

    A field that we do not know stays as the CRM has it; list fields only ever gain items.
    """
    held = current.fields if current else {}
    joined = {name: _joined(name, held.get(name), value) for name, value in wanted.items()}
    payload = {name: value for name, value in joined.items() if value != held.get(name)}
    diff = {name: {"before": held.get(name), "after": value} for name, value in payload.items()}
    if current is None:
        return RecordPlan(Operation.CREATE, payload, diff, "The CRM has no record of the company.")
    if not payload:
        return RecordPlan(Operation.UNCHANGED, {}, {}, f"{current.record_id} already says all of it.")
    changed = ", ".join(payload)
    return RecordPlan(Operation.UPDATE, payload, diff, f"{current.record_id} differs in: {changed}.")


def _joined(name: str, held: Value | None, wanted: Value) -> Value:
    if name not in LISTS or not isinstance(held, str) or not isinstance(wanted, str):
        return wanted
    items = dict.fromkeys([*held.split(", "), *wanted.split(", ")])
    return bounded(name, ", ".join(items), FIELD_LENGTHS[name])
