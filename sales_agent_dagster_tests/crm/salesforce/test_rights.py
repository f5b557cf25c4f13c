"""What the integration's user may not see or edit: objects, fields, the day's quota."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest

from sales_agent_dagster.crm.contract import FieldState, Subject
from sales_agent_dagster.crm.errors import PermissionRefused, RateLimited, RecordGone
from sales_agent_dagster.crm.fields import FIELDS, Kind
from sales_agent_dagster.crm.operations import FailureClass, Sent, Verdict
from sales_agent_dagster.crm.salesforce import SalesforceConnector
from sales_agent_dagster_tests.crm.salesforce.organisation import (
    ACME,
    ADA,
    KEY,
    connect,
    create,
    failed,
    push,
    set_up,
)
from sales_agent_dagster_tests.salesforce_server import RunningServer

SUBJECT = Subject("c", ("acme.example",), ("ada@acme.example",), ("+13105550100",))


@contextmanager
def connected(server: RunningServer, **given: Any) -> Iterator[SalesforceConnector]:
    connector = connect(server, **given)
    try:
        yield connector
    finally:
        connector.close()


def hide(server: RunningServer, *sobjects: str) -> None:
    for name in sobjects:
        del server.org.objects[name.lower()]


def faults_of(connector: SalesforceConnector) -> list[str]:
    """What a person is told to do."""
    found = connector.ensure_fields(dry_run=True)
    return [str(one.instruction) for one in found if one.state is FieldState.MISSING]


@pytest.mark.parametrize(
    ("mode", "hidden"),
    [
        ("lead", ("Opportunity",)),
        ("lead", ("Account", "Contact", "Opportunity")),
        ("account_contact", ("Lead",)),
        ("account_contact", ("Lead", "Contact")),
    ],
)
def test_objects_that_are_not_needed_may_be_hidden(
    organisation: RunningServer, mode: str, hidden: tuple[str, ...]
) -> None:
    hide(organisation, *hidden)
    with connected(organisation, object_mode=mode) as connector:
        assert connector.describe().writer == organisation.org.integration
        for stream in connector.capabilities.streams:
            assert not [record for page in connector.pull(stream.name, None) for record in page.records]
            assert list(connector.appeared(stream.name, None)) == []
        assert list(connector.suppressions(None)) == []
        assert connector.lookup(Kind.COMPANY, [SUBJECT]) == {}
        [sent] = push(connector, create(Kind.COMPANY, "c", **ACME))
        assert isinstance(sent, Sent)
        [found] = connector.reconcile([create(Kind.COMPANY, "c", **ACME)])
        assert found.verdict is Verdict.FOUND
        [candidate] = connector.lookup(Kind.COMPANY, [SUBJECT])["c"]
        assert candidate.record.remote_id == sent.remote_id
        told = faults_of(connector)
    assert [one.rpartition("use ")[2] for one in told] == [f"{name} records." for name in hidden]


def test_without_tasks_or_contacts_none_are_planned(organisation: RunningServer) -> None:
    hide(organisation, "Task", "Contact")
    with connected(organisation, object_mode="account_contact") as connector:
        held = connector.capabilities.fields
        assert {kind for kind in held if held[kind]} == {Kind.COMPANY, Kind.OPPORTUNITY}
        [company] = push(connector, create(Kind.COMPANY, "c", **ACME))
        assert isinstance(company, Sent)
        results = push(
            connector,
            create(Kind.NOTE, "n", body="x", company_id=company.remote_id),
            create(Kind.CONTACT, "a", company_id=company.remote_id, **ADA),
        )
    assert [failed(one)[0] for one in results] == [FailureClass.VALIDATION] * 2
    assert "may not see the object Task" in str(results[0])


@pytest.mark.parametrize(("mode", "needed"), [("lead", "Lead"), ("account_contact", "Account")])
def test_the_object_of_companies_is_needed(organisation: RunningServer, mode: str, needed: str) -> None:
    hide(organisation, needed)
    with connected(organisation, object_mode=mode) as connector:
        for ask in (connector.describe, lambda: connector.capabilities.fields[Kind.COMPANY]):
            with pytest.raises(PermissionRefused, match=f"may not see the object {needed}"):
                ask()


def test_a_refused_question_for_an_object_does_not_mean_that_it_is_hidden(
    leads: SalesforceConnector, organisation: RunningServer
) -> None:
    organisation.fault("forbidden", path="Opportunity/describe")
    with pytest.raises(PermissionRefused):
        list(leads.pull("opportunities", None))
    assert len(list(leads.pull("opportunities", None))) == 1


def test_fields_that_cannot_be_written_are_left_out(
    salesforce: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    set_up(salesforce, "Sales_Agent_Tier__c")
    lead = salesforce.org.objects["lead"]
    lead.change("Phone", system=True)
    del lead.fields["industry"], lead.fields["hasoptedoutofemail"]
    with connected(salesforce) as connector:
        held = connector.capabilities.fields
        lacking = {kind: set(FIELDS[kind]) - held[kind] for kind in held}
        told = faults_of(connector)
        assert connector.capabilities.fields[Kind.COMPANY] == held[Kind.COMPANY]
    nothing: set[str] = set()
    assert lacking == {**dict.fromkeys(held, nothing), Kind.COMPANY: {"tier", "phone", "industry"}}
    [warned] = [record.getMessage() for record in caplog.records]
    assert "edit Phone, Industry, Sales_Agent_Tier__c of the object Lead: left out" in warned
    assert len(told) == 5
    assert any("Account, Fields & Relationships, New: Text, length 20" in one for one in told)
    assert any("Phone, Set Field-Level Security" in one and "edit it" in one for one in told)
    for column in ("Industry", "HasOptedOutOfEmail"):
        assert any(f"Lead, Fields & Relationships, {column}, " in one and "see it" in one for one in told)


def test_a_missing_key_is_told_when_planning(
    salesforce: RunningServer, caplog: pytest.LogCaptureFixture
) -> None:
    set_up(salesforce, KEY)
    with connected(salesforce) as connector:
        assert connector.capabilities.fields[Kind.COMPANY]
        assert connector.capabilities.fields[Kind.OPPORTUNITY]
    [warned] = [record.getMessage() for record in caplog.records]
    assert f"edit {KEY} of the object Lead: nothing can be created there" in warned


def test_people_and_companies_are_looked_for_by_what_can_be_seen(salesforce: RunningServer) -> None:
    set_up(salesforce, KEY)
    salesforce.create("Contact", LastName="L", Email="ada@acme.example")
    for sobject in ("lead", "account", "contact"):
        for column in ("phone", "website", "email"):
            salesforce.org.objects[sobject].fields.pop(column, None)
    with connected(salesforce) as connector:
        assert connector.lookup(Kind.COMPANY, [SUBJECT]) == {}
        assert connector.lookup(Kind.CONTACT, [SUBJECT]) == {}


def test_who_may_not_see_limits_can_sync(leads: SalesforceConnector, organisation: RunningServer) -> None:
    organisation.fault("forbidden", path="/limits", times=9)
    found = leads.describe()
    assert (found.writer, found.limits) == (organisation.org.integration, {})
    health = leads.health()
    assert (health.ok, health.message) == (True, "logged in")
    assert health.quota_left is not None


def test_a_server_that_lists_no_versions_may_have_ours(
    leads: SalesforceConnector, organisation: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    hide(organisation, "Opportunity")
    transport = leads._client.transport
    request = transport.request

    def unlisted(method: str, path: str, **given: Any) -> Any:
        if path == "services/data":
            raise RecordGone("The requested resource does not exist", status=404)
        return request(method, path, **given)

    monkeypatch.setattr(transport, "request", unlisted)
    assert list(leads.pull("opportunities", None)) == []


def test_the_name_of_the_organisation_is_no_need(
    leads: SalesforceConnector, organisation: RunningServer
) -> None:
    organisation.fault("forbidden", text="Organization")
    assert leads.describe().account.startswith(organisation.url)
    organisation.fault("quota", path="/limits")
    with pytest.raises(RateLimited):
        leads.describe()
