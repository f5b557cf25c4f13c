"""Webhook deliveries: only Close's own, fresh and new ones are taken."""

from __future__ import annotations

import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest
from pydantic import SecretStr

from sales_agent_dagster.crm.close import CloseConnector
from sales_agent_dagster.crm.close.webhooks import verified
from sales_agent_dagster.crm.contract import EventAction
from sales_agent_dagster.crm.delivery import DeliveryRefused
from sales_agent_dagster_tests.close_server.running import RunningClose
from sales_agent_dagster_tests.close_server.webhooks import signed

KEY = SecretStr("058bfb6a3d8cfdc4da7c3be5901b16ae11da982b46a25fb2cd7016e97a140a1c")
EVENT = {
    "id": "ev_1",
    "date_updated": "2026-03-02T09:30:00.000000",
    "object_type": "lead",
    "action": "updated",
    "object_id": "lead_1",
}
AT = 1_772_443_800


def check(body: bytes, headers: dict[str, str], at: float = AT) -> dict[str, Any]:
    return verified(headers, body, KEY, datetime.fromtimestamp(at, UTC))


def signed_event(event: Any = EVENT) -> tuple[bytes, dict[str, str]]:
    return signed(KEY.get_secret_value(), {"event": event, "subscription_id": "whsub_1"}, AT)


def test_the_published_vector() -> None:
    """Its body holds no event, which is found out only once its signature is good."""
    body = b'{"a": 1, "b": "\\u00e9"}'
    headers = {
        "close-sig-timestamp": "1544271440",
        "close-sig-hash": "8e120dbf4860daebe17b6a2f398a8fefbc20198a4af788131c2e09b9ba7bbadd",
    }
    with pytest.raises(DeliveryRefused) as refused:
        check(body, headers, 1_544_271_440)
    assert refused.value.code == "body"
    with pytest.raises(DeliveryRefused) as rewritten:
        check(json.dumps(json.loads(body)).replace(" ", "").encode(), headers, 1_544_271_440)
    assert rewritten.value.code == "signature"


def test_a_good_one_is_taken() -> None:
    assert check(*signed_event()) == EVENT
    assert check(*signed_event({**EVENT, "data": {"name": "Müller ⚡"}}))["data"]["name"] == "Müller ⚡"


@pytest.mark.parametrize("offset", [-301, 301])
def test_old_and_early_ones_are_not(offset: int) -> None:
    with pytest.raises(DeliveryRefused) as refused:
        check(*signed_event(), AT + offset)
    assert refused.value.code == "old"


@pytest.mark.parametrize("offset", [-300, 300])
def test_within_five_minutes_they_are(offset: int) -> None:
    assert check(*signed_event(), AT + offset) == EVENT


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"close-sig-hash": "0" * 64}, "signature"),
        ({"close-sig-hash": "é"}, "signature"),
        ({"close-sig-hash": ""}, "unsigned"),
        ({"close-sig-timestamp": ""}, "unsigned"),
        ({"close-sig-timestamp": "-5"}, "unsigned"),
        ({"close-sig-timestamp": "٣"}, "unsigned"),
        ({"close-sig-timestamp": str(AT + 1)}, "signature"),
        ({"close-sig-timestamp": "9" * 20}, "unsigned"),
    ],
)
def test_forgeries_are_not(change: dict[str, str], code: str) -> None:
    body, headers = signed_event()
    with pytest.raises(DeliveryRefused) as refused:
        check(body, {**headers, **change})
    assert refused.value.code == code
    with pytest.raises(DeliveryRefused):
        check(body + b" ", headers)


@pytest.mark.parametrize(
    "content",
    [
        [],
        {"event": None},
        "text",
        *({"event": {**EVENT, name: None}} for name in EVENT),
        {"event": {**EVENT, "date_updated": "yesterday"}},
    ],
    ids=str,
)
def test_signed_nonsense_is_not(content: Any) -> None:
    body, headers = signed(KEY.get_secret_value(), content, AT)
    with pytest.raises(DeliveryRefused) as refused:
        check(body, headers)
    assert refused.value.code == "body"


def test_signed_text_that_is_no_json() -> None:
    digest = hmac.new(
        bytes.fromhex(KEY.get_secret_value()), f"{AT}".encode() + b"{", hashlib.sha256
    ).hexdigest()
    with pytest.raises(DeliveryRefused) as refused:
        check(b"{", {"close-sig-hash": digest, "close-sig-timestamp": str(AT)})
    assert refused.value.code == "body"


@contextmanager
def receiver(answers: list[int]) -> Iterator[tuple[str, list[tuple[dict[str, str], bytes]]]]:
    """A server that keeps what it gets and answers with these statuses, then 200."""
    got: list[tuple[dict[str, str], bytes]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            headers = {name.lower(): value for name, value in self.headers.items()}
            got.append((headers, self.rfile.read(int(self.headers["content-length"]))))
            self.send_response(answers.pop(0) if answers else 200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/hook", got
        finally:
            server.shutdown()
            thread.join()


def test_deliveries_of_the_stand_in(connector: CloseConnector, close: RunningClose) -> None:
    with receiver([503]) as (url, got):
        not_ours = {
            "type": "field_accessor",
            "field": "api_key_id",
            "filter": {"type": "is_null"},
        }
        subscription = connector.api.send(
            "POST",
            "webhook/",
            {
                "url": url,
                "events": [{"object_type": "lead", "action": "updated", "extra_filter": not_ours}],
            },
        ).json()
        lead = close.ask("POST", "/lead/", {"name": "A"})["id"]
        close.ask("PUT", f"/lead/{lead}/", {"name": "B"})
        assert close.deliver() == [], "updates wait for more of them"
        close.clock.advance(11)
        assert close.deliver() == [503]
        assert close.deliver() == []
        close.clock.advance(3)
        assert close.deliver() == [200]
    headers, body = got[-1]
    now = datetime.fromtimestamp(close.clock.now(), UTC)
    event = verified(headers, body, SecretStr(subscription["signature_key"]), now)
    ours = connector.event(event)
    assert ours is not None
    assert (ours.action, ours.remote_id, ours.changed) == (EventAction.UPDATED, lead, {"company": "B"})
    close.clock.advance(3_600)
    with pytest.raises(DeliveryRefused):
        verified(
            headers,
            body,
            SecretStr(subscription["signature_key"]),
            datetime.fromtimestamp(close.clock.now(), UTC),
        )


def test_a_subscription_pauses_after_three_days(connector: CloseConnector, close: RunningClose) -> None:
    body = {"url": "http://127.0.0.1:9/", "events": [{"object_type": "lead", "action": "created"}]}
    subscription = connector.api.send("POST", "webhook/", body).json()["id"]
    close.fill(1)
    assert close.deliver() == [0]
    close.clock.advance(3 * 86_400 + 1)
    assert close.deliver() == [0]
    path = f"webhook/{subscription}/"
    assert connector.api.get(path)["status"] == "paused"
    close.fill(1)
    assert close.deliver() == []
    assert connector.api.send("PUT", path, {"status": "active"}).json()["status"] == "active"
    assert close.deliver() == [0]
    connector.api.send("DELETE", path)
    assert connector.api.get("webhook/")["data"] == []
