"""From paths to handlers."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sales_agent_dagster_tests.close_server import legacy, schema
from sales_agent_dagster_tests.close_server.bulk import Bulk
from sales_agent_dagster_tests.close_server.calls import Answer, Call, Options, Refused, not_found
from sales_agent_dagster_tests.close_server.clock import Clock
from sales_agent_dagster_tests.close_server.events import EventLog
from sales_agent_dagster_tests.close_server.objects import Objects
from sales_agent_dagster_tests.close_server.rendering import fields_of, projected, rendered
from sales_agent_dagster_tests.close_server.search import Search
from sales_agent_dagster_tests.close_server.store import Object, Store
from sales_agent_dagster_tests.close_server.webhooks import Webhooks

_COLLECTIONS = {
    ("lead",): "lead",
    ("contact",): "contact",
    ("opportunity",): "opportunity",
    ("task",): "task.lead",
    ("activity", "note"): "activity.note",
    ("activity", "email"): "activity.email",
    ("integration_link",): "integration_link",
}
_ACTIVITIES = ("activity.note", "activity.email", "activity.lead_merge")
_OWN_FILTERS = frozenset(["lead_id", "contact_id", "user_id", "is_complete", "status"])


class Crm:
    """An organisation and its API."""

    def __init__(self, options: Options, clock: Clock) -> None:
        self.options = options
        self.store = Store(options, clock)
        self.events = EventLog(self.store)
        self.objects = Objects(self.store, self.events)
        self.search = Search(self.store)
        self.webhooks = Webhooks(self.store)
        self.events.listeners.append(self.webhooks.queue)
        self._bulk = Bulk(self.objects, self.search)
        self._fixed: dict[tuple[str, ...], tuple[str, Callable[[Call], Answer]]] = {
            ("me",): ("GET", schema.me),
            ("user",): ("GET", schema.users),
            ("status", "lead"): ("GET", schema.statuses),
            ("status", "opportunity"): ("GET", schema.statuses),
            ("pipeline",): ("GET", schema.pipelines),
            ("lead", "merge"): ("POST", self.objects.merge),
            ("data", "search"): ("POST", self.search.search),
            ("event",): ("GET", lambda call: Answer(200, self.events.list(call.params))),
            ("activity",): ("GET", self._activities),
            ("bulk_action", "edit"): ("POST", self._bulk.edit),
            ("export", "lead"): ("POST", self._bulk.export),
        }
        self._families: dict[str, tuple[str, Callable[[Call], Answer]]] = {
            "organization": ("GET", schema.organization),
            "custom_field": ("GET POST PUT DELETE", lambda call: schema.custom_fields(call, self.store)),
            "custom_field_schema": ("GET", lambda call: schema.schema(call, self.store)),
            "webhook": ("GET POST PUT DELETE", self._webhooks),
            "export": ("GET", self._bulk.exported),
            "unsubscribe": (
                "GET POST DELETE",
                lambda call: self._bulk.listed(call, "unsubscribed_email", "email"),
            ),
            "blocked_phone_number": (
                "GET POST DELETE",
                lambda call: self._bulk.listed(call, "blocked_phone_number", "phone"),
            ),
        }

    def handle(self, call: Call, stale: bool = False) -> Answer:
        """The answer.

        Raises:
            Refused: an error answer.
        """
        methods, handler = self._fixed.get(call.parts, ("", None))
        if handler is None and call.parts and call.parts[0] in self._families:
            methods, handler = self._families[call.parts[0]]
        if handler is not None:
            if call.method not in methods.split():
                raise Refused(405, {"error": "Method not allowed."})
            return handler(call)
        for prefix, kind in _COLLECTIONS.items():
            rest = call.parts[len(prefix) :]
            if call.parts[: len(prefix)] == prefix and len(rest) <= 1:
                return self._one(call, kind, rest[0], stale) if rest else self._many(call, kind)
        raise not_found(call.path)

    def _one(self, call: Call, kind: str, key: str, stale: bool) -> Answer:
        if call.method == "GET":
            return self.objects.read(call, kind, key, stale)
        if call.method == "PUT":
            return self.objects.update(call, kind, key)
        if call.method == "DELETE":
            return self.objects.delete(call, kind, key)
        raise Refused(405, {"error": "Method not allowed."})

    def _many(self, call: Call, kind: str) -> Answer:
        if call.method == "POST":
            return self.objects.create(call, kind)
        if call.method != "GET":
            raise Refused(405, {"error": "Method not allowed."})
        values = self._listed(call, kind)
        page, more = legacy.page(values, call.params, legacy.MOST_LEADS if kind == "lead" else None)
        fields = fields_of(call.params)
        data = [projected(rendered(self.store, kind, value), fields) for value in page]
        body: dict[str, Any] = {"data": data, "has_more": more}
        if kind == "lead":
            body["total_results"] = len(values)
        return Answer(200, body)

    def _listed(self, call: Call, kind: str) -> list[Object]:
        if kind == "lead" and (query := call.params.get("query")):
            values = legacy.found(self.store, query)
        else:
            values = list(self.store.objects[kind].values())
        if wanted := call.params.get("id__in"):
            among = set(wanted.split(","))
            values = [value for value in values if value["id"] in among]
        for name in _OWN_FILTERS & call.params.keys():
            text = call.params[name]
            values = [value for value in values if str(value.get(name)).lower() == text.lower()]
        return values

    def _activities(self, call: Call) -> Answer:
        found = [value for kind in _ACTIVITIES for value in self._listed(call, kind)]
        page, more = legacy.page(found, call.params, None)
        return Answer(200, {"data": page, "has_more": more})

    def _webhooks(self, call: Call) -> Answer:
        if len(call.parts) > 1:
            return self.webhooks.one(call)
        return self.webhooks.create(call) if call.method == "POST" else self.webhooks.list()
