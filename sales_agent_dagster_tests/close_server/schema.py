"""Custom field definitions, statuses, people: what an organisation is made of."""

from __future__ import annotations

from typing import Any

from sales_agent_dagster_tests.close_server.calls import (
    HUMAN_USER,
    ORGANIZATION,
    USER,
    Answer,
    Call,
    Refused,
    field_errors,
    not_found,
)
from sales_agent_dagster_tests.close_server.store import LEAD_STATUSES, PIPELINE, Store

TYPES = frozenset(
    [
        "text",
        "number",
        "date",
        "datetime",
        "choices",
        "user",
        "contact",
        "custom_object",
        "textarea",
        "hidden",
    ]
)
_USERS = [
    {"id": USER, "email": "integration@ours.example", "first_name": "Integration", "last_name": "User"},
    {"id": HUMAN_USER, "email": "rep@ours.example", "first_name": "Rita", "last_name": "Rep"},
]


def me(call: Call) -> Answer:
    user = next(user for user in _USERS if user["id"] == call.actor.user_id)
    organizations = [{"id": ORGANIZATION, "name": "Tests Ltd"}]
    return Answer(200, {**user, "organizations": organizations})


def organization(_call: Call) -> Answer:
    memberships = [{"user_id": user["id"], "organization_id": ORGANIZATION} for user in _USERS]
    body = {
        "id": ORGANIZATION,
        "name": "Tests Ltd",
        "memberships": memberships,
        "lead_statuses": LEAD_STATUSES,
        "pipelines": [PIPELINE],
    }
    return Answer(200, body)


def users(_call: Call) -> Answer:
    return Answer(200, {"data": _USERS, "has_more": False})


def statuses(call: Call) -> Answer:
    found = LEAD_STATUSES if call.parts[1] == "lead" else PIPELINE["statuses"]
    return Answer(200, {"data": found, "has_more": False})


def pipelines(_call: Call) -> Answer:
    return Answer(200, {"data": [PIPELINE], "has_more": False})


def custom_fields(call: Call, store: Store) -> Answer:
    """``/custom_field/{kind}/`` and ``/custom_field/{kind}/{id}/``."""
    kind = call.parts[1]
    fields = store.custom_fields[kind]
    if call.method == "GET" and len(call.parts) == 2:
        return Answer(200, {"data": list(fields.values()), "has_more": False})
    if len(call.parts) > 2 and call.parts[2] not in fields:
        raise not_found("custom field")
    if call.method != "GET" and not store.options.manage_organization:
        raise Refused(403, {"error": "You need the permission to manage the organization."})
    if call.method == "POST":
        return Answer(200, _new_field(call.body, store, kind))
    if call.method == "PUT":
        fields[call.parts[2]] = {**fields[call.parts[2]], **call.body}
    if call.method == "DELETE":
        del fields[call.parts[2]]
        return Answer(200, {})
    return Answer(200, fields[call.parts[2]])


def _new_field(body: dict[str, Any], store: Store, kind: str) -> dict[str, Any]:
    if not body.get("name") or body.get("type") not in TYPES:
        raise field_errors(name="This field is required.", type="Unknown type.")
    if len(body.get("description") or "") > 280:
        raise field_errors(description="Longer than maximum length 280.")
    if body["name"] in {field["name"] for field in store.custom_of(kind).values()}:
        raise field_errors(name="A custom field with this name already exists.")
    field = {
        "id": store.new_id("cf"),
        "organization_id": ORGANIZATION,
        "name": body["name"],
        "description": body.get("description"),
        "type": body["type"],
        "choices": body.get("choices"),
        "accepts_multiple_values": bool(body.get("accepts_multiple_values")),
        "editable_with_roles": body.get("editable_with_roles") or [],
        "required": bool(body.get("required")),
        "date_created": store.stamp(),
        "date_updated": store.stamp(),
    }
    store.custom_fields[kind][field["id"]] = field
    return field


def schema(call: Call, store: Store) -> Answer:
    return Answer(200, {"fields": list(store.custom_of(call.parts[1]).values())})
