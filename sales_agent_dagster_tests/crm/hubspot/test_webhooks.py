"""Signatures and events of webhooks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from sales_agent_dagster.crm.contract import Event, EventAction
from sales_agent_dagster.crm.delivery import DeliveryRefused
from sales_agent_dagster.crm.fields import Kind
from sales_agent_dagster.crm.hubspot.mapping import FieldMap
from sales_agent_dagster.crm.hubspot.webhooks import SIGNATURE, TIMESTAMP, events_of, signature_of, verified
from sales_agent_dagster.settings import HubSpotSettings
from sales_agent_dagster_tests.hubspot_server import RunningServer, webhooks

SECRET = SecretStr("yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy")
URI = "https://www.example.com/webhook_uri"
NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
FIELDS = FieldMap(HubSpotSettings())


def delivery(body: bytes = b"[]", uri: str = URI, at: datetime = NOW) -> dict[str, str]:
    stamp = str(round(at.timestamp() * 1000))
    return {SIGNATURE: signature_of(SECRET, "POST", uri, body, stamp), TIMESTAMP: stamp}


def code(headers: dict[str, str], body: bytes = b"[]", uri: str = URI, method: str = "POST") -> str:
    try:
        verified(headers, method, uri, body, SECRET, NOW)
    except DeliveryRefused as refused:
        return refused.code
    return "fine"


def test_a_known_signature() -> None:
    # Computed with OpenSSL: printf '%s' POSThttps://www.example.com/webhook_uri[]1772443800000 |
    #   openssl dgst -sha256 -hmac yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy -binary | base64
    found = signature_of(SECRET, "post", URI, b"[]", "1772443800000")
    assert found == "bKeIvhWOGm8g6qXj2U238JPIGhakYV3y/AJS79h6/FE="


def test_the_address_is_decoded_where_hubspot_does_not_encode() -> None:
    plain = f"{URI}?a=1:2/3?@!$'()*,;&b=%20%41"
    encoded = f"{URI}?a=1%3A2%2f3%3F%40%21%24%27%28%29%2A%2C%3b&b=%20%41"
    assert signature_of(SECRET, "POST", encoded, b"", "1") == signature_of(SECRET, "POST", plain, b"", "1")
    assert signature_of(SECRET, "POST", f"{URI}?a=%20", b"", "1") != signature_of(
        SECRET, "POST", f"{URI}?a= ", b"", "1"
    )
    for code_, letter in (("%26", "&"), ("%3D", "="), ("%23", "#"), ("%25", "%"), ("%2B", "+")):
        kept = signature_of(SECRET, "POST", f"{URI}?a={code_}", b"", "1")
        assert kept != signature_of(SECRET, "POST", f"{URI}?a={letter}", b"", "1"), "HubSpot leaves it"


@pytest.mark.parametrize(
    ("off", "wanted"),
    [(0, "fine"), (300, "fine"), (-300, "fine"), (300.001, "old"), (-300.001, "old"), (86_400, "old")],
)
def test_a_delivery_must_be_fresh(off: float, wanted: str) -> None:
    assert code(delivery(at=NOW - timedelta(seconds=off))) == wanted


def test_what_is_not_signed_as_it_came_is_refused() -> None:
    good = delivery()
    assert code(good) == "fine"
    assert code(good, b"[ ]") == "signature"
    assert code(good, uri=f"{URI}/") == "signature"
    assert code(good, method="PUT") == "signature"
    assert code({**good, TIMESTAMP: str(int(good[TIMESTAMP]) + 1)}) == "signature"
    assert code({**good, SIGNATURE: "Ä" * 44}) == "signature"
    for stamp in ("", "now", "1" * 30, "-5", "١٢"):
        assert code({**good, TIMESTAMP: stamp}) == "unsigned"
    assert code({TIMESTAMP: good[TIMESTAMP]}) == "unsigned"


@pytest.mark.parametrize("body", [b"", b"{}", b"[1]", b"\xff", b"null", b"[{}"])
def test_a_signed_body_that_holds_no_events_is_refused(body: bytes) -> None:
    assert code(delivery(body), body) == "body"


@settings(max_examples=50)
@given(st.binary(max_size=64), st.binary(max_size=64))
def test_only_the_same_bytes_have_the_signature(one: bytes, other: bytes) -> None:
    same = signature_of(SECRET, "POST", URI, one, "1") == signature_of(SECRET, "POST", URI, other, "1")
    assert same == (one == other)


def test_what_happened_in_the_account_becomes_events(hubspot: RunningServer) -> None:
    company = hubspot.add("companies", name="Acme")
    other = hubspot.add("companies", name="Other")
    hubspot.edit("companies", company, city="Austin", phone=None, numberofemployees=7)
    hubspot.merge("companies", company, other)
    contact = hubspot.add("contacts", email="jo@acme.example")
    hubspot.opt_out(contact)
    hubspot.delete("contacts", contact)
    hubspot.add("notes", hs_timestamp="1", hs_note_body="x")
    raw = webhooks.events_of(hubspot.changes)
    found = events_of(raw, FIELDS)
    assert [(one.action, one.kind, one.remote_id, dict(one.changed), one.merged_into) for one in found] == [
        (EventAction.CREATED, Kind.COMPANY, company, {}, None),
        (EventAction.CREATED, Kind.COMPANY, other, {}, None),
        (EventAction.UPDATED, Kind.COMPANY, company, {"city": "Austin"}, None),
        (EventAction.UPDATED, Kind.COMPANY, company, {"phone": None}, None),
        (EventAction.UPDATED, Kind.COMPANY, company, {}, None),
        (EventAction.MERGED, Kind.COMPANY, other, {}, company),
        (EventAction.CREATED, Kind.CONTACT, contact, {}, None),
        (EventAction.UPDATED, Kind.CONTACT, contact, {"email_opt_out": True}, None),
        (EventAction.DELETED, Kind.CONTACT, contact, {}, None),
    ]
    assert len({one.event_id for one in found}) == len(found)
    assert found == events_of(raw, FIELDS)
    assert found[0].writer == "userId:7"
    assert found[0].updated_at == datetime.fromtimestamp(raw[0]["occurredAt"] / 1000, UTC)


def test_a_merge_into_a_new_record_takes_both_away() -> None:
    merge = {
        "eventId": 1,
        "occurredAt": 1772443800000,
        "subscriptionType": "object.merge",
        "objectTypeId": "0-1",
        "primaryObjectId": 5,
        "mergedObjectIds": [6],
        "newObjectId": 9,
    }
    found = [(one.remote_id, one.merged_into, one.kind) for one in events_of([merge], FIELDS)]
    assert found == [("5", "9", Kind.CONTACT), ("6", "9", Kind.CONTACT)]


@pytest.mark.parametrize(
    "raw",
    [
        {},
        {"subscriptionType": "company.creation", "occurredAt": 1, "objectId": 1},
        {"subscriptionType": "company.creation", "eventId": 1, "objectId": 1},
        {"subscriptionType": "company.creation", "eventId": 1, "occurredAt": 1},
        {"subscriptionType": "company.dance", "eventId": 1, "occurredAt": 1, "objectId": 1},
        {"subscriptionType": "ticket.creation", "eventId": 1, "occurredAt": 1, "objectId": 1},
        {"subscriptionType": "company.creation", "eventId": 1, "occurredAt": "x", "objectId": 1},
        {"subscriptionType": "company.creation", "eventId": 1, "occurredAt": 10**18, "objectId": 1},
        {"subscriptionType": None, "eventId": 1, "occurredAt": 1, "objectId": 1},
    ],
)
def test_what_is_not_ours_is_left_out(raw: dict[str, object]) -> None:
    assert events_of([raw], FIELDS) == []


def test_an_association_is_a_change_of_its_first_end() -> None:
    raw = {
        "subscriptionType": "contact.associationChange",
        "eventId": 1,
        "occurredAt": 0,
        "fromObjectId": 3,
        "toObjectId": 4,
    }
    (event,) = events_of([raw], FIELDS)
    assert event == Event(
        "1:contact.associationChange:3:",
        EventAction.UPDATED,
        Kind.CONTACT,
        "3",
        datetime(1970, 1, 1, tzinfo=UTC),
    )


def test_the_stand_in_signs_alike() -> None:
    body, headers = webhooks.signed([{"eventId": 1}], SECRET.get_secret_value(), URI, NOW.timestamp())
    lower = {name.lower(): value for name, value in headers.items()}
    assert verified(lower, "POST", URI, body, SECRET, NOW) == orjson.loads(body)
