"""The server as an ASGI application."""

from __future__ import annotations

import asyncio
import gzip
import random
import time
from dataclasses import dataclass, field
from typing import Any

import orjson

from sales_agent_dagster_tests.cerebras_server import repliers, responses
from sales_agent_dagster_tests.cerebras_server.checking import Refused, check_parts, check_schema, parse
from sales_agent_dagster_tests.cerebras_server.counting import PromptCache, Stats
from sales_agent_dagster_tests.cerebras_server.faults import (
    RESPONSE_FAULTS,
    STATUSES,
    TEXT_FAULTS,
    Fault,
    FaultPlan,
    as_fault,
)
from sales_agent_dagster_tests.cerebras_server.limits import Limits
from sales_agent_dagster_tests.cerebras_server.repliers.obeying import Obedience, obey
from sales_agent_dagster_tests.cerebras_server.sending import (
    Headers,
    Receive,
    Scope,
    Send,
    hang,
    is_gone,
    read_body,
    reply,
    reply_in_parts,
    reset_connection,
)

MODELS = ("gpt-oss-120b", "qwen-3.8-27b", "llama-4-scout")
JSON: Headers = [(b"content-type", b"application/json")]
HTML: Headers = [(b"content-type", b"text/html; charset=utf-8")]
PAGE = b"<html><body><h1>502 Bad Gateway</h1></body></html>"
_ERRORS = {
    400: ("invalid_request_error", "wrong_parameter"),
    401: ("invalid_request_error", "wrong_api_key"),
    404: ("not_found_error", "model_not_found"),
    429: ("too_many_requests_error", "request_quota_exceeded"),
}


@dataclass
class Options:
    """How the server behaves when nothing goes wrong.

    Attributes:
        api_key: the only one that is let in; None lets any in, but not none.
        latency_ms: of an answer, with up to ``jitter_ms`` more.
        virtual: latency is stated but not waited for.
        refuses: parts of a request that are answered with 400: names of fields, or ``json_schema``.
        generic_items: elements of arrays in answers to unknown schemas.
        gzip_responses: compress answers for clients that take that.
        obedience: do what the lead's texts demand, in place of answering.
    """

    models: tuple[str, ...] = MODELS
    refuses: tuple[str, ...] = ()
    api_key: str | None = None
    latency_ms: float = 0.0
    jitter_ms: float = 0.0
    virtual: bool = False
    requests_minute: float = 1_000_000
    requests_day: float = 100_000_000
    tokens_minute: float = 1_000_000_000
    generic_items: int = 1
    gzip_responses: bool = False
    obedience: Obedience | None = None
    seed: int = 0


