"""Salesforce in a history: companies are leads, or accounts with contacts."""

from __future__ import annotations

import random
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.crm.salesforce import SalesforceConnector
from sales_agent_dagster.crm.salesforce.layout import NO_NAME, Layout, SObject, sobject_of
from sales_agent_dagster.settings import SalesforceSettings
from sales_agent_dagster_tests.crm.histories.ledger import Name, Row
from sales_agent_dagster_tests.crm.histories.processes import Machine
from sales_agent_dagster_tests.crm.histories.worlds import URL, World, held
from sales_agent_dagster_tests.crm.salesforce.organisation import CONTACT_KEY, KEY
from sales_agent_dagster_tests.salesforce_server.app import Options, StandIn
from sales_agent_dagster_tests.salesforce_server.custom import add_custom_fields
from sales_agent_dagster_tests.salesforce_server.oauth import CLIENT_ID, CLIENT_SECRET
from sales_agent_dagster_tests.salesforce_server.running import RunningServer

FAULTS = ("drop", "reset", "500", "502", "503", "busy", "expired", "truncated", "locked")
CUSTOM = {name: f"Sales_Agent_{name.title()}__c" for name in ("score", "tier", "brands", "next_step")}
COMPANY = {
    SObject.LEAD: {"company": "Company", "city": "City", **CUSTOM},
    SObject.ACCOUNT: {"company": "Name", "city": "BillingCity", **CUSTOM},
}


class SalesforceWorld(World):
    """An organisation of Salesforce.

    Args:
        mode: what new companies become.
    """

    def __init__(self, dice: random.Random, machine: Machine, mode: str = "account_contact") -> None:
        self.mode = mode
        self._app = StandIn(Options())
        self.people = RunningServer(self._app, "crm.test", 80)
        self._app.url = URL
        self.settings = SalesforceSettings(
            instance_url=URL, client_id=CLIENT_ID, client_secret=CLIENT_SECRET, object_mode=mode
        )
        add_custom_fields(self._app.org, Layout(self.settings))
        super().__init__(dice, machine)

    @property
    def app(self) -> StandIn:
        return self._app

    def connect(self) -> SalesforceConnector:
        made = SalesforceConnector(self.settings, self.options())
        self.wired(made._client.transport)
        self.wired(made._client.tokens._transport)
        return made

    def now(self) -> datetime:
        return self.app.clock.now()

    def advance(self, seconds: float) -> None:
        self.app.clock.advance(seconds)

    def reads_exactly(self, method: str, path: str) -> bool:
        return method == "GET" and "/query" in path

    def names(self, remote_id: str, path: str, content: bytes) -> bool:
        return f'"Id":"{remote_id}"'.encode() in content

    def rows(self) -> dict[Name, Row]:
        org, found = self.app.org, {}
        for sobject in COMPANY:
            for row in org.rows[sobject.lower()].values():
                if not row["IsDeleted"] and not row.get("IsConverted"):
                    columns = COMPANY[sobject]
                    values = {name: row.get(column) for name, column in columns.items()}
                    found[Kind.COMPANY, row["Id"]] = Row(row.get(KEY), held(values))
        for sobject, key in ((SObject.LEAD, CONTACT_KEY), (SObject.CONTACT, KEY)):
            for row in org.rows[sobject.lower()].values():
                if not row["IsDeleted"] and not row.get("IsConverted") and _names_somebody(row):
                    found[Kind.CONTACT, row["Id"]] = _person(row, key, sobject)
        return found

    def add(self, name: str) -> None:
        if self.mode == "lead":
            self.people.create("Lead", LastName=NO_NAME, Company=name)
        else:
            self.people.create("Account", Name=name)

    def edit(self, name: Name, field: str, value: str | float | None) -> None:
        kind, remote_id = name
        sobject = sobject_of(remote_id)
        if field == "contact_name":
            first, _, last = str(value).rpartition(" ")
            self.people.edit(remote_id, FirstName=first, LastName=last)
        elif kind is Kind.CONTACT:
            self.people.edit(remote_id, **{{"contact_title": "Title", "email": "Email"}[field]: value})
        else:
            assert sobject is not None
            self.people.edit(remote_id, **{COMPANY[sobject][field]: value})

    def delete(self, name: Name) -> None:
        self.people.delete(name[1])

    def alike(self, source: str, target: str) -> bool:
        return source[:3] == target[:3]

    def merge(self, source: str, target: str) -> Mapping[Name, str]:
        self.people.merge(target, source)
        gone: dict[Name, str] = {(Kind.COMPANY, source): target}
        if sobject_of(source) is SObject.LEAD:
            gone[Kind.CONTACT, source] = target
        return gone

    def convert(self, remote_id: str) -> Mapping[Name, str]:
        if sobject_of(remote_id) is not SObject.LEAD:
            return {}
        account, contact = self.people.convert(remote_id)
        return {(Kind.COMPANY, remote_id): account, (Kind.CONTACT, remote_id): contact}

    def fault(self) -> None:
        method = self.dice.choice(("PATCH", "PATCH", "GET", "GET|PATCH"))
        times = self.dice.choice((1, 1, 2, 6))
        after = self.dice.choice((0, 0, 1, 2))
        self.people.fault(self.dice.choice(FAULTS), method=method, path="data", times=times, after=after)

    def heal(self) -> None:
        self.app.plan.faults.clear()


def _names_somebody(row: Mapping[str, Any]) -> bool:
    return row.get("LastName") != NO_NAME or bool(row.get("Email") or row.get(CONTACT_KEY))


def _person(row: Mapping[str, Any], key: str, sobject: SObject) -> Row:
    last = row.get("LastName")
    names = (row.get("FirstName"), last if last != NO_NAME else None)
    values = {
        "contact_name": " ".join(part for part in names if part),
        "contact_title": row.get("Title"),
        "email": row.get("Email"),
        "belongs_to": row["Id"] if sobject is SObject.LEAD else row.get("AccountId"),
    }
    return Row(row.get(key), held(values))
