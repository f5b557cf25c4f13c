"""Searches, lists and the event log, asked by the vendor's own client."""

from __future__ import annotations

import gzip
import json
from typing import Any

import closeio_api
import pytest
import requests

from sales_agent_dagster_tests.close_server import API_KEY, OTHER_KEY
from sales_agent_dagster_tests.close_server.running import RunningClose

SORT = [
    {
        "direction": "asc",
        "field": {"type": "regular_field", "object_type": "lead", "field_name": "date_updated"},
    }
]
DUPLICATE = {"name": "Acme", "contacts": [{"name": "Jo", "emails": [{"email": "jo@acme.example"}]}]}


def lead_query(*more: dict[str, Any]) -> dict[str, Any]:
    return {"type": "and", "queries": [{"type": "object_type", "object_type": "lead"}, *more]}


def updated(**bounds: str) -> dict[str, Any]:
    moments = {name: {"type": "fixed_utc", "value": value} for name, value in bounds.items()}
    field = {"type": "regular_field", "object_type": "lead", "field_name": "date_updated"}
    return {"type": "field_condition", "field": field, "condition": {"type": "moment_range", **moments}}


def test_search_pages_die_after_half_a_minute(api: closeio_api.API, close: RunningClose) -> None:
    close.fill(5)
    body = {"query": lead_query(), "_fields": {"lead": ["id", "name"]}, "_limit": 2, "include_counts": True}
    first = api.post("data/search", dict(body))
    assert first["count"] == {"limited": 5, "total": 5}
    assert [each["name"] for each in first["data"]] == ["Lead 0", "Lead 1"]
    assert first["data"][0]["__object_type"] == "lead"
    second = api.post("data/search", {**body, "cursor": first["cursor"]})
    last = api.post("data/search", {**body, "cursor": second["cursor"]})
    assert (len(last["data"]), last["cursor"]) == (1, None)
    first = api.post("data/search", dict(body))
    close.clock.advance(31)
    with pytest.raises(closeio_api.ValidationError) as expired:
        api.post("data/search", {**body, "cursor": first["cursor"]})
    assert expired.value.field_errors == {"cursor": "Expired cursor"}


def test_search_is_capped_and_late(api: closeio_api.API, close: RunningClose) -> None:
    close.reset(search_cap=3, index_lag_s=30)
    close.fill(5)
    body = {"query": lead_query(), "_limit": 200, "sort": SORT, "include_counts": True}
    assert api.post("data/search", dict(body))["data"] == []
    close.clock.advance(31)
    found = api.post("data/search", dict(body))
    assert (len(found["data"]), found["count"], found["cursor"]) == (3, {"limited": 3, "total": 5}, None)
    api.delete(f"lead/{found['data'][0]['id']}")
    assert found["data"][0] in api.post("data/search", dict(body))["data"], "deleted, and still found"


def test_search_conditions(api: closeio_api.API, close: RunningClose) -> None:
    key = api.post("custom_field/lead", {"name": "Key", "type": "hidden"})["id"]
    score = api.post("custom_field/lead", {"name": "Score", "type": "number"})["id"]
    acme = api.post("lead", {**DUPLICATE, f"custom.{key}": "dlr-1", f"custom.{score}": 7})
    close.clock.advance(60)
    other = api.post("lead", {"name": "Other", "contacts": [{"emails": [{"email": "big-jo@acme.example"}]}]})

    def ids(*conditions: dict[str, Any]) -> set[str]:
        return {each["id"] for each in api.post("data/search", {"query": lead_query(*conditions)})["data"]}

    def custom(field: str, **condition: Any) -> dict[str, Any]:
        named = {"type": "custom_field", "custom_field_id": field}
        return {"type": "field_condition", "field": named, "condition": condition}

    def by_email(value: str) -> dict[str, Any]:
        field = {"type": "regular_field", "object_type": "contact_email", "field_name": "email"}
        condition = {"type": "text", "mode": "phrase", "value": value}
        inner = {"type": "field_condition", "field": field, "condition": condition}
        email = {
            "type": "has_related",
            "this_object_type": "contact",
            "related_object_type": "contact_email",
            "related_query": inner,
        }
        return {
            "type": "has_related",
            "this_object_type": "lead",
            "related_object_type": "contact",
            "related_query": email,
        }

    assert ids(custom(key, type="text", mode="phrase", value="dlr-1")) == {acme["id"]}
    assert ids(custom(key, type="text", mode="phrase", value="1-dlr")) == set()
    assert ids(custom(key, type="text", mode="full_words", value="1 dlr")) == {acme["id"]}
    assert ids({**custom(key, type="exists"), "negate": True}) == {other["id"]}
    assert ids(custom(score, type="number_range", gte=7, lt=8)) == {acme["id"]}
    assert ids(by_email("jo@acme.example")) == {acme["id"], other["id"]}, "words, not addresses"
    both = [custom(key, type="text", mode="phrase", value=value) for value in ("dlr-1", "dlr-2")]
    assert ids({"type": "or", "queries": both}) == {acme["id"]}
    assert ids({"type": "id", "value": other["id"]}) == {other["id"]}
    assert ids(updated(on_or_after=other["date_updated"])) == {other["id"]}
    assert ids(updated(before=other["date_updated"])) == {acme["id"]}
    with pytest.raises(closeio_api.ValidationError):
        ids({"type": "telepathy"})
    with pytest.raises(closeio_api.ValidationError):
        ids(custom("cf_none", type="exists"))


