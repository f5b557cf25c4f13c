"""Whether a webhook's delivery is Close's, fresh. Whether it is new, its receiver remembers."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import orjson
from pydantic import SecretStr

from sales_agent_dagster.crm.close.mapping import moment_of
from sales_agent_dagster.crm.delivery import WINDOW_S, DeliveryRefused

_PARTS = ("id", "date_updated", "object_type", "object_id", "action")


def signature_in(headers: Mapping[str, str]) -> str:
    """The signature of a delivery, ``""`` without one. Its letters count as lower-case ones.

    Args:
        headers: by lower-case name.
    """
    return headers.get("close-sig-hash", "").strip().lower()


def verified(
    headers: Mapping[str, str],
    body: bytes,
    key: SecretStr,
    now: datetime,
) -> dict[str, Any]:
    """The event of a delivery.

    Close signs the time and the raw body: ``hex(HMAC-SHA256(bytes.fromhex(key), timestamp + body))``. The
    body is never written anew for it, since that would change its bytes.

    Args:
        headers: by lower-case name.
        body: as it came.
        key: the subscription's ``signature_key``, hexadecimal.
        now: with time zone.

    Raises:
        DeliveryRefused: unsigned, forged, too old, or no event.
    """
    given, stamp = signature_in(headers), headers.get("close-sig-timestamp", "")
    if not given or not (stamp.isascii() and stamp.isdigit() and len(stamp) < 16):
        raise DeliveryRefused("unsigned", "The delivery carries no signature with a time.")
    secret = bytes.fromhex(key.get_secret_value())
    expected = hmac.new(secret, stamp.encode() + body, hashlib.sha256).hexdigest()
    if not hmac.compare_digest(expected.encode(), given.encode()):
        raise DeliveryRefused("signature", "The signature is not that of the body.")
    if abs(now.timestamp() - int(stamp)) > WINDOW_S:
        raise DeliveryRefused("old", f"The delivery is more than {WINDOW_S} s off our clock.")
    return _event_in(body)


def _event_in(body: bytes) -> dict[str, Any]:
    try:
        content = orjson.loads(body)
    except orjson.JSONDecodeError:
        content = None
    event = content.get("event") if isinstance(content, dict) else None
    if not isinstance(event, dict) or not all(isinstance(event.get(name), str) for name in _PARTS):
        raise DeliveryRefused("body", "The delivery holds no event.")
    try:
        moment_of(event["date_updated"])
    except (ValueError, OverflowError):
        raise DeliveryRefused("body", "The event has no time.") from None
    return event
