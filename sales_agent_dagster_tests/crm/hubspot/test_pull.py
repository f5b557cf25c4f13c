"""Reading: everything that changed, once the index has it, and nothing of the cap."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from sales_agent_dagster.crm.contract import EventAction, Page, Record
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.crm.hubspot.connector import HubSpot
from sales_agent_dagster_tests.crm.hubspot.conftest import Connect
from sales_agent_dagster_tests.hubspot_server import RunningServer


def now(hubspot: RunningServer) -> datetime:
    """The account's time, in its own precision."""
    return moment(hubspot.clock.ms)


def moment(milliseconds: int) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=milliseconds)


def records(pages: Iterator[Page]) -> list[Record]:
    return [record for page in pages for record in page.records]


def ids(pages: Iterator[Page]) -> list[str]:
    return [record.remote_id for record in records(pages)]


def test_all_fields_of_a_company_that_a_person_made(hubspot: RunningServer, crm: HubSpot) -> None:
    company = hubspot.add(
        "companies",
        name="Acme",
        domain="https://www.Acme.example/x",
        phone="(512) 555-0100",
        zip="78701",
        hs_lead_status="OPEN",
        lifecyclestage="customer",
        industry="CONSTRUCTION",
    )
    at = now(hubspot)
    (record,) = records(crm.pull("companies", None))
    assert record == Record(
        Kind.COMPANY,
        company,
        {
            "company": "Acme",
            "website": "acme.example",
            "phone": "(512) 555-0100",
            "zip": "78701",
            "status": "OPEN",
            "existing_customer": True,
        },
        at,
        url=f"https://app.hubspot.com/contacts/62515/record/0-2/{company}",
    )


def test_contacts_with_their_primary_company(hubspot: RunningServer, crm: HubSpot) -> None:
    first, second = hubspot.add("companies", name="First"), hubspot.add("companies", name="Second")
    contact = hubspot.add("contacts", email="jo@acme.example", firstname="Jo", lastname="Doe", jobtitle="CTO")
    hubspot.associate("contacts", contact, "companies", first)
    hubspot.associate("contacts", contact, "companies", second)
    (record,) = records(crm.pull("contacts", None))
    assert record.company_id == first
    hubspot.store.link("contacts", contact, "companies", second, [("HUBSPOT_DEFINED", 1)], 2)
    hubspot.opt_out(contact)
    (record,) = records(crm.pull("contacts", None))
    assert record.company_id == second
    assert record.fields == {
        "contact_name": "Jo Doe",
        "email": "jo@acme.example",
        "contact_title": "CTO",
        "email_opt_out": True,
    }


@pytest.mark.parametrize(
    ("stage", "fields"),
    [
        ("closedwon", {"outcome": "won", "status": "Closed won", "closed_at": "2026-02-01T00:00:00.000Z"}),
        ("closedlost", {"outcome": "lost", "status": "Closed lost", "closed_at": "2026-02-01T00:00:00.000Z"}),
        ("appointmentscheduled", {"outcome": "open", "status": "Appointment scheduled"}),
    ],
)
def test_deals_are_opportunities(
    hubspot: RunningServer, crm: HubSpot, stage: str, fields: dict[str, str]
) -> None:
    company = hubspot.add("companies", name="Acme")
    deal = hubspot.add("deals", dealname="D", dealstage=stage, amount="1200.50", closedate="2026-02-01")
    hubspot.associate("deals", deal, "companies", company)
    (record,) = records(crm.pull("opportunities", None))
    assert record.fields == {**fields, "value": 1200.5, "currency": "USD"}
    assert record.company_id == company


def test_only_what_changed_since(hubspot: RunningServer, crm: HubSpot) -> None:
    old = hubspot.add("companies", name="Old")
    hubspot.clock.advance(600)
    since = now(hubspot)
    new = hubspot.add("companies", name="New")
    assert ids(crm.pull("companies", since)) == [new]
    hubspot.clock.advance(1)
    hubspot.edit("companies", old, city="Austin")
    assert ids(crm.pull("companies", since)) == [new, old]
    assert ids(crm.pull("companies", now(hubspot) + timedelta(seconds=1))) == []


def test_12000_changes_cross_the_cap_of_searches(hubspot: RunningServer, crm: HubSpot) -> None:
    rows = [{"name": f"Company {number}"} for number in range(5700)]
    made = hubspot.add_many("companies", rows, step_s=0.001)
    # An import writes many in the same millisecond.
    made += hubspot.add_many("companies", rows[:600])
    hubspot.clock.advance(0.001)
    made += hubspot.add_many("companies", rows, step_s=0.001)
    hubspot.clock.advance(120)
    pages = list(crm.pull("companies", None))
    found = [record.remote_id for page in pages for record in page.records]
    assert sorted(found) == made
    moments = [page.complete_to for page in pages if page.complete_to]
    assert moments == sorted(moments)
    assert moments[-1] == moment(hubspot.store.records["companies"][made[-1]].updated)


def test_the_watermark_never_passes_what_was_not_read(hubspot: RunningServer, crm: HubSpot) -> None:
    for _ in range(4):
        # More of one millisecond than are left on the page.
        hubspot.add_many("companies", [{"name": f"C{number}"} for number in range(150)])
        hubspot.clock.advance(0.003)
    hubspot.clock.advance(120)
    seen: set[str] = set()
    for page in crm.pull("companies", None):
        seen |= {record.remote_id for record in page.records}
        if page.complete_to is not None:
            limit = page.complete_to
            due = {i for i, held in hubspot.active("companies").items() if moment(held.updated) <= limit}
            assert due <= seen


