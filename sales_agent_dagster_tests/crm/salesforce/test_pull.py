"""What changed, in which order, and how far a page is complete."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from sales_agent_dagster.crm.contract import EventAction, Page, SuppressionScope
from sales_agent_dagster.crm.errors import InvalidRequest, RateLimited, Unavailable
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.crm.operations import Sent
from sales_agent_dagster.crm.record import Record
from sales_agent_dagster.crm.salesforce import SalesforceConnector
from sales_agent_dagster.crm.salesforce.layout import NO_NAME
from sales_agent_dagster.crm.salesforce.pulling import REPLIES
from sales_agent_dagster_tests.crm.salesforce.organisation import KEY, create, push
from sales_agent_dagster_tests.salesforce_server import RunningServer
from sales_agent_dagster_tests.salesforce_server.clock import START
from sales_agent_dagster_tests.salesforce_server.schema import Field


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of 200 rows, the fewest that Salesforce gives."""
    monkeypatch.setattr("sales_agent_dagster.crm.salesforce.client.PAGE_SIZE", 200)


def records(pages: list[Page]) -> list[Record]:
    return [record for page in pages for record in page.records]


def test_a_lead_is_a_company_and_a_person(leads: SalesforceConnector, organisation: RunningServer) -> None:
    lead = organisation.create(
        "Lead",
        FirstName="Ada",
        LastName="Lovelace",
        Company="Acme",
        Email="ada@acme.example",
        Phone="1",
        MobilePhone="2",
        Status="Working - Contacted",
        DoNotCall=True,
        Industry="Energy",
        **{KEY: "acme"},
    )
    nobody = organisation.create("Lead", LastName=NO_NAME, Company="Nobody Ltd")
    [page] = leads.pull("leads", None)
    company, person, other = page.records
    assert (company.kind, person.kind, other.kind) == (Kind.COMPANY, Kind.CONTACT, Kind.COMPANY)
    assert company.remote_id == person.remote_id == person.company_id == lead
    assert other.remote_id == nobody
    assert dict(company.fields) == {
        "company": "Acme",
        "phone": "1",
        "industry": "Energy",
        "status": "Working - Contacted",
        "do_not_call": True,
        "owner": "Robin Rep",
    }
    assert dict(person.fields) == {
        "contact_name": "Ada Lovelace",
        "email": "ada@acme.example",
        "phone": "2",
        "do_not_call": True,
    }
    assert (company.external_key, company.writer) == ("acme", organisation.org.rep)
    assert company.modified_at == START
    assert company.url == f"{organisation.url}/{lead}"


def test_accounts_contacts_and_opportunities(leads: SalesforceConnector, organisation: RunningServer) -> None:
    organisation.add_field("Opportunity", Field("CurrencyIsoCode", length=3))
    account = organisation.create("Account", Name="Acme", Type="Customer - Direct", BillingState="TX")
    contact = organisation.create("Contact", LastName="L", AccountId=account, HasOptedOutOfEmail=True)
    given = {"AccountId": account, "Name": "Deal", "CloseDate": "2026-03-31", "StageName": "x"}
    for stage, won, closed in (("Open", False, False), ("Won", True, True), ("Lost", False, True)):
        made = organisation.create(
            "Opportunity", **{**given, "StageName": stage}, Amount=12.5, CurrencyIsoCode="USD"
        )
        organisation.org.get(made).update(IsWon=won, IsClosed=closed)
    [company] = records(list(leads.pull("accounts", None)))
    assert dict(company.fields) == {
        "company": "Acme",
        "state": "TX",
        "existing_customer": True,
        "owner": "Robin Rep",
    }
    [person] = records(list(leads.pull("contacts", None)))
    assert (person.remote_id, person.company_id, dict(person.fields)) == (
        contact,
        account,
        {"contact_name": "L", "email_opt_out": True},
    )
    deals = records(list(leads.pull("opportunities", None)))
    assert {(deal.fields["status"], deal.fields["outcome"], deal.company_id) for deal in deals} == {
        ("Open", "open", account),
        ("Won", "won", account),
        ("Lost", "lost", account),
    }
    won = next(deal for deal in deals if deal.fields["outcome"] == "won")
    assert (won.fields["value"], won.fields["currency"], won.fields["closed_at"]) == (
        12.5,
        "USD",
        "2026-03-31T00:00:00+00:00",
    )


