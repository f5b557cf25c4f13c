"""Writing: exactly one result per operation, and nothing twice."""

from __future__ import annotations

from typing import Any

import pytest

from sales_agent_dagster.crm.contract import (
    Deferred,
    Failed,
    FailureClass,
    Sent,
    Unknown,
    Verdict,
)
from sales_agent_dagster.crm.errors import WriteRefused
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.crm.hubspot.connector import HubSpot
from sales_agent_dagster.crm.hubspot.pushing import parts_of
from sales_agent_dagster_tests.crm.hubspot.conftest import Connect
from sales_agent_dagster_tests.crm.hubspot.operations import create, pushed, update
from sales_agent_dagster_tests.hubspot_server import Fault, RunningServer

UPSERT = "POST .*batch/upsert"


def test_companies_are_created_once_by_key(hubspot: RunningServer, crm: HubSpot) -> None:
    operations = [create(f"c{number}") for number in range(250)]
    assert all(isinstance(one, Sent) and one.created for one in pushed(crm, *operations))
    assert len(hubspot.active("companies")) == 250
    assert [len(one.body["inputs"]) for one in hubspot.writes() if "upsert" in one.path] in (
        [100, 100, 50],
        [100, 50, 100],
        [50, 100, 100],
    )
    again = pushed(crm, *operations)
    assert not any(one.created for one in again)
    assert len(hubspot.active("companies")) == 250


def test_a_lost_response_creates_nothing_twice(hubspot: RunningServer, crm: HubSpot) -> None:
    hubspot.fail("drop", where=UPSERT)
    (result,) = pushed(crm, create("a"))
    assert isinstance(result, Unknown), "it is there; people may have edited it since"
    assert len(hubspot.active("companies")) == 1
    assert sum("upsert" in one.path for one in hubspot.writes()) == 1


@pytest.mark.parametrize("fault", ["drop", "502_after", "malformed", "html"])
def test_what_nobody_knows_is_unknown_and_found_by_reading_back(
    hubspot: RunningServer, connect: Connect, fault: str
) -> None:
    crm = connect(attempts=1)
    hubspot.fail(fault, where=UPSERT)
    operation = create("a")
    assert isinstance(pushed(crm, operation)[0], Unknown)
    (found,) = crm.reconcile([operation])
    assert found.verdict is Verdict.FOUND
    assert found.record is not None
    assert found.record.external_key == "a"
    (absent,) = crm.reconcile([create("b")])
    assert absent.verdict is Verdict.ABSENT


def test_reading_back_an_update_finds_its_record(hubspot: RunningServer, crm: HubSpot) -> None:
    company = hubspot.add("companies", name="Acme")
    (found,) = crm.reconcile([update(company, city="Austin")])
    assert (found.verdict, found.record and found.record.remote_id) == (Verdict.FOUND, company)
    hubspot.delete("companies", company)
    (gone,) = crm.reconcile([update(company, city="Austin")])
    assert gone.verdict is Verdict.ABSENT


def test_reading_back_follows_a_merge_and_a_deletion(hubspot: RunningServer, crm: HubSpot) -> None:
    kept = hubspot.add("companies", name="Kept")
    merged, deleted = pushed(crm, create("merged"), create("deleted"))
    assert isinstance(merged, Sent)
    assert isinstance(deleted, Sent)
    hubspot.merge("companies", kept, merged.remote_id)
    hubspot.delete("companies", deleted.remote_id)
    first, second = crm.reconcile([create("merged"), create("deleted")])
    assert first.record is not None
    assert first.record.remote_id == kept
    assert first.record.absorbed == (merged.remote_id,)
    assert second.record is not None
    assert second.record.archived


def test_an_update_of_a_merged_record_is_the_survivor_s(hubspot: RunningServer, crm: HubSpot) -> None:
    kept, lost = (hubspot.add("companies", name=name) for name in ("Kept", "Lost"))
    hubspot.merge("companies", kept, lost)
    (sent,) = pushed(crm, update(lost, city="Austin"))
    assert isinstance(sent, Sent)
    (found,) = crm.reconcile([update(lost, city="Austin")])
    assert found.record is not None
    assert sent.remote_id == found.record.remote_id == kept
    assert found.record.fields.items() >= {"company": "Kept", "city": "Austin"}.items()


