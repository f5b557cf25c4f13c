"""Searches, limits and faults of the stand-in, seen by the official client."""

from __future__ import annotations

from typing import Any

import pytest
from hubspot import HubSpot
from hubspot.crm.companies import ApiException as CompaniesError

from sales_agent_dagster_tests.hubspot_server import TOKEN, Fault, RunningServer


def search(client: HubSpot, *filters: dict[str, Any], **parts: Any) -> Any:
    groups = [{"filters": list(filters)}] if filters else []
    return client.crm.companies.search_api.do_search({"filterGroups": groups, **parts})


def where(name: str, operator: str, value: Any = None, **parts: Any) -> dict[str, Any]:
    return {
        "propertyName": name,
        "operator": operator,
        **({} if value is None else {"value": value}),
        **parts,
    }


def test_searches_filter_sort_and_page(hubspot: RunningServer, client: HubSpot) -> None:
    rows = [
        {"name": name, "city": city, "numberofemployees": count}
        for name, city, count in (
            ("Acme North", "Austin", 5),
            ("Acme South", "Boston", 50),
            ("Zeta", None, 500),
        )
    ]
    hubspot.add_many("companies", [{k: v for k, v in row.items() if v} for row in rows], step_s=1)

    def names(*filters: dict[str, Any], **parts: Any) -> list[str]:
        return [one.properties["name"] for one in search(client, *filters, **parts).results]

    assert names(where("city", "EQ", "AUSTIN")) == ["Acme North"]
    assert names(where("city", "NEQ", "austin")) == ["Acme South"]
    assert names(where("city", "NOT_HAS_PROPERTY")) == ["Zeta"]
    assert names(where("city", "HAS_PROPERTY"), sorts=["-name"]) == ["Acme South", "Acme North"]
    assert names(where("name", "CONTAINS_TOKEN", "acme")) == ["Acme North", "Acme South"]
    assert names(where("name", "NOT_CONTAINS_TOKEN", "acme")) == ["Zeta"]
    assert names(where("name", "CONTAINS_TOKEN", "*eta")) == ["Zeta"]
    assert names(where("numberofemployees", "BETWEEN", "5", highValue="50")) == ["Acme North", "Acme South"]
    assert names(where("numberofemployees", "GT", "50")) == ["Zeta"]
    assert names(where("numberofemployees", "LT", "50")) == ["Acme North"]
    assert names(where("numberofemployees", "LTE", "50"), where("city", "IN", values=["boston"])) == [
        "Acme South"
    ]
    assert names(where("city", "IN", values=["Boston"])) == []
    assert names(where("city", "NOT_IN", values=["boston"])) == ["Acme North"]
    second = str(hubspot.store.changes[1].at)
    assert names(where("hs_lastmodifieddate", "GTE", second)) == ["Acme South", "Zeta"]
    assert names(query="south acme") == ["Acme South"]
    assert names(where("hs_lastmodifieddate", "GTE", second), query="zeta") == ["Zeta"]
    page = search(client, limit=2, sorts=["numberofemployees"])
    assert (page.total, page.paging.next.after) == (3, "2")
    assert search(client, limit=2, after=2, sorts=["numberofemployees"]).paging is None
    hubspot.delete("companies", page.results[0].id)
    assert search(client).total == 2


@pytest.mark.parametrize(
    "body",
    [
        {"limit": 201},
        {"after": 10_000},
        {"after": "x"},
        {"filterGroups": [{"filters": []}] * 6},
        {"filterGroups": [{"filters": [where("name", "HAS_PROPERTY")] * 7}]},
        {"filterGroups": [{"filters": [where("name", "HAS_PROPERTY")] * 5}] * 4},
        {"filterGroups": [{"filters": [where("nonsense", "EQ", "x")]}]},
        {"filterGroups": [{"filters": [where("name", "LIKE", "x")]}]},
        {"filterGroups": [{"filters": [where("name", "EQ")]}]},
        {"filterGroups": [{"filters": [where("numberofemployees", "GT", "x")]}]},
        {"filterGroups": [{"filters": [where("name", "EQ", "x" * 3000)]}]},
    ],
)
def test_searches_have_limits(client: HubSpot, body: dict[str, Any]) -> None:
    with pytest.raises(CompaniesError) as refused:
        client.crm.companies.search_api.do_search(body)
    assert refused.value.status == 400


def test_searches_see_writes_late(hubspot: RunningServer, client: HubSpot) -> None:
    hubspot.app.search.lag_s = 30
    company = hubspot.add("companies", name="Acme")
    assert search(client).total == 0
    assert client.crm.companies.basic_api.get_by_id(company).id == company
    hubspot.clock.advance(30)
    hubspot.edit("companies", company, name="Renamed")
    assert [one.properties["name"] for one in search(client, where("name", "EQ", "acme")).results] == ["Acme"]


def test_ten_seconds_and_the_day_have_limits(hubspot: RunningServer, client: HubSpot) -> None:
    hubspot.limits.ten_seconds, hubspot.limits.daily = 2, 4
    api = client.crm.companies.basic_api
    answered = api.get_page_with_http_info()[2]
    assert answered["X-HubSpot-RateLimit-Remaining"] == "1"
    assert answered["X-HubSpot-RateLimit-Daily-Remaining"] == "3"
    api.get_page()
    with pytest.raises(CompaniesError) as refused:
        api.get_page()
    assert (refused.value.status, "TEN_SECONDLY_ROLLING" in refused.value.body) == (429, True)
    hubspot.clock.advance(10)
    api.get_page()
    api.get_page()
    hubspot.clock.advance(10)
    with pytest.raises(CompaniesError, match="DAILY"):
        api.get_page()
    hubspot.clock.advance(86_400)
    assert api.get_page().results == []


def test_searches_have_a_limit_without_headers(hubspot: RunningServer, client: HubSpot) -> None:
    hubspot.limits.search_second = 2
    for _ in range(2):
        search(client)
    with pytest.raises(CompaniesError) as refused:
        search(client)
    assert "secondly limit" in refused.value.body
    assert not any("RateLimit" in name for name in refused.value.headers)
    assert client.crm.companies.basic_api.get_page().results == []


@pytest.mark.parametrize(
    ("kind", "works", "done"),
    [
        ("drop", False, True),
        ("drop_before", False, False),
        ("502_after", False, True),
        ("503", False, False),
        ("429_bare", False, False),
        ("slow", True, True),
    ],
)
def test_faults_come_before_the_work_or_after(
    hubspot: RunningServer, kind: str, works: bool, done: bool, client: HubSpot
) -> None:
    hubspot.fail(Fault(kind, "POST .*companies"))
    api = HubSpot(access_token=TOKEN, host=hubspot.url, retry=False).crm.companies.basic_api

    def make() -> None:
        api.create({"properties": {"name": "A"}})

    if works:
        make()
    else:
        with pytest.raises(Exception, match=r"(?i)aborted|reset|50\d|429|closed|without response"):
            make()
    assert len(hubspot.active("companies")) == done
    assert [entry.fault for entry in hubspot.log if entry.fault] == [kind]
    make()


def test_a_stale_read_sees_the_past(hubspot: RunningServer, client: HubSpot) -> None:
    company = hubspot.add("companies", name="Before")
    hubspot.clock.advance(100)
    hubspot.edit("companies", company, name="After")
    hubspot.fail(Fault("stale", "GET", seconds=10))
    api = client.crm.companies.basic_api
    assert [api.get_by_id(company).properties["name"] for _ in range(2)] == ["Before", "After"]
