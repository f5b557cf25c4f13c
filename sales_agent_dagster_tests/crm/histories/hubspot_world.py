"""HubSpot in a history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sales_agent_dagster.crm.contract import Event
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.crm.hubspot.connector import HubSpot
from sales_agent_dagster.crm.hubspot.mapping import FieldMap
from sales_agent_dagster.crm.hubspot.webhooks import events_of
from sales_agent_dagster.settings import HubSpotSettings
from sales_agent_dagster_tests.crm.histories.ledger import Name, Row
from sales_agent_dagster_tests.crm.histories.worlds import URL, World, held, utc
from sales_agent_dagster_tests.hubspot_server import TOKEN, Fault, webhooks
from sales_agent_dagster_tests.hubspot_server.app import Options, StandIn
from sales_agent_dagster_tests.hubspot_server.running import RunningServer

SETTINGS = HubSpotSettings(token=TOKEN, base_url=URL)
KINDS = {Kind.COMPANY: "companies", Kind.CONTACT: "contacts"}
KEY = "sales_agent_external_key"
FAULTS = ("drop", "drop_before", "502_after", "malformed", "html", "500", "503", "429", "429_bare", "423")
PLACES = (
    "companies/batch/upsert", "contacts/batch/upsert", "batch/update", "associate", "batch/read", "search",
    "archived",
)  # fmt: skip
COLUMNS = {
    "company": "name", "city": "city", "contact_title": "jobtitle", "email": "email",
    **{name: f"sales_agent_{name}" for name in ("score", "tier", "brands", "next_step")},
}  # fmt: skip


class HubSpotWorld(World):
    """An account of HubSpot. Its index may lag, and bad rows may fail a whole batch."""

    @property
    def app(self) -> StandIn:
        if not hasattr(self, "_app"):
            lag, partial = self.dice.choice((0.0, 20.0)), self.dice.random() < 0.5
            self._app = StandIn(Options(virtual=True, partial=partial, index_lag_s=lag))
            self.people = RunningServer(self._app, URL)
        return self._app

    def connect(self) -> HubSpot:
        made = HubSpot(SETTINGS, self.options(), self.now)
        self.wired(made._client.transport)
        return made

    def now(self) -> datetime:
        return utc(self.app.clock.now())

    def advance(self, seconds: float) -> None:
        self.app.clock.advance(seconds)

    def reads_exactly(self, method: str, path: str) -> bool:
        return path.endswith("/batch/read") and "associations" not in path

    def stale(self) -> bool:
        return self.app.log[-1].fault == "stale"

    def rows(self) -> dict[Name, Row]:
        found = {}
        for kind, plural in KINDS.items():
            for key, record in self.app.store.records[plural].items():
                if record.archived_at is None:
                    found[kind, key] = self._row(kind, record.values, key)
        return found

    def _row(self, kind: Kind, values: Mapping[str, str], record_id: str) -> Row:
        names = ("company", "city", "score", "tier", "brands", "next_step")
        if kind is Kind.CONTACT:
            names = ("contact_title", "email")
        shown: dict[str, Any] = {name: values.get(COLUMNS[name]) for name in names}
        if kind is Kind.CONTACT:
            parts = (values.get("firstname"), values.get("lastname"))
            shown["contact_name"] = " ".join(part for part in parts if part)
            shown["belongs_to"] = ",".join(sorted(self.app.store.linked("contacts", record_id, "companies")))
        return Row(values.get(KEY), held(shown))

    def add(self, name: str) -> None:
        self.people.add("companies", name=name)

    def edit(self, name: Name, field: str, value: str | float | None) -> None:
        kind, remote_id = name
        if field == "contact_name":
            first, _, last = str(value).rpartition(" ")
            self.people.edit("contacts", remote_id, firstname=first, lastname=last)
        else:
            self.people.edit(KINDS[kind], remote_id, **{COLUMNS[field]: value})

    def delete(self, name: Name) -> None:
        kind, remote_id = name
        self.people.delete(KINDS[kind], remote_id)

    def merge(self, source: str, target: str) -> Mapping[Name, str]:
        self.people.merge("companies", target, source)
        return {(Kind.COMPANY, source): target}

    def fault(self) -> None:
        place = self.dice.choice(PLACES)
        kind = "stale" if place == "batch/read" and self.dice.random() < 0.4 else self.dice.choice(FAULTS)
        times = self.dice.choice((1, 1, 2, 6))
        self.people.fail(Fault(kind, place, seconds=15.0), times=times)

    def heal(self) -> None:
        self.app.faults.waiting.clear()

    def events(self) -> Sequence[Event]:
        known = [change for change in self.app.store.changes if change.kind in KINDS.values()]
        return events_of(webhooks.events_of(known), FieldMap(SETTINGS))
