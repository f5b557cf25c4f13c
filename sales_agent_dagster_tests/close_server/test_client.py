"""The vendor's own client, unmodified, against the stand-in."""

from __future__ import annotations

import closeio_api
import pytest
import requests

from sales_agent_dagster_tests.close_server import API_KEY
from sales_agent_dagster_tests.close_server.running import RunningClose

DUPLICATE = {"name": "Acme", "contacts": [{"name": "Jo", "emails": [{"email": "jo@acme.example"}]}]}


def test_a_lead_lives_and_dies(api: closeio_api.API) -> None:
    me = api.get("me")
    assert me["organizations"][0]["id"].startswith("orga_")
    lead = api.post(
        "lead",
        {
            **DUPLICATE,
            "url": "https://acme.example",
            "status": "Qualified",
            "addresses": [{"label": "business", "city": "Austin", "state": "TX"}],
            "shoe_size": 43,
        },
    )
    assert lead["id"].startswith("lead_")
    assert len(lead["id"]) == len("lead_") + 43
    assert lead["status_label"] == "Qualified"
    assert lead["contacts"][0]["lead_id"] == lead["id"]
    assert lead["addresses"][0]["zipcode"] == ""
    assert "shoe_size" not in lead
    changed = api.put(f"lead/{lead['id']}", {"name": "Acme, Inc.", "contacts": []})
    assert changed["name"] == "Acme, Inc."
    assert len(changed["contacts"]) == 1, "a patch cannot touch contacts"
    assert changed["url"] == "https://acme.example", "a put is a patch"
    listed = api.get("lead", {"_limit": 1, "_fields": "id,name"})
    assert listed == {
        "data": [{"id": lead["id"], "name": "Acme, Inc."}],
        "has_more": False,
        "total_results": 1,
    }
    assert api.delete(f"lead/{lead['id']}") == {}
    with pytest.raises(closeio_api.APIError):
        api.get(f"lead/{lead['id']}")
    assert api.get("contact")["data"] == []


def test_a_slash_at_the_end_is_not_needed(api: closeio_api.API, close: RunningClose) -> None:
    api.get("me")
    with requests.get(close.url + "me", auth=(API_KEY, ""), timeout=5) as answer:
        assert answer.json()["email"] == "integration@ours.example"


@pytest.mark.parametrize("auth", [None, ("nobody", ""), (API_KEY, "password")])
def test_only_known_keys_are_let_in(close: RunningClose, auth: tuple[str, str] | None) -> None:
    with requests.get(close.url + "me/", auth=auth, timeout=5) as answer:
        assert (answer.status_code, answer.json()) == (401, {"error": "Unauthorized"})


def test_the_api_never_dedupes(api: closeio_api.API) -> None:
    assert api.post("lead", dict(DUPLICATE))["id"] != api.post("lead", dict(DUPLICATE))["id"]


def test_the_official_client_creates_twice_when_an_answer_is_lost(
    api: closeio_api.API, close: RunningClose
) -> None:
    close.script("drop")
    api.post("lead", {"name": "Twice"})
    assert [lead["name"] for lead in close.objects("lead")] == ["Twice", "Twice"]
    assert [(each.status, each.fault) for each in close.log] == [(200, "drop"), (200, None)]


@pytest.mark.parametrize("path", ["contact", "opportunity"])
def test_without_a_lead_one_is_made_up(api: closeio_api.API, close: RunningClose, path: str) -> None:
    made = api.post(path, {"name": "Jo"} if path == "contact" else {"value": 100})
    (lead,) = close.objects("lead")
    assert made["lead_id"] == lead["id"]
    assert lead["name"] == ("Jo" if path == "contact" else "Untitled")


def test_won_fills_its_date_and_leaving_does_not_clear_it(api: closeio_api.API) -> None:
    statuses = {each["label"]: each["id"] for each in api.get("status/opportunity")["data"]}
    made = api.post("opportunity", {"value": 123_456})
    assert (made["status_type"], made["value"]) == ("active", 123_456)
    won = api.put(f"opportunity/{made['id']}", {"status_id": statuses["Won"]})
    assert (won["status_type"], won["date_won"]) == ("won", "2026-03-02")
    back = api.put(f"opportunity/{made['id']}", {"status_id": statuses["Demo"]})
    assert (back["status_type"], back["date_won"]) == ("active", "2026-03-02")


def test_an_opportunity_has_its_sums(api: closeio_api.API) -> None:
    lead = api.post("lead", {"name": "Acme"})["id"]
    given = {"lead_id": lead, "value": 50_000, "value_period": "monthly", "confidence": 40}
    made = api.post("opportunity", given)
    sums = ("value_formatted", "expected_value", "annualized_value")
    assert [made[name] for name in sums] == ["$500.00", 20_000, 600_000]
    assert made["user_id"] == api.get("me")["id"]
    assert [api.post("opportunity", {"lead_id": lead})[name] for name in sums] == [None] * 3


def test_exports_are_listed(api: closeio_api.API) -> None:
    assert api.get("export")["data"] == []
    made = api.post("export/lead", {"format": "json", "type": "leads"})["id"]
    assert [each["id"] for each in api.get("export")["data"]] == [made]