def test_incoming_mails_of_people_are_replies(
    leads: SalesforceConnector, organisation: RunningServer
) -> None:
    lead = organisation.create("Lead", LastName="L", Company="C")
    contact = organisation.create("Contact", LastName="L")
    of_lead = organisation.mail(lead, "Jo@Acme.example", at="2026-03-01T08:00:00.000+0000")
    organisation.mail(contact, "us@ours.example", incoming=False)
    organisation.mail(organisation.org.rep, "rep@ours.example")
    copied = organisation.mail(contact, "ada@acme.example")
    organisation.edit(copied, RelationType="ToAddress")
    organisation.clock.advance(60)
    of_contact = organisation.mail(contact, "ada@acme.example")
    [page] = leads.pull(REPLIES, None)
    assert not page.records
    assert [(one.event_id, one.kind, one.remote_id, one.address) for one in page.events] == [
        (f"reply:{of_lead}", Kind.CONTACT, lead, "jo@acme.example"),
        (f"reply:{of_contact}", Kind.CONTACT, contact, "ada@acme.example"),
    ]
    assert {one.action for one in page.events} == {EventAction.REPLIED}
    sent, stored = (one.updated_at for one in page.events)
    assert (sent, stored) == (datetime(2026, 3, 1, 8, tzinfo=UTC), START + timedelta(seconds=60))
    assert page.complete_to == START + timedelta(seconds=60)
    [later] = leads.pull(REPLIES, page.complete_to)
    assert [one.remote_id for one in later.events] == [contact]


def test_an_organisation_without_mails_tells_no_replies(
    leads: SalesforceConnector, organisation: RunningServer
) -> None:
    del organisation.org.objects["emailmessagerelation"]
    assert list(leads.pull(REPLIES, None)) == []
    assert list(leads.appeared(REPLIES, None)) == []


@pytest.mark.parametrize("hidden", ["object", "mails", "column"])
def test_replies_that_our_user_may_not_see_stop_nothing(
    leads: SalesforceConnector, organisation: RunningServer, hidden: str
) -> None:
    if hidden == "object":
        organisation.fault("forbidden", text="EmailMessageRelation", times=10)
    elif hidden == "mails":
        del organisation.org.objects["emailmessagerelation"].fields["emailmessageid"]
    else:
        del organisation.org.objects["emailmessagerelation"].fields["relationtype"]
    assert list(leads.pull(REPLIES, None)) == []


@pytest.mark.parametrize(("fault", "error"), [("quota", RateLimited), ("503", Unavailable)])
def test_replies_that_do_not_come_now_are_no_missing_ones(
    leads: SalesforceConnector, organisation: RunningServer, fault: str, error: type[Exception]
) -> None:
    organisation.fault(fault, text="EmailMessageRelation", times=10)
    with pytest.raises(error):
        list(leads.pull(REPLIES, None))


