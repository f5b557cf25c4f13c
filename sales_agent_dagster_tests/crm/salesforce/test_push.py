"""Creates and updates: where they go, and that none is lost or done twice."""

from __future__ import annotations

import pytest

from sales_agent_dagster.crm.errors import WriteRefused
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.crm.operations import FailureClass, Sent, Unknown
from sales_agent_dagster.crm.salesforce import SalesforceConnector
from sales_agent_dagster.crm.salesforce.layout import NO_NAME
from sales_agent_dagster_tests.crm.salesforce.organisation import (
    ACME,
    ADA,
    CONTACT_KEY,
    KEY,
    connect,
    create,
    failed,
    options_of,
    push,
    update,
)
from sales_agent_dagster_tests.salesforce_server import RunningServer


def test_a_company_becomes_a_lead_without_a_person(
    leads: SalesforceConnector, organisation: RunningServer
) -> None:
    [result] = push(leads, create(Kind.COMPANY, "acme", **ACME, tier="A", brands="Generac, Kohler"))
    assert isinstance(result, Sent)
    assert result.created
    assert result.url == f"{organisation.url}/{result.remote_id}"
    [lead] = organisation.records("Lead")
    assert lead["Id"] == result.remote_id
    found = {name: lead[name] for name in ("Company", "LastName", "Phone", "Website", KEY)}
    assert found == {
        "Company": "Acme",
        "LastName": NO_NAME,
        "Phone": "+13105550100",
        "Website": "https://acme.example",
        KEY: "acme",
    }
    assert lead["Sales_Agent_Score__c"] == 81.5
    assert lead["Sales_Agent_Brands__c"] == "Generac, Kohler"


def test_a_company_becomes_an_account_and_its_people_contacts(
    accounts: SalesforceConnector, organisation: RunningServer
) -> None:
    [company] = push(accounts, create(Kind.COMPANY, "acme", **ACME, city="Austin"))
    assert isinstance(company, Sent)
    [contact] = push(accounts, create(Kind.CONTACT, "acme/ada", **ADA, company_id=company.remote_id))
    assert isinstance(contact, Sent)
    [account], [person] = organisation.records("Account"), organisation.records("Contact")
    assert (account["Name"], account["BillingCity"]) == ("Acme", "Austin")
    assert (person["AccountId"], person["FirstName"], person["LastName"]) == (
        account["Id"],
        "Ada",
        "Lovelace",
    )
    assert (person[KEY], person["Email"], person["Title"]) == ("acme/ada", "ada@acme.example", "CTO")


def test_a_contact_without_a_name_has_the_one_that_reads_as_none(
    accounts: SalesforceConnector, organisation: RunningServer
) -> None:
    [company] = push(accounts, create(Kind.COMPANY, "acme", **ACME))
    assert isinstance(company, Sent)
    info = create(Kind.CONTACT, "info", email="info@acme.example", company_id=company.remote_id)
    [person] = push(accounts, info)
    assert isinstance(person, Sent)
    assert organisation.record(person.remote_id)["LastName"] == NO_NAME
    read = accounts.read(Kind.CONTACT, [person.remote_id])[person.remote_id]
    assert read.fields == {"email": "info@acme.example"}
    [named] = push(accounts, update(Kind.CONTACT, person.remote_id, contact_name="Ada Lovelace"))
    assert isinstance(named, Sent)
    assert organisation.record(person.remote_id)["LastName"] == "Lovelace"


def test_the_first_person_fills_the_lead_another_one_is_another_lead(
    leads: SalesforceConnector, organisation: RunningServer
) -> None:
    [company] = push(leads, create(Kind.COMPANY, "acme", **ACME))
    assert isinstance(company, Sent)
    bob = {"contact_name": "Bob", "email": "bob@acme.example"}
    people = [
        create(Kind.CONTACT, "acme/ada", **ADA, phone="+13105550199", company_id=company.remote_id),
        create(Kind.CONTACT, "acme/bob", **bob, company_id=company.remote_id),
    ]
    first, second = push(leads, *people)
    assert isinstance(first, Sent)
    assert isinstance(second, Sent)
    assert (first.remote_id, first.created, second.created) == (company.remote_id, True, True)
    lead, other = organisation.record(company.remote_id), organisation.record(second.remote_id)
    assert (lead["Name"], lead["MobilePhone"], lead["Phone"]) == (
        "Ada Lovelace",
        "+13105550199",
        "+13105550100",
    )
    assert (lead[CONTACT_KEY], lead[KEY]) == ("acme/ada", "acme")
    assert (other["Company"], other["LastName"], other[CONTACT_KEY], other[KEY]) == (
        "Acme",
        "Bob",
        "acme/bob",
        None,
    )
    again = push(leads, *people)
    assert [result.remote_id for result in again if isinstance(result, Sent)] == [
        first.remote_id,
        second.remote_id,
    ]
    assert len(organisation.records("Lead")) == 2