def test_what_is_young_does_not_count_as_seen(hubspot: RunningServer, crm: HubSpot) -> None:
    hubspot.add("companies", name="Old")
    hubspot.clock.advance(3600)
    hubspot.add("companies", name="Young")
    pages = list(crm.pull("companies", None))
    assert len(pages[-1].records) == 2
    assert pages[-1].complete_to is not None
    assert pages[-1].complete_to <= now(hubspot) - timedelta(seconds=60)


def test_what_changes_while_it_is_read_is_not_lost(hubspot: RunningServer, crm: HubSpot) -> None:
    made = hubspot.add_many("companies", [{"name": f"C{number}"} for number in range(500)], step_s=0.01)
    hubspot.clock.advance(60)
    pages = crm.pull("companies", None)
    found = {record.remote_id for record in next(pages).records}
    # Those read already move to the end: what was behind them moves up.
    for record_id in made[:100]:
        hubspot.edit("companies", record_id, city="Austin")
    found |= {record.remote_id for page in pages for record in page.records}
    assert found == set(made)


def test_a_write_that_the_index_has_not_yet_comes_next_time(hubspot: RunningServer, connect: Connect) -> None:
    hubspot.reset(index_lag_s=30)
    crm = connect()
    first = hubspot.add("companies", name="First")
    hubspot.clock.advance(40)
    late = hubspot.add("companies", name="Late")
    hubspot.clock.advance(1)
    pages = list(crm.pull("companies", None))
    assert [record.remote_id for page in pages for record in page.records] == [first]
    hubspot.clock.advance(60)
    assert late in ids(crm.pull("companies", pages[-1].complete_to))


def test_archived_and_merged_records_are_told(hubspot: RunningServer, crm: HubSpot) -> None:
    kept, lost, gone = (hubspot.add("companies", name=name) for name in ("Kept", "Lost", "Gone"))
    hubspot.clock.advance(60)
    since = now(hubspot)
    hubspot.merge("companies", kept, lost)
    hubspot.delete("companies", gone)
    found = {record.remote_id: record for record in records(crm.pull("companies", since))}
    assert found.keys() == {kept, gone}
    assert found[kept].absorbed == (lost,)
    assert found[gone].archived
    assert found[gone].modified_at == now(hubspot)
    hubspot.clock.advance(60)
    assert records(crm.pull("companies", now(hubspot))) == []
    hubspot.restore("companies", gone)
    assert [record.archived for record in records(crm.pull("companies", now(hubspot)))] == [False]


def test_an_archive_of_several_pages(hubspot: RunningServer, crm: HubSpot) -> None:
    made = hubspot.add_many("companies", [{"name": f"C{number}"} for number in range(230)])
    for record_id in made:
        hubspot.delete("companies", record_id)
    found = records(crm.pull("companies", None))
    assert [record.remote_id for record in found] == made
    assert all(record.archived for record in found)


def test_a_quiet_account_repeats_the_watermark(hubspot: RunningServer, crm: HubSpot) -> None:
    (page,) = crm.pull("companies", None)
    assert (page.records, page.complete_to) == ([], None)
    since = now(hubspot)
    (page,) = crm.pull("companies", since)
    assert page.complete_to == since


def test_reading_by_id_tells_what_was_merged_and_leaves_out_what_is_gone(
    hubspot: RunningServer, crm: HubSpot
) -> None:
    kept, lost, gone = (hubspot.add("companies", name=name) for name in ("Kept", "Lost", "Gone"))
    hubspot.merge("companies", kept, lost)
    hubspot.delete("companies", gone)
    found = crm.read(Kind.COMPANY, [kept, lost, gone, "1"])
    assert found.keys() == {kept, lost}
    assert (found[lost].remote_id, found[lost].merged_into) == (lost, kept)
    assert found[lost].fields == {}, "its values are the survivor's: nobody typed them into this one"
    assert crm.read(Kind.COMPANY, [lost])[lost].merged_into == kept
    assert crm.read(Kind.COMPANY, []) == {}


def test_people_who_opted_out(hubspot: RunningServer, connect: Connect) -> None:
    crm = connect(do_not_call_property="hs_do_not_call")
    hubspot.store.definitions.create(
        "contacts",
        {
            "name": "hs_do_not_call",
            "label": "x",
            "type": "bool",
            "fieldType": "booleancheckbox",
            "groupName": "g",
        },
    )
    out = hubspot.add("contacts", email="out@acme.example")
    hubspot.add("contacts", email="in@acme.example", hs_email_optout=False)
    hubspot.opt_out(hubspot.add("contacts", firstname="No address"))
    hubspot.clock.advance(600)
    since = now(hubspot)
    hubspot.opt_out(out)
    hubspot.add("contacts", phone="+15125550100", hs_do_not_call=True)
    found = [(one.scope.value, one.value, one.since) for one in crm.suppressions(since)]
    assert found == [("email", "out@acme.example", since), ("phone", "+15125550100", since)]
    assert len(list(crm.suppressions(None))) == 2


def test_replies_are_told_once_each(hubspot: RunningServer, crm: HubSpot) -> None:
    quiet = hubspot.add("contacts", email="al@acme.example")
    person = hubspot.add("contacts", email="Jo@acme.example")
    for at in (now(hubspot), now(hubspot) + timedelta(days=1)):
        hubspot.replied(person, at)
        hubspot.clock.advance(60)
        for _ in range(2):
            [reply] = [event for page in crm.pull("contacts", None) for event in page.events]
            assert (reply.action, reply.kind, reply.remote_id) == (EventAction.REPLIED, Kind.CONTACT, person)
            assert (reply.updated_at, reply.address) == (at, "jo@acme.example")
            assert reply.event_id == f"reply:{person}:{round(at.timestamp() * 1000)}"
    assert set(ids(crm.pull("contacts", None))) == {quiet, person}
