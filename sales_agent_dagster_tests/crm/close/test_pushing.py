"""Sending and reading back: nothing is doubled, nothing is lost, nothing is sent to a person."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from sales_agent_dagster.crm.close import CloseConnector
from sales_agent_dagster.crm.contract import (
    Action,
    Deferred,
    Failed,
    FailureClass,
    Operation,
    Sent,
    Unknown,
)
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster_tests.close_server.running import RunningClose
from sales_agent_dagster_tests.crm.close.conftest import MakeConnector, create, made, only, update

COMPANY: dict[str, Any] = {
    "company": "Kraftwerk Müller ⚡ GmbH",
    "phone": "+15125550123",
    "website": "https://acme.com/",
    "linkedin": "https://www.linkedin.com/company/acme",
    "street": "1 Main St",
    "city": "Austin",
    "state": "TX",
    "zip": "78701",
    "country": "US",
    "industry": "Generators",
    "tier": "A",
    "brands": "Generac, Kohler",
    "trades": "Electrical",
    "next_step": "Call on Monday",
    "score": 87.5,
    "expansion_score": 12.0,
    "sync_hash": "f" * 64,
    "last_enriched_at": "2026-03-01T08:00:00+00:00",
    "source_run": "run-1",
}


def test_every_field_comes_back_as_it_went(connector: CloseConnector, close: RunningClose) -> None:
    result = only(connector.push([create("k1", **COMPANY)]))
    assert isinstance(result, Sent)
    assert result.created
    assert result.url == f"https://app.close.com/lead/{result.remote_id}/"
    record = connector.read(Kind.COMPANY, [result.remote_id])[result.remote_id]
    assert dict(record.fields) == {**COMPANY, "status": "Potential"}
    assert record.external_key == "k1"
    assert record.modified_at == result.modified_at
    assert record.writer == connector.describe().writer
    (lead,) = close.objects("lead")
    assert lead["addresses"][0]["zipcode"] == "78701"
    assert connector.capabilities.fields[Kind.COMPANY] >= COMPANY.keys()


def test_an_update_patches(connector: CloseConnector, close: RunningClose) -> None:
    lead = made(connector, **COMPANY)
    close.ask("PUT", f"/lead/{lead}/", {"description": "a rep's words"})
    result = only(connector.push([update(lead, score=90.0, next_step=None)]))
    assert isinstance(result, Sent)
    assert not result.created
    assert set(close.log[-1].body) == {f"custom.{id_of(connector, name)}" for name in ("score", "next_step")}
    record = connector.read(Kind.COMPANY, [lead])[lead]
    assert record.fields["score"] == 90
    assert "next_step" not in record.fields
    assert close.objects("lead")[0]["description"] == "a rep's words"


def id_of(connector: CloseConnector, name: str) -> str:
    return connector.mapper.schema.ids[Kind.COMPANY][name]


def test_other_addresses_stay(connector: CloseConnector, close: RunningClose) -> None:
    lead = made(connector, city="Austin", state="TX")
    mailing = {"label": "mailing", "city": "Dallas", "state": "TX"}
    held = close.ask("GET", f"/lead/{lead}/")["addresses"]
    close.ask("PUT", f"/lead/{lead}/", {"addresses": [mailing, *held]})
    list(connector.push([update(lead, zip="78701", state=None)]))
    first, second = close.objects("lead")[0]["addresses"]
    assert (first["label"], first["city"]) == ("mailing", "Dallas")
    assert (second["city"], second["state"], second["zipcode"]) == ("Austin", "", "78701")
    list(connector.push([update(lead, zip=None, city=None)]))
    assert [address["label"] for address in close.objects("lead")[0]["addresses"]] == ["mailing"]


@pytest.mark.parametrize("by_now", ["Dallas", "Austin", "Waco"])
def test_a_part_of_a_list_that_was_edited_since_it_was_compared_is_left(
    connector: CloseConnector, close: RunningClose, by_now: str
) -> None:
    lead = made(connector, city="Austin", state="TX", tier="A")
    [held] = close.ask("GET", f"/lead/{lead}/")["addresses"]
    close.ask("PUT", f"/lead/{lead}/", {"addresses": [{**held, "city": by_now}]})
    operation = replace(update(lead, city="Waco", tier="B"), before={"city": "Austin", "tier": "A"})
    result = only(connector.push([operation]))
    record = connector.read(Kind.COMPANY, [lead])[lead]
    if by_now == "Dallas":
        assert isinstance(result, Deferred)
        assert result.failure is FailureClass.CONFLICT
        assert (record.fields["city"], record.fields["tier"]) == ("Dallas", "A")
    else:
        assert isinstance(result, Sent)
        assert (record.fields["city"], record.fields["tier"]) == ("Waco", "B")


def test_a_number_that_was_edited_since_it_was_compared_is_left(
    connector: CloseConnector, close: RunningClose
) -> None:
    lead = made(connector)
    person = only(connector.push([create("E1-jo", Kind.CONTACT, company_id=lead, phone="+13305550101")]))
    assert isinstance(person, Sent)
    phones = [{"type": "office", "phone": "+13305550999"}]
    close.ask("PUT", f"/contact/{person.remote_id}/", {"phones": phones})
    change = update(person.remote_id, Kind.CONTACT, phone="+13305550222")
    result = only(connector.push([replace(change, before={"phone": "+13305550101"})]))
    assert isinstance(result, Deferred)
    assert result.failure is FailureClass.CONFLICT
    assert (
        connector.read(Kind.CONTACT, [person.remote_id])[person.remote_id].fields["phone"] == "+13305550999"
    )


def test_contacts_are_their_own_and_other_addresses_stay(
    connector: CloseConnector, close: RunningClose
) -> None:
    lead = made(connector)
    person = {"contact_name": "Jo", "contact_title": "CTO", "email": "jo@acme.com", "phone": "+15125550123"}
    sent = only(connector.push([create("c1", Kind.CONTACT, company_id=lead, **person)]))
    assert isinstance(sent, Sent)
    key = sent.remote_id
    record = connector.read(Kind.CONTACT, [key])[key]
    assert (dict(record.fields), record.company_id, record.external_key) == (person, lead, "c1")
    home = {"email": "jo@home.com", "type": "home"}
    held = close.ask("GET", f"/contact/{key}/")["emails"]
    close.ask("PUT", f"/contact/{key}/", {"emails": [*held, home]})
    list(connector.push([update(key, Kind.CONTACT, email="jo@new.com", phone=None, company_id=lead)]))
    (contact,) = close.objects("contact")
    assert [each["email"] for each in contact["emails"]] == ["jo@new.com", "jo@home.com"]
    assert contact["phones"] == []
    list(connector.push([update(key, Kind.CONTACT, email="jo@home.com", company_id=lead)]))
    assert [each["email"] for each in close.objects("contact")[0]["emails"]] == ["jo@home.com"]
    assert all(len(each["contacts"]) == 1 for each in [close.ask("GET", f"/lead/{lead}/")])


def test_nothing_that_hangs_on_a_lead_goes_without_one(
    connector: CloseConnector, close: RunningClose
) -> None:
    result = only(connector.push([create("c1", Kind.CONTACT, contact_name="Jo")]))
    assert isinstance(result, Failed)
    assert result.failure is FailureClass.UNSUPPORTED
    assert close.objects("lead") == []


@pytest.mark.parametrize(
    ("lacks", "said"),
    [("Sales Agent Key", "no custom field for our key"), ("Sales Agent Tier", "no field for tier")],
)
def test_what_setup_would_create_is_told_so(
    connector_to: MakeConnector, close: RunningClose, lacks: str, said: str
) -> None:
    connector_to().ensure_fields(dry_run=False)
    fields = close.crm.store.custom_fields["lead"]
    del fields[next(key for key, field in fields.items() if field["name"] == lacks)]
    result = only(connector_to().push([create("c1", company="Acme", tier="GOLD")]))
    assert isinstance(result, Failed)
    assert said in result.message
    assert result.remedy == "SALES_AGENT_CRM__MODE=live sales-agent crm setup"


@pytest.mark.parametrize("status", ["402", "403"])
def test_what_the_key_may_not_do_is_not_tried_again_and_again(
    connector_to: MakeConnector, close: RunningClose, status: str
) -> None:
    connector = connector_to(concurrency=1)
    connector.ensure_fields(dry_run=False)
    lead = made(connector)
    close.log.clear()
    close.fault(status, method="POST", path="/lead/", times=99)
    operations = [create(f"c{number}", company=f"C {number}") for number in range(20)]
    operations.append(update(lead, company="Acme Two"))
    results = list(connector.push(operations))
    refused = [result for result in results if isinstance(result, Deferred)]
    assert {result.failure for result in refused} == {FailureClass.PERMISSION}
    assert len(refused) == 20
    assert [each.path for each in close.writes()] == ["/lead/", f"/lead/{lead}/"], "other work goes on"
    close.app.plan.standing.clear()
    assert all(isinstance(result, Sent) for result in connector.push(operations[:20])), "for one push only"


def test_drafts_are_drafts(connector: CloseConnector, close: RunningClose) -> None:
    lead = made(connector)
    draft = create("d1", Kind.EMAIL_DRAFT, company_id=lead, subject="Hi", body="Text", email="jo@acme.com")
    note = create("n1", Kind.NOTE, company_id=lead, body="What we know")
    results = {result.op_id: result for result in connector.push([draft, note])}
    assert all(isinstance(result, Sent) for result in results.values())
    (email,) = close.objects("activity.email")
    assert (email["status"], email["to"], email["lead_id"]) == ("draft", ["jo@acme.com"], lead)
    assert close.objects("activity.note")[0]["note"] == "What we know"
    change = update(email["id"], Kind.EMAIL_DRAFT, company_id=lead, subject="Hello")
    assert isinstance(only(connector.push([change])), Sent)
    assert close.objects("activity.email")[0]["subject"] == "Hello"
    close.ask("PUT", f"/activity/email/{email['id']}/", {"status": "sent"})
    late = only(connector.push([update(email["id"], Kind.EMAIL_DRAFT, company_id=lead, subject="Late")]))
    assert isinstance(late, Failed)
    assert late.failure is FailureClass.CONFLICT
    assert close.crm.objects.sent == []
    assert all(each.body["status"] == "draft" for each in close.log if each.path == "/activity/email/")


def test_a_key_that_is_there_is_not_created_again(connector: CloseConnector, close: RunningClose) -> None:
    lead = made(connector, "k1")
    again = only(connector.push([create("k1", company="Acme")]))
    assert isinstance(again, Failed)
    assert (again.failure, again.remote_id) == (FailureClass.CONFLICT, lead)
    assert len(close.objects("lead")) == 1


@pytest.mark.parametrize(
    ("fault", "failure"),
    [("402", FailureClass.PERMISSION), ("403", FailureClass.PERMISSION)],
)
def test_refusals_wait(
    connector: CloseConnector, close: RunningClose, fault: str, failure: FailureClass
) -> None:
    lead = made(connector)
    close.fault(fault, method="PUT", path="/lead/", times=9)
    result = only(connector.push([update(lead, score=3.0)]))
    assert isinstance(result, Deferred)
    assert result.failure is failure


def test_an_update_that_fails_for_good_may_have_arrived_before(
    connector: CloseConnector, close: RunningClose
) -> None:
    lead = made(connector)
    close.fault("503", method="PUT", path="/lead/", times=9)
    assert isinstance(only(connector.push([update(lead, score=3.0)])), Unknown)


def test_a_wrong_key_defers_everything(connector_to: MakeConnector, connector: CloseConnector) -> None:
    results = list(connector_to("nobody").push([create("k1", company="A"), create("k2", company="B")]))
    assert [(type(each), getattr(each, "failure", None)) for each in results] == [
        (Deferred, FailureClass.AUTH)
    ] * 2


def test_without_the_key_field_nothing_is_created(connector_to: MakeConnector, close: RunningClose) -> None:
    result = only(connector_to().push([create("k1", company="A")]))
    assert isinstance(result, Failed)
    assert "fields first" in result.message
    assert close.objects("lead") == []


def test_a_poison_row_is_alone(connector: CloseConnector, close: RunningClose) -> None:
    lead = made(connector)
    operations = [
        create(f"c{number}", Kind.CONTACT, company_id=lead, contact_name="Jo", email=f"jo{number}@acme.com")
        for number in range(100)
    ]
    bad = operations[41]
    operations[41] = Operation(
        bad.op_id, bad.kind, Action.CREATE, bad.external_key, {"email": "not an address"}, company_id=lead
    )
    results = {each.op_id: each for each in connector.push(operations)}
    assert len(results) == 100
    failed = results.pop(bad.op_id)
    assert isinstance(failed, Failed)
    assert failed.failure is FailureClass.VALIDATION
    assert "email" in failed.message
    assert "not an address" not in failed.message
    assert all(isinstance(each, Sent) for each in results.values())
    assert len(close.objects("contact")) == 99


def test_fields_that_are_only_read(connector: CloseConnector) -> None:
    lead = made(connector)
    result = only(connector.push([update(lead, status="Customer")]))
    assert isinstance(result, Failed)
    assert result.failure is FailureClass.UNSUPPORTED
    opportunity = only(connector.push([create("o", Kind.OPPORTUNITY, company_id=lead, status="Won")]))
    assert isinstance(opportunity, Failed)


def test_what_is_gone_tells_where_it_went(connector: CloseConnector, close: RunningClose) -> None:
    first, second, third, fourth = (made(connector, key) for key in "abcd")
    for source, destination in ((first, second), (second, third)):
        close.ask("POST", "/lead/merge/", {"source": source, "destination": destination})
    close.ask("DELETE", f"/lead/{fourth}/")
    result = only(connector.push([update(first, score=1.0)]))
    assert isinstance(result, Failed)
    assert (result.failure, result.remote_id) == (FailureClass.GONE, third)
    lost = only(connector.push([update(fourth, score=1.0)]))
    assert isinstance(lost, Failed)
    assert (lost.failure, lost.remote_id) == (FailureClass.GONE, None)
    contact = only(connector.push([create("x", Kind.CONTACT, company_id=first, contact_name="Jo")]))
    assert isinstance(contact, Failed)
    assert (contact.failure, contact.remote_id) == (FailureClass.GONE, third)
    records = connector.read(Kind.COMPANY, [first, third, fourth])
    assert records.keys() == {first, third}
    assert (records[first].merged_into, records[first].archived) == (third, True)


@pytest.mark.parametrize("headers", [True, False])
def test_a_storm_of_429_stays_under_the_limit_and_ends(
    connector_to: MakeConnector, close: RunningClose, headers: bool
) -> None:
    connector = connector_to(longest_wait_s=100_000.0)
    connector.ensure_fields(dry_run=False)
    close.options.requests, close.options.window_s, close.options.rate_headers = 5, 5.0, headers
    close.app.limiter.most = 0
    results = list(connector.push([create(f"k{number}", company="A") for number in range(40)]))
    assert all(isinstance(each, Sent) for each in results)
    assert len(close.objects("lead")) == 40
    assert close.app.limiter.most <= 5
    assert close.app.limiter.refused < (40 if headers else 150)


def test_a_dry_run_sends_nothing(connector_to: MakeConnector, close: RunningClose) -> None:
    connector_to().ensure_fields(dry_run=False)
    lead = close.ask("POST", "/lead/", {"name": "A"})["id"]
    before = len(close.writes())
    dry = connector_to(dry_run=True)
    assert isinstance(only(dry.push([create("k1", company="A")])), Failed)
    assert isinstance(only(dry.erase(Kind.COMPANY, [lead])), Failed)
    assert len(close.writes()) == before


def test_erasing(connector: CloseConnector, close: RunningClose) -> None:
    lead = made(connector)
    contact = only(connector.push([create("c", Kind.CONTACT, company_id=lead, contact_name="Jo")]))
    assert isinstance(contact, Sent)
    close.fault("drop", method="DELETE")
    results = list(connector.erase(Kind.CONTACT, [contact.remote_id]))
    assert [(type(each), each.op_id) for each in results] == [(Sent, contact.remote_id)]
    assert close.objects("contact") == []
    assert [type(each) for each in connector.erase(Kind.COMPANY, [lead, "lead_gone"])] == [Sent, Sent]
    assert close.objects("lead") == []


def test_times_are_utc(connector: CloseConnector, close: RunningClose) -> None:
    result = only(connector.push([create("k1", company="A")]))
    assert isinstance(result, Sent)
    assert result.modified_at is not None
    assert result.modified_at.tzinfo is UTC
    assert abs(result.modified_at - datetime.fromtimestamp(close.clock.now(), UTC)).total_seconds() < 1


def test_when_what_is_there_cannot_be_read_nothing_is_sent(
    connector: CloseConnector, close: RunningClose
) -> None:
    lead = made(connector)
    before = len(close.writes())
    close.fault("503", path="/data/search/", times=99)
    results = list(connector.push([create("k2", company="B"), create("k3", company="C")]))
    assert [(type(each), getattr(each, "failure", None)) for each in results] == [
        (Deferred, FailureClass.TRANSIENT)
    ] * 2
    assert len(close.writes()) == before
    close.app.plan.standing.clear()
    close.fault("503", path="/event/", times=99)
    close.ask("DELETE", f"/lead/{lead}/")
    gone = only(connector.push([update(lead, score=1.0)]))
    assert isinstance(gone, Failed)
    assert (gone.failure, gone.remote_id) == (FailureClass.GONE, None)


def test_many_keys_are_looked_for_side_by_side(connector: CloseConnector, close: RunningClose) -> None:
    operations = [create(f"k{number}", company="A") for number in range(120)]
    assert all(isinstance(each, Sent) for each in connector.push(operations))
    again = list(connector.push(operations))
    assert all(isinstance(each, Failed) and each.failure is FailureClass.CONFLICT for each in again)
    assert len({each.remote_id for each in again if isinstance(each, Failed)}) == 120
    assert len(close.objects("lead")) == 120
