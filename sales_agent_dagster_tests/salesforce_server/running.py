"""Starting the server in a thread of this process, and changing the organisation behind its API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from sales_agent_dagster_tests.salesforce_server.app import Options, StandIn
from sales_agent_dagster_tests.salesforce_server.clock import VirtualClock
from sales_agent_dagster_tests.salesforce_server.faults import Asked, Fault
from sales_agent_dagster_tests.salesforce_server.org import Caller, DuplicateRule, Org, Record, indexed
from sales_agent_dagster_tests.salesforce_server.schema import Field, add_place_codes
from sales_agent_dagster_tests.serving import served


class RunningServer:
    """A server in a thread, and the hands of people in it."""

    def __init__(self, app: StandIn, host: str, port: int) -> None:
        self.app = app
        self.url = app.url = f"http://{host}:{port}"
        self._as_started = replace(app.options)

    def reset(self, **options: Any) -> None:
        """As started, but for the options given."""
        self.app.options = replace(self._as_started, **options)
        self.app.reset()

    @property
    def clock(self) -> VirtualClock:
        return self.app.clock

    @property
    def org(self) -> Org:
        return self.app.org

    @property
    def log(self) -> list[Asked]:
        """All requests so far."""
        return self.app.log

    @property
    def writes(self) -> list[Asked]:
        """Requests that are not reading."""
        return [asked for asked in self.log if asked.writes]

    def fault(self, kind: str, **details: Any) -> None:
        """See ``faults.Fault``."""
        self.app.plan.faults.append(Fault(kind, **details))

    def add_field(self, sobject: str, *fields: Field) -> None:
        self.org.add_field(sobject, *fields)

    def use_place_picklists(self) -> None:
        """States and countries come from lists from now on."""
        add_place_codes(self.org.objects)

    def duplicate_rule(self, blocks: bool = True, **objects: str) -> None:
        """Records with an equal value are duplicates: ``duplicate_rule(Lead="Email", Contact="Email")``."""
        for sobject, name in objects.items():
            if not indexed(self.org.sobject(sobject).field(name)):
                raise ValueError(f"{sobject}.{name} has no index: rules are on keys and e-mail addresses")
        self.org.duplicate_rules.append(DuplicateRule(objects, blocks))

    def create(self, sobject: str, **fields: Any) -> str:
        """A record that a person makes; its id."""
        return self.org.create(self.org.objects[sobject.lower()], fields, self._rep)

    def mail(self, person_id: str, address: str, *, incoming: bool = True, at: str | None = None) -> str:
        """An e-mail from a contact, a lead or a user; the id of what tells that it is from there."""
        of = self.org.object_of(person_id).name
        message = self.create("EmailMessage", Incoming=incoming, FromAddress=address, MessageDate=at)
        return self.create(
            "EmailMessageRelation",
            EmailMessageId=message,
            RelationId=person_id,
            RelationType="FromAddress",
            RelationAddress=address,
            RelationObjectType=of,
        )

    def edit(self, record_id: str, **fields: Any) -> None:
        """A person changes a record."""
        self.org.update(record_id, fields, self._rep)

    def delete(self, record_id: str) -> None:
        self.org.delete(record_id, self._rep)

    def merge(self, winner_id: str, loser_id: str) -> None:
        self.org.merge(winner_id, loser_id, self.org.rep)

    def convert(self, lead_id: str, account_id: str | None = None) -> tuple[str, str]:
        """Ids of the account and the contact that the lead became."""
        return self.org.convert(lead_id, self.org.rep, account_id)

    def records(self, sobject: str, deleted: bool = False) -> list[Record]:
        return self.org.all(self.org.objects[sobject.lower()], deleted)

    def record(self, record_id: str) -> Mapping[str, Any]:
        """Also a deleted one."""
        return self.org.get(record_id, deleted=True)

    @property
    def _rep(self) -> Caller:
        return Caller(self.org.rep, allow_save=True)


@contextmanager
def running_server(**options: Any) -> Iterator[RunningServer]:
    """A server on a free loopback port; see ``app.Options``."""
    app = StandIn(Options(**options))
    with served(app) as (host, port):
        yield RunningServer(app, host, port)
