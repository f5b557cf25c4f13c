"""Everything that changed since a moment, past HubSpot's cap of 10,000 results per search."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sales_agent_dagster.crm.contract import Event, EventAction
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.crm.hubspot.client import SEARCH_PAGE, Client, Raw, next_page
from sales_agent_dagster.crm.hubspot.mapping import REPLIED, milliseconds, modified_property, moment_of

INDEX_LAG = timedelta(seconds=60)
"""HubSpot's searches see a write "a few moments" later: nothing younger counts as seen."""

MILLISECOND = timedelta(milliseconds=1)


class Changes:
    """Raw objects by time of their last change, oldest first; an object may come twice.

    A next page by ``after`` would lose what moves while it is read: an object that is changed goes to the
    end, and all behind it move up by one. So each search begins at the last time seen, which also has no cap.
    Times are in milliseconds and imports write thousands in one: those are walked by id.
    """

    def __init__(self, client: Client, kind: Kind, properties: list[str]) -> None:
        self._client = client
        self._kind = kind
        self._properties = properties
        self._modified = modified_property(kind)

    def since(
        self, since: datetime | None, filters: tuple[Raw, ...] = ()
    ) -> Iterator[tuple[list[Raw], datetime | None, bool]]:
        """Objects; up to when these and former ones are all, None if not said; whether they are the last."""
        floor, seen = milliseconds(since) if since else 0, set[str]()
        while True:
            given = self._filter("GTE", str(floor))
            results = self._search([given, *filters], self._modified)
            fresh = [raw for raw in results if raw["id"] not in seen]
            times = [self._time(raw) for raw in results]
            if len(results) < SEARCH_PAGE:
                yield fresh, moment_of(times[-1]) if times else None, True
                return
            top = milliseconds(moment_of(times[-1]))
            if top > floor:
                yield fresh, moment_of(times[-1]) - MILLISECOND, False
                seen = {raw["id"] for raw, time in zip(results, times, strict=True) if time == times[-1]}
                floor = top
                continue
            for some in self._tied(str(floor), filters):
                yield [raw for raw in some if raw["id"] not in seen], None, False
            yield [], moment_of(times[-1]), False
            floor, seen = floor + 1, set()

    def _tied(self, time: str, filters: tuple[Raw, ...]) -> Iterator[list[Raw]]:
        last = "0"
        while True:
            after: Raw = {"propertyName": "hs_object_id", "operator": "GT", "value": last}
            results = self._search([self._filter("EQ", time), after, *filters], "hs_object_id")
            yield results
            if len(results) < SEARCH_PAGE:
                return
            last = results[-1]["id"]

    def _search(self, filters: list[Raw], order: str) -> list[Raw]:
        body: dict[str, Any] = {
            "filterGroups": [{"filters": filters}],
            "sorts": [{"propertyName": order, "direction": "ASCENDING"}],
            "properties": self._properties,
            "limit": SEARCH_PAGE,
        }
        results: list[Raw] = self._client.search(self._kind, body).get("results", [])
        return results

    def _filter(self, operator: str, value: str) -> Raw:
        return {"propertyName": self._modified, "operator": operator, "value": value}

    def _time(self, raw: Raw) -> str:
        return str(raw["properties"].get(self._modified) or raw["updatedAt"])


def archived_since(
    client: Client, kind: Kind, properties: list[str], since: datetime | None
) -> Iterator[list[Raw]]:
    """Archived objects by page; searches never return them, so that the whole archive is read each time."""
    after = None
    while True:
        page = client.archived(kind, properties, after)
        yield [
            raw
            for raw in page.get("results", ())
            if since is None or moment_of(str(raw.get("archivedAt") or raw["updatedAt"])) >= since
        ]
        after = next_page(page)
        if not after:
            return


def replies(contacts: Sequence[Mapping[str, Any]]) -> list[Event]:
    """The last reply of each contact that has replied; of an earlier one only earlier pulls could tell."""
    found = []
    for raw in contacts:
        properties = raw.get("properties") or {}
        if told := properties.get(REPLIED):
            at = moment_of(str(told))
            event_id = f"reply:{raw['id']}:{milliseconds(at)}"
            address = str(properties.get("email") or "").lower() or None
            found.append(
                Event(event_id, EventAction.REPLIED, Kind.CONTACT, str(raw["id"]), at, address=address)
            )
    return found
