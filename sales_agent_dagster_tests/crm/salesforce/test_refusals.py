"""What Salesforce refuses, as a row, as a request, for good or for now."""

from __future__ import annotations

import pytest

from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.crm.operations import Deferred, Failed, FailureClass, PushResult, Sent, Unknown
from sales_agent_dagster.crm.salesforce import SalesforceConnector
from sales_agent_dagster.crm.salesforce.layout import NO_NAME
from sales_agent_dagster.crm.salesforce.outcomes import in_doubt, of_result, stops
from sales_agent_dagster_tests.crm.salesforce.organisation import (
    ADA,
    connect,
    create,
    failed,
    options_of,
    push,
    set_up,
    update,
)
from sales_agent_dagster_tests.salesforce_server import RunningServer
from sales_agent_dagster_tests.salesforce_server.errors import bad


def test_bad_rows_do_not_hold_up_the_others(leads: SalesforceConnector, organisation: RunningServer) -> None:
    operations = [create(Kind.COMPANY, f"k{number}", company=f"Firm {number}") for number in range(250)]
    operations[100] = create(Kind.COMPANY, "long", company="x" * 256)
    operations[240] = create(Kind.COMPANY, "none", website="https://none.example")
    results = push(leads, *operations)
    assert failed(results[100]) == (FailureClass.VALIDATION, None)
    assert failed(results[240]) == (FailureClass.VALIDATION, None)
    assert sum(isinstance(result, Sent) for result in results) == 248
    assert len(organisation.records("Lead")) == 248
    assert "x" * 20 not in results[100].message  # type: ignore[union-attr]


def test_a_row_that_spoils_its_whole_request_is_found_by_halving(
    leads: SalesforceConnector, organisation: RunningServer
) -> None:
    operations = [create(Kind.COMPANY, f"k{number}", company=f"Firm {number}") for number in range(64)]
    organisation.org.validation_rules.clear()
    leads.describe()
    # A column that goes while the connector knows it.
    poison = create(Kind.COMPANY, "poison", company="Poison", tier="A")
    del organisation.org.objects["lead"].fields["sales_agent_tier__c"]
    results = push(leads, *operations, poison)
    assert failed(results[-1]) == (FailureClass.VALIDATION, None)
    assert all(isinstance(result, Sent) for result in results[:-1])
    assert len(organisation.writes) < 16


def test_locked_rows_are_sent_again_and_only_they(
    leads: SalesforceConnector, organisation: RunningServer
) -> None:
    organisation.fault("locked", method="PATCH", path="composite", rows=2)
    results = push(leads, *(create(Kind.COMPANY, f"k{number}", company="Firm") for number in range(5)))
    assert all(isinstance(result, Sent) for result in results)
    assert [asked.body.count(b'"attributes"') for asked in organisation.writes] == [5, 2]


def test_rows_that_stay_locked_are_due_later(leads: SalesforceConnector, organisation: RunningServer) -> None:
    organisation.fault("locked", method="PATCH", path="composite", times=10)
    [result] = push(leads, create(Kind.COMPANY, "k", company="Firm"))
    assert isinstance(result, Deferred)
    assert result.failure == FailureClass.TRANSIENT
    assert not organisation.records("Lead")


@pytest.mark.parametrize("fault", ["locked", "quota", "503"])
def test_what_an_attempt_without_an_answer_did_is_not_called_due(
    leads: SalesforceConnector, organisation: RunningServer, fault: str
) -> None:
    organisation.fault("drop", method="PATCH", path="composite")
    organisation.fault(fault, method="PATCH", path="composite", times=10)
    [result] = push(leads, create(Kind.COMPANY, "k", company="Firm"))
    assert isinstance(result, Unknown)
    assert len(organisation.records("Lead")) == 1


@pytest.mark.parametrize(
    ("code", "kind"), [("ENTITY_IS_DELETED", Unknown), ("STRING_TOO_LONG", Failed), ("", Failed)]
)
def test_a_record_that_is_gone_by_now_may_have_been_written_before(code: str, kind: type[PushResult]) -> None:
    refused = of_result(create(Kind.COMPANY, "k"), {"errors": [{"statusCode": code}]}, None)
    assert isinstance(refused, Failed)
    assert isinstance(in_doubt(refused), kind)


