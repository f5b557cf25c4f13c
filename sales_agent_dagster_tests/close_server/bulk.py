"""Bulk edits, exports and unsubscribes."""

from __future__ import annotations

import gzip
import json
from urllib.parse import unquote

from sales_agent_dagster_tests.close_server.calls import Answer, Call, field_errors, not_found
from sales_agent_dagster_tests.close_server.objects import Objects
from sales_agent_dagster_tests.close_server.rendering import rendered
from sales_agent_dagster_tests.close_server.search import Search
from sales_agent_dagster_tests.close_server.store import Object
from sales_agent_dagster_tests.close_server.values import changes

_EXPORT_STEPS = ("created", "started", "in_progress", "done")


class Bulk:
    """What works on many objects at once."""

    def __init__(self, objects: Objects, search: Search) -> None:
        self._objects = objects
        self._store = objects.store
        self._search = search

    def edit(self, call: Call) -> Answer:
        """Done at once, for what the index knows; all leads get the same ``date_updated``."""
        patch = self._patch_of(call.body)
        leads = self._search.matching((call.body.get("s_query") or {}).get("query"))
        leads = leads[: call.body.get("results_limit") or len(leads)]
        action = {
            "id": self._store.new_id("bulkaction"),
            "type": call.body.get("type"),
            "status": "done",
            "n_leads": len(leads),
            "n_leads_processed": len(leads),
            "n_objects": len(leads),
            "n_objects_processed": len(leads),
        }
        for lead in leads:
            if (current := self._store.get("lead", lead["id"])) is not None:
                part = Call("PUT", call.parts, {}, dict(patch), call.actor, call.request_id)
                found = changes(part, self._store, "lead", current)
                self._objects.change(part, "lead", current, found, {"bulk_action_id": action["id"]})
        self._store.bulk_actions[action["id"]] = action
        return Answer(201, action)

    def _patch_of(self, body: Object) -> Object:
        kind = body.get("type")
        if kind == "set_lead_status":
            return {"status_id": body.get("lead_status_id")}
        name = f"custom.{body.get('custom_field_id')}"
        if kind == "clear_custom_field":
            return {name: None}
        if kind == "set_custom_field":
            operation = body.get("custom_field_operation", "replace")
            suffix = "" if operation == "replace" else f".{operation}"
            return {name + suffix: body.get("custom_field_values", body.get("custom_field_value"))}
        raise field_errors(type="Unknown type.")

    def export(self, call: Call) -> Answer:
        """Leads of a query, as JSON; ``GET`` moves it on a step."""
        query = (call.body.get("s_query") or {}).get("query") or {"type": "match_all"}
        if call.body.get("format") != "json" or call.body.get("type", "leads") != "leads":
            raise field_errors(format="Only leads as json are exported here.")
        data = [rendered(self._store, "lead", lead) for lead in self._search.matching(query)]
        export = {
            "id": self._store.new_id("export"),
            "status": "created",
            "n_docs": len(data),
            "n_docs_processed": 0,
            "download_url": None,
            "content": gzip.compress(json.dumps(data).encode()),
        }
        self._store.exports[export["id"]] = export
        return Answer(200, _shown(export))

    def exported(self, call: Call) -> Answer:
        if len(call.parts) == 1:
            return Answer(200, {"data": [_shown(each) for each in self._store.exports.values()]})
        export = self._store.exports.get(call.parts[1])
        if export is None:
            raise not_found("export")
        if call.parts[2:] == ("download",):
            return Answer(200, None, raw=export["content"])
        step = min(_EXPORT_STEPS.index(export["status"]) + 1, 3)
        export["status"] = _EXPORT_STEPS[step]
        if export["status"] == "done":
            export |= {
                "n_docs_processed": export["n_docs"],
                "download_url": f"{call.base}/api/v1/export/{export['id']}/download/",
            }
        return Answer(200, _shown(export))

    def listed(self, call: Call, kind: str, column: str) -> Answer:
        """``/unsubscribe/email/`` and ``/blocked_phone_number/``: list, add, remove."""
        held = self._store.objects[kind]
        if call.method == "GET":
            skip, limit = int(call.params.get("_skip", 0)), int(call.params.get("_limit", 100))
            entries = list(held.values())
            return Answer(
                200, {"data": entries[skip : skip + limit], "has_more": skip + limit < len(entries)}
            )
        if call.method == "POST":
            value = call.body.get(column)
            if not isinstance(value, str) or len(value) > 500:
                raise field_errors(**{column: "This field is required."})
            same = next((each for each in held.values() if each[column].lower() == value.lower()), None)
            return Answer(201, same or self._objects.insert(call, kind, {column: value}))
        wanted = unquote(call.parts[-1]).lower()
        found = next(
            (each for each in held.values() if wanted in (each[column].lower(), each["id"].lower())), None
        )
        if found is None:
            raise not_found(kind)
        return self._objects.delete(call, kind, found["id"])


def _shown(export: Object) -> Object:
    return {name: value for name, value in export.items() if name != "content"}
