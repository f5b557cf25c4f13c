"""Reading and changing leads, contacts, opportunities, tasks, notes and e-mails."""

from __future__ import annotations

from typing import Any

from sales_agent_dagster_tests.close_server.calls import (
    ORGANIZATION,
    Answer,
    Call,
    Refused,
    field_errors,
    not_found,
)
from sales_agent_dagster_tests.close_server.events import EventLog
from sales_agent_dagster_tests.close_server.rendering import fields_of, projected, rendered
from sales_agent_dagster_tests.close_server.store import LEAD_STATUSES, PIPELINE, PREFIXES, Object, Store
from sales_agent_dagster_tests.close_server.values import changes

CHILDREN = ("contact", "opportunity", "task.lead", "activity.note", "activity.email", "activity.lead_merge")
SENDING = ("inbox", "scheduled", "outbox", "sent", "error")
"""Statuses of an e-mail that need a sender."""
_DEFAULTS: dict[str, Object] = {
    "lead": {"name": None, "description": "", "url": None, "addresses": [], "source": "API"},
    "contact": {"name": "", "title": "", "emails": [], "phones": [], "urls": [], "timezone": None},
    "opportunity": {
        "contact_id": None, "value": None, "value_period": "one_time", "value_currency": "USD",
        "confidence": 50, "note": "", "date_won": None, "date_lost": None,
    },
    "task.lead": {"_type": "lead", "text": "", "date": None, "is_complete": False},
    "activity.note": {"_type": "Note", "note": "", "contact_id": None, "title": None},
    "activity.email": {"_type": "Email", "subject": "", "body_text": "", "body_html": "", "to": []},
}  # fmt: skip


class Objects:
    """The CRUD of the API over a store, writing to the event log.

    Attributes:
        sent: e-mails that would have left the house.
    """

    def __init__(self, store: Store, log: EventLog) -> None:
        self.store = store
        self.log = log
        self.sent: list[Object] = []

    def fetch(self, kind: str, key: str, stale: bool = False) -> Object:
        found = self.store.get(kind, key)
        if stale:
            found = self.store.before(kind, key) or found
        if found is None:
            raise not_found(kind)
        return found

    def read(self, call: Call, kind: str, key: str, stale: bool = False) -> Answer:
        value = rendered(self.store, kind, self.fetch(kind, key, stale))
        return Answer(200, projected(value, fields_of(call.params)))

    def create(self, call: Call, kind: str) -> Answer:
        """A new object, with the lead that Close makes up when none is named."""
        nested = call.body.pop("contacts", None) if kind == "lead" else None
        if kind == "lead":
            _take_status_label(call)
        found = changes(call, self.store, kind, None)
        _check_new(kind, found)
        people = [changes(_part(call, person), self.store, "contact", None) for person in nested or ()]
        if kind != "lead" and not self._has_lead(kind, found):
            name = found.get("name") if kind == "contact" else "Untitled"
            found["lead_id"] = self.insert(call, "lead", {"name": name})["id"]
        value = self.insert(call, kind, found)
        for person in people:
            self.insert(call, "contact", {**person, "lead_id": value["id"]})
        if kind == "activity.email" and found["status"] in ("outbox", "sent", "scheduled"):
            self.sent.append(value)
        return Answer(200, rendered(self.store, kind, value))

    def _has_lead(self, kind: str, found: Object) -> bool:
        lead_id = found.get("lead_id")
        if lead_id is None and kind in ("contact", "opportunity"):
            return False
        if lead_id is None or self.store.get("lead", lead_id) is None:
            raise field_errors(lead_id="This lead does not exist." if lead_id else "This field is required.")
        return True

    def insert(self, call: Call, kind: str, found: Object) -> Object:
        """Store a new object of checked fields."""
        now, user = self.store.stamp(), call.actor.user_id
        value = {
            "id": self.store.new_id(PREFIXES[kind]),
            "organization_id": ORGANIZATION,
            **_DEFAULTS.get(kind, {}),
            **_first_status(kind),
            **found,
            "created_by": user,
            "updated_by": user,
            "date_created": now,
            "date_updated": now,
        }
        _note_outcome(value, now)
        self.store.put(kind, value)
        self.log.record(call, "created", kind, rendered(self.store, kind, value))
        return value

    def update(self, call: Call, kind: str, key: str) -> Answer:
        """A patch; contacts inside a lead are dropped and noted."""
        old = self.fetch(kind, key)
        if kind == "lead":
            _take_status_label(call)
        found = changes(call, self.store, kind, old)
        if found.get("lead_id", old.get("lead_id")) != old.get("lead_id"):
            self._has_lead(kind, found)
        value = self.change(call, kind, old, found)
        return Answer(200, rendered(self.store, kind, value))

    def change(
        self, call: Call, kind: str, old: Object, found: Object, meta: dict[str, Any] | None = None
    ) -> Object:
        """Store checked fields of an object; nothing happens when all of them are as they were."""
        if all(old.get(name) == value for name, value in found.items()):
            return old
        before = rendered(self.store, kind, old)
        stamp = {"updated_by": call.actor.user_id, "date_updated": self.store.stamp()}
        value = {**old, **found, **stamp}
        _note_outcome(value, stamp["date_updated"])
        self.store.put(kind, value)
        self.log.record(call, "updated", kind, rendered(self.store, kind, value), before, meta)
        return value

    def delete(self, call: Call, kind: str, key: str, meta: dict[str, Any] | None = None) -> Answer:
        """The object and, of a lead, all that belongs to it."""
        old = self.fetch(kind, key)
        shown = rendered(self.store, kind, old)
        if kind == "lead":
            for child in CHILDREN:
                for each in self.store.children(child, key):
                    self.delete(call, child, each["id"], meta)
        self.store.remove(kind, key)
        self.log.record(call, "deleted", kind, None, shown, meta)
        return Answer(200, {})

    def merge(self, call: Call) -> Answer:
        """Everything of the source goes to the destination; the destination's own values stay."""
        source_id, destination_id = call.body.get("source"), call.body.get("destination")
        if not source_id or not destination_id or source_id == destination_id:
            raise field_errors(source="Two different leads are required.")
        source, destination = self.fetch("lead", source_id), self.fetch("lead", destination_id)
        meta = {"merge_source_lead_id": source_id, "merge_destination_lead_id": destination_id}
        for child in CHILDREN:
            for each in self.store.children(child, source_id):
                self.change(call, child, each, {"lead_id": destination_id})
        gained = {
            name: value
            for name, value in source.items()
            if (name.startswith("custom.") or name == "url") and destination.get(name) in (None, "", [])
        }
        kept = self.change(call, "lead", destination, gained)
        self.insert(call, "activity.lead_merge", {"lead_id": destination_id, "_type": "LeadMerge", **meta})
        self.delete(call, "lead", source_id, meta)
        self.log.record(call, "merged", "lead", rendered(self.store, "lead", kept), source, meta)
        return Answer(200, {})


