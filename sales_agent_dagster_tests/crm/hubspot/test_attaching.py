"""What is created is attached with a second call, and others may do something between the two."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from sales_agent_dagster.crm.contract import Deferred, Failed, FailureClass, Sent, Unknown, Verdict
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.crm.hubspot.client import Client
from sales_agent_dagster.crm.hubspot.connector import HubSpot
from sales_agent_dagster_tests.crm.hubspot.conftest import Connect
from sales_agent_dagster_tests.crm.hubspot.operations import create, pushed
from sales_agent_dagster_tests.hubspot_server import RunningServer

Meanwhile = Callable[[str], object]


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Callable[[Meanwhile], None]:
    """Sets what happens to a contact that is there and not attached yet."""
    attach = Client.associate

    def happens(what: Meanwhile) -> None:
        def late(self: Client, kind: Kind, other: Kind, pairs: Sequence[tuple[str, str]]) -> object:
            for one, _ in pairs:
                what(one)
            return attach(self, kind, other, pairs)

        monkeypatch.setattr(Client, "associate", late)

    return happens


def test_a_contact_that_somebody_deletes_at_once_was_created(
    hubspot: RunningServer, crm: HubSpot, meanwhile: Callable[[Meanwhile], None]
) -> None:
    company = hubspot.add("companies", name="Acme")
    meanwhile(lambda contact: hubspot.delete("contacts", contact))
    (sent,) = pushed(crm, create("p", Kind.CONTACT, company, email="jo@acme.example"))
    assert isinstance(sent, Sent)
    assert sent.created
    assert hubspot.active("contacts") == {}


def test_a_contact_whose_company_is_deleted_at_once_is_refused(
    hubspot: RunningServer, crm: HubSpot, meanwhile: Callable[[Meanwhile], None]
) -> None:
    company = hubspot.add("companies", name="Acme")
    meanwhile(lambda contact: hubspot.delete("companies", company))
    (failed,) = pushed(crm, create("p", Kind.CONTACT, company, email="jo@acme.example"))
    assert isinstance(failed, Failed)
    assert (failed.failure, failed.message) == (FailureClass.GONE, "Its company is not in HubSpot any more.")


def test_what_cannot_be_looked_at_is_due_again(
    hubspot: RunningServer, crm: HubSpot, meanwhile: Callable[[Meanwhile], None]
) -> None:
    company = hubspot.add("companies", name="Acme")

    def break_reading(contact: str) -> None:
        hubspot.delete("companies", company)
        hubspot.fail("503", where="contacts/batch/read", times=5)

    meanwhile(break_reading)
    (due,) = pushed(crm, create("p", Kind.CONTACT, company, email="jo@acme.example"))
    assert isinstance(due, Deferred)
    assert (due.failure, [due.remote_id]) == (FailureClass.TRANSIENT, list(hubspot.active("contacts")))


@pytest.mark.parametrize("kind", [Kind.NOTE, Kind.EMAIL_DRAFT, Kind.CONTACT])
def test_what_was_created_without_an_answer_is_attached_before_it_is_read_back(
    hubspot: RunningServer, crm: HubSpot, kind: Kind
) -> None:
    company, contact = hubspot.add("companies", name="Acme"), hubspot.add("contacts", email="jo@x.example")
    fields = {"email": "al@acme.example"} if kind is Kind.CONTACT else {"body": "text"}
    operation = create("n", kind, company, **fields)
    if kind is not Kind.CONTACT:
        operation = replace(operation, contact_id=contact)
    hubspot.fail("drop", where="batch/upsert")
    (unknown,) = pushed(crm, operation)
    assert isinstance(unknown, Unknown)
    (told,) = crm.reconcile([operation])
    assert told.verdict is Verdict.FOUND
    assert told.record is not None
    object_type = "contacts" if kind is Kind.CONTACT else "notes"
    assert hubspot.linked(object_type, told.record.remote_id, "companies") == {company}
    if kind is not Kind.CONTACT:
        assert hubspot.linked(object_type, told.record.remote_id, "contacts") == {contact}


def test_a_contact_that_a_person_gave_a_company_is_not_moved(
    hubspot: RunningServer, crm: HubSpot, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = hubspot.add("companies", name="Ours"), hubspot.add("companies", name="Theirs")
    advance = hubspot.clock.advance

    def meanwhile(seconds: float) -> None:
        monkeypatch.setattr(hubspot.clock, "advance", advance)
        [contact] = hubspot.active("contacts")
        hubspot.associate("contacts", contact, "companies", theirs)
        advance(seconds)

    monkeypatch.setattr(hubspot.clock, "advance", meanwhile)
    hubspot.fail("drop", where="batch/upsert")
    pushed(crm, create("p", Kind.CONTACT, ours, email="jo@acme.example"))
    [contact] = hubspot.active("contacts")
    assert hubspot.linked("contacts", contact, "companies") == {theirs}


@pytest.mark.parametrize("gone", [False, True])
@pytest.mark.parametrize("where", ["notes/contacts.*default", "notes/companies.*default"])
def test_a_note_that_could_not_be_attached_is_read_back(
    hubspot: RunningServer, crm: HubSpot, where: str, gone: bool
) -> None:
    company, contact = hubspot.add("companies", name="Acme"), hubspot.add("contacts", email="jo@x.example")
    note = replace(create("n", Kind.NOTE, company, body="text"), contact_id=contact)
    hubspot.fail("503", where=where, times=5)
    (unknown,) = pushed(crm, note)
    assert isinstance(unknown, Unknown)
    assert unknown.message.startswith("Created, but not attached yet")
    [made] = hubspot.active("notes")
    if gone:
        hubspot.delete("notes", made)
        (told,) = crm.reconcile([note])
        assert told.verdict is Verdict.FOUND, "a person deleted it: it is not made again"
        assert hubspot.active("notes") == {}
        return
    (told,) = crm.reconcile([note])
    assert told.verdict is Verdict.ABSENT, "it is due again, for its company's sake"
    (sent,) = pushed(crm, note)
    assert isinstance(sent, Sent)
    assert list(hubspot.active("notes")) == [made]
    assert hubspot.linked("notes", made, "companies") == {company}
    assert hubspot.linked("notes", made, "contacts") == {contact}


def test_what_cannot_be_looked_for_is_left_to_reading_back(hubspot: RunningServer, connect: Connect) -> None:
    crm = connect(attempts=1)
    company = hubspot.add("companies", name="Acme")
    hubspot.fail("drop", where="notes/batch/upsert")
    hubspot.fail("503", where="notes/batch/read")
    (unknown,) = pushed(crm, create("n", Kind.NOTE, company, body="text"))
    assert isinstance(unknown, Unknown)
    [note] = hubspot.active("notes")
    assert hubspot.linked("notes", note, "companies") == set()
