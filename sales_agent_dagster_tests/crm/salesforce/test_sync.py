"""The engine with this connector: syncs, people's edits, merges, conversions, lost answers."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
import sqlalchemy as sa

from sales_agent_dagster.crm.errors import Unavailable
from sales_agent_dagster.crm.salesforce import SalesforceConnector
from sales_agent_dagster.crm.salesforce.layout import NO_NAME
from sales_agent_dagster.stages.crm.syncing import pending, sync
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import crm_changes, crm_link, crm_outcomes
from sales_agent_dagster_tests.crm.salesforce.organisation import CONTACT_KEY, KEY, connect
from sales_agent_dagster_tests.salesforce_server import RunningServer
from sales_agent_dagster_tests.stages.crm.wanting import company, context_of, rewant, want

ADA = {"contact_name": "Ada Lovelace", "email": "ada@acme.example"}
BOB = {"contact_name": "Bob Babbage", "email": "bob@acme.example"}


class Syncing:
    """Syncs of one warehouse with one organisation; a minute passes between them."""

    def __init__(self, warehouse: Warehouse, server: RunningServer, connector: SalesforceConnector) -> None:
        self.warehouse = warehouse
        self.server = server
        self.connector = connector

    def __call__(self) -> dict[str, Any]:
        self.server.clock.advance(60)
        return sync(self._context())

    def left(self) -> list[Any]:
        return pending(self._context())

    def links(self) -> dict[str, tuple[str, str]]:
        with self.warehouse.reading() as connection:
            rows = connection.execute(sa.select(crm_link)).mappings()
            return {row["external_key"]: (row["remote_id"], row["state"]) for row in rows}

    def edited(self) -> set[str]:
        """Fields that people changed; the owner comes with every record."""
        with self.warehouse.reading() as connection:
            return set(connection.scalars(sa.select(crm_changes.c.field))) - {"owner"}

    def _context(self) -> Any:
        return context_of(self.warehouse, self.connector, self.server.clock.now)


@pytest.fixture(params=["lead", "account_contact"])
def syncing(request: pytest.FixtureRequest, sqlite_warehouse: Warehouse, organisation: RunningServer) -> Any:
    connector = connect(organisation, object_mode=request.param)
    yield Syncing(sqlite_warehouse, organisation, connector)
    connector.close()


def test_a_reply_is_an_outcome_of_the_company_whose_person_it_is(syncing: Syncing) -> None:
    want(syncing.warehouse, "b1", [company("E1", contacts=[ADA])])
    syncing()
    people = [*syncing.server.records("Contact"), *syncing.server.records("Lead")]
    [person] = (row for row in people if row["Email"] == ADA["email"])
    syncing.server.mail(person["Id"], ADA["email"])
    for _ in range(2):
        assert syncing()["human_changes"] == 0
    with syncing.warehouse.reading() as connection:
        [outcome] = connection.execute(sa.select(crm_outcomes)).mappings()
    assert (outcome["outcome"], outcome["entity_id"], outcome["remote_id"]) == ("replied", "E1", person["Id"])


@pytest.mark.parametrize("syncing", ["lead"], indirect=True)
def test_a_reply_of_a_lead_that_was_converted_since_is_of_its_company(syncing: Syncing) -> None:
    want(syncing.warehouse, "b1", [company("E1", contacts=[ADA])])
    syncing()
    [lead] = syncing.server.records("Lead")
    syncing.server.mail(lead["Id"], ADA["email"])
    syncing.server.convert(lead["Id"])
    syncing()
    with syncing.warehouse.reading() as connection:
        [outcome] = connection.execute(sa.select(crm_outcomes)).mappings()
    assert (outcome["outcome"], outcome["entity_id"]) == ("replied", "E1")


def companies(server: RunningServer) -> list[dict[str, Any]]:
    """Leads and accounts that carry a company's key."""
    rows = [*server.records("Lead"), *server.records("Account")]
    return [row for row in rows if row[KEY] and not row.get("IsConverted")]


