"""How Close's answers are read."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from requests.structures import CaseInsensitiveDict

from sales_agent_dagster.crm.close.dialect import CloseDialect, words_of
from sales_agent_dagster.crm.close.events import event_of
from sales_agent_dagster.crm.close.mapping import Mapper
from sales_agent_dagster.crm.close.schema import Schema
from sales_agent_dagster.crm.contract import EventAction
from sales_agent_dagster.crm.errors import InvalidRequest, RateLimited, RecordGone
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.crm.http import Reply
from sales_agent_dagster.settings import CloseSettings

BARE = Mapper(Schema({Kind.COMPANY: {}, Kind.CONTACT: {}}), CloseSettings())


def reply(status: int, body: Any = None, **headers: str) -> Reply:
    raw = orjson.dumps(body) if body is not None else b""
    given = CaseInsensitiveDict({name.replace("_", "-"): value for name, value in headers.items()})
    return Reply(status, given, raw, "req", body)


@pytest.mark.parametrize(
    ("body", "message", "fields"),
    [
        ({"error": "Unauthorized"}, "Unauthorized", {}),
        ({"error": {"message": "Slow down."}}, "Slow down.", {}),
        ({"errors": ["One.", "Two."], "field-errors": {}}, "One. Two.", {}),
        ({"errors": [], "field-errors": {"name": "Too long."}}, "name: Too long.", {"name": "Too long."}),
        (
            {"errors": [], "field-errors": {"emails": {"errors": [], "field-errors": {"email": "Bad."}}}},
            "emails.email: Bad.",
            {"emails.email": "Bad."},
        ),
        (
            {"field-errors": {"emails": {"errors": {"0": {"email": "Bad."}}}}},
            None,
            {"emails.0.email": "Bad."},
        ),
        ({"field-errors": "Bad."}, "request: Bad.", {"request": "Bad."}),
        (
            {"field-errors": {"name": ["Too long.", "Odd."]}},
            "name: Too long. Odd.",
            {"name": "Too long. Odd."},
        ),
        ({"errors": {"name": ["Too long."]}}, "name: Too long.", {"name": "Too long."}),
        ({"errors": "Bad.", "field-errors": None}, "Bad.", {}),
        ({"message": "Bad."}, "Bad.", {}),
        (["nonsense"], "", {}),
        (None, "", {}),
    ],
)
def test_errors_in_all_their_shapes(body: Any, message: str | None, fields: dict[str, str]) -> None:
    found, by_field = words_of(body)
    assert by_field == fields
    assert message is None or found == message


def test_an_error_without_words() -> None:
    error = CloseDialect().error_of(reply(404))
    assert isinstance(error, RecordGone)
    assert error.message == "Close answered 404."
    assert CloseDialect().error_of(reply(201, {})) is None
    refused = CloseDialect().error_of(reply(400, {"errors": [], "field-errors": {"lead_id": "No such."}}))
    assert isinstance(refused, InvalidRequest)
    assert refused.fields == {"lead_id": "No such."}


@pytest.mark.parametrize(
    ("body", "headers", "wait"),
    [
        ({"error": "x"}, {"RateLimit": "limit=60, remaining=0, reset=2.25", "Retry_After": "3"}, 2.25),
        ({"error": "x"}, {"Retry_After": "3"}, 3.0),
        ({"error": "x"}, {"RateLimit": "limit=60, remaining=59, reset=8", "Retry_After": "1"}, 1.0),
        ({"rate_reset": 0.5}, {"RateLimit": "limit=60, remaining=59, reset=8", "Retry_After": "1"}, 0.5),
        ({"error": "x"}, {"RateLimit": "limit=60, remaining=59, reset=8"}, 8.0),
        ({"error": "x", "rate_reset": 4.5}, {}, 4.5),
        ({"error": {"message": "x", "rate_reset": 1.5}}, {}, 1.5),
        ({"error": "x", "rate_reset": "soon"}, {"RateLimit": "nonsense"}, None),
        ({"error": "x"}, {"RateLimit": "limit=60, remaining=0", "RateLimit_Reset": "2.5"}, 2.5),
        ({"error": "x"}, {"X_Rate_Limit_Remaining": "0", "X_Rate_Limit_Reset": "4.25"}, 4.25),
        ({"error": "x"}, {"X_Rate_Limit_Remaining": "0", "X_Rate_Limit_Reset": "1764430000"}, None),
    ],
)
def test_how_long_to_wait(body: Any, headers: dict[str, str], wait: float | None) -> None:
    error = CloseDialect().error_of(reply(429, body, **headers))
    assert isinstance(error, RateLimited)
    assert error.retry_after == wait


@pytest.mark.parametrize(
    ("headers", "told"),
    [
        ({"RateLimit": "limit=100, remaining=50, reset=5"}, (100, 50, 5.0, 0.5)),
        ({"RateLimit": "Limit=100; Remaining=0; Reset=0.25"}, (100, 0, 0.25, 0.0)),
        ({"RateLimit": "remaining=50,limit=100,reset=5"}, (100, 50, 5.0, 0.5)),
        (
            {"RateLimit": '"default";r=50;t=5', "RateLimit_Policy": '"default";q=100;w=5'},
            (None, 50, 5.0, None),
        ),
        (
            {"RateLimit_Limit": "100", "RateLimit_Remaining": "50", "RateLimit_Reset": "5"},
            (100, 50, 5.0, 0.5),
        ),
        (
            {"X_Rate_Limit_Limit": "100", "X_Rate_Limit_Remaining": "50", "X_Rate_Limit_Reset": "5.5"},
            (100, 50, 5.5, 0.5),
        ),
        ({"RateLimit": "limit=100, remaining=50"}, None),
        ({"X_Rate_Limit_Remaining": "inf", "X_Rate_Limit_Reset": "-1"}, None),
        ({}, None),
    ],
)
def test_the_rate_is_told_in_several_forms_or_not(
    headers: dict[str, str], told: tuple[float | None, ...] | None
) -> None:
    hint = CloseDialect().hint_of(reply(200, {}, **headers))
    found = hint and (hint.limit, hint.remaining, hint.reset_s, hint.quota_left)
    assert found == told


def entry(**more: Any) -> dict[str, Any]:
    return {
        "id": "ev_1",
        "date_updated": "2026-03-02T09:30:00.000000",
        "object_type": "lead",
        "action": "updated",
        "object_id": "lead_1",
        "lead_id": "lead_1",
        "user_id": None,
        "api_key_id": None,
        **more,
    }


def test_events_that_tell_little() -> None:
    bare = event_of(entry(changed_fields=["name"], data=None), BARE)
    assert bare is not None
    assert (bare.changed, bare.writer, bare.request_id) == ({}, None, None)
    app = event_of(entry(oauth_client_id="app", user_id="user_1"), BARE)
    assert app is not None
    assert app.writer == "user_1"
    assert event_of(entry(object_type="task.lead"), BARE) is None
    assert event_of(entry(action="something_new"), BARE) is None
    assert event_of(entry(object_type="activity.email", data={"status": "inbox"}), BARE) is None
    assert event_of(entry(action="merged", meta=None), BARE) is None, "of what, it does not say"
    nobody = entry(object_type="activity.email", action="created", lead_id=None, data={"status": "inbox"})
    assert event_of(nobody, BARE) is None
    assert event_of(entry(action="merged", meta={"merge_source_lead_id": "lead_1"}), BARE) is None


@pytest.mark.parametrize(
    ("sender", "address"),
    [("Jo <jo@Acme.com>", "jo@acme.com"), ("jo@acme.com", "jo@acme.com"), ("Jo", None), (None, None)],
)
def test_who_replied(sender: str | None, address: str | None) -> None:
    data = {"status": "inbox", "sender": sender, "contact_id": "cont_1"}
    event = event_of(entry(object_type="activity.email", action="created", data=data), BARE)
    assert event is not None
    assert (event.action, event.kind, event.remote_id) == (EventAction.REPLIED, Kind.CONTACT, "cont_1")
    assert event.address == address
