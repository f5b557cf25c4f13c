"""Deliveries over HTTP: only signed, fresh and new ones are taken, each once; what they tell is stored."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

import pytest
import requests
import sqlalchemy as sa
from pydantic import SecretStr

from sales_agent_dagster.crm.close.connector import CloseConnector
from sales_agent_dagster.crm.errors import AuthRefused, CrmError, Unavailable
from sales_agent_dagster.crm.hubspot.webhooks import SIGNATURE, TIMESTAMP, signature_of
from sales_agent_dagster.domain.errors import TransientError
from sales_agent_dagster.warehouse.database import Warehouse
from sales_agent_dagster.warehouse.schema import crm_deliveries, crm_events, crm_leads
from sales_agent_dagster_tests.close_server.running import RunningClose
from sales_agent_dagster_tests.close_server.webhooks import signed as close_signed
from sales_agent_dagster_tests.hubspot_server import RunningServer
from sales_agent_dagster_tests.hubspot_server.webhooks import events_of, signed
from sales_agent_dagster_tests.service.conftest import SECRET, Serve, Service

EVENT = {
    "id": "ev_1",
    "date_updated": "2026-03-02T09:30:00.000000",
    "object_type": "task",
    "object_id": "task_1",
    "action": "created",
}


def rows(warehouse: Warehouse, table: sa.Table) -> list[dict[str, Any]]:
    with warehouse.reading() as connection:
        return [dict(row) for row in connection.execute(sa.select(table)).mappings()]


def eventually(condition: Callable[[], Any]) -> None:
    """What is read after the answer comes soon."""
    waiter = threading.Event()
    for _ in range(1000):
        if condition():
            return
        waiter.wait(0.01)
    raise AssertionError("it did not come")


def post(service: Service, body: bytes, headers: dict[str, str], crm: str = "hubspot") -> tuple[int, str]:
    answer = requests.post(f"{service.url}/webhooks/{crm}", data=body, headers=headers, timeout=30)
    return answer.status_code, answer.json()["status"]


def delivery(
    hubspot: RunningServer, service: Service, off_s: float = 0, path: str = "/webhooks/hubspot"
) -> tuple[bytes, dict[str, str]]:
    """Everything that happened so far, signed for the service's address."""
    events = events_of(hubspot.changes)
    return signed(events, SECRET, service.url + path, hubspot.clock.now() + off_s)


def test_a_person_s_edit_in_hubspot_reaches_the_warehouse(
    hubspot: RunningServer, warehouse: Warehouse, serve: Serve
) -> None:
    service = serve(warehouse)
    company = hubspot.add("companies", name="Acme")
    hubspot.edit("companies", company, city="Austin")
    assert post(service, *delivery(hubspot, service)) == (200, "taken")
    stored = rows(warehouse, crm_events)
    assert [(row["crm"], row["action"], row["remote_id"], row["run_id"]) for row in stored] == [
        ("hubspot", "created", company, "webhook"),
        ("hubspot", "updated", company, "webhook"),
    ]
    eventually(
        lambda: [(row["company"], row["city"]) for row in rows(warehouse, crm_leads)] == [("Acme", "Austin")]
    )


def test_a_person_s_edit_in_close_reaches_the_warehouse(
    close: RunningClose, sqlite_warehouse: Warehouse, serve: Serve
) -> None:
    serve(sqlite_warehouse)
    lead = close.ask("POST", "lead", {"name": "Acme"})
    assert close.deliver() == [200]
    assert [row["remote_id"] for row in rows(sqlite_warehouse, crm_events)] == [lead["id"]]
    eventually(lambda: [row["company"] for row in rows(sqlite_warehouse, crm_leads)] == ["Acme"])


def test_a_deletion_is_stored_as_such(
    hubspot: RunningServer, sqlite_warehouse: Warehouse, serve: Serve
) -> None:
    service = serve(sqlite_warehouse)
    company = hubspot.add("companies", name="Acme")
    post(service, *delivery(hubspot, service))
    eventually(lambda: rows(sqlite_warehouse, crm_leads))
    hubspot.delete("companies", company)
    assert post(service, *delivery(hubspot, service)) == (200, "taken")
    assert [row["archived"] for row in rows(sqlite_warehouse, crm_leads)] == [True]


def test_the_same_signature_is_taken_once_and_a_repetition_changes_nothing(
    hubspot: RunningServer, warehouse: Warehouse, serve: Serve
) -> None:
    service = serve(warehouse)
    hubspot.add("companies", name="Acme")
    first = delivery(hubspot, service)
    assert post(service, *first) == (200, "taken")
    assert post(service, *first) == (409, "replayed")
    assert post(serve(warehouse), *first) == (401, "signature"), "it is signed for another address"
    # Our answer was lost: HubSpot delivers the same events again, signed anew.
    hubspot.clock.advance(60)
    assert post(service, *delivery(hubspot, service)) == (200, "taken")
    assert len(rows(warehouse, crm_events)) == 1
    assert len(rows(warehouse, crm_deliveries)) == 2


