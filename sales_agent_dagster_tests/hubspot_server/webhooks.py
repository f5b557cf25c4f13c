"""Deliveries of what happened in the account, as HubSpot makes them: batched, and signed for one address."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence
from typing import Any

import orjson

from sales_agent_dagster_tests.hubspot_server.app import PORTAL
from sales_agent_dagster_tests.hubspot_server.store import Change

SINGULAR = {
    "companies": "company",
    "contacts": "contact",
    "deals": "deal",
    "notes": "note",
    "emails": "email",
}


def events_of(changes: Sequence[Change]) -> list[dict[str, Any]]:
    """Webhook events; a change of several properties makes one event each."""
    events: list[dict[str, Any]] = []
    for number, change in enumerate(changes, 1):
        event: dict[str, Any] = {
            "eventId": 1000 + number,
            "subscriptionId": 7,
            "portalId": PORTAL,
            "appId": 54321,
            "occurredAt": change.at,
            "subscriptionType": f"{SINGULAR[change.kind]}.{change.what}",
            "attemptNumber": 0,
            "objectId": int(change.object_id),
            "changeSource": change.source,
            "sourceId": change.source_id,
        }
        if change.what == "propertyChange":
            for name, value in change.values.items():
                events.append({**event, "propertyName": name, "propertyValue": value or ""})
        elif change.what == "merge":
            kept, lost = change.others
            merged = {"primaryObjectId": int(kept), "mergedObjectIds": [int(lost)], "newObjectId": int(kept)}
            events.append({**event, **merged, "numberOfPropertiesMoved": 1})
        else:
            events.append(event)
    return events


def signed(
    events: Sequence[dict[str, Any]], secret: str, uri: str, at: float, method: str = "POST"
) -> tuple[bytes, dict[str, str]]:
    """Body and headers of a delivery sent at epoch second ``at``."""
    body, stamp = orjson.dumps(list(events)), str(int(at * 1000))
    digest = hmac.new(
        secret.encode(), f"{method}{uri}".encode() + body + stamp.encode(), hashlib.sha256
    ).digest()
    return body, {
        "Content-Type": "application/json",
        "X-HubSpot-Signature-v3": base64.b64encode(digest).decode(),
        "X-HubSpot-Request-Timestamp": stamp,
    }