@pytest.mark.parametrize(
    ("held", "filled"),
    [
        ({"LastName": NO_NAME}, True),
        ({"FirstName": "ADA", "LastName": "Lovelace"}, True),
        ({"LastName": "Somebody", "Email": "Ada@Acme.example"}, True),
        ({"LastName": "Somebody"}, False),
        ({"LastName": "Lovelace", "FirstName": "Ada", "Email": "other@acme.example"}, False),
    ],
)
def test_a_person_whom_people_entered_is_not_overwritten(
    leads: SalesforceConnector, organisation: RunningServer, held: dict[str, str], filled: bool
) -> None:
    lead = organisation.create("Lead", Company="Acme", **held)
    [result] = push(leads, create(Kind.CONTACT, "ada", **ADA, company_id=lead))
    assert isinstance(result, Sent)
    assert (result.remote_id == lead) is filled


def test_linked_records_are_written_where_they_are_whatever_the_mode(
    leads: SalesforceConnector, organisation: RunningServer
) -> None:
    account = organisation.create("Account", Name="Old", BillingStreet="1 Main")
    contact = organisation.create("Contact", LastName="Old", AccountId=account)
    results = push(
        leads,
        update(Kind.COMPANY, account, company="New", street=None),
        update(Kind.CONTACT, contact, contact_name="Ada M. Lovelace"),
        create(Kind.CONTACT, "bob", contact_name="Bob", company_id=account),
    )
    assert all(isinstance(result, Sent) for result in results)
    assert organisation.record(account)["Name"] == "New"
    assert organisation.record(account)["BillingStreet"] is None
    assert organisation.record(contact)["FirstName"] == "Ada M."
    assert len(organisation.records("Contact")) == 2


def test_create_sent_again_makes_nothing_new(leads: SalesforceConnector, organisation: RunningServer) -> None:
    operation = create(Kind.COMPANY, "acme", **ACME)
    [first], [second] = push(leads, operation), push(leads, operation)
    assert isinstance(first, Sent)
    assert isinstance(second, Sent)
    assert (first.created, second.created) == (True, False)
    assert first.remote_id == second.remote_id


@pytest.mark.parametrize("kind", ["drop", "500", "502", "truncated", "reset"])
def test_a_create_is_sent_again_only_where_nothing_of_it_was_done(
    leads: SalesforceConnector, organisation: RunningServer, kind: str
) -> None:
    organisation.fault(kind, method="PATCH", path="composite")
    [result] = push(leads, create(Kind.COMPANY, "acme", **ACME))
    assert len(organisation.records("Lead")) == 1
    done = len(organisation.writes) == 1
    assert isinstance(result, Unknown if done else Sent)
    assert done is (kind in ("drop", "500", "truncated"))


@pytest.mark.parametrize("merged", [False, True])
def test_a_create_is_not_sent_again_once_a_person_took_its_record_away(
    organisation: RunningServer, merged: bool
) -> None:
    other = organisation.create("Lead", LastName="L", Company="Other")

    def meanwhile(seconds: float) -> None:
        [made] = (row["Id"] for row in organisation.records("Lead") if row[KEY] == "acme")
        if merged:
            organisation.merge(other, made)
        else:
            organisation.delete(made)

    connector = connect(organisation, options_of(sleep=meanwhile))
    organisation.fault("drop", method="PATCH", path="composite")
    operation = create(Kind.COMPANY, "acme", **ACME)
    [result] = push(connector, operation)
    [told] = connector.reconcile([operation])
    connector.close()
    assert isinstance(result, Unknown)
    assert [row["Id"] for row in organisation.records("Lead")] == [other]
    assert told.record is not None
    assert (told.record.archived, told.record.merged_into) == (True, other if merged else None)


def test_a_create_is_not_sent_again_while_nobody_can_tell_whether_its_record_has_gone(
    leads: SalesforceConnector, organisation: RunningServer
) -> None:
    organisation.fault("drop", method="PATCH", path="composite")
    organisation.fault("503", method="GET", path="queryAll", times=10)
    [result] = push(leads, create(Kind.COMPANY, "acme", **ACME))
    assert isinstance(result, Unknown)
    assert len(organisation.writes) == 1


