"""Faults do what they say: done or not done, answered or not."""

from __future__ import annotations

import pytest
import requests

from sales_agent_dagster_tests.salesforce_server import Fault, RunningServer
from sales_agent_dagster_tests.salesforce_server.oauth import CLIENT_ID, CLIENT_SECRET

LEAD = {"LastName": "Lovelace", "Company": "Acme"}


@pytest.fixture
def headers(salesforce: RunningServer) -> dict[str, str]:
    form = {"grant_type": "client_credentials", "client_id": CLIENT_ID, "client_secret": CLIENT_SECRET}
    token = requests.post(f"{salesforce.url}/services/oauth2/token", form, timeout=5).json()["access_token"]
    return {"Authorization": f"Bearer {token}"}


def call(
    server: RunningServer, headers: dict[str, str], method: str = "POST", path: str = "sobjects/Lead"
) -> requests.Response:
    url = f"{server.url}/services/data/v67.0/{path}"
    json = LEAD if method in ("POST", "PATCH") else None
    return requests.request(method, url, json=json, headers=headers, timeout=5)


@pytest.mark.parametrize(("kind", "done"), [("drop", 1), ("reset", 0)])
def test_a_broken_connection(
    salesforce: RunningServer, headers: dict[str, str], kind: str, done: int
) -> None:
    salesforce.fault(kind, method="POST", path="Lead")
    with pytest.raises(requests.ConnectionError):
        call(salesforce, headers)
    assert len(salesforce.records("Lead")) == done
    assert salesforce.log[-1].status == []
    assert call(salesforce, headers).status_code == 201


@pytest.mark.parametrize(
    ("kind", "status", "code", "done"),
    [
        ("500", 500, "UNKNOWN_EXCEPTION", 1),
        ("503", 503, "SERVER_UNAVAILABLE", 0),
        ("quota", 403, "REQUEST_LIMIT_EXCEEDED", 0),
        ("busy", 403, "REQUEST_LIMIT_EXCEEDED", 0),
        ("forbidden", 403, "INSUFFICIENT_ACCESS_OR_READONLY", 0),
        ("expired", 401, "INVALID_SESSION_ID", 0),
    ],
)
def test_an_error_answer(
    salesforce: RunningServer, headers: dict[str, str], kind: str, status: int, code: str, done: int
) -> None:
    salesforce.fault(kind)
    found = call(salesforce, headers)
    assert (found.status_code, found.json()[0]["errorCode"]) == (status, code)
    assert len(salesforce.records("Lead")) == done
    assert "api-usage=" in found.headers["Sforce-Limit-Info"]
    assert call(salesforce, headers).status_code == (401 if kind == "expired" else 201)


def test_a_proxy_s_page_and_half_an_answer_are_no_json(
    salesforce: RunningServer, headers: dict[str, str]
) -> None:
    salesforce.fault("502")
    assert call(salesforce, headers).headers["Content-Type"] == "text/html"
    salesforce.fault("truncated")
    with pytest.raises(requests.JSONDecodeError):
        call(salesforce, headers).json()
    assert len(salesforce.records("Lead")) == 1


def test_a_stale_query_does_not_know_the_last_changes(
    salesforce: RunningServer, headers: dict[str, str]
) -> None:
    old = salesforce.create("Lead", **LEAD, Title="before")
    salesforce.clock.advance(300)
    salesforce.edit(old, Title="after")
    salesforce.create("Lead", **LEAD)
    query = "query?q=SELECT+Title+FROM+Lead"
    salesforce.fault("stale", seconds=60)
    assert [row["Title"] for row in call(salesforce, headers, "GET", query).json()["records"]] == ["before"]
    assert len(call(salesforce, headers, "GET", query).json()["records"]) == 2


def test_faults_wait_for_their_request(salesforce: RunningServer, headers: dict[str, str]) -> None:
    salesforce.fault("503", method="POST", path="sobjects", text="Lovelace", after=1, times=2)
    statuses = [call(salesforce, headers).status_code for _ in range(4)]
    assert statuses == [201, 503, 503, 201]
    assert [asked.writes for asked in salesforce.log] == [False, True, True, True, True]
    with pytest.raises(ValueError, match="no such fault"):
        Fault("nonsense")


def test_a_cursor_dies(salesforce: RunningServer, headers: dict[str, str]) -> None:
    for _ in range(201):
        salesforce.create("Lead", **LEAD)
    small = {**headers, "Sforce-Query-Options": "batchSize=200"}
    page = call(salesforce, small, "GET", "query?q=SELECT+Id+FROM+Lead").json()
    path = page["nextRecordsUrl"].partition("v67.0/")[2]
    assert len(call(salesforce, headers, "GET", path).json()["records"]) == 1
    salesforce.app.queries.cursors.clear()
    assert call(salesforce, headers, "GET", path).json()[0]["errorCode"] == "INVALID_QUERY_LOCATOR"


def test_what_is_not_there_or_too_long_is_refused(salesforce: RunningServer, headers: dict[str, str]) -> None:
    assert call(salesforce, headers, "GET", "nonsense").status_code == 404
    assert call(salesforce, headers, "DELETE", "limits").status_code == 405
    assert call(salesforce, headers, "GET", "query?q=" + "x" * 16_400).status_code == 414
    for version, status in (("v20.0", 410), ("v99.0", 404)):
        url = f"{salesforce.url}/services/data/{version}/limits"
        assert requests.get(url, headers=headers, timeout=5).status_code == status
    assert requests.get(f"{salesforce.url}/services/data/", timeout=5).json()[-1]["version"] == "67.0"


def test_search_finds_by_parts_of_names_and_addresses(
    salesforce: RunningServer, headers: dict[str, str]
) -> None:
    made = salesforce.create("Lead", **LEAD, Email="ada@acme.example")
    salesforce.create("Contact", LastName="Other")
    path = "parameterizedSearch?q=acme.ex&sobject=Lead,Contact&fields=Id,Email"
    [found] = call(salesforce, headers, "GET", path).json()["searchRecords"]
    assert (found["Id"], found["Email"]) == (made, "ada@acme.example")
