"""The transport against a real server that answers from a script."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
import requests
from requests.auth import AuthBase

from sales_agent_dagster.crm.errors import (
    Ambiguous,
    AuthRefused,
    CrmError,
    InvalidRequest,
    PermissionRefused,
    RateLimited,
    RecordGone,
    Unavailable,
    WriteRefused,
)
from sales_agent_dagster.crm.http import Exchange, Reply, TransportOptions, error_of_status
from sales_agent_dagster.crm.rates import Pace, RateHint
from sales_agent_dagster.crm.registry import connect
from sales_agent_dagster.crm.transport import Transport
from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.settings import CloseSettings, HubSpotSettings, SalesforceSettings, Settings

DROP = "drop"


class Server(ThreadingHTTPServer):
    """Answers each request with the next of ``script``: a status, (status, headers, body) or DROP."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.script: list[Any] = []
        self.asked: list[tuple[str, str, bytes, dict[str, str]]] = []
        self.lock = threading.Lock()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Server

    def log_message(self, *_: Any) -> None:
        return

    def answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        with self.server.lock:
            self.server.asked.append((self.command, self.path, body, dict(self.headers)))
            step = self.server.script.pop(0) if self.server.script else 200
        if step == DROP:
            self.close_connection = True
            return
        status, headers, content = step if isinstance(step, tuple) else (step, {}, b'{"ok": true}')
        self.send_response(status)
        for name, value in ({"Content-Type": "application/json"} | headers).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815


class Plain:
    unreached = frozenset({503})

    def error_of(self, reply: Reply) -> CrmError | None:
        return error_of_status(reply, "refused")

    def hint_of(self, reply: Reply) -> RateHint | None:
        left = reply.headers.get("Left")
        return RateHint(quota_left=float(left)) if left else None


class Key(AuthBase):
    def __init__(self) -> None:
        self.key = "old"
        self.refreshes = 0

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        request.headers["Authorization"] = f"Bearer {self.key}"
        return request

    def refresh(self) -> bool:
        self.refreshes += 1
        self.key = "new"
        return True


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


class Made:
    """A transport with its virtual time."""

    def __init__(self, server: Server, **options: Any) -> None:
        self.slept: list[float] = []
        self.time = 0.0
        self.exchanges: list[Exchange] = []
        self.auth = Key()
        given: dict[str, Any] = {"dry_run": False, "hook": self.exchanges.append, **options}
        self.transport = Transport(
            f"http://127.0.0.1:{server.server_port}/api/",
            self.auth,
            Plain(),
            TransportOptions(now=lambda: self.time, sleep=self.sleep, jitter=lambda: 0.0, **given),
            pace=Pace(start=1000.0, most=1000.0),
            headers={"X-Version": "1"},
        )

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.time += seconds


@pytest.fixture
def made(server: Server) -> Iterator[Made]:
    made = Made(server)
    yield made
    made.transport.close()


def test_one_call(server: Server, made: Made) -> None:
    server.script = [(200, {"X-Request-Id": "req-1", "Left": "0.25"}, b'{"a": 1}')]
    reply = made.transport.request(
        "post", "/thing/", params={"q": "x y"}, json={"b": "é"}, headers={"X-A": "1"}
    )
    assert (reply.json(), reply.request_id) == ({"a": 1}, "req-1")
    [(method, path, body, headers)] = server.asked
    assert (method, path, body.decode()) == ("POST", "/api/thing/?q=x+y", '{"b":"é"}')
    assert (headers["Authorization"], headers["X-Version"], headers["X-A"]) == ("Bearer old", "1", "1")
    assert headers["Content-Type"] == "application/json"
    counters = made.transport.counters
    assert (counters.requests, counters.writes, counters.retries, counters.quota_left) == (1, 1, 0, 0.25)
    assert counters.p95_ms() == 0.0
    [exchange] = made.exchanges
    assert (exchange.method, exchange.status, exchange.received) == ("POST", 200, b'{"a": 1}')
    assert "?" not in exchange.url


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (400, InvalidRequest),
        (401, AuthRefused),
        (402, PermissionRefused),
        (403, PermissionRefused),
        (404, RecordGone),
        (410, RecordGone),
        (422, InvalidRequest),
    ],
)
def test_refusals_are_not_tried_again(server: Server, status: int, kind: type[CrmError]) -> None:
    made = Made(server)
    made.auth.refresh = lambda: False  # type: ignore[method-assign]
    server.script = [status]
    with pytest.raises(kind) as raised:
        made.transport.request("GET", "thing")
    assert (raised.value.status, raised.value.body, len(server.asked)) == (status, {"ok": True}, 1)
    made.transport.close()