@dataclass
class StandIn:
    """The application with its state; ``reset`` makes it new."""

    options: Options = field(default_factory=Options)

    def __post_init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """Forget faults, counters, limits and the prompt cache."""
        options = self.options
        self.stats = Stats()
        self.plan = FaultPlan()
        self.limits = Limits(options.requests_day, options.requests_minute, options.tokens_minute)
        self.cache = PromptCache()
        self.model_list: bytes | None = None  # what to send instead
        self.random = random.Random(options.seed)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await self._route(scope, receive, send)
        except Refused as refusal:
            kind, code = _ERRORS.get(refusal.status, ("server_error", "internal_error"))
            body = orjson.dumps(responses.error(refusal.message, kind, code))
            self.stats.statuses[str(refusal.status)] += 1
            await reply(send, refusal.status, body, JSON + refusal.headers)

    async def _route(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope["path"]
        if path.startswith("/admin/"):
            await self._admin(path, receive, send)
            return
        self._authorize(scope)
        if path == "/v1/chat/completions" and scope["method"] == "POST":
            self.stats.in_flight += 1
            self.stats.most_in_flight = max(self.stats.most_in_flight, self.stats.in_flight)
            try:
                await self._complete(scope, receive, send)
            finally:
                self.stats.in_flight -= 1
        elif path == "/v1/models":
            self.stats.model_lists += 1
            await reply(send, 200, self.model_list or responses.model_list(self.options.models), JSON)
        elif path == "/v1/tcp_warming":
            self.stats.warmings += 1
            await reply(send, 200, b"{}", JSON)
        else:
            raise Refused(404, f"no such path: {path}")

    def _authorize(self, scope: Scope) -> None:
        given = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
        key = given.removeprefix("Bearer ") if given.startswith("Bearer ") else ""
        if not key or key != (self.options.api_key or key):
            raise Refused(401, "Wrong API Key")

    async def _complete(self, scope: Scope, receive: Receive, send: Send) -> None:
        stats = self.stats
        stats.requests += 1
        stats.arrivals.append(time.monotonic())
        stats.askers.add(scope["client"])
        raw = await read_body(receive)
        request = parse(raw, dict(scope["headers"]))
        self._check(request)
        stats.models[request["model"]] += 1
        fault = self.plan.next(raw)
        if fault is not None:
            stats.faults[fault.kind] += 1
            if await self._fail(fault, receive, send):
                return
        prompt_tokens = responses.prompt_of(request)[1]
        reserved, wait = self.limits.admit(prompt_tokens, request.get("max_completion_tokens"))
        if wait > 0:
            headers = [(b"retry-after", b"%.3f" % wait), *self.limits.headers()]
            raise Refused(429, "Requests per minute limit exceeded - too many requests sent.", headers)
        response = self._answer(request, fault, await self._spend_time(fault))
        stats.abandoned += is_gone(receive)
        usage = response["usage"]
        self.limits.settle(reserved, usage["total_tokens"])
        stats.bill(raw, usage)
        if fault is not None and fault.kind in RESPONSE_FAULTS:
            RESPONSE_FAULTS[fault.kind](response)
        stats.statuses["200"] += 1
        await self._deliver(scope, request, response, fault, send)

    def _check(self, request: dict[str, Any]) -> None:
        for name in ("model", "messages"):
            if not request.get(name):
                raise Refused(400, f"{name} is required")
        if request["model"] not in self.options.models:
            raise Refused(404, f"Model {request['model']} does not exist or you do not have access to it.")
        check_parts(request, self.options.refuses)
        check_schema(request.get("response_format"))

    async def _spend_time(self, fault: Fault | None) -> float:
        options = self.options
        seconds = (options.latency_ms + self.random.random() * options.jitter_ms) / 1000
        if fault is not None and fault.kind == "slow":
            seconds += fault.seconds
        if seconds > 0 and not options.virtual:
            await asyncio.sleep(seconds)
        return seconds

    def _answer(self, request: dict[str, Any], fault: Fault | None, seconds: float) -> dict[str, Any]:
        wanted = (request.get("response_format") or {}).get("json_schema") or {}
        messages = request["messages"]
        system = responses.text_of(messages[0]) if messages[0].get("role") == "system" else ""
        schema, name = wanted.get("schema") or responses.schema_told(system), wanted.get("name") or ""
        self.stats.schemas[name] += 1
        payload = responses.payload_of(messages)
        if self.options.obedience and schema:
            value = obey(schema, payload, self.options.obedience)
        else:
            value = repliers.answer(name, schema, payload, system, self.options.generic_items)
        text = orjson.dumps(value).decode() if schema else "Hello."
        if fault is not None and fault.kind in TEXT_FAULTS:
            text = TEXT_FAULTS[fault.kind](text, schema, fault)
        usage, text, finish = responses.usage_of(request, text, self.cache)
        return responses.completion(self.stats.requests, request["model"], text, finish, usage, seconds)

    async def _deliver(
        self, scope: Scope, request: dict[str, Any], response: dict[str, Any], fault: Fault | None, send: Send
    ) -> None:
        headers = self.limits.headers()
        if request.get("stream"):
            await reply_in_parts(send, list(responses.stream(response)), headers, b"text/event-stream", 0.0)
            return
        body = orjson.dumps(response)
        kind = fault.kind if fault is not None else None
        if kind == "truncated":
            body = body[: len(body) // 2]
        if kind == "drip" and fault is not None:
            parts = [body[at : at + 20] for at in range(0, len(body), 20)]
            await reply_in_parts(send, parts, headers, b"application/json", fault.seconds / len(parts))
            return
        takes_gzip = b"gzip" in dict(scope["headers"]).get(b"accept-encoding", b"")
        if self.options.gzip_responses and takes_gzip:
            body, headers = gzip.compress(body, 1), [(b"content-encoding", b"gzip"), *headers]
        await reply(send, 200, body, JSON + headers)

    async def _fail(self, fault: Fault, receive: Receive, send: Send) -> bool:
        """Answer with the fault; False when it is one of the answer itself."""
        kind = fault.kind
        if kind in STATUSES:
            headers = self.limits.headers() if kind == "429" else []
            if fault.retry_after is not None:
                headers.append((b"retry-after", str(fault.retry_after).encode()))
            raise Refused(int(kind), f"scripted {kind}", headers)
        if kind == "hang":
            await hang(receive, fault.seconds)
        elif kind == "reset":
            await reset_connection(receive)
        elif kind == "html":
            await reply(send, 200, PAGE, HTML)
        elif kind == "empty_object":
            await reply(send, 200, b"{}", JSON)
        elif kind == "no_choices":
            await reply(send, 200, b'{"id":"x","choices":[],"object":"chat.completion"}', JSON)
        elif kind == "redirect":
            await reply(send, 307, b"", [(b"location", b"/v1/models")])
        elif kind in ("body_status", "body_status_200"):
            status = 200 if kind == "body_status_200" else 500
            body = {**responses.error("overridden", "server_error", "x"), "status_code": fault.status}
            await reply(send, status, orjson.dumps(body), JSON)
        else:
            return False
        return True

    async def _admin(self, path: str, receive: Receive, send: Send) -> None:
        given = orjson.loads(await read_body(receive) or b"{}")
        if path == "/admin/stats":
            await reply(send, 200, orjson.dumps(self.stats.as_json(), option=orjson.OPT_NON_STR_KEYS), JSON)
            return
        if path == "/admin/reset":
            self.reset()
        elif path == "/admin/latency":
            self.options.latency_ms = given["latency_ms"]
            self.options.jitter_ms = given.get("jitter_ms", 0.0)
        elif path == "/admin/faults":
            self.break_by(given)
        else:
            raise Refused(404, f"no such path: {path}")
        await reply(send, 200, b"{}", JSON)

    def break_by(self, given: dict[str, Any]) -> None:
        """Faults as ``/admin/faults`` takes them."""
        plan = FaultPlan(random=random.Random(given.get("seed", 0)))
        plan.script.extend(None if fault is None else as_fault(fault) for fault in given.get("script", ()))
        plan.chances = [(share, as_fault(kind)) for kind, share in given.get("rates", {}).items()]
        plan.matches = [
            (match["text"].encode(), as_fault(match["fault"]), match.get("times", 1_000_000))
            for match in given.get("match", ())
        ]
        self.plan = plan
