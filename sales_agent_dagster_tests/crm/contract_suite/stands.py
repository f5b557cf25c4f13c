"""Each vendor's stand-in behind one face: what people do there, what goes wrong, what is there in the end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import pytest
from pydantic import SecretStr

from sales_agent_dagster.crm.close import CloseConnector
from sales_agent_dagster.crm.close import api as close_api
from sales_agent_dagster.crm.contract import Connector, Event, Record
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.crm.http import TransportOptions
from sales_agent_dagster.crm.hubspot import pulling as hubspot_pulling
from sales_agent_dagster.crm.hubspot.connector import HubSpot
from sales_agent_dagster.crm.hubspot.notes import fields_of_html
from sales_agent_dagster.crm.salesforce import client as salesforce_client
from sales_agent_dagster.crm.salesforce.layout import NO_NAME
from sales_agent_dagster.crm.salesforce.records import DRAFT_SUBJECT
from sales_agent_dagster.settings import CloseSettings, HubSpotSettings
from sales_agent_dagster_tests.close_server import API_KEY
from sales_agent_dagster_tests.close_server.running import RunningClose
from sales_agent_dagster_tests.crm.salesforce.organisation import connect as connect_salesforce
from sales_agent_dagster_tests.crm.salesforce.organisation import set_up
from sales_agent_dagster_tests.hubspot_server import TOKEN
from sales_agent_dagster_tests.hubspot_server import RunningServer as RunningHubSpot
from sales_agent_dagster_tests.hubspot_server import search as hubspot_search
from sales_agent_dagster_tests.hubspot_server.webhooks import events_of
from sales_agent_dagster_tests.salesforce_server import RunningServer as RunningSalesforce
from sales_agent_dagster_tests.salesforce_server import querying as salesforce_querying


class Stand(ABC):
    """A stand-in of one CRM, and a connector to it.

    Attributes:
        vendor: its key in ``STANDS``.
        status: one that is not the first of a new company.
        poison: a company that it refuses.
    """

    vendor: str
    status = "Qualified"
    poison: Mapping[str, Any]

    def __init__(self, server: Any) -> None:
        self.server = server
        self.connector = self.connect()
        self.connector.ensure_fields(dry_run=False)
        self.clear_log()

    def options(self, *, dry_run: bool = False) -> TransportOptions:
        """By the server's clock; waiting moves it."""
        return TransportOptions(
            dry_run=dry_run,
            concurrency=4,
            now=lambda: self.now().timestamp(),
            sleep=self.advance,
            jitter=lambda: 0.5,
            read_timeout_s=5,
        )

    def advance(self, seconds: float) -> None:
        self.server.clock.advance(seconds)

    @cached_property
    def names(self) -> dict[tuple[Kind, str], str]:
        """The CRM's names of our fields."""
        return {
            (field.kind, field.name): field.remote_name
            for field in self.connector.describe().fields
            if field.remote_name
        }

    def named(self, fields: Mapping[str, Any], kind: Kind = Kind.COMPANY) -> dict[str, Any]:
        return {self.names[kind, name]: value for name, value in fields.items()}

    def companies(self) -> list[Record]:
        """Companies that are there, as a pull of everything tells."""
        return [record for record in self.pulled(Kind.COMPANY) if not record.archived]

    def pulled(self, kind: Kind) -> list[Record]:
        found: dict[str, Record] = {}
        for stream in self.connector.capabilities.streams:
            if kind in stream.kinds:
                for page in self.connector.pull(stream.name, None):
                    found |= {record.remote_id: record for record in page.records if record.kind is kind}
        return list(found.values())

    def close(self) -> None:
        self.connector.close()

    @abstractmethod
    def connect(self, *, dry_run: bool = False) -> Connector: ...

    @abstractmethod
    def now(self) -> datetime: ...

    @abstractmethod
    def clear_log(self) -> None: ...

    @abstractmethod
    def writes(self) -> int:
        """Requests so far that could change something."""

    @abstractmethod
    def requests(self) -> int: ...

    @abstractmethod
    def add(self, **fields: Any) -> str: ...

    @abstractmethod
    def edit(self, remote_id: str, **fields: Any) -> None: ...

    @abstractmethod
    def delete(self, remote_id: str) -> None: ...

    @abstractmethod
    def merge(self, source: str, target: str) -> None: ...

    @abstractmethod
    def lose_the_next_create(self, *, done: bool) -> None:
        """Its answer is lost; ``done`` says whether it was done."""

    @abstractmethod
    def storm(self, refusals: int) -> None:
        """So many of the next requests are too many."""

    @abstractmethod
    def fill(self, companies: int, seconds: float = 0.0) -> None:
        """A person's import, with so much time between two of them."""

    @abstractmethod
    def read_in_bits(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Five records per page, and as little as twelve per search where searches are capped."""

    @abstractmethod
    def expire_cursors(self) -> None:
        """Whatever is being read must be taken up anew."""

    @abstractmethod
    def drafts(self) -> int:
        """E-mail drafts that are there."""

    @abstractmethod
    def texts(self) -> str:
        """All that living records say."""

    @abstractmethod
    def limit(self) -> None:
        """From now on no more calls are let in than a small plan allows."""

    def delivered(self) -> list[Event]:
        """What webhooks have told so far, in our words."""
        return []


class CloseStand(Stand):
    vendor = "close"
    poison: Mapping[str, Any] = {"next_step": "x" * 70_000}
    server: RunningClose

    def connect(self, *, dry_run: bool = False) -> Connector:
        return CloseConnector(
            CloseSettings(base_url=self.server.url), self.options(dry_run=dry_run), SecretStr(API_KEY)
        )

    def named(self, fields: Mapping[str, Any], kind: Kind = Kind.COMPANY) -> dict[str, Any]:
        others = {name: value for name, value in fields.items() if name not in ("city", "status")}
        found = super().named(others, kind) | {name: fields[name] for name in ("status",) if name in fields}
        address = [{"label": "business", "city": fields.get("city")}]
        return found | ({"addresses": address} if "city" in fields else {})

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.server.clock.now(), UTC)

    def clear_log(self) -> None:
        self.server.log.clear()

    def writes(self) -> int:
        return len(self.server.writes())

    def requests(self) -> int:
        return len(self.server.log)

    def add(self, **fields: Any) -> str:
        return str(self.server.ask("POST", "/lead/", self.named(fields))["id"])

    def edit(self, remote_id: str, **fields: Any) -> None:
        self.server.ask("PUT", f"/lead/{remote_id}/", self.named(fields))

    def delete(self, remote_id: str) -> None:
        self.server.ask("DELETE", f"/lead/{remote_id}/")

    def merge(self, source: str, target: str) -> None:
        self.server.ask("POST", "/lead/merge/", {"source": source, "destination": target})

    def lose_the_next_create(self, *, done: bool) -> None:
        self.server.fault("drop" if done else "drop_before", method="POST", path="/lead/")

    def storm(self, refusals: int) -> None:
        self.server.script(*["429"] * refusals)

    def limit(self) -> None:
        self.server.options.requests = 60

    def fill(self, companies: int, seconds: float = 0.0) -> None:
        for _ in range(companies if seconds else 1):
            self.server.fill(1 if seconds else companies)
            self.advance(seconds)

    def read_in_bits(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("PAGE", "EVENT_PAGE", "LIST_PAGE"):
            monkeypatch.setattr(close_api, name, 5)
        self.server.options.search_cap = 12

    def expire_cursors(self) -> None:
        self.advance(31)

    def drafts(self) -> int:
        return len([each for each in self.server.objects("activity.email") if each["status"] == "draft"])

    def texts(self) -> str:
        kinds = ("lead", "contact", "activity.note", "activity.email")
        return repr([self.server.objects(kind) for kind in kinds])

    def delivered(self) -> list[Event]:
        events = (self.connector.event(each) for each in self.server.crm.events.all())  # type: ignore[attr-defined]
        return [event for event in events if event is not None]


class HubSpotStand(Stand):
    vendor = "hubspot"
    status = "OPEN"
    poison: Mapping[str, Any] = {"score": "many"}
    server: RunningHubSpot

    def connect(self, *, dry_run: bool = False) -> Connector:
        settings = HubSpotSettings(token=SecretStr(TOKEN), base_url=self.server.url)
        return HubSpot(settings, self.options(dry_run=dry_run), self.now)

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.server.clock.now(), UTC)

    def clear_log(self) -> None:
        self.server.app.log.clear()

    def writes(self) -> int:
        return len(self.server.writes())

    def requests(self) -> int:
        return len(self.server.log)

    def add(self, **fields: Any) -> str:
        return self.server.add("companies", **self.named(fields))

    def edit(self, remote_id: str, **fields: Any) -> None:
        self.server.edit("companies", remote_id, **self.named(fields))

    def delete(self, remote_id: str) -> None:
        self.server.delete("companies", remote_id)

    def merge(self, source: str, target: str) -> None:
        self.server.merge("companies", target, source)

    def lose_the_next_create(self, *, done: bool) -> None:
        # An upsert may be sent again: it takes more than the transport's patience to lose one.
        self.server.fail("drop" if done else "drop_before", where="companies/batch/upsert", times=5)

    def storm(self, refusals: int) -> None:
        self.server.fail(*["429"] * refusals)

    def limit(self) -> None:
        self.server.limits.ten_seconds, self.server.limits.search_second = 100, 5

    def fill(self, companies: int, seconds: float = 0.0) -> None:
        self.server.add_many("companies", [{"name": f"Firm {n}"} for n in range(companies)], seconds)

    def read_in_bits(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(hubspot_pulling, "SEARCH_PAGE", 5)
        monkeypatch.setattr(hubspot_search, "MAX_RESULTS", 12)

    def expire_cursors(self) -> None:
        """There are none: a page begins where the last one ended, however long ago."""
        self.advance(31)

    def drafts(self) -> int:
        bodies = (note.values.get("hs_note_body", "") for note in self.server.active("notes").values())
        return len([body for body in bodies if fields_of_html(Kind.EMAIL_DRAFT, body).get("email")])

    def texts(self) -> str:
        kinds = ("companies", "contacts", "notes")
        return repr([record.values for kind in kinds for record in self.server.active(kind).values()])

    def delivered(self) -> list[Event]:
        return self.connector.events(events_of(self.server.changes))  # type: ignore[attr-defined,no-any-return]


class SalesforceStand(Stand):
    """Attributes:
    mode, company: what companies become.
    """

    vendor = "salesforce"
    poison: Mapping[str, Any] = {"tier": "x" * 300}
    server: RunningSalesforce
    mode = "account_contact"
    company = "Account"

    def __init__(self, server: RunningSalesforce) -> None:
        set_up(server)
        super().__init__(server)

    def connect(self, *, dry_run: bool = False) -> Connector:
        return connect_salesforce(self.server, self.options(dry_run=dry_run), object_mode=self.mode)

    def now(self) -> datetime:
        return self.server.clock.now()

    def clear_log(self) -> None:
        self.server.log.clear()

    def writes(self) -> int:
        return len(self.server.writes)

    def requests(self) -> int:
        return len(self.server.log)

    def add(self, **fields: Any) -> str:
        return self.server.create(self.company, **self.named(fields))

    def edit(self, remote_id: str, **fields: Any) -> None:
        self.server.edit(remote_id, **self.named(fields))

    def delete(self, remote_id: str) -> None:
        self.server.delete(remote_id)

    def merge(self, source: str, target: str) -> None:
        self.server.merge(target, source)

    def lose_the_next_create(self, *, done: bool) -> None:
        self.server.fault("drop" if done else "reset", method="PATCH|POST", path=self.company, times=5)

    def storm(self, refusals: int) -> None:
        self.server.fault("busy", times=refusals)

    def limit(self) -> None:
        """There is none per second."""

    def fill(self, companies: int, seconds: float = 0.0) -> None:
        for number in range(companies):
            self.add(company=f"Firm {number}")
            if seconds:
                self.advance(seconds)

    def read_in_bits(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Queries have no cap, but their pages come by cursors."""
        monkeypatch.setattr(salesforce_client, "PAGE_SIZE", 5)
        monkeypatch.setattr(salesforce_querying, "SMALLEST_PAGE", 5)

    def expire_cursors(self) -> None:
        self.server.app.queries.cursors.clear()

    def drafts(self) -> int:
        return len([one for one in self.server.records("Task") if one["Subject"].startswith(DRAFT_SUBJECT)])

    def texts(self) -> str:
        return repr([self.server.records(name) for name in ("Account", "Contact", "Lead", "Task")])


class SalesforceLeadsStand(SalesforceStand):
    vendor = "salesforce_leads"
    mode = "lead"
    company = "Lead"

    def add(self, **fields: Any) -> str:
        return self.server.create(self.company, LastName=NO_NAME, **self.named(fields))


STANDS: Mapping[str, type[Stand]] = {
    stand.vendor: stand for stand in (CloseStand, HubSpotStand, SalesforceStand, SalesforceLeadsStand)
}


def keys_of(records: Sequence[Record]) -> list[str]:
    """Our keys in records, in order."""
    return sorted(record.external_key for record in records if record.external_key)