def test_custom_fields(api: closeio_api.API, close: RunningClose) -> None:
    key = api.post("custom_field/lead", {"name": "Key", "type": "hidden"})["id"]
    color = api.post("custom_field/shared", {"name": "Color", "type": "choices", "choices": ["red"]})["id"]
    many = api.post("custom_field/lead", {"name": "Many", "type": "text", "accepts_multiple_values": True})[
        "id"
    ]
    fields = api.get("custom_field_schema/lead")["fields"]
    assert [field["name"] for field in fields] == ["Key", "Many", "Color"]
    lead = api.post("lead", {"name": "A", f"custom.{key}": "k1", f"custom.{many}": ["a"]})
    assert (lead[f"custom.{key}"], lead["custom"]) == ("k1", {"Key": "k1", "Many": ["a"]})
    path = f"lead/{lead['id']}"
    assert api.put(path, {f"custom.{many}.add": "b"})[f"custom.{many}"] == ["a", "b"]
    assert api.put(path, {f"custom.{many}.remove": ["a"]})[f"custom.{many}"] == ["b"]
    assert f"custom.{key}" not in api.put(path, {f"custom.{key}": None})
    assert set(api.get(path, {"_fields": "id,custom"})) == {"id", "custom", f"custom.{many}"}
    for name, value in ((f"custom.{color}", "blue"), ("custom.cf_none", "x"), (f"custom.{key}", 3)):
        with pytest.raises(closeio_api.ValidationError) as refused:
            api.put(path, {name: value})
        assert refused.value.errors == []
        assert list(refused.value.field_errors) == [name]
    close.options.strict_custom = False
    assert api.put(path, {f"custom.{color}": "blue", "custom.cf_none": "x"})[f"custom.{color}"] == "blue"
    close.options.manage_organization = False
    with pytest.raises(closeio_api.APIError) as forbidden:
        api.post("custom_field/lead", {"name": "More", "type": "text"})
    assert forbidden.value.response.status_code == 403


def test_a_merge_moves_everything(api: closeio_api.API, close: RunningClose) -> None:
    source, destination = (api.post("lead", {**DUPLICATE, "name": name})["id"] for name in "AB")
    api.post("activity/note", {"lead_id": source, "note": "called"})
    close.clock.advance(60)
    assert api.post("lead/merge", {"source": source, "destination": destination}) == {}
    assert {contact["lead_id"] for contact in close.objects("contact")} == {destination}
    assert api.get("activity", {"lead_id": destination})["data"][0]["note"] == "called"
    (merged,) = api.get("event", {"object_type": "lead", "action": "merged"})["data"]
    assert merged["meta"]["merge_source_lead_id"] == source
    assert merged["meta"]["merge_destination_lead_id"] == destination
    gone = api.get("event", {"object_type": "lead", "object_id": source})["data"][0]
    assert (gone["action"], gone["data"], gone["previous_data"]["name"]) == ("deleted", None, "A")


def test_a_deleted_lead_takes_its_own_along(api: closeio_api.API, close: RunningClose) -> None:
    lead = api.post("lead", dict(DUPLICATE))
    api.post("task", {"lead_id": lead["id"], "text": "call"})
    api.delete(f"lead/{lead['id']}")
    deleted = [event["object_type"] for event in close.crm.events.all() if event["action"] == "deleted"]
    assert deleted == ["contact", "task.lead", "lead"]


def test_drafts_stay_and_anything_else_is_noticed(api: closeio_api.API, close: RunningClose) -> None:
    lead = api.post("lead", {"name": "A"})["id"]
    draft = {"lead_id": lead, "status": "draft", "subject": "Hello", "to": ["jo@acme.example"]}
    assert api.post("activity/email", dict(draft))["status"] == "draft"
    assert close.crm.objects.sent == []
    with pytest.raises(closeio_api.ValidationError):
        api.post("activity/email", {**draft, "status": "outbox"})
    sent = api.post("activity/email", {**draft, "status": "outbox", "sender": "us@ours.example"})
    assert [each["id"] for each in close.crm.objects.sent] == [sent["id"]]


def test_unsubscribing(api: closeio_api.API, close: RunningClose) -> None:
    lead = api.post("lead", dict(DUPLICATE))["id"]
    assert api.post("unsubscribe/email", {"email": "JO@acme.example"})["email"] == "JO@acme.example"
    assert api.get(f"lead/{lead}")["contacts"][0]["emails"][0]["is_unsubscribed"] is True
    (event,) = api.get("event", {"object_type": "unsubscribed_email", "action": "created"})["data"]
    assert event["data"]["email"] == "JO@acme.example"
    api.delete("unsubscribe/email/jo%40acme.example")
    assert api.get("unsubscribe/email")["data"] == []


def test_long_queries_go_in_a_body(api: closeio_api.API, close: RunningClose) -> None:
    lead = api.post("lead", {"name": "A"})["id"]
    close.fill(1)
    found = api.post(
        "lead", {"_params": {"id__in": lead + ",x" * 2_000}}, headers={"x-http-method-override": "GET"}
    )
    assert found["total_results"] == 1
