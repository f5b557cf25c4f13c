"""What is created is attached with a second call, and others may do something between the two."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from sales_agent_dagster.crm.contract import Deferred, Failed, FailureClass, Sent
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.crm.hubspot.client import Client
from sales_agent_dagster.crm.hubspot.connector import HubSpot
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
