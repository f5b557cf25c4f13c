"""Objects by the hundred: one bad row fails the whole batch, unless the server is told to answer 207."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sales_agent_dagster_tests.hubspot_server import objects
from sales_agent_dagster_tests.hubspot_server.objects import SOURCE
from sales_agent_dagster_tests.hubspot_server.properties import stamp
from sales_agent_dagster_tests.hubspot_server.replies import (
    Asked,
    Invalid,
    NotFound,
    Refused,
    Reply,
    error_of,
)
from sales_agent_dagster_tests.hubspot_server.store import Record, Store

MAX_INPUTS = 100
Given = Mapping[str, Any]


@dataclass
class Batches:
    """Batch endpoints of one account.

    Attributes:
        partial: answer 207 with the good rows done; else the first bad row fails all.
    """

    store: Store
    app_id: str
    partial: bool = False

    def answer(self, kind: str, verb: str, asked: Asked, as_of: int | None) -> Reply:
        inputs = (asked.body or {}).get("inputs")
        if not isinstance(inputs, list) or not inputs:
            raise Invalid("Invalid input JSON: inputs is required")
        if len(inputs) > MAX_INPUTS:
            raise Invalid(f"The maximum number of inputs supported in a batch request is {MAX_INPUTS}.")
        if verb == "read":
            return self._read(kind, inputs, asked, as_of)
        if verb == "archive":
            for given in inputs:
                found = self.store.find(kind, str(given.get("id", "")))
                if found is not None and found.archived_at is None:
                    self.store.archive(kind, found, SOURCE, self.app_id)
            return Reply(204)
        steps: dict[str, tuple[int, Callable[[str, Given], tuple[Record, bool]]]] = {
            "create": (201, self._create),
            "update": (200, self._update),
            "upsert": (200, self._upsert),
        }
        if verb not in steps:
            raise NotFound(f"no such batch: {verb}")
        status, step = steps[verb]
        if verb != "create":
            _check_same_ids(inputs)
        return self._write(kind, verb, inputs, status, step)

    def _write(
        self,
        kind: str,
        verb: str,
        inputs: Sequence[Given],
        status: int,
        step: Callable[[str, Given], tuple[Record, bool]],
    ) -> Reply:
        if not self.partial:
            self._check_all(kind, verb, inputs)
        results, errors = [], []
        for given in inputs:
            try:
                record, new = step(kind, given)
            except Refused as refused:
                if not self.partial and not isinstance(refused, NotFound):
                    raise
                errors.append(_row_error(given, refused))
                continue
            shown = self.store.shown(kind, record, given.get("properties") or ())
            if verb == "upsert":
                shown["new"] = new
            if given.get("objectWriteTraceId"):
                shown["objectWriteTraceId"] = given["objectWriteTraceId"]
            results.append(shown)
        # Not in the order of the inputs: nobody promised that.
        return Reply(207 if errors else status, self._body(results[::-1], errors))

    def _check_all(self, kind: str, verb: str, inputs: Sequence[Given]) -> None:
        """Raises what the first bad row raises, before anything is done."""
        taken: dict[tuple[str, str], str] = {}
        for at, given in enumerate(inputs):
            values = self.store.definitions.checked(kind, given.get("properties") or {})
            by = str(given.get("idProperty") or "")
            found = None if verb == "create" else self.store.find(kind, str(given.get("id", "")), by)
            present = {name: value for name, value in values.items() if value is not None}
            self.store.check_unique(kind, present, found.id if found else None)
            for name in self.store.definitions.unique_names(kind):
                owner = taken.setdefault((name, present.get(name, f" {at}").lower()), str(at))
                if owner != str(at):
                    raise Invalid(f"Duplicate {name} in the batch: {present[name]}")

    def _create(self, kind: str, given: Given) -> tuple[Record, bool]:
        return objects.create(self.store, kind, given, self.app_id), True

    def _update(self, kind: str, given: Given) -> tuple[Record, bool]:
        record = self.store.active(kind, str(given.get("id", "")), str(given.get("idProperty") or ""))
        objects.change(self.store, kind, record, given.get("properties") or {}, self.app_id)
        return record, False

    def _upsert(self, kind: str, given: Given) -> tuple[Record, bool]:
        by, value = str(given.get("idProperty") or ""), str(given.get("id", ""))
        if not by:
            raise Invalid("idProperty is required")
        found = self.store.find(kind, value, by)
        properties = given.get("properties") or {}
        if found is None or found.archived_at is not None:
            return self._create(kind, {"properties": {by: value, **properties}})
        objects.change(self.store, kind, found, properties, self.app_id)
        return found, False

    def _read(self, kind: str, inputs: Sequence[Given], asked: Asked, as_of: int | None) -> Reply:
        body = asked.body
        by, archived = str(body.get("idProperty") or ""), asked.flag("archived")
        found, missing = {}, []
        for given in inputs:
            try:
                record = objects.read(self.store, kind, str(given["id"]), by, as_of, archived)
            except NotFound:
                missing.append(str(given["id"]))
                continue
            wanted, history = body.get("properties") or (), body.get("propertiesWithHistory") or ()
            found[record.id] = self.store.shown(kind, record, wanted, record.at(as_of), history)
        errors = []
        if missing:
            message = f"Could not get some {kind.upper()} objects, they may be deleted or not exist."
            error = {"status": "error", "category": "OBJECT_NOT_FOUND", "message": message}
            errors.append({**error, "context": {"ids": missing}})
        return Reply(207 if errors else 200, self._body(list(found.values())[::-1], errors))

    def _body(self, results: list[Any], errors: list[Any]) -> dict[str, Any]:
        now = stamp(self.store.clock.ms)
        body = {"status": "COMPLETE", "results": results, "startedAt": now, "completedAt": now}
        return {**body, "numErrors": len(errors), "errors": errors} if errors else body


def _check_same_ids(inputs: Sequence[Given]) -> None:
    if len({str(given.get("idProperty") or "") for given in inputs}) > 1:
        raise Invalid("All inputs of a batch must have the same idProperty.")
    ids = [str(given.get("id", "")).lower() for given in inputs]
    if len(set(ids)) < len(ids):
        raise Invalid("Duplicate IDs found in batch input")


def _row_error(given: Given, refused: Refused) -> dict[str, Any]:
    context: dict[str, list[str]] = {}
    if isinstance(refused, NotFound):
        context["ids"] = [str(given.get("id", ""))]
    if given.get("objectWriteTraceId"):
        context["objectWriteTraceId"] = [str(given["objectWriteTraceId"])]
    return {**error_of(refused), "context": context}
