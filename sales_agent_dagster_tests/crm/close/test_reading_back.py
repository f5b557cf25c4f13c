"""Answers that get lost: nothing is sent twice that would not be the same twice."""

from __future__ import annotations

import pytest

from sales_agent_dagster.crm.calling import Call
from sales_agent_dagster.crm.close import CloseConnector
from sales_agent_dagster.crm.contract import (
    Failed,
    Sent,
    Unknown,
    Verdict,
)
from sales_agent_dagster.crm.errors import CrmError
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster_tests.close_server.running import RunningClose
from sales_agent_dagster_tests.crm.close.conftest import create, made, only, update


@pytest.mark.parametrize("fault", ["drop", "500_after", "503_after", "malformed"])
@pytest.mark.parametrize("kind", [Kind.COMPANY, Kind.CONTACT, Kind.NOTE, Kind.EMAIL_DRAFT])
def test_a_create_whose_answer_is_lost_is_never_sent_again(
    connector: CloseConnector, close: RunningClose, fault: str, kind: Kind
) -> None:
    close.options.index_lag_s = 60
    lead = None if kind is Kind.COMPANY else made(connector)
    name = {"company": "company", "contact": "contact_name"}.get(kind, "body")
    operation = create("lost", kind, company_id=lead, **{name: "Lost"})
    close.fault(fault, method="POST", path=paths(kind))
    assert isinstance(only(connector.push([operation])), Unknown)
    posts = [each for each in close.log if (each.method, each.path) == ("POST", paths(kind))]
    assert len(posts) == 1 + (kind is not Kind.COMPANY and paths(kind) == "/lead/")
    (verdict,) = connector.reconcile([operation])
    assert verdict.verdict is Verdict.FOUND, "the log knows it before the index does"
    assert verdict.record is not None
    assert verdict.record.fields[name] == "Lost"
    close.clock.advance(61)
    assert next(iter(connector.reconcile([operation]))).verdict is Verdict.FOUND


def paths(kind: Kind) -> str:
    return {
        Kind.COMPANY: "/lead/",
        Kind.CONTACT: "/contact/",
        Kind.NOTE: "/activity/note/",
        Kind.EMAIL_DRAFT: "/activity/email/",
    }[kind]


@pytest.mark.parametrize("kind", [Kind.COMPANY, Kind.CONTACT, Kind.NOTE, Kind.EMAIL_DRAFT])
def test_a_create_that_never_arrived_is_absent(
    connector: CloseConnector, close: RunningClose, kind: Kind
) -> None:
    lead = None if kind is Kind.COMPANY else made(connector)
    name = {"company": "company", "contact": "contact_name"}.get(kind, "body")
    operation = create("lost", kind, company_id=lead, **{name: "Lost"})
    close.fault("drop_before", method="POST", path=paths(kind))
    assert isinstance(only(connector.push([operation])), Unknown)
    close.clock.advance(90)
    assert [each.verdict for each in connector.reconcile([operation])] == [Verdict.ABSENT]
    assert isinstance(only(connector.push([operation])), Sent)


def test_what_was_created_and_then_deleted_or_merged_is_found(
    connector: CloseConnector, close: RunningClose
) -> None:
    close.options.index_lag_s = 60
    other = made(connector, "other")
    operations = [create(key, company=key) for key in ("deleted", "merged")]
    close.fault("drop", method="POST", path="/lead/", times=2)
    assert all(isinstance(each, Unknown) for each in connector.push(operations))
    ids = {lead["name"]: lead["id"] for lead in close.objects("lead")}
    close.ask("DELETE", f"/lead/{ids['deleted']}/")
    close.ask("POST", "/lead/merge/", {"source": ids["merged"], "destination": other})
    found = {each.op_id: each for each in connector.reconcile(operations)}
    assert {each.verdict for each in found.values()} == {Verdict.FOUND}
    records = {key: each.record for key, each in found.items()}
    assert records["op-deleted"] is not None
    assert records["op-deleted"].archived
    assert records["op-merged"] is not None
    assert records["op-merged"].merged_into == other