def test_what_is_never_answered_is_unknown_and_reading_back_tells(
    leads: SalesforceConnector, organisation: RunningServer
) -> None:
    organisation.fault("drop", method="PATCH", path="composite", times=5)
    there, not_there = create(Kind.COMPANY, "acme", **ACME), create(Kind.COMPANY, "other", company="Other")
    [result] = push(leads, there)
    assert isinstance(result, Unknown)
    changed = update(Kind.COMPANY, organisation.records("Lead")[0]["Id"], company="Acme")
    found = {one.op_id: one for one in leads.reconcile([there, not_there, changed])}
    assert found[there.op_id].verdict == "found"
    assert found[not_there.op_id].verdict == "absent"
    for operation in (there, changed):
        record = found[operation.op_id].record
        assert record is not None
        assert (record.external_key, record.fields["company"]) == ("acme", "Acme")


def test_repeated_records_go_in_requests_of_their_own(
    leads: SalesforceConnector, organisation: RunningServer
) -> None:
    [first] = push(leads, create(Kind.COMPANY, "acme", **ACME))
    assert isinstance(first, Sent)
    results = push(
        leads,
        update(Kind.COMPANY, first.remote_id, city="Austin"),
        update(Kind.COMPANY, first.remote_id, city="Boston"),
        create(Kind.COMPANY, "b", company="B"),
        create(Kind.COMPANY, "B", company="B again"),
    )
    assert all(isinstance(result, Sent) for result in results)
    assert organisation.record(first.remote_id)["City"] == "Boston"
    assert len(organisation.records("Lead")) == 2


def test_a_converted_lead_is_followed(leads: SalesforceConnector, organisation: RunningServer) -> None:
    [company] = push(leads, create(Kind.COMPANY, "acme", **ACME))
    assert isinstance(company, Sent)
    push(leads, create(Kind.CONTACT, "ada", **ADA, company_id=company.remote_id))
    account, contact = organisation.convert(company.remote_id)
    changed, person, again = push(
        leads,
        update(Kind.COMPANY, company.remote_id, "acme", city="Austin"),
        update(Kind.CONTACT, company.remote_id, "ada", contact_title="CEO"),
        create(Kind.COMPANY, "acme", **ACME),
    )
    assert failed(changed) == (FailureClass.GONE, account)
    assert failed(person) == (FailureClass.GONE, contact)
    assert failed(again) == (FailureClass.CONFLICT, account)
    bob, ada = push(
        leads,
        create(Kind.CONTACT, "bob", contact_name="Bob", company_id=company.remote_id),
        create(Kind.CONTACT, "ada", **ADA, company_id=company.remote_id),
    )
    assert isinstance(bob, Sent)
    assert isinstance(ada, Sent)
    assert ada.remote_id == contact
    assert organisation.record(bob.remote_id)["AccountId"] == account


def test_merged_and_deleted_records_are_gone(
    accounts: SalesforceConnector, organisation: RunningServer
) -> None:
    a, b, c, d = (organisation.create("Account", Name=name) for name in "abcd")
    organisation.merge(b, a)
    organisation.merge(c, b)
    organisation.delete(d)
    merged, deleted = push(accounts, *(update(Kind.COMPANY, one, company="x") for one in (a, d)))
    assert failed(merged) == (FailureClass.GONE, c)
    assert failed(deleted) == (FailureClass.GONE, None)
    lost = organisation.create("Lead", LastName="L", Company="C")
    organisation.delete(lost)
    [result] = push(accounts, create(Kind.CONTACT, "k", **ADA, company_id=lost))
    assert failed(result) == (FailureClass.GONE, None)


def test_notes_and_drafts_are_tasks_and_nothing_is_sent(
    leads: SalesforceConnector, accounts: SalesforceConnector, organisation: RunningServer
) -> None:
    account = organisation.create("Account", Name="Acme")
    contact = organisation.create("Contact", LastName="L", AccountId=account)
    lead = organisation.create("Lead", LastName="L", Company="Acme")
    draft = {"subject": "Hello", "body": "Dear Ada\n\nBye", "email": "ada@acme.example"}
    operations = [
        create(Kind.EMAIL_DRAFT, "d1", **draft, company_id=account, contact_id=contact),
        create(Kind.EMAIL_DRAFT, "d2", **draft, company_id=lead, contact_id=lead),
        create(Kind.NOTE, "n1", body="Called.", company_id=account),
        create(Kind.NOTE, "n2", body="Called.", company_id=lead),
    ]
    results = push(accounts, *operations)
    push(accounts, *operations)
    tasks = [organisation.record(result.remote_id) for result in results if isinstance(result, Sent)]
    assert [(task["WhoId"], task["WhatId"]) for task in tasks] == [
        (contact, account),
        (lead, None),
        (None, account),
        (lead, None),
    ]
    assert tasks[0]["Subject"] == "E-mail draft: Hello"
    assert (tasks[0]["Status"], tasks[0]["TaskSubtype"], tasks[2]["Status"]) == (
        "Not Started",
        None,
        "Completed",
    )
    assert len(organisation.records("Task")) == 4
    read = accounts.read(Kind.EMAIL_DRAFT, [tasks[0]["Id"]])[tasks[0]["Id"]]
    assert dict(read.fields) == draft
    assert (read.company_id, read.external_key) == (account, "d1")
    [edited, refused] = push(
        accounts,
        update(Kind.NOTE, tasks[2]["Id"], body="Called twice."),
        update(Kind.EMAIL_DRAFT, tasks[0]["Id"], body="x"),
    )
    assert isinstance(edited, Sent)
    assert organisation.record(tasks[2]["Id"])["Description"] == "Called twice."
    assert failed(refused) == (FailureClass.UNSUPPORTED, None)