def test_the_second_sync_writes_nothing(syncing: Syncing) -> None:
    want(
        syncing.warehouse,
        "b1",
        [company(f"E{n}", score=50.0, contacts=[ADA, BOB] if n == 0 else []) for n in range(5)],
    )
    first = syncing()
    assert (first["created"], first["rejected"], first["still_unknown"]) == (7, 0, 0)
    writes = len(syncing.server.writes)
    second = syncing()
    assert (second["planned_creates"], second["planned_updates"]) == (0, 0)
    assert syncing.edited() == set()
    assert len(syncing.server.writes) == writes
    assert syncing.left() == []
    assert {row[KEY] for row in companies(syncing.server)} == {f"E{n}" for n in range(5)}


def test_people_s_edits_follow_the_rules(syncing: Syncing) -> None:
    [lead] = want(syncing.warehouse, "b1", [company("E1", score=50.0, phone="+13305550101")])
    syncing()
    [row] = companies(syncing.server)
    syncing.server.clock.advance(60)
    syncing.server.edit(
        row["Id"], Phone="(330) 555-0999", Sales_Agent_Score__c=1, Website="https://acme.example"
    )
    syncing()
    assert syncing.edited() == {"phone", "score", "website"}
    rewant(
        syncing.warehouse,
        "b1",
        [lead],
        [company("E1", score=70.0, phone="+13305550222")],
        at=syncing.server.clock.now(),
    )
    syncing()
    row = syncing.server.record(row["Id"])
    assert (row["Phone"], row["Sales_Agent_Score__c"], row["Website"]) == (
        "(330) 555-0999",
        70.0,
        "https://acme.example",
    )
    assert syncing.left() == []


@pytest.mark.parametrize("path", ["composite", "oauth2"])
@pytest.mark.parametrize("kind", ["drop", "reset"])
def test_lost_answers_make_no_duplicates(syncing: Syncing, kind: str, path: str) -> None:
    want(syncing.warehouse, "b1", [company(f"E{n}", contacts=[ADA]) for n in range(3)])
    syncing.server.fault(kind, path=path, times=6)
    for _ in range(3):
        with suppress(Unavailable):
            syncing()
    assert len(companies(syncing.server)) == 3
    assert syncing.left() == []
    people = [row for row in syncing.server.records("Contact") + syncing.server.records("Lead")
              if row.get("Email")]  # fmt: skip
    assert len(people) == 3


def test_merges_and_deletions_are_followed(syncing: Syncing) -> None:
    leads = want(syncing.warehouse, "b1", [company(f"E{n}", score=50.0) for n in range(3)])
    syncing()
    one, two, three = sorted(companies(syncing.server), key=lambda row: row[KEY])
    syncing.server.clock.advance(60)
    syncing.server.merge(two["Id"], one["Id"])
    syncing.server.delete(three["Id"])
    rewant(
        syncing.warehouse,
        "b1",
        leads,
        [company(f"E{n}", score=80.0) for n in range(3)],
        at=syncing.server.clock.now(),
    )
    syncing()
    links = syncing.links()
    assert links["E1"] == (two["Id"], "linked")
    assert links["E0"] == (two["Id"], "shared")
    assert links["E2"][1] == "gone"
    assert [row["Id"] for row in companies(syncing.server)] == [two["Id"]]
    assert syncing.server.record(two["Id"])["Sales_Agent_Score__c"] == 80.0
    assert syncing.left() == []


def test_what_went_between_pull_and_push_is_followed(syncing: Syncing) -> None:
    [lead] = want(syncing.warehouse, "b1", [company("E1", score=50.0)])
    syncing()
    [row] = companies(syncing.server)
    other = syncing.server.create("Lead" if row["Id"].startswith("00Q") else "Account", **named(row))
    syncing()
    rewant(syncing.warehouse, "b1", [lead], [company("E1", score=80.0)], at=syncing.server.clock.now())
    syncing.server.clock.advance(60)
    original = syncing.connector.push

    def merged_first(operations: Any) -> Any:
        syncing.connector.push = original  # type: ignore[method-assign]
        syncing.server.merge(other, row["Id"])
        return original(operations)

    syncing.connector.push = merged_first  # type: ignore[method-assign]
    syncing()
    syncing()
    assert syncing.links()["E1"] == (other, "linked")
    assert syncing.server.record(other)["Sales_Agent_Score__c"] == 80.0
    assert syncing.left() == []


