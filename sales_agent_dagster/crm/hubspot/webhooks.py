"""HubSpot's webhooks: whether a delivery is HubSpot's and fresh, and the events in it."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import orjson
from pydantic import SecretStr

from sales_agent_dagster.crm.contract import Event, EventAction, Value
from sales_agent_dagster.crm.delivery import WINDOW_S, DeliveryRefused
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.crm.hubspot.mapping import FieldMap, moment_of, value_of

SIGNATURE = "x-hubspot-signature-v3"
TIMESTAMP = "x-hubspot-request-timestamp"
_DECODED = {f"%{ord(letter):02X}": letter for letter in ":/?@!$'()*,;"}
"""What HubSpot writes out in the address that it signs; everything else stays encoded."""

_ENCODED = re.compile("|".join(_DECODED), re.IGNORECASE)
_LATEST_MS = 10**14
_KINDS = {
    "company": Kind.COMPANY,
    "contact": Kind.CONTACT,
    "deal": Kind.OPPORTUNITY,
    "0-2": Kind.COMPANY,
    "0-1": Kind.CONTACT,
    "0-3": Kind.OPPORTUNITY,
}
_ACTIONS = {
    "creation": EventAction.CREATED,
    "propertyChange": EventAction.UPDATED,
    "associationChange": EventAction.UPDATED,
    "restore": EventAction.UPDATED,
    "deletion": EventAction.DELETED,
    "privacyDeletion": EventAction.DELETED,
    "merge": EventAction.MERGED,
}


def signature_of(secret: SecretStr, method: str, uri: str, body: bytes, timestamp: str) -> str:
    """``base64(HMAC-SHA256(client secret, method + address + raw body + timestamp))``, version 3."""
    decoded = _ENCODED.sub(lambda found: _DECODED[found[0].upper()], uri)
    signed = f"{method.upper()}{decoded}".encode() + body + timestamp.encode()
    digest = hmac.new(secret.get_secret_value().encode(), signed, hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


def verified(
    headers: Mapping[str, str], method: str, uri: str, body: bytes, secret: SecretStr, now: datetime
) -> list[dict[str, Any]]:
    """The raw events of a delivery.

    Args:
        headers: by lower-case name.
        method: of the request.
        uri: the whole address that HubSpot was told to call, with its query.
        body: as it came: written anew it would have other bytes.
        secret: the app's client secret.
        now: with time zone.

    Raises:
        DeliveryRefused: unsigned, forged, too old, or no list of events.
    """
    given, stamp = headers.get(SIGNATURE, ""), headers.get(TIMESTAMP, "")
    if not given or not (stamp.isascii() and stamp.isdigit() and len(stamp) < 16):
        raise DeliveryRefused("unsigned", "The delivery carries no signature with a time.")
    expected = signature_of(secret, method, uri, body, stamp)
    if not hmac.compare_digest(expected.encode(), given.encode()):
        raise DeliveryRefused("signature", "The signature is not that of the request.")
    if abs(now.timestamp() * 1000 - int(stamp)) > WINDOW_S * 1000:
        raise DeliveryRefused("old", f"The delivery is more than {WINDOW_S} s off our clock.")
    try:
        events = orjson.loads(body)
    except orjson.JSONDecodeError:
        events = None
    if not isinstance(events, list) or not all(isinstance(event, dict) for event in events):
        raise DeliveryRefused("body", "The delivery holds no list of events.")
    return events


def events_of(raw: Iterable[Mapping[str, Any]], fields: FieldMap) -> list[Event]:
    """Our events of raw ones; those of other objects are left out, and so is what lacks its parts.

    ``eventId`` is not unique, says HubSpot: object, property and merged record are part of ours.
    """
    found: list[Event] = []
    for event in raw:
        name, _, what = str(event.get("subscriptionType", "")).partition(".")
        kind, action = _KINDS.get(str(event.get("objectTypeId") or name)), _ACTIONS.get(what)
        if kind is None or action is None or "eventId" not in event or not _is_time(event.get("occurredAt")):
            continue
        found += _merges(event, kind) if action is EventAction.MERGED else _plain(event, kind, action, fields)
    return found


def _is_time(value: object) -> bool:
    return isinstance(value, int) and 0 <= value < _LATEST_MS


def _plain(event: Mapping[str, Any], kind: Kind, action: EventAction, fields: FieldMap) -> list[Event]:
    # An association names its ends, an object's own events the object.
    record_id = event.get("objectId") or event.get("fromObjectId")
    if record_id is None:
        return []
    return [_event(event, kind, action, str(record_id), changed=_changed(event, kind, fields))]


def _merges(event: Mapping[str, Any], kind: Kind) -> list[Event]:
    survivor = event.get("newObjectId") or event.get("primaryObjectId") or event.get("objectId")
    lost = [
        str(part) for part in (event.get("primaryObjectId"), *(event.get("mergedObjectIds") or ())) if part
    ]
    return [
        _event(event, kind, EventAction.MERGED, record_id, merged_into=str(survivor))
        for record_id in dict.fromkeys(lost)
        if record_id != str(survivor)
    ]


def _event(
    event: Mapping[str, Any],
    kind: Kind,
    action: EventAction,
    record_id: str,
    changed: Mapping[str, Value | None] | None = None,
    merged_into: str | None = None,
) -> Event:
    parts = (event["eventId"], event.get("subscriptionType"), record_id, event.get("propertyName") or "")
    return Event(
        ":".join(str(part) for part in parts),
        action,
        kind,
        record_id,
        moment_of(str(event["occurredAt"])),
        changed=changed or {},
        writer=str(event["sourceId"]) if event.get("sourceId") else None,
        merged_into=merged_into,
    )


def _changed(event: Mapping[str, Any], kind: Kind, fields: FieldMap) -> dict[str, Value | None]:
    column, text = event.get("propertyName"), event.get("propertyValue")
    names = [name for name, known in fields.columns[kind].items() if known == column]
    return {name: value_of(kind, name, str(text)) if text not in (None, "") else None for name in names}