def test_a_replay_in_other_letters_is_a_replay(
    close: RunningClose, hubspot: RunningServer, sqlite_warehouse: Warehouse, serve: Serve
) -> None:
    service = serve(sqlite_warehouse)
    (subscription,) = close.crm.webhooks.subscriptions.values()
    body, headers = close_signed(subscription["signature_key"], {"event": EVENT}, int(hubspot.clock.now()))
    assert post(service, body, headers, "close") == (200, "taken")
    for written in (str.lower, str.upper, str.title):
        again = headers | {"close-sig-hash": written(headers["close-sig-hash"])}
        assert post(service, body, again, "close") == (409, "replayed")


def test_two_at_the_same_time_are_one(hubspot: RunningServer, warehouse: Warehouse, serve: Serve) -> None:
    service = serve(warehouse)
    hubspot.add("companies", name="Acme")
    given, found = delivery(hubspot, service), list[int]()
    threads = [threading.Thread(target=lambda: found.append(post(service, *given)[0])) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(found) == [200, 409, 409, 409]


def test_a_replay_is_known_to_a_receiver_started_later(
    hubspot: RunningServer, sqlite_warehouse: Warehouse, serve: Serve
) -> None:
    given = {"public_url": "https://hooks.acme.example"}
    hubspot.add("companies", name="Acme")
    uri = "https://hooks.acme.example/webhooks/hubspot"
    body, headers = signed(events_of(hubspot.changes), SECRET, uri, hubspot.clock.now())
    assert post(serve(sqlite_warehouse, **given), body, headers) == (200, "taken")
    assert post(serve(sqlite_warehouse, **given), body, headers) == (409, "replayed")


def test_signatures_are_forgotten_once_they_would_be_too_old(
    hubspot: RunningServer, sqlite_warehouse: Warehouse, serve: Serve
) -> None:
    service = serve(sqlite_warehouse)
    old = delivery(hubspot, service)
    post(service, *old)
    hubspot.clock.advance(3600)
    assert post(service, *old) == (401, "old")
    assert post(service, *delivery(hubspot, service)) == (200, "taken")
    (kept,) = rows(sqlite_warehouse, crm_deliveries)
    assert kept["received_at"] > datetime.fromisoformat("2026-03-02T09:30:00+00:00") + timedelta(minutes=50)


def test_a_replay_is_known_as_long_as_its_time_would_pass(
    hubspot: RunningServer, sqlite_warehouse: Warehouse, serve: Serve
) -> None:
    service = serve(sqlite_warehouse)
    early = delivery(hubspot, service, off_s=299)
    assert post(service, *early) == (200, "taken")
    hubspot.clock.advance(598)
    assert post(service, *delivery(hubspot, service)) == (200, "taken")
    assert post(service, *early) == (409, "replayed")


@pytest.mark.parametrize("off_s", [-301, 301])
def test_old_and_future_ones_are_refused(
    hubspot: RunningServer, sqlite_warehouse: Warehouse, serve: Serve, off_s: float
) -> None:
    service = serve(sqlite_warehouse)
    hubspot.add("companies", name="Acme")
    assert post(service, *delivery(hubspot, service, off_s)) == (401, "old")
    assert rows(sqlite_warehouse, crm_events) == rows(sqlite_warehouse, crm_deliveries) == []


def test_forged_ones_are_refused_and_the_log_holds_no_data(
    hubspot: RunningServer,
    close: RunningClose,
    sqlite_warehouse: Warehouse,
    serve: Serve,
    caplog: pytest.LogCaptureFixture,
) -> None:
    service = serve(sqlite_warehouse)
    hubspot.add("contacts", email="jo@acme.example")
    body, headers = delivery(hubspot, service)
    with caplog.at_level(logging.DEBUG, logger="sales_agent_dagster"):
        assert post(service, body + b" ", headers) == (401, "signature")
        assert post(service, body, {}) == (401, "unsigned")
        assert post(service, body, headers, "close") == (401, "unsigned")
        forged = {"close-sig-hash": "0" * 64, "close-sig-timestamp": str(int(close.clock.now()))}
        assert post(service, body, forged, "close") == (401, "signature")
        assert post(service, body, headers) == (200, "taken")
    assert "refused" in caplog.text
    assert "acme" not in caplog.text
    assert SECRET not in caplog.text


@pytest.mark.parametrize("digits", [1, 3])
def test_digits_moved_between_time_and_body_keep_the_signature_and_are_refused(
    hubspot: RunningServer, close: RunningClose, sqlite_warehouse: Warehouse, serve: Serve, digits: int
) -> None:
    """What is signed is joined without a mark between the parts: a later part may begin earlier."""
    service = serve(sqlite_warehouse)
    (subscription,) = close.crm.webhooks.subscriptions.values()
    body, headers = close_signed(subscription["signature_key"], {"event": EVENT}, int(hubspot.clock.now()))
    stamp = headers["close-sig-timestamp"]
    moved = headers | {"close-sig-timestamp": stamp[:-digits]}
    assert post(service, stamp[-digits:].encode() + body, moved, "close") == (401, "old")
    body, headers = signed([], SECRET, f"{service.url}/webhooks/hubspot", hubspot.clock.now())
    stamp = headers["X-HubSpot-Request-Timestamp"]
    moved = headers | {"X-HubSpot-Request-Timestamp": stamp[digits:]}
    assert post(service, body + stamp[:digits].encode(), moved) == (401, "old")
    assert rows(sqlite_warehouse, crm_deliveries) == []


def test_what_is_signed_but_no_delivery_is_refused(
    hubspot: RunningServer, sqlite_warehouse: Warehouse, serve: Serve
) -> None:
    service = serve(sqlite_warehouse)
    uri = f"{service.url}/webhooks/hubspot"
    body, headers = signed([], SECRET, uri, hubspot.clock.now())
    assert post(service, body, headers) == (200, "taken")

    stamp = str(int(hubspot.clock.now() * 1000))
    digest = signature_of(SecretStr(SECRET), "POST", uri, b"{}", stamp)
    assert post(service, b"{}", {SIGNATURE: digest, TIMESTAMP: stamp}) == (400, "body")


def test_a_query_and_encoded_parts_of_the_address_are_signed(
    hubspot: RunningServer, sqlite_warehouse: Warehouse, serve: Serve
) -> None:
    service = serve(sqlite_warehouse)
    target = "/webhooks/hubspot?portal=1%3A2&x=%20"
    body, headers = delivery(hubspot, service, path=target.replace("%3A", ":"))
    answer = requests.post(service.url + target, data=body, headers=headers, timeout=30)
    assert answer.status_code == 200


def test_large_ones_are_not_read_to_the_end(
    hubspot: RunningServer, sqlite_warehouse: Warehouse, serve: Serve
) -> None:
    service = serve(sqlite_warehouse, max_body_kb=1)
    assert post(service, b"x" * 1024, {}) == (401, "unsigned")
    assert post(service, b"x" * 1025, {}) == (413, "large")

    def parts() -> Any:
        for _ in range(3):
            yield b"x" * 500

    answer = requests.post(f"{service.url}/webhooks/hubspot", data=parts(), timeout=30)
    assert answer.status_code == 413


def test_other_paths_and_methods(sqlite_warehouse: Warehouse, serve: Serve) -> None:
    service = serve(sqlite_warehouse)
    assert post(service, b"[]", {}, "salesforce") == (404, "unknown")
    assert requests.get(f"{service.url}/webhooks/close", timeout=30).status_code == 405
    assert requests.get(f"{service.url}/nowhere", timeout=30).status_code == 404
    health = requests.get(f"{service.url}/healthz", timeout=30)
    assert (health.status_code, health.json()) == (200, {"status": "ok", "crms": ["close", "hubspot"]})


def test_when_the_warehouse_is_away_the_crm_is_told_to_come_again(
    hubspot: RunningServer, sqlite_warehouse: Warehouse, serve: Serve, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = serve(sqlite_warehouse)
    hubspot.add("companies", name="Acme")
    given = delivery(hubspot, service)
    monkeypatch.setattr(type(sqlite_warehouse), "transaction", _lost)
    monkeypatch.setattr(type(sqlite_warehouse), "reading", _lost)
    assert post(service, *given) == (503, "unavailable")
    assert requests.get(f"{service.url}/healthz", timeout=30).status_code == 503


def _lost(*_: Any) -> Any:
    raise TransientError("the database is locked")


def test_records_that_cannot_be_read_now_come_with_the_next_pull(
    hubspot: RunningServer, sqlite_warehouse: Warehouse, serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    service = serve(sqlite_warehouse)
    hubspot.add("companies", name="Acme")
    hubspot.fail("403", where="batch/read")
    with caplog.at_level(logging.WARNING, logger="sales_agent_dagster"):
        assert post(service, *delivery(hubspot, service)) == (200, "taken")
        eventually(lambda: "records not read" in caplog.text)
    assert rows(sqlite_warehouse, crm_leads) == []
    assert len(rows(sqlite_warehouse, crm_events)) == 1


@pytest.mark.parametrize("error", [Unavailable, AuthRefused])
def test_close_is_told_to_come_again_when_its_schema_cannot_be_read(
    close: RunningClose,
    sqlite_warehouse: Warehouse,
    serve: Serve,
    monkeypatch: pytest.MonkeyPatch,
    error: type[CrmError],
) -> None:
    serve(sqlite_warehouse)

    def away(*_: Any) -> Any:
        raise error("no answer")

    monkeypatch.setattr(CloseConnector, "event", away)
    close.ask("POST", "lead", {"name": "Acme"})
    assert close.deliver() == [503]
    monkeypatch.undo()
    close.clock.advance(60)
    assert close.deliver() == [200]