def named(row: dict[str, Any]) -> dict[str, str]:
    return {"Company": "Zenith", "LastName": "Z"} if row["Id"].startswith("00Q") else {"Name": "Zenith"}


def test_a_lead_that_people_convert_goes_on_as_account_and_contact(
    sqlite_warehouse: Warehouse, organisation: RunningServer, leads: SalesforceConnector
) -> None:
    syncing = Syncing(sqlite_warehouse, organisation, leads)
    [lead] = want(sqlite_warehouse, "b1", [company("E1", score=50.0, contacts=[ADA])])
    syncing()
    [row] = organisation.records("Lead")
    assert (row["Name"], row[KEY]) == ("Ada Lovelace", "E1")
    assert row[CONTACT_KEY]
    organisation.clock.advance(60)
    account, contact = organisation.convert(row["Id"])
    syncing()
    changed = ADA | {"contact_title": "CEO"}
    rewant(
        sqlite_warehouse,
        "b1",
        [lead],
        [company("E1", score=80.0, contacts=[changed])],
        at=organisation.clock.now(),
    )
    syncing()
    assert syncing.links()["E1"] == (account, "linked")
    assert organisation.record(account)["Sales_Agent_Score__c"] == 80.0
    assert organisation.record(contact)["Title"] == "CEO"
    assert len(organisation.records("Lead")) == len(organisation.records("Account")) == 1
    assert syncing.left() == []


def test_a_company_that_is_there_is_linked_and_not_created(syncing: Syncing) -> None:
    given = {"Phone": "(330) 555-0101", "Website": "https://acme-power.example"}
    account = syncing.server.create(
        "Account",
        Name="Acme Power LLC",
        BillingStreet="12 Main St",
        BillingCity="Akron",
        BillingState="OH",
        **given,
    )
    want(
        syncing.warehouse,
        "b1",
        [
            company(
                "E1",
                company="Acme Power",
                phone="+13305550101",
                website="https://acme-power.example",
                street="12 Main St",
                city="Akron",
                state="OH",
                score=60.0,
            )
        ],
    )
    syncing()
    assert syncing.links()["E1"] == (account, "linked")
    assert syncing.server.record(account)["Sales_Agent_Score__c"] == 60.0
    assert not [row for row in syncing.server.records("Lead") if row["LastName"] == NO_NAME]
    assert syncing.left() == []


def test_opt_outs_and_customers_are_left_alone(syncing: Syncing) -> None:
    want(syncing.warehouse, "b1", [company("E1", score=50.0, contacts=[ADA])])
    syncing()
    [row] = [
        one for one in syncing.server.records("Lead") + syncing.server.records("Contact") if one["Email"]
    ]
    syncing.server.clock.advance(60)
    syncing.server.edit(row["Id"], HasOptedOutOfEmail=True)
    syncing()
    want(syncing.warehouse, "b2", [company("E2", contacts=[ADA])])
    card = syncing()
    assert card["suppression_breaches"] == 0
    people = syncing.server.records("Lead") + syncing.server.records("Contact")
    assert [one["Id"] for one in people if one["Email"]] == [row["Id"]]


def test_the_crm_s_spelling_of_places_writes_nothing(syncing: Syncing) -> None:
    syncing.server.use_place_picklists()
    places = [{"state": "OH"}, {"state": "Texas", "country": "USA"}, {"state": "ON", "country": "Canada"}]
    want(syncing.warehouse, "b1", [company(f"E{n}", **place) for n, place in enumerate(places)])
    assert syncing()["created"] == 3
    writes = len(syncing.server.writes)
    for _ in range(2):
        syncing()
    assert len(syncing.server.writes) == writes
    assert syncing.left() == []
