"""Objects one by one: create, read, update, archive, merge, erase, list."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sales_agent_dagster_tests.hubspot_server import associations
from sales_agent_dagster_tests.hubspot_server.properties import plural_of
from sales_agent_dagster_tests.hubspot_server.replies import Asked, Invalid, NotFound, Reply
from sales_agent_dagster_tests.hubspot_server.store import Record, Store

SOURCE = "INTEGRATION"
MAX_LIST = 100
STAGES = {
    "appointmentscheduled": ("Appointment scheduled", "0.2"),
    "closedwon": ("Closed won", "1.0"),
    "closedlost": ("Closed lost", "0.0"),
}
"""Label and probability of the default pipeline's stages."""


def collection(store: Store, kind: str, asked: Asked, app_id: str) -> Reply:
    """``/objects/{kind}``."""
    if asked.method == "POST":
        body = asked.body or {}
        record = create(store, kind, body, app_id)
        return Reply(201, store.shown(kind, record, body.get("properties") or ()))
    limit = int(asked.one("limit", "10"))
    if not 1 <= limit <= MAX_LIST:
        raise Invalid(f"limit must be between 1 and {MAX_LIST}")
    after, archived = int(asked.one("after", "0")), asked.flag("archived")
    rows = sorted(
        (record for record in store.records[kind].values() if (record.archived_at is not None) == archived),
        key=lambda record: int(record.id),
    )
    rows = [record for record in rows if int(record.id) > after]
    shown = [
        store.shown(kind, record, asked.listed("properties"), None, asked.listed("propertiesWithHistory"))
        for record in rows[:limit]
    ]
    found: dict[str, Any] = {"results": shown}
    if len(rows) > limit:
        found["paging"] = {"next": {"after": rows[limit - 1].id, "link": f"?after={rows[limit - 1].id}"}}
    return Reply(200, found)


def single(store: Store, kind: str, record_id: str, asked: Asked, app_id: str, as_of: int | None) -> Reply:
    """``/objects/{kind}/{id}``; ``as_of`` makes a read see the past."""
    by = asked.one("idProperty")
    if asked.method == "DELETE":
        found = store.find(kind, record_id, by)
        if found is not None and found.archived_at is None:
            store.archive(kind, found, SOURCE, app_id)
        return Reply(204)
    if asked.method == "PATCH":
        record = store.active(kind, record_id, by)
        given = (asked.body or {}).get("properties") or {}
        change(store, kind, record, given, app_id)
        return Reply(200, store.shown(kind, record, given))
    record = read(store, kind, record_id, by, as_of, asked.flag("archived"))
    history = asked.listed("propertiesWithHistory")
    shown = store.shown(kind, record, asked.listed("properties"), record.at(as_of), history)
    wanted = asked.listed("associations")
    if wanted:
        shown["associations"] = _associations(store, kind, record, wanted)
    return Reply(200, shown)


def read(
    store: Store, kind: str, record_id: str, by: str, as_of: int | None, archived: bool = False
) -> Record:
    found = store.find_archived(kind, record_id, by) if archived and by else store.find(kind, record_id, by)
    seen = None if found is None else found.at(as_of)
    if found is None or seen is None or seen.archived != archived:
        raise NotFound()
    return found


def create(store: Store, kind: str, given: Mapping[str, Any], app_id: str) -> Record:
    """With its associations, or not at all."""
    values = store.definitions.checked(kind, given.get("properties") or {})
    _check_needed(kind, values)
    links = []
    for wanted in given.get("associations") or ():
        to = str(wanted["to"]["id"])
        other = _kind_of_types(kind, wanted["types"])
        store.active(other, to)
        links.append((other, to, associations.types_of(wanted["types"], kind, other)))
    record = store.create(kind, derived(kind, values), SOURCE, app_id)
    for other, to, types in links:
        associations.link(store, kind, record.id, other, to, types)
    return record


def change(store: Store, kind: str, record: Record, given: Mapping[str, Any], app_id: str) -> None:
    values = store.definitions.checked(kind, given)
    store.update(kind, record, derived(kind, values), SOURCE, app_id)


def merge(store: Store, kind: str, asked: Asked, app_id: str) -> Reply:
    body = asked.body or {}
    kept = store.active(kind, str(body.get("primaryObjectId", "")))
    lost = store.active(kind, str(body.get("objectIdToMerge", "")))
    if kept is lost:
        raise Invalid("Cannot merge an object with itself.")
    store.merge(kind, kept, lost, SOURCE, app_id)
    return Reply(200, store.shown(kind, kept, ()))


def erase(store: Store, kind: str, asked: Asked, app_id: str) -> Reply:
    """``gdpr-delete``: contacts only; gone for good, also from the archive."""
    body = asked.body or {}
    if kind != "contacts":
        raise NotFound("gdpr-delete is for contacts")
    found = store.find(kind, str(body.get("objectId", "")), str(body.get("idProperty") or ""))
    if found is not None:
        store.archive(kind, found, SOURCE, app_id, forever=True)
    return Reply(204)


def _kind_of_types(kind: str, types: Any) -> str:
    """What a new object is to be associated with: the type ids alone tell."""
    numbers = {int(part["associationTypeId"]) for part in types}
    for known in (associations.DEFAULT_TYPES, associations.PRIMARY_TYPES):
        for (a, b), number in known.items():
            if a == kind and number in numbers:
                return b
    raise Invalid(f"invalid association type for {kind}")


def _associations(store: Store, kind: str, record: Record, wanted: list[str]) -> dict[str, Any]:
    found = {}
    for name in wanted:
        other = plural_of(name)
        ends = store.linked(kind, record.id, other)
        if ends:
            results = [{"id": end, "type": f"{kind[:-1]}_to_{other[:-1]}"} for end in ends]
            found[other] = {"results": results}
    return found


def _check_needed(kind: str, values: Mapping[str, Any]) -> None:
    if kind in ("notes", "emails") and not values.get("hs_timestamp"):
        raise Invalid(
            "Error creating engagement: Some required properties were not set.",
            [
                {
                    "message": "hs_timestamp is required",
                    "code": "REQUIRED_FIELD",
                    "context": {"properties": ["hs_timestamp"]},
                }
            ],
        )


def derived(kind: str, values: dict[str, str | None]) -> dict[str, str | None]:
    """Values that HubSpot computes from those set."""
    if kind != "deals" or "dealstage" not in values:
        return values
    chance = STAGES.get(values["dealstage"] or "", ("", "0.5"))[1]
    won, closed = chance == "1.0", chance in ("1.0", "0.0")
    return {**values, "hs_is_closed_won": str(won).lower(), "hs_is_closed": str(closed).lower()}
