"""Answers that differ by account, version and age of the API, and tokens that may not do everything."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import orjson
import pytest

from sales_agent_dagster.crm.contract import Failed, FailureClass, Sent, Unknown
from sales_agent_dagster.crm.errors import InvalidRequest, PermissionRefused, RecordGone
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.crm.http import Reply
from sales_agent_dagster.crm.hubspot.client import next_page
from sales_agent_dagster.crm.hubspot.connector import HubSpot
from sales_agent_dagster.crm.hubspot.dialect import HubSpotDialect
from sales_agent_dagster.crm.hubspot.outcomes import row_error
from sales_agent_dagster_tests.crm.hubspot.conftest import Connect
from sales_agent_dagster_tests.crm.hubspot.operations import create, pushed
from sales_agent_dagster_tests.hubspot_server import RunningServer

Change = Callable[[str, Any], None]


@pytest.fixture
def changed(hubspot: RunningServer, monkeypatch: pytest.MonkeyPatch) -> Callable[[Change], None]:
    """Sets what is done to the body of each answer, by path."""
    original = hubspot.app.handle

    def set_change(change: Change) -> None:
        def handle(method: str, path: str, *rest: Any) -> Any:
            found = original(method, path, *rest)
            if found is not None and found.body:
                change(path, found.body)
            return found

        monkeypatch.setattr(hubspot.app, "handle", handle)

    return set_change


@pytest.mark.parametrize("family", ["associations", "objects", "properties", "pipelines"])
def test_one_family_of_paths_may_have_no_dated_ones_yet(
    hubspot: RunningServer, connect: Connect, monkeypatch: pytest.MonkeyPatch, family: str
) -> None:
    canonical = hubspot.app._canonical
    dated = f"/crm/{family}/2026-09"
    missing = lambda path: "" if path.startswith(dated) else canonical(path)  # noqa: E731
    monkeypatch.setattr(hubspot.app, "_canonical", missing)
    crm = connect()
    company = hubspot.add("companies", name="Acme")
    hubspot.add("deals", dealname="Deal", dealstage="closedwon")
    (sent,) = pushed(crm, create("p", Kind.CONTACT, company, email="jo@acme.example"))
    (again,) = pushed(crm, create("q", Kind.CONTACT, company, email="al@acme.example"))
    assert isinstance(sent, Sent)
    assert isinstance(again, Sent)
    assert hubspot.linked("companies", company, "contacts") == {sent.remote_id, again.remote_id}
    assert [len(page.records) for page in crm.pull("opportunities", None)] == [1]
    asked = [one.path for one in hubspot.log if one.path.startswith(dated)]
    assert len(asked) == len([one for one in hubspot.log if one.status == 404]) == 1
    assert f"API {'v3' if family == 'properties' else '2026-09'}" in crm.describe().account


def test_a_record_that_is_gone_is_no_missing_path(hubspot: RunningServer, crm: HubSpot) -> None:
    client = crm._client
    for asked in (2, 1):  # once the dated path has answered, its 404 is the record's
        before = len(hubspot.log)
        hubspot.fail("404", where="batch/update", times=2)
        with pytest.raises(RecordGone):
            client.write(Kind.COMPANY, "update", [{"id": "404404", "properties": {"name": "x"}}])
        assert len(hubspot.log) == before + asked
        hubspot.app.faults.waiting.clear()
        client.read(Kind.COMPANY, ["1"], [])


@pytest.mark.parametrize("fault", ["403", "404"])
def test_the_account_s_details_are_not_needed(hubspot: RunningServer, connect: Connect, fault: str) -> None:
    hubspot.fail(fault, where="account-info", times=9)
    crm = connect()
    assert crm.health().ok
    assert crm.health().message == "HubSpot account of unknown number"
    assert crm.describe().account == "HubSpot account of unknown number, API 2026-09"
    hubspot.add("companies", name="Acme")
    [page] = crm.pull("companies", None)
    assert [record.url for record in page.records] == [None]
    hubspot.fail("401", "401")
    refused = crm.health()
    assert not refused.ok


def test_a_token_without_deals_does_the_rest(
    hubspot: RunningServer, connect: Connect, caplog: pytest.LogCaptureFixture
) -> None:
    crm = connect()
    hubspot.add("deals", dealname="Deal", dealstage="closedwon")
    hubspot.fail("403", where="/(objects|properties)/deals", times=2)
    assert list(crm.pull("opportunities", None)) == []
    assert "Deals are left out" in caplog.text
    assert {one.remote_name for one in crm.describe().fields if one.kind is Kind.OPPORTUNITY} == {None}
    hubspot.fail("403", where="/pipelines")
    [page] = crm.pull("opportunities", None)
    assert [record.fields["status"] for record in page.records] == ["closedwon"]
    hubspot.fail("403", where="/properties/companies")
    with pytest.raises(PermissionRefused):
        crm.describe()
    hubspot.fail("403", where="/objects/companies")
    with pytest.raises(PermissionRefused):
        list(crm.pull("companies", None))


@pytest.mark.parametrize("body", [{}, {"paging": None}, {"paging": {}}, {"paging": {"next": None}}])
def test_the_last_page(body: dict[str, Any]) -> None:
    assert next_page(body) is None
    assert next_page({"paging": {"next": {"after": 100}}}) == "100"


def test_a_refusal_that_names_no_row_is_the_one_row_s(
    hubspot: RunningServer, connect: Connect, changed: Callable[[Change], None]
) -> None:
    hubspot.reset(partial=True)
    crm = connect()

    def without_names(path: str, body: Any) -> None:
        if "upsert" in path:
            for error in body.get("errors", ()):
                error["context"] = None
            for result in body["results"]:
                del result["objectWriteTraceId"]

    changed(without_names)
    poison = create("poison", company="Bad", score="many")
    results = pushed(crm, *(create(f"c{number}") for number in range(6)), poison)
    assert [type(one) for one in results] == [Sent] * 6 + [Failed]
    assert len(hubspot.active("companies")) == 6


def test_what_nobody_names_is_not_written_over_once_it_may_be_there(
    hubspot: RunningServer, crm: HubSpot, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []

    def write(*given: Any) -> Any:
        calls.append(len(given[3]))
        return {"errors": [{"category": "VALIDATION_ERROR", "message": "no"}]}, True

    monkeypatch.setattr(type(crm._client), "write", write)
    assert [type(one) for one in pushed(crm, create("a"), create("b"))] == [Unknown, Unknown]
    assert [type(one) for one in pushed(crm, create("a"))] == [Failed]
    assert calls == [2, 1]


@pytest.mark.parametrize("category", ["RATE_LIMITS", "MISSING_SCOPES", "SOMETHING_NEW"])
def test_only_a_refused_row_is_looked_for_by_halves(
    hubspot: RunningServer, crm: HubSpot, monkeypatch: pytest.MonkeyPatch, category: str
) -> None:
    calls: list[int] = []

    def write(*given: Any) -> Any:
        calls.append(len(given[3]))
        told = [{"category": name, "message": "no"} for name in ("VALIDATION_ERROR", category)]
        return {"errors": told}, False

    monkeypatch.setattr(type(crm._client), "write", write)
    assert [type(one) for one in pushed(crm, create("a"), create("b"))] == [Unknown, Unknown]
    assert calls == [2]


@pytest.mark.parametrize("shape", ["labelled", "empty"])
def test_both_shapes_of_an_association(
    hubspot: RunningServer, crm: HubSpot, changed: Callable[[Change], None], shape: str
) -> None:
    def reshaped(path: str, body: Any) -> None:
        if path.endswith("associate/default"):
            made = [
                {"fromObjectId": one["from"]["id"], "toObjectId": int(one["to"]["id"]), "labels": []}
                for one in body["results"]
            ]
            body["results"] = made if shape == "labelled" else []

    changed(reshaped)
    company = hubspot.add("companies", name="Acme")
    (sent,) = pushed(crm, create("p", Kind.CONTACT, company, email="jo@acme.example"))
    assert isinstance(sent, Sent)


def test_what_hangs_on_a_merged_company_is_attached_to_its_survivor_by_id(
    hubspot: RunningServer, crm: HubSpot
) -> None:
    kept, lost = hubspot.add("companies", name="Kept"), hubspot.add("companies", name="Lost")
    hubspot.merge("companies", kept, lost)
    pushed(crm, create("n", Kind.NOTE, lost, body="text"))
    [call] = [one for one in hubspot.writes() if one.path.endswith("associate/default")]
    assert [one["to"]["id"] for one in call.body["inputs"]] == [kept]


def test_an_erasure_that_this_version_cannot_do_is_asked_of_the_other(
    hubspot: RunningServer, crm: HubSpot
) -> None:
    contact, other = (hubspot.add("contacts", email=f"{name}@acme.example") for name in ("jo", "al"))
    hubspot.fail("404", where="gdpr-delete")
    (sent,) = crm.erase(Kind.CONTACT, [contact])
    assert isinstance(sent, Sent)
    assert list(hubspot.active("contacts")) == [other]
    hubspot.fail("404", where="gdpr-delete", times=2)
    (failed,) = crm.erase(Kind.CONTACT, [other])
    assert isinstance(failed, Failed)
    assert failed.failure is FailureClass.UNSUPPORTED


VALUES = (
    'Property values were not valid: [{"isValid":false,"message":"Property \\"x\\" does not exist",'
    '"error":"PROPERTY_DOESNT_EXIST","name":"x","portalId":7}]'
)


@pytest.mark.parametrize(
    ("status", "body", "kind", "message", "fields"),
    [
        (400, {"message": VALUES}, InvalidRequest, 'Property "x" does not exist', "PROPERTY_DOESNT_EXIST"),
        (400, {"message": VALUES[:-1]}, InvalidRequest, VALUES[:-1], None),
        (400, {"message": "Property values were not valid: [{]"}, InvalidRequest, "Property values", None),
        (400, {"message": "Property values were not valid: [{}]"}, InvalidRequest, "Property values", None),
        (400, {"message": "m", "errors": "text"}, InvalidRequest, "m", None),
        (400, {"message": "m", "errors": [{"context": "text"}]}, InvalidRequest, "m", None),
        (
            403,
            {"message": "No.", "errors": [{"context": {"requiredGranularScopes": ["a.read", "b.read"]}}]},
            PermissionRefused,
            "No. It lacks one of: a.read, b.read.",
            None,
        ),
    ],
)
def test_errors_say_what_is_wrong(
    status: int, body: dict[str, Any], kind: type[Exception], message: str, fields: str | None
) -> None:
    error = HubSpotDialect().error_of(Reply(status, {}, orjson.dumps(body), "r"))
    assert type(error) is kind
    assert error.message.startswith(message)
    assert error.fields == ({"x": fields} if fields else {})


def test_a_row_s_error_says_it_as_shortly() -> None:
    assert row_error({"category": "VALIDATION_ERROR", "message": VALUES}).message == (
        'Property "x" does not exist'
    )
    assert row_error({}).message == "refused"