def test_odd_values_come_back_as_they_went(leads: SalesforceConnector) -> None:
    odd = {
        "company": 'Zoë\'s 日本 "Best" \\ 🚀 & <b>',
        "street": "Line 1\nLine 2",
        "next_step": "x" * 500,
        "score": 0.5,
    }
    [result] = push(leads, create(Kind.COMPANY, "o'k", **odd))
    assert isinstance(result, Sent)
    record = leads.read(Kind.COMPANY, [result.remote_id])[result.remote_id]
    assert {name: record.fields[name] for name in odd} == odd
    assert record.external_key == "o'k"
    push(leads, update(Kind.COMPANY, result.remote_id, street=None, score=None))
    record = leads.read(Kind.COMPANY, [result.remote_id])[result.remote_id]
    assert not record.fields.keys() & {"street", "score"}


def test_a_dry_run_writes_nothing(organisation: RunningServer) -> None:
    connector = connect(organisation, options_of(dry_run=True))
    with pytest.raises(WriteRefused):
        push(connector, create(Kind.COMPANY, "k", company="Firm"))
    with pytest.raises(WriteRefused):
        list(connector.erase(Kind.COMPANY, [organisation.create("Account", Name="A")]))
    connector.close()
    assert not organisation.writes


@pytest.mark.parametrize("mode", ["leads", "accounts"])
def test_places_from_picklists_are_written_and_read_as_codes(
    organisation: RunningServer, mode: str, request: pytest.FixtureRequest
) -> None:
    organisation.use_place_picklists()
    connector: SalesforceConnector = request.getfixturevalue(mode)
    prefix = "Billing" if mode == "accounts" else ""
    results = push(
        connector,
        create(Kind.COMPANY, "a", company="A", state="OH"),
        create(Kind.COMPANY, "b", company="B", state="ON", country="CA"),
        create(Kind.COMPANY, "c", company="C", state="Texas", country="U.S.A."),
        create(Kind.COMPANY, "d", company="D", state="Ontaryo", country="Canada"),
        create(Kind.COMPANY, "e", company="E", city="Akron"),
    )
    assert failed(results[3]) == (FailureClass.VALIDATION, None)
    ids = [result.remote_id for result in results if isinstance(result, Sent)]
    held = [organisation.record(one) for one in ids]
    assert [(row[f"{prefix}State"], row[f"{prefix}Country"]) for row in held] == [
        ("Ohio", "United States"),
        ("Ontario", "Canada"),
        ("Texas", "United States"),
        (None, None),
    ]
    read = connector.read(Kind.COMPANY, ids)
    places = [(read[one].fields.get("state"), read[one].fields.get("country")) for one in ids]
    assert places == [("OH", "US"), ("ON", "CA"), ("TX", "US"), (None, None)]
    [moved] = push(connector, update(Kind.COMPANY, ids[0], state="TX"))
    assert isinstance(moved, Sent)
    assert organisation.record(ids[0])[f"{prefix}State"] == "Texas"
    [cleared] = push(connector, update(Kind.COMPANY, ids[0], state=None, country=None))
    assert isinstance(cleared, Sent)
    assert organisation.record(ids[0])[f"{prefix}StateCode"] is None


def test_places_are_texts_where_they_are_texts(
    leads: SalesforceConnector, organisation: RunningServer
) -> None:
    [result] = push(leads, create(Kind.COMPANY, "a", company="A", state="OH", country="USA"))
    assert isinstance(result, Sent)
    held = organisation.record(result.remote_id)
    assert (held["State"], held["Country"]) == ("OH", "USA")