@pytest.mark.parametrize("fault", [500, 503, 423, DROP, (200, {}, b'{"a": ')])
def test_what_may_be_sent_twice_is(server: Server, made: Made, fault: Any) -> None:
    server.script = [fault, fault]
    assert made.transport.request("PUT", "thing", json={}).status == 200
    assert len(server.asked) == 3
    assert made.transport.counters.retries == 2
    assert made.slept == [0.25, 0.5]


def test_patience_has_an_end(server: Server, made: Made) -> None:
    server.script = [503] * 9
    with pytest.raises(Unavailable):
        made.transport.request("POST", "search", json={}, reads=True)
    assert len(server.asked) == 5


@pytest.mark.parametrize("fault", [500, 502, DROP, (201, {}, b'{"id": ')])
def test_a_create_is_never_sent_twice(server: Server, made: Made, fault: Any) -> None:
    server.script = [fault]
    with pytest.raises(Ambiguous):
        made.transport.request("POST", "thing", json={})
    assert len(server.asked) == 1


SPENT = (429, {"Retry-After": "3600"}, b"")


@pytest.mark.parametrize("lost", [500, DROP, (200, {}, b'{"a": ')])
@pytest.mark.parametrize("last", [[SPENT], [503] * 4, [401, 401], [403]])
def test_what_an_attempt_without_an_answer_may_have_done_is_not_called_refused(
    server: Server, made: Made, lost: Any, last: list[Any]
) -> None:
    server.script = [lost, *last]
    with pytest.raises(Ambiguous) as raised:
        made.transport.request("PUT", "thing", json={})
    assert isinstance(raised.value.__cause__, RateLimited | Unavailable | AuthRefused | PermissionRefused)
    server.script = [lost, *last]
    with pytest.raises(CrmError) as read:
        made.transport.request("GET", "thing")
    assert not isinstance(read.value, Ambiguous)


@pytest.mark.parametrize(("lost", "last"), [(503, 403), (423, 403), (500, 400), (DROP, 404)])
def test_what_no_attempt_can_have_done_is_refused(server: Server, made: Made, lost: Any, last: int) -> None:
    server.script = [lost, last]
    with pytest.raises((PermissionRefused, InvalidRequest, RecordGone)):
        made.transport.request("PUT", "thing", json={})


def test_an_answer_tells_whether_an_attempt_before_may_have_done_it(server: Server, made: Made) -> None:
    for script, perhaps in (([DROP], True), ([500], True), ([503], False), ([429], False), ([401], False)):
        server.script = list(script)
        assert made.transport.request("PUT", "thing", json={}).perhaps_done is perhaps


def test_an_answer_that_leads_elsewhere_is_no_success(server: Server, made: Made) -> None:
    for status in (301, 302, 303, 307, 308):
        server.script, server.asked = [(status, {"Location": "https://elsewhere.example/"}, b"")] * 5, []
        with pytest.raises(Unavailable, match=r"127.0.0.1:\d+ sends the call on to another address"):
            made.transport.request("DELETE", "thing")
        assert {path for _, path, *_ in server.asked} == {"/api/thing"}
        server.script, server.asked = [(status, {}, b"")], []
        with pytest.raises(Ambiguous):
            made.transport.request("POST", "thing")
        assert len(server.asked) == 1


@pytest.mark.parametrize("answer", [b"<html>", b"[]", b'"text"', b""])
@pytest.mark.parametrize("crm", ["close", "hubspot", "salesforce"])
def test_what_is_no_answer_of_the_crm_is_told_as_such(
    server: Server, settings: Settings, crm: str, answer: bytes
) -> None:
    url = f"http://127.0.0.1:{server.server_port}"
    keys: dict[str, Any] = {
        "close": CloseSettings(api_key="key", base_url=f"{url}/api/v1/"),
        "hubspot": HubSpotSettings(token="token", base_url=url),
        "salesforce": SalesforceSettings(instance_url=url, client_id="id", client_secret="secret"),
    }
    options = TransportOptions(sleep=lambda seconds: None)
    connector = connect(crm, settings.model_copy(update=keys), options)
    kind = "text/html" if answer.startswith(b"<") else "application/json"
    server.script = [(200, {"Content-Type": kind}, answer)] * 20
    assert not connector.health().ok
    stream = connector.capabilities.streams[0].name
    for ask in (connector.describe, lambda: list(connector.pull(stream, None))):
        with pytest.raises(CrmError):
            ask()
    connector.close()


def test_a_create_that_was_not_sent_or_not_taken_is(server: Server, made: Made) -> None:
    server.script = [423, 429]
    assert made.transport.request("POST", "thing", json={}).status == 200
    assert len(server.asked) == 3


def test_nobody_listens() -> None:
    server = Server()
    server.server_close()
    made = Made(server)
    with pytest.raises(Unavailable, match=r"127.0.0.1:\d+: ConnectionError"):
        made.transport.request("POST", "thing", json={})
    assert len(made.slept) == 4
    made.transport.close()


