"""Close in a history."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from typing import Any

from pydantic import SecretStr

from sales_agent_dagster.crm.close import CloseConnector
from sales_agent_dagster.crm.contract import Event
from sales_agent_dagster.crm.fields import EXTERNAL_KEY, Kind
from sales_agent_dagster.settings import CloseSettings
from sales_agent_dagster_tests.close_server import API_KEY, Fault
from sales_agent_dagster_tests.close_server.app import BASE, StandIn
from sales_agent_dagster_tests.close_server.calls import Options, Refused
from sales_agent_dagster_tests.crm.histories.ledger import Name, Row
from sales_agent_dagster_tests.crm.histories.worlds import URL, World, held, utc

PATHS = {Kind.COMPANY: "lead", Kind.CONTACT: "contact"}
FAULTS = (
    "drop",
    "drop_before",
    "500",
    "502",
    "503",
    "500_after",
    "503_after",
    "429",
    "429_bare",
    "malformed",
)
PLACES = (
    ("POST", "/lead/"), ("POST", "/contact/"), ("PUT", "/lead/"), ("PUT", "/contact/"), ("GET", "/lead/"),
    ("GET", "/contact/"), ("GET", "/event/"), ("POST", "/data/search/"),
)  # fmt: skip
CUSTOM = ("score", "tier", "brands", "next_step")


class CloseWorld(World):
    """An organisation of Close. Its index may lag."""

    connector: CloseConnector

    @property
    def app(self) -> StandIn:
        if not hasattr(self, "_app"):
            self._app = StandIn(Options(index_lag_s=self.dice.choice((0.0, 20.0, 60.0))))
        return self._app

    def connect(self) -> CloseConnector:
        made = CloseConnector(CloseSettings(base_url=f"{URL}{BASE}/"), self.options(), SecretStr(API_KEY))
        self.wired(made.transport)
        return made

    def ready(self) -> None:
        self.ids = {kind: dict(self.connector.mapper.schema.ids[kind]) for kind in PATHS}

    def now(self) -> datetime:
        return utc(self.app.clock.now())

    def advance(self, seconds: float) -> None:
        self.app.clock.advance(seconds)

    def reads_exactly(self, method: str, path: str) -> bool:
        parts = path.removeprefix(BASE).strip("/").split("/")
        return method == "GET" and len(parts) == 2 and parts[0] in PATHS.values()

    def names(self, remote_id: str, path: str, content: bytes) -> bool:
        return remote_id in path

    def stale(self) -> bool:
        return self.app.log[-1].fault == "stale"

    def rows(self) -> dict[Name, Row]:
        objects = self.app.crm.store.objects
        found = {(Kind.COMPANY, key): self._company(lead) for key, lead in objects["lead"].items()}
        return found | {(Kind.CONTACT, key): self._contact(one) for key, one in objects["contact"].items()}

    def _company(self, lead: Mapping[str, Any]) -> Row:
        address: Mapping[str, Any] = next(iter(lead["addresses"]), {})
        ids = self.ids[Kind.COMPANY]
        values = {"company": lead["name"], "city": address.get("city")}
        values |= {name: lead.get(f"custom.{ids[name]}") for name in CUSTOM}
        return Row(lead.get(f"custom.{ids[EXTERNAL_KEY]}"), held(values))

    def _contact(self, contact: Mapping[str, Any]) -> Row:
        email: Mapping[str, Any] = next(iter(contact["emails"]), {})
        key = contact.get(f"custom.{self.ids[Kind.CONTACT][EXTERNAL_KEY]}")
        values = {
            "contact_name": contact["name"],
            "contact_title": contact["title"],
            "email": email.get("email"),
        }
        return Row(key, held(values | {"belongs_to": contact["lead_id"]}))

    def add(self, name: str) -> None:
        self.app.ask("POST", "/lead/", {"name": name})

    def edit(self, name: Name, field: str, value: str | float | None) -> None:
        kind, remote_id = name
        self.app.ask("PUT", f"/{PATHS[kind]}/{remote_id}/", self._body(kind, field, value))

    def _body(self, kind: Kind, field: str, value: str | float | None) -> dict[str, Any]:
        if field == "city":
            return {"addresses": [{"label": "business", "city": value}] if value else []}
        plain = {"company": "name", "contact_name": "name", "contact_title": "title"}
        return {plain[field] if field in plain else f"custom.{self.ids[kind][field]}": value}

    def delete(self, name: Name) -> None:
        kind, remote_id = name
        self.app.ask("DELETE", f"/{PATHS[kind]}/{remote_id}/")

    def merge(self, source: str, target: str) -> Mapping[Name, str]:
        self.app.ask("POST", "/lead/merge/", {"source": source, "destination": target})
        return {(Kind.COMPANY, source): target}

    def fault(self) -> None:
        method, path = self.dice.choice(PLACES)
        if method == "GET" and path != "/event/" and self.dice.random() < 0.3:
            kind = "stale"
        else:
            kind = self.dice.choice(FAULTS)
        times = self.dice.choice((1, 1, 2, 6))
        self.app.plan.standing.append(Fault(kind, method, path, times, after=self.dice.choice((0, 0, 1, 2))))

    def heal(self) -> None:
        self.app.plan.standing.clear()

    def events(self) -> Sequence[Event]:
        found = []
        for entry in self.app.crm.events.all():
            with suppress(Refused):
                event = self.connector.event(entry)
                found += [event] if event is not None else []
        return found
