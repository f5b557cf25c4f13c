"""The server as an ASGI application."""

from __future__ import annotations

import asyncio
import base64
import binascii
import json
import threading
import traceback
from typing import Any
from urllib.parse import parse_qsl, unquote

from sales_agent_dagster_tests.cerebras_server.sending import (
    Receive,
    Scope,
    Send,
    read_body,
    reply,
    reset_connection,
)
from sales_agent_dagster_tests.close_server.calls import (
    HUMAN,
    KEYS,
    USER,
    Actor,
    Answer,
    Call,
    Logged,
    Options,
    Refused,
)
from sales_agent_dagster_tests.close_server.clock import Clock
from sales_agent_dagster_tests.close_server.faults import BEFORE, Fault, FaultPlan
from sales_agent_dagster_tests.close_server.limits import Limiter
from sales_agent_dagster_tests.close_server.routes import Crm

BASE = "/api/v1"
Headers = list[tuple[str, str]]


class StandIn:
    """The application with its state; ``reset`` makes it new.

    Attributes:
        errors: tracebacks of its own faults; none are expected.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self.lock = threading.RLock()
        self.clock = Clock(options.real_clock)
        self.reset()

    def reset(self) -> None:
        with self.lock:
            self.clock.reset(self.options.real_clock)
            self.crm = Crm(self.options, self.clock)
            self.limiter = Limiter(self.options, self.clock)
            self.plan = FaultPlan()
            self.log: list[Logged] = []
            self.errors: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        body = await read_body(receive)
        if scope["path"].startswith("/admin/"):
            status, content = self._admin(scope["path"], body)
            await _reply(send, status, [], _json(content))
            return
        if self.options.latency_ms:
            await asyncio.sleep(self.options.latency_ms / 1000)
        answer, headers, fault = self._answered(scope, body)
        if fault is not None and fault.kind == "slow":
            await asyncio.sleep(fault.seconds)
        if answer is None:
            await reset_connection(receive)
            return
        content = answer.raw if answer.raw is not None else _json(answer.body)
        if fault is not None and fault.kind == "malformed":
            content = content[: len(content) // 2]
        await _reply(send, answer.status, headers, content)

    def _answered(self, scope: Scope, body: bytes) -> tuple[Answer | None, Headers, Fault | None]:
        """The answer, None for a broken connection; its headers; and the fault, all of it logged."""
        with self.lock:
            self.clock.tick()
            headers: Headers = []
            call, fault = None, None
            try:
                call = self._call(scope, body)
                fault = self.plan.next(call.method, call.path)
                answer = self._limited(call, fault, headers)
            except Refused as refusal:
                answer = Answer(refusal.status, refusal.body)
            except Exception:
                self.errors.append(traceback.format_exc())
                answer = Answer(500, {"error": "The stand-in has a fault of its own."})
            if fault is not None and fault.kind.endswith("_after"):
                answer = Answer(int(fault.kind[:3]), {"error": "Internal error."})
            self._note(scope, call, answer.status, fault)
            dropped = fault is not None and fault.kind.startswith("drop")
            return None if dropped else answer, headers, fault

    def _limited(self, call: Call, fault: Fault | None, headers: Headers) -> Answer:
        kind = fault.kind if fault else None
        if kind in BEFORE:
            raise Refused(BEFORE[kind], {"error": f"Error {kind}."})
        if kind == "drop_before":
            return Answer(0, {})
        if fault is not None and kind in ("429", "429_bare"):
            if kind == "429":
                headers += self.limiter.headers(self.options.requests, fault.seconds, admitted=False)
            raise Refused(429, _too_many(fault.seconds if kind == "429" else None))
        admitted, stated, reset = self.limiter.admit(call.method, call.parts[0] if call.parts else "")
        headers += stated
        if not admitted:
            raise Refused(429, _too_many(reset if self.options.rate_headers else None))
        return self.crm.handle(call, stale=kind == "stale")

    def _call(self, scope: Scope, body: bytes) -> Call:
        given = {name.decode().lower(): value.decode("latin-1") for name, value in scope["headers"]}
        actor = _actor(given.get("authorization", ""))
        path, method = scope["raw_path"].decode("latin-1"), scope["method"]
        if not path.startswith(BASE + "/"):
            raise Refused(404, {"error": "Not found."})
        parts = tuple(unquote(part) for part in path[len(BASE) :].strip("/").split("/") if part)
        content = _content(body, given.get("content-type", ""))
        params = dict(parse_qsl(scope["query_string"].decode(), keep_blank_values=True))
        if method == "POST" and given.get("x-http-method-override", "").upper() == "GET":
            params |= {name: str(value) for name, value in (content.pop("_params", None) or {}).items()}
            method = "GET"
        return Call(
            method, parts, params, content, actor, self._request_id(), f"http://{given.get('host', '')}"
        )

    def _request_id(self) -> str:
        return self.crm.store.new_id("req")

    def _note(self, scope: Scope, call: Call | None, status: int, fault: Fault | None) -> None:
        self.log.append(
            Logged(
                call.method if call else scope["method"],
                call.path if call else scope["path"],
                dict(call.params) if call else {},
                call.body if call else {},
                status,
                fault.kind if fault else None,
                call.actor.api_key_id if call else None,
                self.clock.now(),
                call.ignored if call else [],
            )
        )

    def ask(
        self,
        method: str,
        path: str,
        body: dict[str, Any] | None = None,
        actor: Actor = HUMAN,
        params: dict[str, str] | None = None,
    ) -> Any:
        """What ``actor`` gets, past limits, faults and the log.

        Raises:
            Refused: an error answer.
        """
        with self.lock:
            self.clock.tick()
            parts = tuple(part for part in path.split("/") if part)
            call = Call(method, parts, params or {}, dict(body or {}), actor, self._request_id())
            return json.loads(_json(self.crm.handle(call).body))

    def _admin(self, path: str, body: bytes) -> tuple[int, Any]:
        content = json.loads(body or b"{}")
        if path == "/admin/fault":
            self.plan.standing.append(Fault(**content))
        elif path == "/admin/advance":
            self.clock.advance(content["seconds"])
        elif path == "/admin/human":
            try:
                return 200, self.ask(content["method"], content["path"], content.get("body"))
            except Refused as refusal:
                return refusal.status, refusal.body
        elif path == "/admin/log":
            return 200, [vars(entry) for entry in self.log]
        elif path == "/admin/reset":
            self.reset()
        else:
            return 404, {}
        return 200, {}


def _json(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False).encode()


async def _reply(send: Send, status: int, headers: Headers, body: bytes) -> None:
    stated = [(name.lower().encode(), value.encode()) for name, value in headers]
    await reply(send, status, body, [(b"content-type", b"application/json"), *stated])


def _actor(authorization: str) -> Actor:
    scheme, _, encoded = authorization.partition(" ")
    try:
        key, _, password = base64.b64decode(encoded, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        key, password = "", ""
    if scheme.lower() != "basic" or key not in KEYS or password:
        raise Refused(401, {"error": "Unauthorized"})
    return Actor(USER, KEYS[key])


def _content(body: bytes, content_type: str) -> dict[str, Any]:
    if not body:
        return {}
    if not content_type.startswith("application/json"):
        raise Refused(415, {"error": "Unsupported media type."})
    try:
        content = json.loads(body)
    except ValueError:
        raise Refused(400, {"error": "The request contains invalid JSON."}) from None
    if not isinstance(content, dict):
        raise Refused(400, {"errors": ["An object is required."], "field-errors": {}})
    return content


def _too_many(reset: float | None) -> dict[str, Any]:
    body: dict[str, Any] = {"error": "API call rate limit exceeded."}
    return (
        body
        if reset is None
        else {"error": {"message": body["error"], "rate_reset": reset}, "rate_reset": reset}
    )
