"""What is kept of traffic says nothing of anybody."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sales_agent_dagster.crm.http import Exchange
from sales_agent_dagster.crm.redacting import path_of, redacted

JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


def exchange(sent: bytes = b"", received: bytes = b"", url: str = "https://a.example/x") -> Exchange:
    return Exchange("POST", url, 200, 0.0123, 1, "id", sent, received)


@pytest.mark.parametrize(
    ("path", "kept"),
    [
        ("/services/data/v67.0/composite/sobjects/Lead/Sales_Agent_Key__c", None),
        ("/services/data/v67.0/sobjects/Lead/00Q5e0000000001EAA", "/services/data/v67.0/sobjects/Lead/*"),
        ("/crm/objects/2026-09/companies/51234567", "/crm/objects/2026-09/companies/*"),
        ("/api/v1/lead/lead_o5Jx7Kq2a9/", "/api/v1/lead/*/"),
        ("/api/v1/unsubscribe/email/jo%40acme.example/", "/api/v1/unsubscribe/email/*/"),
        ("/crm/v3/objects/contacts/7", "/crm/v3/objects/contacts/*"),
    ],
)
def test_paths_lose_ids_and_addresses(path: str, kept: str | None) -> None:
    assert path_of(f"https://host.example{path}") == (kept or path)


def test_bodies_keep_their_form() -> None:
    sent = {"records": [{"Email": "jo@acme.example", "type": "Lead", "n": 5, "on": True, "x": None}] * 5}
    received = [{"errorCode": "INVALID_FIELD", "message": "No such column jo@acme.example"}]
    found = redacted(exchange(orjson.dumps(sent), orjson.dumps(received)))
    row = {"Email": "<text 15>", "type": "Lead", "n": "<number>", "on": True, "x": None}
    assert found == {
        "method": "POST",
        "path": "/x",
        "status": 200,
        "ms": 12,
        "attempt": 1,
        "sent": {"records": [row] * 3},
        "received": [{"errorCode": "INVALID_FIELD", "message": "<text 30>"}],
    }


def test_words_of_the_vendor_are_no_cover_for_others() -> None:
    body = {"status": "jo@acme.example", "type": "x" * 61, "jo@acme.example": 1}
    assert redacted(exchange(orjson.dumps(body)))["sent"] == {"status": "<text 15>", "type": "<text 61>"}
    assert redacted(exchange(b"jo@acme.example,1"))["sent"] == "<17 bytes>"


@settings(max_examples=50, deadline=None)
@given(JSON)
def test_no_text_or_number_is_left(value: Any) -> None:
    kept = redacted(exchange(orjson.dumps(value)))["sent"]
    assert not list(_told(kept))


def _told(value: Any) -> Any:
    if isinstance(value, dict):
        for one in value.values():
            yield from _told(one)
    elif isinstance(value, list):
        for one in value:
            yield from _told(one)
    elif value not in (None, True, False) and not str(value).startswith(("<text ", "<number>")):
        yield value
