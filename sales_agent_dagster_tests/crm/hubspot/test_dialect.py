"""How answers are read: by status, whatever the body; and what the headers tell of the rate."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from sales_agent_dagster.crm.errors import (
    AuthRefused,
    ConflictFound,
    CrmError,
    InvalidRequest,
    PermissionRefused,
    RateLimited,
    RecordGone,
    Unavailable,
)
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.crm.http import Reply
from sales_agent_dagster.crm.hubspot.dialect import HubSpotDialect, existing_id
from sales_agent_dagster.crm.hubspot.mapping import FieldMap, milliseconds, moment_of, text_of, value_of
from sales_agent_dagster.crm.hubspot.notes import fields_of_html, html_of
from sales_agent_dagster.crm.rates import RateHint
from sales_agent_dagster.settings import HubSpotSettings


def error(status: int, body: Any = None, **headers: str) -> CrmError | None:
    given = {name.replace("_", "-"): value for name, value in headers.items()}
    raw = b"<html>" if body is None else orjson.dumps(body)
    return HubSpotDialect().error_of(Reply(status, given, raw, "r1"))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (401, AuthRefused),
        (403, PermissionRefused),
        (400, InvalidRequest),
        (415, InvalidRequest),
        (404, RecordGone),
        (409, ConflictFound),
        (423, Unavailable),
        (429, RateLimited),
        (477, Unavailable),
        (500, Unavailable),
        (502, Unavailable),
        (521, Unavailable),
        (524, Unavailable),
    ],
)
@pytest.mark.parametrize("body", [None, [], {}, {"message": "M", "category": "C"}, "text"])
def test_the_status_decides(status: int, kind: type[CrmError], body: Any) -> None:
    found = error(status, body)
    assert type(found) is kind
    assert (found.status, found.request_id) == (status, "r1")
    if isinstance(body, dict) and body:
        assert (found.message.removeprefix("HubSpot refuses SALES_AGENT_HUBSPOT__TOKEN: "), found.code) == (
            "M",
            "C",
        )


def test_a_good_answer_is_no_error() -> None:
    assert error(200) is None
    assert error(207, {"errors": [{}]}) is None


@pytest.mark.parametrize(
    ("body", "headers", "wait"),
    [
        ({"message": "You have reached your secondly limit."}, {}, 1.0),
        (None, {}, 1.0),
        ({"policyName": "TEN_SECONDLY_ROLLING"}, {}, 10.0),
        ({"policyName": "DAILY"}, {}, 86_400.0),
        ({"message": "You have reached your daily limit."}, {}, 86_400.0),
        ({"policyName": "DAILY"}, {"Retry_After": "7"}, 7.0),
    ],
)
def test_how_long_to_pause(body: Any, headers: dict[str, str], wait: float) -> None:
    found = error(429, body, **headers)
    assert found is not None
    assert found.retry_after == wait


def test_locked_is_waited_for_two_seconds_at_least() -> None:
    assert [getattr(error(423, None, **h), "retry_after", 0) for h in ({}, {"Retry_After": "9"})] == [
        2.0,
        9.0,
    ]
    assert getattr(error(477, None, Retry_After="30"), "retry_after", 0) == 30.0


def test_both_shapes_of_validation_errors() -> None:
    new = {
        "errors": [
            {"code": "INVALID_LONG", "context": {"propertyName": ["score"]}},
            {"message": "no context"},
        ]
    }
    old = {"validationResults": [{"name": "score", "error": "INVALID_LONG"}, {"isValid": False}]}
    for body in (new, old):
        found = error(400, body)
        assert found is not None
        assert found.fields == {"score": "INVALID_LONG"}


@pytest.mark.parametrize(
    ("message", "found"),
    [
        ("Contact already exists. Existing ID: 123", "123"),
        ("500010005 already has that value.", "500010005"),
        ("Nothing of the kind", None),
    ],
)
def test_the_record_in_the_way(message: str, found: str | None) -> None:
    assert existing_id(message) == found


@pytest.mark.parametrize(
    ("headers", "hint"),
    [
        ({}, None),
        ({"Daily": "1000", "Daily-Remaining": "250"}, RateHint(quota_left=0.25)),
        ({"Max": "190", "Remaining": "12"}, RateHint(190, 180, 10.0)),
        ({"Max": "190", "Remaining": "0"}, RateHint(190, 0, 1.0)),
        (
            {"Max": "20", "Remaining": "9", "Interval-Milliseconds": "1000"},
            RateHint(20, 19, 1.0),
        ),
        (
            {"Max": "100", "Remaining": "9", "Daily": "10", "Daily-Remaining": "10"},
            RateHint(100, 95, 10.0, 1.0),
        ),
        ({"Max": "many", "Remaining": "9"}, None),
    ],
)
def test_what_the_headers_tell(headers: dict[str, str], hint: RateHint | None) -> None:
    given = {f"X-HubSpot-RateLimit-{name}": value for name, value in headers.items()}
    assert HubSpotDialect().hint_of(Reply(200, given, b"", "r")) == hint


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (85.0, "85"),
        (1e20, "100000000000000000000"),
        (0.1, "0.1"),
        (-0.5, "-0.5"),
        (True, "true"),
        (None, ""),
        ("x", "x"),
    ],
)
def test_values_are_text(value: Any, text: str) -> None:
    assert text_of(value) == text


def test_text_is_values() -> None:
    assert value_of(Kind.COMPANY, "score", "85.5") == 85.5
    assert value_of(Kind.COMPANY, "score", "many") == "many"
    assert value_of(Kind.CONTACT, "email_opt_out", "True") is True
    assert value_of(Kind.CONTACT, "email_opt_out", "false") is False


def test_moments_are_exact() -> None:
    for text in ("2026-03-02T09:30:00.123Z", "1772443800123", "2026-03-02T09:30:00.123"):
        assert moment_of(text) == datetime(2026, 3, 2, 9, 30, 0, 123_000, UTC)
        assert milliseconds(moment_of(text)) == 1_772_443_800_123


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("Jo Ann  Doe", {"firstname": "Jo Ann", "lastname": "Doe"}),
        ("Cher", {"firstname": "", "lastname": "Cher"}),
        (None, {"firstname": "", "lastname": ""}),
    ],
)
def test_names_have_two_parts(name: str | None, parts: dict[str, str]) -> None:
    assert FieldMap(HubSpotSettings()).properties_of(Kind.CONTACT, {"contact_name": name}) == parts


@pytest.mark.parametrize(
    ("website", "domain"),
    [
        ("https://www.acme.example/start", "acme.example"),
        ("https://facebook.com/acme", None),
        ("acme.business.site", None),
        ("nonsense", None),
        (None, None),
    ],
)
def test_the_domain_follows_the_website_unless_it_is_shared(website: str | None, domain: str | None) -> None:
    found = FieldMap(HubSpotSettings()).properties_of(Kind.COMPANY, {"website": website})
    assert found.get("domain") == domain
    assert found["website"] == (website or "")


def test_a_draft_that_a_person_rebuilt_keeps_its_text() -> None:
    rebuilt = "<div>Dear <b>Jo</b>,<br/>x &amp; y</div>"
    assert fields_of_html(Kind.EMAIL_DRAFT, rebuilt) == {"body": "Dear Jo,\nx & y"}
    assert fields_of_html(Kind.NOTE, "") == {}
    assert html_of(Kind.NOTE, {"body": None}) == ""
    assert html_of(Kind.NOTE, {"body": "a\r\nb"}) == "a<br>b"