@pytest.mark.parametrize(
    ("code", "remedy"),
    [
        ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", "An Apex trigger"),
        ("CANNOT_EXECUTE_FLOW_TRIGGER", "A flow"),
        ("ENTITY_IS_LOCKED", "An approval"),
    ],
)
def test_what_the_organisation_does_to_a_record_is_no_matter_of_rights(code: str, remedy: str) -> None:
    refused = of_result(create(Kind.COMPANY, "k"), {"errors": [{"statusCode": code}]}, None)
    assert failed(refused)[0] is FailureClass.VALIDATION
    assert isinstance(refused, Failed)
    assert refused.remedy.startswith(remedy)


def test_a_full_organisation_stops_everything_and_is_no_fault_of_the_record() -> None:
    row = {"errors": [{"statusCode": "STORAGE_LIMIT_EXCEEDED", "message": "storage limit exceeded"}]}
    refused = of_result(create(Kind.COMPANY, "k"), row, None)
    assert isinstance(refused, Deferred)
    assert refused.failure is FailureClass.PERMISSION
    assert stops(refused)


@pytest.mark.parametrize("details", [True, False])
def test_a_duplicate_rule_names_the_record_to_link(
    leads: SalesforceConnector, organisation: RunningServer, details: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    organisation.duplicate_rule(Lead="Email", Contact="Email")
    there = organisation.create("Contact", LastName="L", Email="ada@acme.example")
    if not details:
        monkeypatch.setattr("sales_agent_dagster.crm.salesforce.outcomes.blocker_of", lambda result: None)
    lead = organisation.create("Lead", LastName=NO_NAME, Company="Acme")
    [result] = push(leads, create(Kind.CONTACT, "ada", **ADA, company_id=lead))
    assert failed(result) == (FailureClass.CONFLICT, there)
    assert f"Link the company to {there}," in str(result)
    assert organisation.record(lead)["Email"] is None


def test_a_unique_field_names_the_record_that_has_the_value(
    accounts: SalesforceConnector, organisation: RunningServer
) -> None:
    organisation.org.objects["account"].change("Sales_Agent_Sync_Hash__c", unique=True)
    [first] = push(accounts, create(Kind.COMPANY, "a", company="A", sync_hash="h"))
    assert isinstance(first, Sent)
    [second] = push(accounts, create(Kind.COMPANY, "b", company="B", sync_hash="h"))
    assert failed(second) == (FailureClass.CONFLICT, first.remote_id)


def test_what_cannot_be_written_is_told(leads: SalesforceConnector, organisation: RunningServer) -> None:
    account = organisation.create("Account", Name="A")
    results = push(
        leads,
        update(Kind.OPPORTUNITY, "006", status="x"),
        create(Kind.CONTACT, "k", **ADA),
        create(Kind.NOTE, "n", body="x"),
        update(Kind.CONTACT, account, contact_name="x"),
        update(Kind.COMPANY, account, status="x"),
    )
    assert [failed(result)[0] for result in results] == [FailureClass.UNSUPPORTED] * 5
    assert not organisation.writes


def test_a_missing_column_is_told_before_anything_is_sent(salesforce: RunningServer) -> None:
    set_up(salesforce, "Sales_Agent_Tier__c")
    connector = connect(salesforce)
    with_tier, without = push(
        connector, create(Kind.COMPANY, "a", company="A", tier="A"), create(Kind.COMPANY, "b", company="B")
    )
    connector.close()
    assert failed(with_tier) == (FailureClass.VALIDATION, None)
    assert "Sales_Agent_Tier__c" in with_tier.message
    assert isinstance(without, Sent)


@pytest.mark.parametrize(
    ("fault", "failure"),
    [
        ("quota", FailureClass.RATE),
        ("forbidden", FailureClass.PERMISSION),
        ("503", FailureClass.TRANSIENT),
    ],
)
def test_what_stops_a_request(
    leads: SalesforceConnector, organisation: RunningServer, fault: str, failure: FailureClass
) -> None:
    organisation.fault(fault, method="PATCH", times=100)
    results = push(leads, *(create(Kind.COMPANY, f"k{number}", company="Firm") for number in range(3)))
    assert {result.failure for result in results if isinstance(result, Deferred)} == {failure}
    assert len(organisation.writes) == (5 if fault == "503" else 1)
    assert not organisation.records("Lead")


def test_after_the_quota_is_spent_nothing_more_is_sent(organisation: RunningServer) -> None:
    connector = connect(organisation, options_of(concurrency=1))
    organisation.fault("quota", method="PATCH", times=100, after=1)
    operations = [create(Kind.COMPANY, f"k{number}", company="Firm") for number in range(900)]
    results = push(connector, *operations, create(Kind.NOTE, "n", body="x", company_id="001"))
    connector.close()
    assert sum(isinstance(result, Sent) for result in results) == 200
    assert len(organisation.writes) == 2
    assert {result.failure for result in results if isinstance(result, Deferred)} == {FailureClass.RATE}


def test_too_many_at_once_is_waited_for(leads: SalesforceConnector, organisation: RunningServer) -> None:
    organisation.fault("busy", method="PATCH", times=3)
    [result] = push(leads, create(Kind.COMPANY, "k", company="Firm"))
    assert isinstance(result, Sent)
    assert leads.counters.refusals == 3


@pytest.mark.parametrize(
    ("code", "expected", "failure"),
    [
        ("INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY", Failed, FailureClass.PERMISSION),
        ("REQUEST_LIMIT_EXCEEDED", Deferred, FailureClass.RATE),
        ("FIELD_CUSTOM_VALIDATION_EXCEPTION", Failed, FailureClass.VALIDATION),
        ("SOMETHING_NEW", Failed, FailureClass.VALIDATION),
    ],
)
def test_what_is_said_of_one_row(
    leads: SalesforceConnector, organisation: RunningServer, code: str, expected: type, failure: FailureClass
) -> None:
    def refuse(name: str, record: object) -> None:
        raise bad(code, "no")

    organisation.org.validation_rules.append(refuse)
    [result] = push(leads, create(Kind.COMPANY, "k", company="Firm"))
    assert isinstance(result, expected)
    assert result.failure == failure


def test_a_validation_rule_says_why(leads: SalesforceConnector, organisation: RunningServer) -> None:
    organisation.org.validation_rules.append(
        lambda name, record: "Akron only" if record.get("City") != "Akron" else None
    )
    refused, sent = push(
        leads,
        create(Kind.COMPANY, "a", company="A", city="Kent"),
        create(Kind.COMPANY, "b", company="B", city="Akron"),
    )
    assert isinstance(refused, Failed)
    assert "Akron only" in refused.message
    assert isinstance(sent, Sent)


@pytest.mark.parametrize("answer", [[], {"odd": True}])
def test_an_answer_that_fits_no_row_is_unknown(
    leads: SalesforceConnector, organisation: RunningServer, answer: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    leads.describe()
    monkeypatch.setattr(organisation.app.resources.collections, "upsert", lambda *given: answer)
    results = push(leads, *(create(Kind.COMPANY, f"k{number}", company="Firm") for number in range(3)))
    assert {type(result) for result in results} == {Unknown}


def test_what_took_a_record_s_place_may_stay_open(
    leads: SalesforceConnector, organisation: RunningServer
) -> None:
    account = organisation.create("Account", Name="A")
    leads.describe()
    organisation.delete(account)
    organisation.fault("502", method="GET", path="queryAll", times=5)
    [result] = push(leads, update(Kind.COMPANY, account, company="B"))
    assert failed(result) == (FailureClass.GONE, None)
    organisation.fault("502", method="GET", path="query", times=5)
    [result] = push(leads, create(Kind.CONTACT, "k", **ADA, company_id="00Q5e0000000001EAA"))
    assert isinstance(result, Unknown)
