"""The vendor's own client, unmodified, against the stand-in."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import Any

import closeio_api
import pytest
import requests

from sales_agent_dagster_tests.close_server import API_KEY, OTHER_KEY
from sales_agent_dagster_tests.close_server.running import RunningClose

DUPLICATE = {"name": "Acme", "contacts": [{"name": "Jo", "emails": [{"email": "jo@acme.example"}]}]}


@pytest.fixture
def api(close: RunningClose, monkeypatch: pytest.MonkeyPatch) -> Iterator[closeio_api.API]:
    # The client cuts decimals off a reset and then asks in vain until the way there has taken the rest.
    monkeypatch.setattr("closeio_api.time.sleep", lambda seconds: close.clock.advance(seconds + 0.3))
    client = closeio_api.API(close.url, API_KEY, max_retries=5)
    yield client
    client.session.close()


def lead_query(*more: dict[str, Any]) -> dict[str, Any]:
    return {"type": "and", "queries": [{"type": "object_type", "object_type": "lead"}, *more]}


def updated(**bounds: str) -> dict[str, Any]:
    moments = {name: {"type": "fixed_utc", "value": value} for name, value in bounds.items()}
    field = {"type": "regular_field", "object_type": "lead", "field_name": "date_updated"}
    return {"type": "field_condition", "field": field, "condition": {"type": "moment_range", **moments}}


SORT = [
    {
        "direction": "asc",
        "field": {"type": "regular_field", "object_type": "lead", "field_name": "date_updated"},
    }
]


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


def test_the_client_waits_out_the_limit(api: closeio_api.API, close: RunningClose) -> None:
    close.reset(requests=3, window_s=5)
    started = close.clock.now()
    for _ in range(8):
        api.get("me")
    assert close.app.limiter.refused >= 2
    assert close.app.limiter.most == 3
    assert close.clock.now() - started > 9
    assert api.post("lead", {"name": "another group"})["name"] == "another group"


def refusal(close: RunningClose) -> requests.Response:
    with requests.get(close.url + "me/", auth=(API_KEY, ""), timeout=5) as answer:
        return answer


def test_how_a_limit_is_told(close: RunningClose) -> None:
    close.reset(requests=1)
    assert refusal(close).headers["RateLimit"].startswith("limit=1, remaining=0, reset=5.000")
    over = refusal(close)
    assert over.status_code == 429
    assert over.headers["Retry-After"] == "5"
    assert float(over.headers["RateLimit-Reset"]) == over.json()["rate_reset"]
    close.reset(requests=1, rate_headers=False)
    assert "RateLimit" not in refusal(close).headers
    bare = refusal(close)
    assert bare.status_code == 429
    assert not {"RateLimit", "Retry-After", "RateLimit-Reset"} & set(bare.headers)
    assert "rate_reset" not in bare.text


@pytest.mark.parametrize("status", [402, 403, 500, 502, 503, 504])
def test_refusals_do_nothing(close: RunningClose, status: int) -> None:
    close.fault(str(status), method="POST", path="/lead/")
    auth = (API_KEY, "")
    with requests.post(close.url + "lead/", json={"name": "A"}, auth=auth, timeout=5) as answer:
        assert answer.status_code == status
    assert close.objects("lead") == []
    with requests.post(close.url + "lead/", json={"name": "A"}, auth=auth, timeout=5) as answer:
        assert answer.status_code == 200


@pytest.mark.parametrize(
    ("kind", "held"), [("drop", 1), ("drop_before", 0), ("500_after", 1), ("malformed", 1), ("slow", 1)]
)
def test_what_is_done_before_an_answer_fails(close: RunningClose, kind: str, held: int) -> None:
    close.fault(kind, seconds=0.001)
    arguments: dict[str, Any] = {"json": {"name": "A"}, "auth": (API_KEY, ""), "timeout": 5}
    if kind.startswith("drop"):
        with pytest.raises(requests.ConnectionError):
            requests.post(close.url + "lead/", **arguments)
    else:
        with requests.post(close.url + "lead/", **arguments) as answer:
            assert answer.status_code == (500 if kind == "500_after" else 200)
            if kind == "malformed":
                with pytest.raises(requests.JSONDecodeError):
                    answer.json()
    assert len(close.objects("lead")) == held


def test_a_stale_read_shows_what_was(api: closeio_api.API, close: RunningClose) -> None:
    lead = api.post("lead", {"name": "A"})["id"]
    api.put(f"lead/{lead}", {"name": "B"})
    close.script("stale", None)
    assert [api.get(f"lead/{lead}")["name"] for _ in range(2)] == ["A", "B"]
    api.delete(f"lead/{lead}")
    close.script("stale")
    assert api.get(f"lead/{lead}")["name"] == "B"


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


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"data": b"{nonsense", "headers": {"Content-Type": "application/json"}}, 400),
        ({"data": b"[1]", "headers": {"Content-Type": "application/json"}}, 400),
        ({"data": b"a=b", "headers": {"Content-Type": "text/plain"}}, 415),
    ],
)
def test_bodies_that_are_none(close: RunningClose, sent: dict[str, Any], status: int) -> None:
    with requests.post(close.url + "lead/", auth=(API_KEY, ""), timeout=5, **sent) as answer:
        assert answer.status_code == status


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("PATCH", "lead/", 405), ("POST", "me/", 405), ("PATCH", "lead/lead_x/", 405), ("GET", "nothing/", 404)],
)
def test_paths_that_are_none(close: RunningClose, method: str, path: str, status: int) -> None:
    with requests.request(method, close.url + path, auth=(API_KEY, ""), timeout=5) as answer:
        assert answer.status_code == status


def test_reset_makes_it_new(api: closeio_api.API, close: RunningClose) -> None:
    api.post("lead", {"name": "A"})
    close.reset()
    assert close.objects("lead") == []
    assert close.log == []


def test_a_process_is_run_over_http(close: RunningClose) -> None:
    root = close.url.removesuffix("api/v1/")
    body = {"method": "POST", "path": "/lead/", "body": {"name": "A"}}
    with requests.Session() as session:
        session.auth = (API_KEY, "")
        assert session.post(root + "admin/human", json=body, timeout=5).json()["name"] == "A"
        assert session.post(root + "admin/human", json={**body, "path": "/no/"}, timeout=5).status_code == 404
        session.post(root + "admin/fault", json={"kind": "503", "path": "/me/"}, timeout=5)
        session.post(root + "admin/advance", json={"seconds": 60}, timeout=5)
        assert session.get(close.url + "me/", timeout=5).status_code == 503
        assert [each["status"] for each in session.get(root + "admin/log", timeout=5).json()] == [503]
        assert session.post(root + "admin/reset", timeout=5).json() == {}
        assert session.get(root + "admin/nothing", timeout=5).status_code == 404
    assert close.objects("lead") == []
