"""Entries of the event log, and of webhooks, in our words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sales_agent_dagster.crm.close.api import CloseApi
from sales_agent_dagster.crm.close.mapping import OBJECT_TYPES, Mapper, moment_of
from sales_agent_dagster.crm.contract import Event, EventAction
from sales_agent_dagster.crm.fields import Kind

Object = Mapping[str, Any]
_ACTIONS = {
    "created": EventAction.CREATED,
    "updated": EventAction.UPDATED,
    "deleted": EventAction.DELETED,
}
_MOST_MERGES = 10_000
"""Merges looked through for a record that is gone; thirty days of any organisation's."""

_SHOWN_LONGER = timedelta(minutes=10)
"""How long before the last deletion others are still of interest."""


def event_of(entry: Object, mapper: Mapper) -> Event | None:
    """An event; None for what we do not follow (tasks, notes, calls)."""
    kind, action = entry["object_type"], entry["action"]
    if (merged := merge_of(entry)) is not None:
        source, destination = merged
        return _event(entry, EventAction.MERGED, Kind.COMPANY, source, merged_into=destination)
    if kind == "unsubscribed_email" and action == "created":
        address = (entry.get("data") or {}).get("email")
        return _event(entry, EventAction.UNSUBSCRIBED, Kind.CONTACT, entry["object_id"], address=address)
    if kind == "activity.email":
        return _reply(entry)
    if kind not in OBJECT_TYPES or action not in _ACTIONS:
        return None
    ours, changed = OBJECT_TYPES[kind], {}
    data = entry.get("data")
    if action == "updated" and data:
        changed = mapper.changed(ours, entry.get("changed_fields") or (), data)
    elif action == "created" and data:
        changed = dict(mapper.fields(ours, data))
    return _event(entry, _ACTIONS[action], ours, entry["object_id"], changed=changed)


def _event(entry: Object, action: EventAction, kind: Kind, remote_id: str, **more: Any) -> Event:
    return Event(
        entry["id"],
        action,
        kind,
        remote_id,
        moment_of(entry["date_updated"]),
        writer=writer_of(entry),
        request_id=entry.get("request_id"),
        **more,
    )


def writer_of(entry: Object) -> str | None:
    """The user, when an API key or app did it; a person in Close's pages is told apart from it."""
    user = entry.get("user_id")
    if entry.get("api_key_id") or entry.get("oauth_client_id"):
        return user
    return f"{user} in person" if user else None


def _reply(entry: Object) -> Event | None:
    """An e-mail that came in: on the contact when Close knows whom it is from."""
    data = entry.get("data") or {}
    if entry["action"] != "created" or data.get("status") != "inbox":
        return None
    contact = data.get("contact_id")
    kind, remote_id = (Kind.CONTACT, contact) if contact else (Kind.COMPANY, entry.get("lead_id"))
    if not remote_id:
        return None  # from somebody who is on no lead
    return _event(entry, EventAction.REPLIED, kind, remote_id, address=_address_of(data.get("sender")))


def _address_of(sender: Any) -> str | None:
    """The bare address of ``"Jo <jo@acme.com>"``."""
    text = str(sender or "").rpartition("<")[2].rstrip("> ").strip().lower()
    return text if "@" in text else None


def merge_of(entry: Object) -> tuple[str, str] | None:
    """Ids of the lead that went and of the one that stayed; None of what is no merge or names neither."""
    if entry["action"] != "merged" and (entry["object_type"], entry["action"]) != ("lead", "deleted"):
        return None
    meta = entry.get("meta") or {}
    source, destination = meta.get("merge_source_lead_id"), meta.get("merge_destination_lead_id")
    return (source, destination) if source and destination else None


def merges(api: CloseApi) -> dict[str, tuple[str, str]]:
    """Per lead that was merged away in the last 30 days, the lead that has it now and the event's time."""
    into: dict[str, tuple[str, str]] = {}
    seen = 0
    for page in api.events(object_type="lead", action="merged"):
        for entry in page:
            if (merged := merge_of(entry)) is None:
                continue
            source, destination = merged
            # Newest first: what came after is known already.
            survivor = into[destination][0] if destination in into else destination
            into.setdefault(source, (survivor, entry["date_updated"]))
        seen += len(page)
        if seen >= _MOST_MERGES:
            break
    return into


def created_with_keys(
    api: CloseApi, kind: str, column: str, keys: frozenset[str], pages: int
) -> dict[str, Object]:
    """By key, the creation of an object that carries it, from the log's newest pages."""
    found: dict[str, Object] = {}
    for number, page in enumerate(api.events(object_type=kind, action="created")):
        for entry in page:
            key = (entry.get("data") or {}).get(column)
            if key in keys:
                found.setdefault(key, entry)
        if len(found) == len(keys) or number + 1 >= pages:
            break
    return found


def recently_deleted(api: CloseApi, kind: str) -> frozenset[str]:
    """Ids of the last that were deleted: searches show them for up to a minute longer."""
    deleted: set[str] = set()
    oldest = None
    for page in api.events(object_type=kind, action="deleted"):
        for entry in page:
            at = moment_of(entry["date_updated"])
            oldest = oldest or at - _SHOWN_LONGER
            if at < oldest:
                return frozenset(deleted)
            deleted.add(entry["object_id"])
    return frozenset(deleted)