def test_refusals_for_the_rate_are_waited_for(server: Server, made: Made) -> None:
    server.script = [(429, {"Retry-After": "7"}, b""), (429, {"Retry-After": "soon"}, b""), 200]
    assert made.transport.request("POST", "thing", json={}).status == 200
    assert made.time >= 7
    assert (made.transport.counters.refusals, made.transport.counters.requests) == (2, 3)
    server.script = [(429, {"Retry-After": "3600"}, b"")]
    with pytest.raises(RateLimited) as raised:
        made.transport.request("GET", "thing")
    assert raised.value.retry_after == 3600


def test_a_refused_key_is_refreshed_once(server: Server, made: Made) -> None:
    server.script = [401]
    assert made.transport.request("POST", "thing", json={}).status == 200
    assert [headers["Authorization"] for *_, headers in server.asked] == ["Bearer old", "Bearer new"]
    server.script = [401, 401]
    with pytest.raises(AuthRefused):
        made.transport.request("GET", "thing")
    assert made.auth.refreshes == 2


def test_a_dry_run_only_reads(server: Server) -> None:
    made = Made(server, dry_run=True)
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        with pytest.raises(WriteRefused, match=method):
            made.transport.request(method, "thing", json={})
    assert server.asked == []
    made.transport.request("GET", "thing")
    made.transport.request("POST", "search", json={}, reads=True)
    assert len(server.asked) == 2
    assert made.transport.counters.writes == 0
    made.transport.close()


def test_addresses_that_the_crm_names(server: Server, made: Made) -> None:
    base = made.transport.base_url
    assert made.transport.request("GET", f"{base}/next?a=1").status == 200
    assert server.asked[0][1] == "/api/next?a=1"
    for url in ("http://127.0.0.1:1/next", base.replace("http:", "https:")):
        with pytest.raises(InvalidRequest, match="another host"):
            made.transport.request("GET", url)


def test_bodies_of_other_kinds(server: Server, made: Made) -> None:
    server.script = [
        (200, {"Content-Type": "text/csv"}, b"a,b"),
        (200, {"Content-Type": "text/plain"}, b'{"a":1}'),
    ]
    reply = made.transport.request("PUT", "rows", data=b"a,b", headers={"Content-Type": "text/csv"})
    assert (reply.json(), reply.body) == (None, b"a,b")
    assert made.transport.request("POST", "token", data={"grant": "x y"}, reads=True).json() == {"a": 1}
    assert server.asked[1][2] == b"grant=x+y"
    server.script = [(204, {}, b"")]
    assert made.transport.request("DELETE", "thing").json() is None


def test_several_at_once_and_no_more_than_allowed(server: Server) -> None:
    made = Made(server, concurrency=3)
    taken: list[int] = []
    answered: list[int] = []

    def items() -> Iterator[int]:
        for number in range(20):
            assert number - len(answered) <= 3
            taken.append(number)
            yield number

    def ask(number: int) -> int:
        made.transport.request("GET", f"thing/{number}")
        answered.append(number)
        return number

    assert sorted(made.transport.each(ask, items())) == list(range(20))
    with pytest.raises(ZeroDivisionError):
        list(made.transport.each(lambda number: 1 // number, [1, 0, 1]))
    made.transport.close()


def test_a_crm_that_there_is_not(settings: Settings) -> None:
    with pytest.raises(ConfigurationError, match="close, hubspot, salesforce"):
        connect("pipedrive", settings, TransportOptions())
    with pytest.raises(ConfigurationError, match="SALES_AGENT_CLOSE"):
        connect("close", settings, TransportOptions())


def test_a_closed_fence_stops_writes_and_only_those_also_between_two_attempts(server: Server) -> None:
    made = Made(server)
    passed = iter([True, False, False])
    made.transport.fence.passes = lambda: next(passed)
    server.script = [503]
    with pytest.raises(Unavailable, match="nothing more is sent"):
        made.transport.request("PUT", "thing")
    with pytest.raises(Unavailable, match="nothing more is sent"):
        made.transport.request("POST", "thing")
    made.transport.request("GET", "thing")
    made.transport.request("POST", "search", reads=True)
    assert [method for method, *_ in server.asked] == ["PUT", "GET", "POST"]
    made.transport.close()


def test_what_waits_in_a_sequence_does_not_begin_after_an_error(server: Server) -> None:
    made = Made(server, concurrency=2)
    begun: list[int] = []

    def ask(number: int) -> int:
        begun.append(number)
        threading.Event().wait(0.01 if number else 0.0)
        return 1 // number

    results = made.transport.each(ask, list(range(500)))
    with pytest.raises(ZeroDivisionError):
        list(results)
    assert len(begun) < 500
    assert list(made.transport.each(str, [])) == []
    made.transport.close()
