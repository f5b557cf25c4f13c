"""The event log: one event per change, near ones made one, thirty days long."""

from __future__ import annotations

import base64
import itertools
import json
from collections.abc import Callable, Mapping
from typing import Any

from sales_agent_dagster_tests.close_server.calls import ORGANIZATION, Call, field_errors
from sales_agent_dagster_tests.close_server.clock import event_time, read_time
from sales_agent_dagster_tests.close_server.store import Object, Store

MOST = 50
_DATES = {
    "date_updated__gt": lambda at, bound: at > bound,
    "date_updated__gte": lambda at, bound: at >= bound,
    "date_updated__lt": lambda at, bound: at < bound,
    "date_updated__lte": lambda at, bound: at <= bound,
}
_COMBINATIONS = {
    frozenset(names.split())
    for names in (
        "",
        "object_type object_id",
        "object_type action",
        "object_id action",
        "lead_id",
        "lead_id user_id",
        "lead_id object_type",
        "lead_id object_type action",
        "lead_id user_id object_type",
        "lead_id user_id object_type action",
        "user_id object_id",
        "user_id object_id action",
        "user_id object_type",
        "user_id object_type action",
        "user_id",
        "request_id",
    )
}


class EventLog:
    """Events by id, the last changed one last."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._events: dict[str, tuple[float, int, Object]] = {}
        self._numbers = itertools.count()
        self._last_of: dict[tuple[str, str], str] = {}
        self.listeners: list[Callable[[Object], None]] = []

    def record(
        self,
        call: Call,
        action: str,
        kind: str,
        new: Object | None,
        old: Object | None = None,
        meta: Mapping[str, Any] | None = None,
    ) -> None:
        """Write what ``call`` did to an object: ``old`` became ``new``."""
        subject = new or old
        assert subject is not None
        now = self._store.clock.now()
        changed, previous = _difference(old, new) if action == "updated" else ([], old or {})
        event = {
            "id": self._store.new_id("ev"),
            "date_created": event_time(now),
            "date_updated": event_time(now),
            "organization_id": ORGANIZATION,
            "user_id": call.actor.user_id,
            "api_key_id": call.actor.api_key_id,
            "oauth_client_id": None,
            "oauth_scope": None,
            "request_id": call.request_id,
            "object_type": kind,
            "object_id": subject["id"],
            "lead_id": subject["id"] if kind == "lead" else subject.get("lead_id"),
            "action": action,
            "changed_fields": changed,
            "data": new if new is not None and action != "deleted" else None,
            "previous_data": previous,
            "meta": {"request_method": call.method, "request_path": "/api/v1" + call.path, **(meta or {})},
        }
        event = self._consolidated(event, now)
        self._events.pop(event["id"], None)
        self._events[event["id"]] = (now, next(self._numbers), event)
        self._last_of[kind, subject["id"]] = event["id"]
        for listener in self.listeners:
            listener(event)

    def _consolidated(self, event: Object, now: float) -> Object:
        key = (event["object_type"], event["object_id"])
        at, _, last = self._events.get(self._last_of.get(key, ""), (0.0, 0, None))
        near = now - at < self._store.options.consolidate_s
        if not (last and near and event["action"] == last["action"] == "updated"):
            return event
        return {
            **event,
            "id": last["id"],
            "date_created": last["date_created"],
            "changed_fields": sorted({*last["changed_fields"], *event["changed_fields"]}),
            "previous_data": {**event["previous_data"], **last["previous_data"]},
        }

    def all(self) -> list[Object]:
        """Oldest first, within retention."""
        oldest = self._store.clock.now() - self._store.options.retention_days * 86_400
        return [event for at, _, event in self._events.values() if at >= oldest]

    def list(self, params: Mapping[str, str]) -> dict[str, Any]:
        """A page, newest first; ``_cursor`` with the filters it was given for."""
        filters = {name: value for name, value in params.items() if not name.startswith("_")}
        limit = _limit(params)
        wanted = _condition(filters)
        oldest = self._store.clock.now() - self._store.options.retention_days * 86_400
        before, after = _read_cursor(params.get("_cursor"), filters)
        matching = [
            (at, number, event)
            for at, number, event in reversed(self._events.values())
            if at >= oldest and wanted(at, event)
        ]
        older = [entry for entry in matching if before is None or entry[:2] < before]
        if after is not None:
            older = [entry for entry in matching if entry[:2] > after][-limit:]
        page = older[:limit]
        if not page:
            return {"data": [], "cursor_next": None, "cursor_previous": None}
        more = matching[-1][:2] < page[-1][:2]
        newer = matching[0][:2] > page[0][:2]
        return {
            "data": [event for _, _, event in page],
            "cursor_next": _cursor("before", page[-1][:2], filters) if more else None,
            "cursor_previous": _cursor("after", page[0][:2], filters) if newer else None,
        }


def _difference(old: Object | None, new: Object | None) -> tuple[list[str], Object]:
    old, new = old or {}, new or {}
    changed = sorted(name for name in {*old, *new} if old.get(name) != new.get(name))
    return changed, {name: old.get(name) for name in changed}


def _limit(params: Mapping[str, str]) -> int:
    if "_skip" in params:
        raise field_errors(_skip="Unsupported parameter.")
    limit = int(params.get("_limit", MOST))
    if not 0 < limit <= MOST:
        raise field_errors(_limit=f"Input should be less than or equal to {MOST}")
    return limit


def _condition(filters: Mapping[str, str]) -> Callable[[float, Object], bool]:
    bounds = []
    names = {name for name in filters if name not in _DATES}
    if frozenset(names) not in _COMBINATIONS:
        raise field_errors(query=f"Unsupported combination of filters: {', '.join(sorted(names))}")
    for name in filters.keys() - names:
        try:
            bounds.append((_DATES[name], read_time(filters[name])))
        except ValueError:
            raise field_errors(**{name: "Not a valid datetime."}) from None

    def wanted(at: float, event: Object) -> bool:
        return all(event[name] == filters[name] for name in names) and all(
            holds(at, bound) for holds, bound in bounds
        )

    return wanted


def _cursor(side: str, place: tuple[float, int], filters: Mapping[str, str]) -> str:
    content = {"side": side, "place": place, "filters": dict(sorted(filters.items()))}
    return base64.urlsafe_b64encode(json.dumps(content).encode()).decode()


def _read_cursor(
    text: str | None, filters: Mapping[str, str]
) -> tuple[tuple[float, int] | None, tuple[float, int] | None]:
    if text is None:
        return None, None
    try:
        content = json.loads(base64.urlsafe_b64decode(text))
        at, number = content["place"]
    except (ValueError, KeyError, TypeError):
        raise field_errors(_cursor="Invalid cursor") from None
    if content["filters"] != dict(sorted(filters.items())):
        raise field_errors(_cursor="Cursor was made for other filters")
    place = (float(at), int(number))
    return (place, None) if content["side"] == "before" else (None, place)
