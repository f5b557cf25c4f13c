"""Objects as the API shows them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

from sales_agent_dagster_tests.close_server.store import LEAD_STATUSES, PIPELINE, Object, Store

_LEAD_STATUS = {status["id"]: status["label"] for status in LEAD_STATUSES}
_OPPORTUNITY_STATUS = {status["id"]: status for status in PIPELINE["statuses"]}


def rendered(store: Store, kind: str, value: Object) -> Object:
    """All fields of an object."""
    shown = {key: content for key, content in value.items() if content is not None or key[:7] != "custom."}
    if kind in ("lead", "contact", "opportunity"):
        names = {f"custom.{key}": field["name"] for key, field in store.custom_of(kind).items()}
        shown["custom"] = {names[key]: content for key, content in shown.items() if key in names}
    return {**shown, **_DERIVED.get(kind, lambda *_: {})(store, value)}


def _lead(store: Store, lead: Object) -> Object:
    contacts = [rendered(store, "contact", each) for each in store.children("contact", lead["id"])]
    opportunities = store.children("opportunity", lead["id"])
    tasks = [task for task in store.children("task.lead", lead["id"]) if not task.get("is_complete")]
    return {
        "display_name": lead.get("name") or (contacts[0]["name"] if contacts else "Untitled"),
        "status_label": _LEAD_STATUS[lead["status_id"]],
        "contacts": contacts,
        "contact_ids": [contact["id"] for contact in contacts],
        "opportunities": [rendered(store, "opportunity", each) for each in opportunities],
        "tasks": tasks,
        "integration_links": [],
        "html_url": f"https://app.close.com/lead/{lead['id']}/",
        "primary_email": next((e for c in contacts for e in c["emails"]), None),
        "primary_phone": next((p for c in contacts for p in c["phones"]), None),
        "summaries": [],
    }


def _contact(store: Store, contact: Object) -> Object:
    gone = {entry["email"].lower() for entry in store.objects["unsubscribed_email"].values()}
    emails = [{**each, "is_unsubscribed": each["email"].lower() in gone} for each in contact["emails"]]
    return {"display_name": contact.get("name") or "", "integration_links": [], "emails": emails}


def _opportunity(_store: Store, opportunity: Object) -> Object:
    status = _OPPORTUNITY_STATUS[opportunity["status_id"]]
    cents = opportunity.get("value")
    yearly = 12 if opportunity.get("value_period") == "monthly" else 1
    return {
        "user_id": opportunity.get("user_id") or opportunity["created_by"],
        "value_formatted": None if cents is None else f"${cents / 100:,.2f}",
        "expected_value": None if cents is None else round(cents * opportunity["confidence"] / 100),
        "annualized_value": None if cents is None else cents * yearly,
        "status_label": status["label"],
        "status_type": status["type"],
        "pipeline_id": PIPELINE["id"],
        "pipeline_name": PIPELINE["name"],
        "status_display_name": f"{PIPELINE['name']} - {status['label']}",
    }


_DERIVED: dict[str, Callable[[Store, Object], Object]] = {
    "lead": _lead,
    "contact": _contact,
    "opportunity": _opportunity,
}


def projected(value: Object, fields: Iterable[str] | None) -> Object:
    """Only these fields; ``custom`` is every custom field; None is all."""
    if fields is None:
        return value
    wanted = set(fields)
    if "_all" in wanted:
        return value
    return {
        name: content
        for name, content in value.items()
        if name in wanted or ("custom" in wanted and name.startswith("custom."))
    }


def fields_of(params: Any) -> list[str] | None:
    """``_fields`` of a query string."""
    text = params.get("_fields")
    return [name.strip() for name in text.split(",")] if text else None
