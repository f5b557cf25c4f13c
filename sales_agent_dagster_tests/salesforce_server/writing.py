"""Writes of one and of many records, as the REST resources take them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from sales_agent_dagster_tests.salesforce_server.errors import Refused, bad
from sales_agent_dagster_tests.salesforce_server.org import Caller, Org
from sales_agent_dagster_tests.salesforce_server.schema import SObject

MAX_RECORDS = 200


@dataclass(frozen=True)
class Written:
    """What became of a record."""

    id: str
    created: bool


class Several(Exception):
    """The key fits several records: 300 with their addresses."""

    def __init__(self, ids: Sequence[str]) -> None:
        super().__init__("several records")
        self.ids = list(ids)


def upsert_one(
    org: Org, sobject: SObject, key: str, given: dict[str, Any], caller: Caller, seen: set[str] | None = None
) -> Written:
    """Update the record that has the key in the field, or create it.

    Args:
        given: with the key in it.
        seen: keys of the same request so far; a second one is refused.

    Raises:
        Several: the key fits more than one.
    """
    found = sobject.field(key)
    if found is None or not found.external_id:
        message = f"Provided external ID field does not exist or is not accessible: {key}"
        raise Refused(404, "NOT_FOUND", message)
    value = next((one for name, one in given.items() if name.lower() == key.lower()), None)
    if value in (None, ""):
        raise bad("MISSING_ARGUMENT", f"{found.name} not specified")
    if seen is not None:
        if str(value).casefold() in seen:
            raise bad("DUPLICATE_VALUE", f"Duplicate external id specified: {value}", found.name)
        seen.add(str(value).casefold())
    records = org.by_key(sobject, found.name, str(value))
    if len(records) > 1:
        raise Several([one["Id"] for one in records])
    if records:
        rest = {name: one for name, one in given.items() if name.lower() != key.lower()}
        org.update(records[0]["Id"], rest, caller)
        return Written(records[0]["Id"], False)
    return Written(org.create(sobject, given, caller), True)


class Collections:
    """``composite/sobjects``: up to 200 records, one result each, in their order."""

    def __init__(self, org: Org) -> None:
        self._org = org
        self.locked: set[int] | None = None
        """Positions that are locked by somebody else in the next request; empty is all of them."""

    def upsert(self, name: str, key: str, body: Any, caller: Caller) -> list[dict[str, Any]]:
        sobject, seen = self._org.sobject(name), set[str]()

        def write(record: dict[str, Any]) -> Written:
            return upsert_one(self._org, sobject, key, record, caller, seen)

        self._check_fields(body, lambda record: name)
        return self._each(body, write)

    def create(self, body: Any, caller: Caller) -> list[dict[str, Any]]:
        types = [one.get("attributes", {}).get("type", "") for one in self._records(body)]
        self._check_fields(body, lambda record: record["attributes"]["type"])
        named = iter(types)
        return self._each(
            body,
            lambda record: Written(self._org.create(self._org.sobject(next(named)), record, caller), True),
        )

    def update(self, body: Any, caller: Caller) -> list[dict[str, Any]]:
        def write(record: dict[str, Any]) -> Written:
            record_id = record.pop("Id", None) or record.pop("id", None) or ""
            self._org.update(record_id, record, caller)
            return Written(record_id, False)

        self._check_fields(body, lambda record: record["attributes"]["type"])
        return self._each(body, write)

    def delete(self, ids: Sequence[str], all_or_none: bool, caller: Caller) -> list[dict[str, Any]]:
        def write(record: dict[str, Any]) -> Written:
            self._org.delete(record["Id"], caller)
            return Written(record["Id"], False)

        results = self._each({"records": [{"Id": one} for one in ids], "allOrNone": all_or_none}, write)
        return [{name: value for name, value in one.items() if name != "created"} for one in results]

    def _records(self, body: Any) -> list[dict[str, Any]]:
        records = body.get("records") if isinstance(body, dict) else None
        if not isinstance(records, list):
            raise bad(
                "JSON_PARSER_ERROR", "The HTTP entity body is required, but this request has no records"
            )
        if len(records) > MAX_RECORDS:
            raise bad("LIMIT_EXCEEDED", f"record count {len(records)} exceeds the limit of {MAX_RECORDS}")
        return records

    def _check_fields(self, body: Any, type_of: Callable[[dict[str, Any]], str]) -> None:
        """A name that is no field spoils the whole request."""
        for record in self._records(body):
            sobject = self._org.sobject(type_of(record))
            for name in record:
                known = name in ("attributes", "id") or sobject.field(name) or sobject.relation(name)
                if not known:
                    raise bad("INVALID_FIELD", f"No such column '{name}' on sobject of type {sobject.name}")

    def _each(self, body: Any, write: Callable[[dict[str, Any]], Written]) -> list[dict[str, Any]]:
        records = self._records(body)
        undo = self._org.snapshot() if body.get("allOrNone") else None
        locked, self.locked = self.locked, None
        results: list[dict[str, Any]] = []
        for position, record in enumerate(records):
            given = {name: value for name, value in record.items() if name != "attributes"}
            try:
                if locked is not None and (not locked or position in locked):
                    raise bad("UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record")
                written = write(given)
                results.append({"id": written.id, "success": True, "errors": [], "created": written.created})
            except Several as several:
                error = bad("MULTIPLE_CHOICES", f"{len(several.ids)} records have the key").as_row_error()
                results.append({"success": False, "errors": [error]})
            except Refused as refused:
                results.append({"success": False, "errors": [refused.as_row_error()]})
        if undo and not all(one["success"] for one in results):
            undo()
            rolled = bad("ALL_OR_NONE_OPERATION_ROLLED_BACK", "Record rolled back").as_row_error()
            return [{"success": False, "errors": one["errors"] or [rolled]} for one in results]
        return results