def test_a_lost_update_is_sent_again_for_it_is_the_same_twice(
    connector: CloseConnector, close: RunningClose
) -> None:
    lead = made(connector)
    close.fault("drop", method="PUT", path="/lead/")
    assert isinstance(only(connector.push([update(lead, score=3.0)])), Sent)
    assert len([each for each in close.log if each.method == "PUT"]) == 2
    close.fault("drop", method="PUT", path="/lead/", times=9)
    operation = update(lead, score=4.0)
    assert isinstance(only(connector.push([operation])), Unknown)
    (back,) = connector.reconcile([operation])
    assert back.record is not None
    assert back.record.fields["score"] == 4


def test_a_lost_update_of_a_lead_that_went_before_it_was_sent_again_is_unknown(
    connector: CloseConnector, close: RunningClose, monkeypatch: pytest.MonkeyPatch
) -> None:
    lead = made(connector)
    again = Call._go_on

    def go_on(call: Call, error: CrmError) -> None:
        if close.objects("lead"):
            close.ask("DELETE", f"lead/{lead}/")
        again(call, error)

    close.fault("drop", method="PUT", path="/lead/")
    with monkeypatch.context() as patched:
        patched.setattr(Call, "_go_on", go_on)
        assert isinstance(only(connector.push([update(lead, score=3.0)])), Unknown)
    assert isinstance(only(connector.push([update(lead, score=3.0)])), Failed)


def test_a_draft_that_a_rep_sent_meanwhile_is_found_in_the_log(
    connector: CloseConnector, close: RunningClose
) -> None:
    lead = made(connector)
    draft = create("d1", Kind.EMAIL_DRAFT, company_id=lead, subject="Hi", body="Text", email="jo@acme.com")
    close.fault("drop", method="POST", path="/activity/email/")
    assert isinstance(only(connector.push([draft])), Unknown)
    (email,) = close.objects("activity.email")
    close.clock.advance(60)
    close.ask("PUT", f"/activity/email/{email['id']}/", {"subject": "A rep's words"})
    (found,) = connector.reconcile([draft])
    assert found.verdict is Verdict.FOUND
    assert found.record is not None
    assert found.record.remote_id == email["id"]
    other = create("d2", Kind.EMAIL_DRAFT, company_id=lead, subject="Hi", body="Other", email="jo@acme.com")
    assert [each.verdict for each in connector.reconcile([other])] == [Verdict.ABSENT]


def test_all_notes_with_the_same_words_are_told(connector: CloseConnector, close: RunningClose) -> None:
    lead = made(connector)
    notes = [create(key, Kind.NOTE, company_id=lead, body="Same") for key in ("n1", "n2")]
    for note in notes:
        assert isinstance(only(connector.push([note])), Sent)
    other = create("n3", Kind.NOTE, company_id=lead, body="Other")
    found, none = connector.reconcile([notes[1], other])
    assert found.record is not None
    told = sorted(record.remote_id for record in (found.record, *found.others))
    assert told == sorted(note["id"] for note in close.objects("activity.note"))
    assert (none.verdict, none.others) == (Verdict.ABSENT, ())


def test_reading_back_what_can_only_be_absent(connector: CloseConnector) -> None:
    lead = made(connector)
    operations = [
        create("o1", Kind.OPPORTUNITY, company_id=lead, status="Demo"),
        update("acti_x", Kind.NOTE, op_id="n", company_id=lead, body="x"),
        update("lead_gone", op_id="gone", score=1.0),
    ]
    assert {each.op_id: each.verdict for each in connector.reconcile(operations)} == {
        "op-o1": Verdict.ABSENT,
        "n": Verdict.ABSENT,
        "gone": Verdict.ABSENT,
    }


def test_an_update_whose_answers_are_cut_off(connector: CloseConnector, close: RunningClose) -> None:
    lead = made(connector)
    close.fault("malformed", method="PUT", path="/lead/", times=9)
    assert isinstance(only(connector.push([update(lead, score=1.0)])), Unknown)