@pytest.mark.parametrize("partial", [False, True])
def test_one_poison_row_fails_alone(hubspot: RunningServer, connect: Connect, partial: bool) -> None:
    hubspot.reset(partial=partial)
    crm = connect()
    operations = [create(f"c{number}") for number in range(99)]
    poison = create("poison", company="Bad", score="many")
    results = pushed(crm, *operations[:60], poison, *operations[60:])
    assert len(hubspot.active("companies")) == 99
    (failed,) = [one for one in results if not isinstance(one, Sent)]
    assert isinstance(failed, Failed)
    assert failed.op_id == poison.op_id
    assert failed.failure is FailureClass.VALIDATION
    assert failed.remedy


def test_an_address_that_is_taken_names_its_holder(hubspot: RunningServer, crm: HubSpot) -> None:
    holder = hubspot.add("contacts", email="jo@acme.example")
    fine = create("b", Kind.CONTACT, email="al@acme.example")
    taken, sent = pushed(crm, create("a", Kind.CONTACT, email="JO@acme.example"), fine)
    assert isinstance(taken, Failed)
    assert (taken.failure, taken.remote_id) == (FailureClass.CONFLICT, holder)
    assert isinstance(sent, Sent)


def test_an_update_of_a_deleted_record_is_gone(hubspot: RunningServer, crm: HubSpot) -> None:
    there, gone = hubspot.add("companies", name="There"), hubspot.add("companies", name="Gone")
    hubspot.delete("companies", gone)
    sent, failed = pushed(crm, update(there, city="Austin"), update(gone, city="Austin"))
    assert isinstance(sent, Sent)
    assert isinstance(failed, Failed)
    assert failed.failure is FailureClass.GONE
    assert hubspot.active("companies")[there].values["city"] == "Austin"


def test_an_update_sends_only_what_changes_and_clears(hubspot: RunningServer, crm: HubSpot) -> None:
    company = hubspot.add("companies", name="Acme", city="Austin", phone="+15125550100")
    pushed(crm, update(company, city=None, score=85.0))
    values = hubspot.active("companies")[company].values
    assert "city" not in values
    assert values["sales_agent_score"] == "85"
    assert values["phone"] == "+15125550100"
    sent = hubspot.writes()[-1].body["inputs"][0]["properties"]
    assert sent == {"city": "", "sales_agent_score": "85"}


def test_no_two_operations_on_one_record_go_at_the_same_time() -> None:
    groups = list(parts_of([create("a"), create("A"), create("b")]))
    keys = [[one.external_key for _, _, some in group for one in some] for group in groups]
    assert keys == [["a", "b"], ["A"]]


def test_two_operations_on_one_record_go_one_after_the_other(hubspot: RunningServer, crm: HubSpot) -> None:
    first, second = create("a", company="First"), create("A", company="Second")
    assert [isinstance(one, Sent) for one in pushed(crm, first, second)] == [True, True]
    (record,) = hubspot.active("companies").values()
    assert record.values["name"] == "Second"
    assert [one.status for one in hubspot.writes() if "upsert" in one.path] == [200, 200]


def test_a_contact_belongs_to_its_company(hubspot: RunningServer, crm: HubSpot) -> None:
    (company,) = pushed(crm, create("c"))
    assert isinstance(company, Sent)
    contact = create("p", Kind.CONTACT, company.remote_id, email="jo@acme.example", contact_name="Jo Ann Doe")
    (sent,) = pushed(crm, contact)
    assert isinstance(sent, Sent)
    assert hubspot.linked("contacts", sent.remote_id, "companies") == {company.remote_id}
    record = crm.read(Kind.CONTACT, [sent.remote_id])[sent.remote_id]
    assert record.company_id == company.remote_id
    assert record.fields["contact_name"] == "Jo Ann Doe"


def test_nothing_hangs_on_a_company_that_is_gone(hubspot: RunningServer, crm: HubSpot) -> None:
    company = hubspot.add("companies", name="Gone")
    hubspot.delete("companies", company)
    (failed,) = pushed(crm, create("p", Kind.CONTACT, company, email="jo@acme.example"))
    assert isinstance(failed, Failed)
    assert failed.failure is FailureClass.GONE
    assert hubspot.active("contacts") == {}


def test_a_contact_of_a_merged_company_goes_to_the_survivor(hubspot: RunningServer, crm: HubSpot) -> None:
    kept, lost = hubspot.add("companies", name="Kept"), hubspot.add("companies", name="Lost")
    hubspot.merge("companies", kept, lost)
    (sent,) = pushed(crm, create("p", Kind.CONTACT, lost, email="jo@acme.example"))
    assert isinstance(sent, Sent)
    assert hubspot.linked("contacts", sent.remote_id, "companies") == {kept}


