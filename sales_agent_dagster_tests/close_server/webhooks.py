"""Webhook subscriptions and signed deliveries, sent when the test says so, in virtual time."""

from __future__ import annotations

import hashlib
import hmac
import json
from dataclasses import dataclass
from typing import Any

import requests

from sales_agent_dagster_tests.close_server.calls import ORGANIZATION, Answer, Call, field_errors, not_found
from sales_agent_dagster_tests.close_server.store import Object, Store

MOST = 40
LONGEST_BACKOFF_S = 20 * 60
PAUSE_AFTER_S = 3 * 86_400
MOST_WAITING = 100_000


@dataclass
class Delivery:
    """An event on its way to a subscription."""

    subscription_id: str
    event: Object
    due: float
    attempts: int = 0
    first_failed: float | None = None


class Webhooks:
    """Subscriptions by id, and what waits to be delivered."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self.subscriptions: dict[str, Object] = {}
        self.waiting: list[Delivery] = []

    def create(self, call: Call) -> Answer:
        if len(self.subscriptions) >= MOST:
            raise field_errors(url=f"At most {MOST} subscriptions.")
        if not call.body.get("url") or not call.body.get("events"):
            raise field_errors(url="This field is required.", events="This field is required.")
        subscription = {
            "id": self._store.new_id("whsub"),
            "organization_id": ORGANIZATION,
            "status": "active",
            "url": call.body["url"],
            "events": call.body["events"],
            "verify_ssl": call.body.get("verify_ssl", True),
            "signature_key": f"{self._store.random.getrandbits(256):064x}",
            "date_created": self._store.stamp(),
            "date_updated": self._store.stamp(),
        }
        self.subscriptions[subscription["id"]] = subscription
        return Answer(201, subscription)

    def one(self, call: Call) -> Answer:
        subscription = self.subscriptions.get(call.parts[1])
        if subscription is None:
            raise not_found("webhook")
        if call.method == "DELETE":
            del self.subscriptions[subscription["id"]]
            return Answer(200, {})
        if call.method == "PUT":
            subscription |= {
                name: value for name, value in call.body.items() if name in ("url", "events", "status")
            }
        return Answer(200, {name: value for name, value in subscription.items() if name != "signature_key"})

    def list(self) -> Answer:
        return Answer(200, {"data": list(self.subscriptions.values())})

    def queue(self, event: Object) -> None:
        """A listener of the event log."""
        for subscription in self.subscriptions.values():
            if any(_wanted(each, event) for each in subscription["events"]):
                due = self._store.clock.now()
                if event["action"] in ("updated", "deleted"):
                    due += self._store.options.consolidate_s
                self._drop_consolidated(subscription["id"], event["id"])
                self.waiting.append(Delivery(subscription["id"], event, due))

    def _drop_consolidated(self, subscription_id: str, event_id: str) -> None:
        self.waiting = [
            each
            for each in self.waiting
            if (each.subscription_id, each.event["id"]) != (subscription_id, event_id)
        ]

    def deliver(self, session: requests.Session) -> list[int]:
        """Send what is due; statuses, 0 for none. What fails is tried again later, up to 72 hours."""
        now, statuses = self._store.clock.now(), []
        due = [each for each in self.waiting if each.due <= now and self._is_active(each)]
        for delivery in due:
            self.waiting.remove(delivery)
            status = self._send(session, delivery)
            statuses.append(status)
            if not 200 <= status < 300:
                self._put_off(delivery, now)
        return statuses

    def _is_active(self, delivery: Delivery) -> bool:
        subscription = self.subscriptions.get(delivery.subscription_id)
        if subscription and len(self.waiting) > MOST_WAITING:
            subscription["status"] = "paused"
        return subscription is not None and subscription["status"] == "active"

    def _put_off(self, delivery: Delivery, now: float) -> None:
        delivery.first_failed = delivery.first_failed or now
        delivery.attempts += 1
        delivery.due = now + min(LONGEST_BACKOFF_S, 2.0**delivery.attempts)
        if now - delivery.first_failed >= PAUSE_AFTER_S:
            self.subscriptions[delivery.subscription_id]["status"] = "paused"
            return
        self.waiting.append(delivery)

    def _send(self, session: requests.Session, delivery: Delivery) -> int:
        subscription = self.subscriptions[delivery.subscription_id]
        body, headers = signed(
            subscription["signature_key"],
            {"event": delivery.event, "subscription_id": delivery.subscription_id},
            self._store.clock.now(),
        )
        try:
            return session.post(subscription["url"], data=body, headers=headers, timeout=5).status_code
        except requests.RequestException:
            return 0


def signed(key: str, content: Any, at: float) -> tuple[bytes, dict[str, str]]:
    """A delivery's body, compact and in UTF-8, and its headers."""
    body = json.dumps(content, separators=(",", ":"), ensure_ascii=False).encode()
    timestamp = str(int(at))
    digest = hmac.new(bytes.fromhex(key), timestamp.encode() + body, hashlib.sha256).hexdigest()
    return body, {
        "content-type": "application/json",
        "close-sig-hash": digest,
        "close-sig-timestamp": timestamp,
    }


def _wanted(subscribed: Object, event: Object) -> bool:
    named = (subscribed["object_type"], subscribed["action"]) == (event["object_type"], event["action"])
    return named and _passes(subscribed.get("extra_filter"), event)


def _passes(condition: Object | None, value: Any) -> bool:
    if condition is None:
        return True
    kind = condition["type"]
    if kind in ("and", "or"):
        results = [_passes(each, value) for each in condition["filters"]]
        return all(results) if kind == "and" else any(results)
    if kind == "not":
        return not _passes(condition["filter"], value)
    if kind == "field_accessor":
        return _passes(condition["filter"], (value or {}).get(condition["field"]))
    if kind == "any_array_value":
        return any(_passes(condition["filter"], each) for each in value or ())
    return bool(
        {
            "equals": lambda: value == condition["value"],
            "not_equals": lambda: value != condition["value"],
            "is_null": lambda: value is None,
            "non_null": lambda: value is not None,
            "contains": lambda: condition["value"] in (value or ()),
        }[kind]()
    )