def test_the_old_search_still_works(api: closeio_api.API, close: RunningClose) -> None:
    first = api.post("lead", dict(DUPLICATE))
    close.clock.advance(120)
    second = api.post("lead", {"name": "Beta Power"})

    def names(query: str) -> list[str]:
        return [lead["name"] for lead in api.get("lead", {"query": query})["data"]]

    assert names('email:"jo@acme.example"') == ["Acme"]
    assert names('name:"beta"') == ["Beta Power"]
    assert names("sort:-date_updated") == ["Beta Power", "Acme"]
    assert names(f'date_updated>="{second["date_updated"][:16]}"') == ["Beta Power"]
    assert names("power") == ["Beta Power"]
    ids = api.get("lead", {"id__in": first["id"]})
    assert ids["total_results"] == 1


@pytest.mark.parametrize(
    ("path", "params", "field"),
    [
        ("lead", {"_limit": 201}, "_limit"),
        ("lead", {"_skip": 35_001}, "_skip"),
        ("event", {"_limit": 51}, "_limit"),
        ("event", {"_skip": 1}, "_skip"),
        ("event", {"user_id": "u", "action": "created"}, "query"),
        ("event", {"object_type": "lead"}, "query"),
        ("event", {"_cursor": "nonsense"}, "_cursor"),
        ("event", {"date_updated__gt": "yesterday"}, "date_updated__gt"),
    ],
)
def test_what_lists_refuse(api: closeio_api.API, path: str, params: dict[str, Any], field: str) -> None:
    with pytest.raises(closeio_api.ValidationError) as refused:
        api.get(path, params)
    assert list(refused.value.field_errors) == [field]


def test_near_updates_are_one_event_whoever_made_them(api: closeio_api.API, close: RunningClose) -> None:
    lead = api.post("lead", {"name": "A"})["id"]
    close.clock.advance(60)
    api.put(f"lead/{lead}", {"name": "B"})
    close.ask("PUT", f"/lead/{lead}/", {"url": "https://b.example"})
    (event,) = api.get("event", {"object_type": "lead", "action": "updated"})["data"]
    assert {"name", "url"} <= set(event["changed_fields"])
    assert event["api_key_id"] is None
    assert event["previous_data"]["name"] == "A"
    assert event["date_updated"] > event["date_created"]
    assert not event["date_updated"].endswith("+00:00")
    close.clock.advance(60)
    close.ask("PUT", f"/lead/{lead}/", {"name": "C"})
    assert len(api.get("event", {"object_type": "lead", "action": "updated"})["data"]) == 2


def test_the_log_is_read_newest_first_and_forgets(api: closeio_api.API, close: RunningClose) -> None:
    close.fill(7)
    filters = {"object_type": "lead", "action": "created", "_limit": 3}
    first = api.get("event", filters)
    assert [each["data"]["name"] for each in first["data"]] == ["Lead 6", "Lead 5", "Lead 4"]
    assert first["cursor_previous"] is None
    second = api.get("event", {**filters, "_cursor": first["cursor_next"]})
    third = api.get("event", {**filters, "_cursor": second["cursor_next"]})
    assert ([each["data"]["name"] for each in third["data"]], third["cursor_next"]) == (["Lead 0"], None)
    back = api.get("event", {**filters, "_cursor": third["cursor_previous"]})
    assert back["data"] == second["data"]
    with pytest.raises(closeio_api.ValidationError):
        api.get("event", {"_cursor": first["cursor_next"]})
    middle = second["data"][1]["date_updated"]
    assert len(api.get("event", {"date_updated__gte": middle})["data"]) == 4
    assert len(api.get("event", {"date_updated__lt": middle})["data"]) == 3
    close.clock.advance(30 * 86_400 + 1)
    assert api.get("event")["data"] == []


def test_other_keys_are_other_writers(api: closeio_api.API, close: RunningClose) -> None:
    api.post("lead", {"name": "A"})
    with requests.post(close.url + "lead/", json={"name": "B"}, auth=(OTHER_KEY, ""), timeout=5) as answer:
        assert answer.status_code == 200
    assert len({event["api_key_id"] for event in close.crm.events.all()}) == 2


def test_bulk_edits_and_exports(api: closeio_api.API, close: RunningClose) -> None:
    close.fill(3)
    status = api.get("status/lead")["data"][3]["id"]
    query = {"query": lead_query()}
    action = api.post(
        "bulk_action/edit", {"s_query": query, "type": "set_lead_status", "lead_status_id": status}
    )
    assert (action["status"], action["n_leads_processed"]) == ("done", 3)
    assert len({lead["date_updated"] for lead in close.objects("lead")}) == 1
    events = [event for event in close.crm.events.all() if event["meta"].get("bulk_action_id")]
    assert len(events) == 3
    export = api.post("export/lead", {"s_query": query, "format": "json", "type": "leads"})
    seen = [api.get(f"export/{export['id']}")["status"] for _ in range(3)]
    assert seen == ["started", "in_progress", "done"]
    address = api.get(f"export/{export['id']}")["download_url"]
    with requests.get(address, auth=(API_KEY, ""), timeout=5) as answer:
        content = json.loads(gzip.decompress(answer.content))
    assert {lead["status_label"] for lead in content} == {"Do Not Contact"}
