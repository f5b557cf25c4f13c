"""Associations, v4: one by one and in batches."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sales_agent_dagster_tests.hubspot_server.properties import plural_of
from sales_agent_dagster_tests.hubspot_server.replies import Asked, Invalid, NotFound, Refused, Reply
from sales_agent_dagster_tests.hubspot_server.store import Store

DEFAULT_TYPES = {
    ("contacts", "companies"): 279,
    ("companies", "contacts"): 280,
    ("deals", "contacts"): 3,
    ("contacts", "deals"): 4,
    ("deals", "companies"): 341,
    ("companies", "deals"): 342,
    ("notes", "contacts"): 202,
    ("contacts", "notes"): 201,
    ("notes", "companies"): 190,
    ("companies", "notes"): 189,
    ("emails", "contacts"): 198,
    ("contacts", "emails"): 197,
    ("emails", "companies"): 186,
    ("companies", "emails"): 185,
}
"""Type ids of unlabelled associations."""

PRIMARY_TYPES = {("contacts", "companies"): 1, ("companies", "contacts"): 2, ("deals", "companies"): 5}
MAX_CREATE = 2000
MAX_READ = 1000


def types_of(given: Any, a: str, b: str) -> list[tuple[str, int]]:
    """(category, type id) of a request's ``types``.

    Raises:
        Invalid: a type that does not go from ``a`` to ``b``.
    """
    known = {DEFAULT_TYPES.get((a, b)), PRIMARY_TYPES.get((a, b))}
    found = [(str(part["associationCategory"]), int(part["associationTypeId"])) for part in given]
    for category, number in found:
        if category == "HUBSPOT_DEFINED" and number not in known:
            raise Invalid(f"associationTypeId {number} is not valid between {a} and {b}.")
    return found


def link(store: Store, a: str, a_id: str, b: str, b_id: str, types: list[tuple[str, int]]) -> None:
    """Both must be there, not archived."""
    if (a, b) not in DEFAULT_TYPES:
        raise Invalid(f"{a} cannot be associated with {b}.")
    one, other = store.active(a, a_id), store.active(b, b_id)
    store.link(a, one.id, b, other.id, types, DEFAULT_TYPES[b, a])


def single(store: Store, asked: Asked, parts: list[str]) -> Reply:
    """``/objects/{a}/{id}/associations/…``; ``parts`` are what follows ``associations``."""
    a, a_id = plural_of(parts[0]), parts[1]
    rest = parts[3:]
    if rest and rest[0] == "default":
        b, b_id = plural_of(rest[1]), rest[2]
        link(store, a, a_id, b, b_id, [("HUBSPOT_DEFINED", DEFAULT_TYPES[a, b])])
        return Reply(200, _batch([_made(a_id, b_id, DEFAULT_TYPES[a, b])]))
    b = plural_of(rest[0])
    if len(rest) == 1:
        return Reply(200, {"results": _ends(store, a, store.active(a, a_id).id, b)})
    if asked.method == "DELETE":
        store.unlink(a, a_id, b, rest[1])
        return Reply(204)
    types = types_of(asked.body, a, b)
    link(store, a, a_id, b, rest[1], types)
    return Reply(201, _labelled(a, a_id, b, rest[1]))


def batch(store: Store, asked: Asked, parts: list[str]) -> Reply:
    """``/associations/{a}/{b}/batch/{create|associate/default|read|archive}``."""
    a, b, verb = plural_of(parts[0]), plural_of(parts[1]), "/".join(parts[3:])
    inputs = (asked.body or {}).get("inputs") or []
    limit = MAX_READ if verb == "read" else MAX_CREATE
    if len(inputs) > limit:
        raise Invalid(f"Too many inputs: at most {limit}.")
    if verb == "read":
        return _read(store, a, b, inputs)
    if verb == "archive":
        for given in inputs:
            for to in given["to"] if isinstance(given["to"], list) else [given["to"]]:
                store.unlink(a, str(given["from"]["id"]), b, str(to["id"]))
        return Reply(204)
    if verb not in ("create", "associate/default"):
        raise NotFound(f"no such batch: {verb}")
    made, errors = [], []
    for given in inputs:
        try:
            made.append(_create(store, a, b, given))
        except Refused as refused:
            errors.append({"status": "error", "category": refused.category, "message": refused.message})
    return Reply(207 if errors else (201 if verb == "create" else 200), _batch(made, errors))


def _create(store: Store, a: str, b: str, given: Mapping[str, Any]) -> dict[str, Any]:
    default = [("HUBSPOT_DEFINED", DEFAULT_TYPES.get((a, b), 0))]
    types = types_of(given["types"], a, b) if "types" in given else default
    a_id, b_id = str(given["from"]["id"]), str(given["to"]["id"])
    link(store, a, a_id, b, b_id, types)
    return _labelled(a, a_id, b, b_id) if "types" in given else _made(a_id, b_id, types[0][1])


def _read(store: Store, a: str, b: str, inputs: list[Any]) -> Reply:
    results, errors = [], []
    for given in inputs:
        record = store.find(a, str(given["id"]))
        ends = _ends(store, a, record.id, b) if record and record.archived_at is None else []
        if ends:
            results.append({"from": {"id": str(given["id"])}, "to": ends})
        else:
            message = f"No {b} is associated with {a} {given['id']}."
            errors.append(
                {
                    "status": "error",
                    "category": "OBJECT_NOT_FOUND",
                    "subCategory": "crm.associations.NO_ASSOCIATIONS_FOUND",
                    "message": message,
                    "context": {"fromObjectId": [str(given["id"])]},
                }
            )
    return Reply(207 if errors else 200, _batch(results, errors))


def _ends(store: Store, a: str, a_id: str, b: str) -> list[dict[str, Any]]:
    return [
        {
            "toObjectId": int(other),
            "associationTypes": [
                {"category": category, "typeId": number, "label": None} for category, number in sorted(types)
            ],
        }
        for other, types in store.linked(a, a_id, b).items()
    ]


def _labelled(a: str, a_id: str, b: str, b_id: str) -> dict[str, Any]:
    """What creating with types of one's own answers."""
    ends = {"fromObjectTypeId": a, "fromObjectId": a_id, "toObjectTypeId": b, "toObjectId": b_id}
    return {**ends, "labels": []}


def _made(a_id: str, b_id: str, number: int) -> dict[str, Any]:
    return {
        "from": {"id": a_id},
        "to": {"id": b_id},
        "associationSpec": {"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": number},
    }


def _batch(results: list[Any], errors: list[Any] | None = None) -> dict[str, Any]:
    found: dict[str, Any] = {
        "status": "COMPLETE",
        "results": results,
        "startedAt": "2026-01-01T00:00:00.000Z",
        "completedAt": "2026-01-01T00:00:00.001Z",
    }
    return {**found, "numErrors": len(errors), "errors": errors} if errors else found