def test_a_question_for_replies_that_is_wrong_is_told(
    leads: SalesforceConnector, organisation: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sales_agent_dagster.crm.salesforce.pulling._FROM_PEOPLE", "RelationType IS")
    with pytest.raises(InvalidRequest, match="unexpected token"):
        list(leads.pull(REPLIES, None))


def test_only_what_changed_since_comes_and_a_quiet_crm_repeats_since(
    leads: SalesforceConnector, organisation: RunningServer
) -> None:
    old, new = (organisation.create("Account", Name=name) for name in ("old", "new"))
    organisation.clock.advance(60)
    organisation.edit(new, Name="newer")
    organisation.clock.advance(60)
    later = START + timedelta(seconds=60)
    [page] = leads.pull("accounts", later)
    assert [record.remote_id for record in page.records] == [new]
    assert page.complete_to == later
    [quiet] = leads.pull("accounts", later + timedelta(seconds=1))
    assert (quiet.records, quiet.complete_to) == ((), later + timedelta(seconds=1))
    [nothing] = leads.pull("contacts", None)
    assert (nothing.records, nothing.complete_to) == ((), None)
    organisation.org.touch(old)
    assert [record.remote_id for record in records(list(leads.pull("accounts", later)))] == [new, old]


def test_deleted_merged_and_converted_records_come_as_archived(
    leads: SalesforceConnector, organisation: RunningServer
) -> None:
    winner, loser, gone = (organisation.create("Account", Name=name) for name in "abc")
    organisation.merge(winner, loser)
    organisation.delete(gone)
    found = {record.remote_id: record for record in records(list(leads.pull("accounts", None)))}
    assert (found[winner].archived, found[winner].merged_into) == (False, None)
    assert (found[loser].archived, found[loser].merged_into) == (True, winner)
    assert (found[gone].archived, found[gone].merged_into) == (True, None)
    lead = organisation.create("Lead", LastName="L", Company="C")
    account, contact = organisation.convert(lead)
    company, person = records(list(leads.pull("leads", None)))
    assert (company.archived, company.merged_into) == (True, account)
    assert (person.archived, person.merged_into) == (True, contact)


def test_thousands_with_one_time_cross_pages_without_loss(
    leads: SalesforceConnector, organisation: RunningServer, small_pages: None
) -> None:
    organisation.app.queries.short_pages = True
    organisation.create("Account", Name="first")
    organisation.clock.advance(10)
    same = {organisation.create("Account", Name=str(number)) for number in range(400)}
    organisation.clock.advance(10)
    last = organisation.create("Account", Name="last")
    pages = list(leads.pull("accounts", None))
    assert [len(page.records) for page in pages] == [180, 180, 42]
    ids = [record.remote_id for record in records(pages)]
    assert set(ids) > same
    assert len(ids) == 402
    assert ids[-1] == last
    # The second that all share has only begun.
    assert [page.complete_to for page in pages] == [
        START + timedelta(seconds=9),
        START + timedelta(seconds=9),
        START + timedelta(seconds=20),
    ]


@pytest.mark.parametrize("after", [0, 1])
def test_a_dead_cursor_is_taken_up_behind_the_last_row(
    leads: SalesforceConnector, organisation: RunningServer, small_pages: None, after: int
) -> None:
    made = [organisation.create("Account", Name=str(number)) for number in range(450)]
    organisation.clock.advance(10)
    organisation.edit(made[7], Name="changed")
    pages = leads.pull("accounts", START)
    seen = [next(pages) for _ in range(after)]
    organisation.app.queries.cursors.clear()
    rest = list(pages)
    ids = [record.remote_id for record in records(seen + rest)]
    assert len(ids) == len(set(ids)) == 450
    assert ids[-1] == made[7]


def test_other_refusals_end_a_pull(leads: SalesforceConnector, organisation: RunningServer) -> None:
    organisation.create("Account", Name="A")
    leads.describe()
    del organisation.org.objects["account"].fields["website"]
    with pytest.raises(InvalidRequest, match="Website"):
        list(leads.pull("accounts", None))


def test_an_answer_that_is_no_page_is_refused(
    leads: SalesforceConnector, organisation: RunningServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(organisation.app.queries, "query", lambda *given: [])
    with pytest.raises(InvalidRequest, match="none of its API"):
        list(leads.pull("accounts", None))


def test_a_hidden_column_is_left_out(leads: SalesforceConnector, organisation: RunningServer) -> None:
    for name in ("hasoptedoutofemail", "donotcall", "ownerid"):
        del organisation.org.objects["contact"].fields[name]
    organisation.create("Contact", LastName="L")
    [person] = records(list(leads.pull("contacts", None)))
    assert dict(person.fields) == {"contact_name": "L"}
    assert list(leads.suppressions(None)) == []


def test_who_opted_out(leads: SalesforceConnector, organisation: RunningServer) -> None:
    given = {"LastName": "L", "Company": "C"}
    organisation.create("Lead", **given, Email="A@x.example", HasOptedOutOfEmail=True, Phone="(310) 555-0100")
    organisation.clock.advance(60)
    organisation.create(
        "Contact", LastName="L", Email="b@x.example", DoNotCall=True, Phone="310 555 0101", MobilePhone="none"
    )
    gone = organisation.create("Contact", LastName="L", Email="c@x.example", HasOptedOutOfEmail=True)
    organisation.delete(gone)
    organisation.create("Contact", LastName="L", Email="d@x.example")
    found = {(one.scope, one.value) for one in leads.suppressions(None)}
    phone = (SuppressionScope.PHONE, "+13105550101")
    assert found == {(SuppressionScope.EMAIL, "a@x.example"), phone}
    [recent] = leads.suppressions(START + timedelta(seconds=30))
    assert (recent.scope, recent.value) == phone
    assert recent.since == START + timedelta(seconds=60)


def test_records_are_read_by_id(leads: SalesforceConnector, organisation: RunningServer) -> None:
    [result] = push(leads, create(Kind.COMPANY, "k", company="Firm"))
    assert isinstance(result, Sent)
    account, gone = (organisation.create("Account", Name=name) for name in "ab")
    organisation.delete(gone)
    contact = organisation.create("Contact", LastName="L")
    found = leads.read(Kind.COMPANY, [result.remote_id, account, gone, contact, "nonsense"])
    assert found.keys() == {result.remote_id, account}
    assert leads.read(Kind.COMPANY, []) == {}
