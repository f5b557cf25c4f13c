"""What the organisation holds. Objects are never changed in place: old versions stay readable."""

from __future__ import annotations

import random
import string
from collections import defaultdict, deque
from collections.abc import Iterator
from typing import Any

from sales_agent_dagster_tests.close_server.calls import ORGANIZATION, Options
from sales_agent_dagster_tests.close_server.clock import Clock, object_time

Object = dict[str, Any]
PREFIXES = {
    "lead": "lead",
    "contact": "cont",
    "opportunity": "oppo",
    "task.lead": "task",
    "activity.note": "acti",
    "activity.email": "acti",
    "activity.lead_merge": "acti",
    "integration_link": "link",
    "unsubscribed_email": "unsub",
    "blocked_phone_number": "blok",
}
"""Prefix of ids by object type as the event log names it."""

LEAD_STATUSES = [
    {"id": "stat_" + str(n) * 43, "label": label, "organization_id": ORGANIZATION}
    for n, label in enumerate(["Potential", "Qualified", "Customer", "Do Not Contact"])
]
PIPELINE = {
    "id": "pipe_" + "0" * 43,
    "name": "Sales",
    "organization_id": ORGANIZATION,
    "statuses": [
        {"id": "stat_" + letter * 43, "label": label, "type": kind, "pipeline_id": "pipe_" + "0" * 43}
        for letter, label, kind in [("a", "Demo", "active"), ("w", "Won", "won"), ("l", "Lost", "lost")]
    ],
}
_BASE62 = string.ascii_letters + string.digits
_VERSIONS = 8


class Store:
    """Objects by type and id, with their last versions and which lead they belong to."""

    def __init__(self, options: Options, clock: Clock) -> None:
        self.options = options
        self.clock = clock
        self.random = random.Random(0)
        self.objects: dict[str, dict[str, Object]] = {kind: {} for kind in PREFIXES}
        self.versions: dict[str, dict[str, deque[tuple[float, Object | None]]]] = defaultdict(dict)
        self.of_lead: dict[str, dict[str, dict[str, None]]] = {kind: defaultdict(dict) for kind in PREFIXES}
        self.custom_fields: dict[str, dict[str, Object]] = defaultdict(dict)
        self.bulk_actions: dict[str, Object] = {}
        self.exports: dict[str, Object] = {}

    def new_id(self, prefix: str) -> str:
        return prefix + "_" + "".join(self.random.choices(_BASE62, k=43))

    def get(self, kind: str, key: str) -> Object | None:
        return self.objects[kind].get(key)

    def put(self, kind: str, value: Object) -> None:
        key = value["id"]
        old = self.objects[kind].get(key)
        if old and old.get("lead_id") != value.get("lead_id"):
            self.of_lead[kind][old["lead_id"]].pop(key, None)
        self.objects[kind][key] = value
        if lead_id := value.get("lead_id"):
            self.of_lead[kind][lead_id][key] = None
        self._remember(kind, key, value)

    def remove(self, kind: str, key: str) -> Object:
        old = self.objects[kind].pop(key)
        self.of_lead[kind][old.get("lead_id")].pop(key, None)
        self._remember(kind, key, None)
        return old

    def _remember(self, kind: str, key: str, value: Object | None) -> None:
        kept = self.versions[kind].setdefault(key, deque(maxlen=_VERSIONS))
        kept.append((self.clock.now(), value))

    def stamp(self) -> str:
        return object_time(self.clock.now())

    def children(self, kind: str, lead_id: str) -> list[Object]:
        return [self.objects[kind][key] for key in self.of_lead[kind].get(lead_id, ())]

    def before(self, kind: str, key: str) -> Object | None:
        """The version before the last one: what a stale read returns."""
        kept = self.versions[kind].get(key)
        return kept[-2][1] if kept and len(kept) > 1 else None

    def seen(self, kind: str, key: str) -> Object | None:
        """The version that searches know of."""
        if not self.options.index_lag_s:
            return self.objects[kind].get(key)
        known = self.clock.now() - self.options.index_lag_s
        versions = reversed(self.versions[kind].get(key, ()))
        return next((value for at, value in versions if at <= known), None)

    def all_seen(self, kind: str) -> Iterator[Object]:
        if not self.options.index_lag_s:
            yield from self.objects[kind].values()
            return
        for key in self.versions[kind]:
            if (value := self.seen(kind, key)) is not None:
                yield value

    def custom_of(self, kind: str) -> dict[str, Object]:
        """Definitions that objects of a kind may have values of, shared ones included."""
        return self.custom_fields[kind] | self.custom_fields["shared"]