def test_an_association_that_fails_is_made_up_for(hubspot: RunningServer, crm: HubSpot) -> None:
    company = hubspot.add("companies", name="Acme")
    contact = create("p", Kind.CONTACT, company, email="jo@acme.example")
    hubspot.fail("503", where="associate/default", times=5)
    (deferred,) = pushed(crm, contact)
    assert isinstance(deferred, Deferred)
    [made] = hubspot.active("contacts")
    assert (deferred.failure, deferred.remote_id) == (FailureClass.TRANSIENT, made)
    (unfinished,) = crm.reconcile([contact])
    assert unfinished.verdict is Verdict.ABSENT, "it is due again, for its company's sake"
    assert unfinished.record is not None
    assert unfinished.record.remote_id == made
    hubspot.edit("contacts", made, email="jo@elsewhere.example")
    (there,) = pushed(crm, contact)
    assert isinstance(there, Unknown), "people may have edited it: reading back tells"
    assert hubspot.linked("contacts", made, "companies") == {company}
    assert hubspot.active("contacts")[made].values["email"] == "jo@elsewhere.example"
    (found,) = crm.reconcile([contact])
    assert found.verdict is Verdict.FOUND


def test_an_association_that_fails_again_is_due_again(hubspot: RunningServer, crm: HubSpot) -> None:
    company = hubspot.add("companies", name="Acme")
    contact = create("p", Kind.CONTACT, company, email="jo@acme.example")
    hubspot.fail("503", where="associate/default", times=10)
    assert all(isinstance(pushed(crm, contact)[0], Deferred) for _ in range(2))
    assert len(hubspot.active("contacts")) == 1


def test_a_contact_is_refused_where_our_properties_are_missing(
    hubspot: RunningServer, connect: Connect
) -> None:
    company = hubspot.add("companies", name="Acme")
    contact = create("p", Kind.CONTACT, company, email="jo@acme.example")
    (failed,) = pushed(connect(ready=False), contact)
    assert isinstance(failed, Failed)
    assert "sales-agent crm setup" in failed.remedy


def test_notes_and_drafts_are_notes_and_nothing_is_sent(hubspot: RunningServer, crm: HubSpot) -> None:
    company = hubspot.add("companies", name="Acme")
    note = create("n", Kind.NOTE, company, body="Line 1\n<script>& more")
    draft = create(
        "d", Kind.EMAIL_DRAFT, company, subject="Hi <Jo>", body="One\nTwo", email="jo@acme.example"
    )
    first, second = pushed(crm, note, draft)
    assert isinstance(first, Sent)
    assert isinstance(second, Sent)
    assert hubspot.linked("companies", company, "notes") == {first.remote_id, second.remote_id}
    assert hubspot.active("emails") == {}
    body = hubspot.active("notes")[first.remote_id].values["hs_note_body"]
    assert body == "Line 1<br>&lt;script&gt;&amp; more"
    read = crm.read(Kind.NOTE, [first.remote_id])[first.remote_id]
    assert read.fields == note.fields
    assert read.company_id == company
    assert crm.read(Kind.EMAIL_DRAFT, [second.remote_id])[second.remote_id].fields == draft.fields
    pushed(crm, update(second.remote_id, "d", Kind.EMAIL_DRAFT, subject="Hello"))
    changed = crm.read(Kind.EMAIL_DRAFT, [second.remote_id])[second.remote_id].fields
    assert changed == {**draft.fields, "subject": "Hello"}


def test_opportunities_are_never_written(hubspot: RunningServer, crm: HubSpot) -> None:
    (failed,) = pushed(crm, create("o", Kind.OPPORTUNITY, value=1.0))
    assert isinstance(failed, Failed)
    assert failed.failure is FailureClass.UNSUPPORTED


@pytest.mark.parametrize(
    ("fault", "failure"),
    [("401", FailureClass.AUTH), ("403", FailureClass.PERMISSION), ("429_daily", FailureClass.RATE)],
)
def test_what_stops_the_run_is_deferred(
    hubspot: RunningServer, crm: HubSpot, fault: str, failure: FailureClass
) -> None:
    hubspot.fail(fault, where=UPSERT)
    (deferred,) = pushed(crm, create("a"))
    assert isinstance(deferred, Deferred)
    assert deferred.failure is failure
    assert hubspot.active("companies") == {}


