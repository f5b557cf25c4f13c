"""Limits and faults."""

from __future__ import annotations

import socket
from typing import Any
from urllib.parse import urlsplit

import closeio_api
import pytest
import requests

from sales_agent_dagster_tests.close_server import API_KEY
from sales_agent_dagster_tests.close_server.running import RunningClose


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


def test_half_a_request_does_nothing(close: RunningClose) -> None:
    """A process may be killed while it sends."""
    url = urlsplit(close.url)
    head = f"POST {url.path}contact/ HTTP/1.1\r\nHost: close\r\nContent-Length: 20\r\n\r\n"
    with socket.create_connection((url.hostname or "", url.port or 0)) as line:
        line.sendall(head.encode() + b'{"na')
        line.shutdown(socket.SHUT_WR)
        while line.recv(1000):
            pass
    close.ask("GET", "/me/")
    assert (close.log, close.objects("contact")) == ([], [])