def _part(call: Call, body: Any) -> Call:
    return Call(call.method, call.parts, {}, dict(body), call.actor, call.request_id)


def _first_status(kind: str) -> Object:
    if kind == "lead":
        return {"status_id": LEAD_STATUSES[0]["id"]}
    return {"status_id": PIPELINE["statuses"][0]["id"]} if kind == "opportunity" else {}


def _take_status_label(call: Call) -> None:
    label = call.body.pop("status", None)
    if label is None:
        return
    if "status_id" in call.body:
        raise field_errors(status="Cannot be given together with status_id.")
    known = {status["label"]: status["id"] for status in LEAD_STATUSES}
    if label not in known:
        raise field_errors(status="Unknown status.")
    call.body["status_id"] = known[label]


def _check_new(kind: str, found: Object) -> None:
    if kind == "activity.email":
        if not found.get("status"):
            raise field_errors(status="This field is required.")
        if found["status"] not in (*SENDING, "draft"):
            raise field_errors(status="Unknown status.")
        if found["status"] in SENDING and not found.get("sender"):
            raise field_errors(sender="This field is required.")
    if kind == "activity.note" and not (found.get("note") or found.get("note_html")):
        raise Refused(400, {"errors": ["A note is required."], "field-errors": {}})


def _note_outcome(value: Object, now: str) -> None:
    """A won or lost status fills its date; leaving the status does not clear it."""
    kinds = {status["id"]: status["type"] for status in PIPELINE["statuses"]}
    kind = kinds.get(value.get("status_id", ""))
    if kind in ("won", "lost") and "date_won" in value and not value[f"date_{kind}"]:
        value[f"date_{kind}"] = now[:10]