@pytest.mark.parametrize(
    "fault", ["423", "477", "500", "502", "503", "504", "521", "523", "524", "drop_before"]
)
def test_a_short_outage_is_waited_for(hubspot: RunningServer, crm: HubSpot, fault: str) -> None:
    before = hubspot.clock.now()
    hubspot.fail(Fault(fault, UPSERT, seconds=7.0), times=2)
    (sent,) = pushed(crm, create("a"))
    assert isinstance(sent, Sent)
    waited = hubspot.clock.now() - before
    assert waited >= {"423": 4.0, "477": 14.0}.get(fault, 0.5)


def test_a_locked_record_is_due_again(hubspot: RunningServer, crm: HubSpot) -> None:
    hubspot.fail("423", where=UPSERT, times=5)
    (deferred,) = pushed(crm, create("a"))
    assert isinstance(deferred, Deferred)
    assert deferred.failure is FailureClass.TRANSIENT


def test_without_our_properties_a_push_fails_at_once(hubspot: RunningServer, connect: Connect) -> None:
    results = pushed(connect(ready=False), *(create(f"c{number}") for number in range(100)))
    assert all(isinstance(one, Failed) and "crm setup" in one.remedy for one in results)
    assert len(hubspot.writes()) == 1


def test_a_dry_run_writes_nothing(hubspot: RunningServer, connect: Connect) -> None:
    crm = connect(dry_run=True, ready=False)
    with pytest.raises(WriteRefused):
        list(crm.push([create("a")]))
    assert hubspot.writes() == []


def test_text_of_any_kind_comes_back_as_it_was(hubspot: RunningServer, crm: HubSpot) -> None:
    text = "Müller & Söhne 🔧 «日本» <b>'\"\\ " + "x" * 200
    (sent,) = pushed(
        crm,
        create(
            "a", company=text, brands="Kohler, Generac", last_enriched_at="2026-03-02T09:30:00.123456+00:00"
        ),
    )
    assert isinstance(sent, Sent)
    fields = crm.read(Kind.COMPANY, [sent.remote_id])[sent.remote_id].fields
    assert fields == {
        "company": text,
        "brands": "Kohler, Generac",
        "last_enriched_at": "2026-03-02T09:30:00.123456+00:00",
    }


def test_erasing_deletes_contacts_for_good_and_archives_companies(
    hubspot: RunningServer, crm: HubSpot
) -> None:
    company, contact = hubspot.add("companies", name="Acme"), hubspot.add("contacts", email="jo@acme.example")
    assert all(isinstance(one, Sent) for one in crm.erase(Kind.CONTACT, [contact, "999"]))
    assert all(isinstance(one, Sent) for one in crm.erase(Kind.COMPANY, [company, company]))
    assert hubspot.store.records["contacts"] == {}
    assert hubspot.store.records["companies"][company].archived_at is not None
    hubspot.fail("403", where="gdpr-delete")
    (deferred,) = crm.erase(Kind.CONTACT, ["1"])
    assert isinstance(deferred, Deferred)


def test_the_second_half_s_outage_leaves_the_first_half_done(
    hubspot: RunningServer, connect: Connect
) -> None:
    crm = connect(attempts=1, concurrency=1)
    poison = create("poison", company="Bad", score="many")
    original = hubspot.app.handle
    calls = 0

    def handle(method: str, path: str, *rest: Any) -> Any:
        nonlocal calls
        calls += "upsert" in path
        return None if calls == 3 and "upsert" in path else original(method, path, *rest)

    hubspot.app.handle = handle  # type: ignore[method-assign]
    try:
        first, second, third, fourth = pushed(crm, create("a"), create("b"), create("c"), poison)
    finally:
        del hubspot.app.handle
    assert isinstance(first, Sent)
    assert isinstance(second, Sent)
    assert isinstance(third, Unknown)
    assert isinstance(fourth, Unknown)


def test_results_without_trace_ids_are_told_by_their_key(hubspot: RunningServer, connect: Connect) -> None:
    crm = connect()
    original = hubspot.app.handle

    def handle(*given: Any) -> Any:
        found = original(*given)
        for result in (found.body or {}).get("results", ()) if "upsert" in given[1] else ():
            del result["objectWriteTraceId"]
        if "upsert" in given[1]:
            found.body["results"].pop()
        return found

    hubspot.app.handle = handle  # type: ignore[method-assign]
    try:
        results = pushed(crm, create("a"), create("b"), create("c"))
    finally:
        del hubspot.app.handle
    assert [type(one) for one in results] == [Unknown, Sent, Sent]


def test_erasing_what_is_gone_already_is_done(hubspot: RunningServer, crm: HubSpot) -> None:
    hubspot.fail("404", where="DELETE")
    (sent,) = crm.erase(Kind.COMPANY, ["1"])
    assert isinstance(sent, Sent)
