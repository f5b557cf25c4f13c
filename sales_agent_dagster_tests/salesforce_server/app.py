"""The server as an ASGI application: tokens, quota, faults, the log, and sending."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from email.utils import format_datetime
from typing import Any
from urllib.parse import parse_qs

import orjson

from sales_agent_dagster_tests.cerebras_server.sending import (
    Headers,
    Receive,
    Scope,
    Send,
    read_body,
    reply,
    reset_connection,
)
from sales_agent_dagster_tests.salesforce_server.bulk import Jobs
from sales_agent_dagster_tests.salesforce_server.clock import VirtualClock
from sales_agent_dagster_tests.salesforce_server.errors import Refused
from sales_agent_dagster_tests.salesforce_server.faults import Asked, Fault, FaultPlan, refusal
from sales_agent_dagster_tests.salesforce_server.oauth import OAuthRefused, Tokens
from sales_agent_dagster_tests.salesforce_server.org import Org
from sales_agent_dagster_tests.salesforce_server.querying import Queries
from sales_agent_dagster_tests.salesforce_server.resources import Answer, Request, Resources

OLDEST, NEWEST = 31, 67
MAX_URI = 16_384
"""Bytes of path and query; longer ones are 414."""

PAGE = b"<html><body>Down for maintenance</body></html>"
_VERSIONED = re.compile(r"/services/data/v(\d+)\.0(/.*)?")


@dataclass
class Options:
    """How the server behaves when nothing goes wrong.

    Attributes:
        latency_ms: before every answer.
        running: the clock runs by itself.
        daily_calls: quota per 24 hours.
        token_minutes: how long a token lives.
        bulk_polls: looks at a bulk job until it is complete.
        short_pages: of queries.
        public_key: PEM, to check assertions with.
    """

    latency_ms: float = 0.0
    running: bool = False
    daily_calls: int = 15_000_000
    token_minutes: float = 120
    bulk_polls: int = 2
    short_pages: bool = False
    public_key: str | None = None


@dataclass
class StandIn:
    """The application with its state; ``reset`` makes it new."""

    options: Options = field(default_factory=Options)
    url: str = ""

    def __post_init__(self) -> None:
        self.reset()

    def reset(self) -> None:
        """An empty organisation, no faults, an empty log."""
        options = self.options
        self.clock = VirtualClock(running=options.running)
        self.org = Org(self.clock)
        ttl = timedelta(minutes=options.token_minutes)
        self.tokens = Tokens(self.clock, options.public_key, ttl)
        self.plan = FaultPlan()
        self.log: list[Asked] = []
        self.calls: deque[datetime] = deque()
        path = f"/services/data/v{NEWEST}.0"
        self.jobs = Jobs(self.org, f"{NEWEST}.0", options.bulk_polls)
        self.queries = Queries(self.org, path, options.short_pages)
        self.resources = Resources(self.org, self.queries, self.jobs, path, self.usage)

    def usage(self) -> tuple[int, int]:
        """Calls of the last 24 hours, and how many are allowed."""
        oldest = self.clock.now() - timedelta(hours=24)
        while self.calls and self.calls[0] <= oldest:
            self.calls.popleft()
        return len(self.calls), self.options.daily_calls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        raw = await read_body(receive)
        path = (scope.get("raw_path") or scope["path"].encode()).decode("ascii").partition("?")[0]
        asked = Asked(scope["method"], path, scope["query_string"].decode(), dict(scope["headers"]), raw)
        self.log.append(asked)
        fault = self.plan.next(asked)
        seconds = self.options.latency_ms / 1000 + (fault.seconds if fault and fault.kind == "slow" else 0.0)
        if seconds:
            await asyncio.sleep(seconds)
        if fault is not None and fault.kind == "reset":
            await reset_connection(receive)
            return
        answer = self._answered(asked, fault)
        if fault is not None and fault.kind == "drop":
            await reset_connection(receive)
            return
        await self._send(answer, asked, fault, send)

    def _answered(self, asked: Asked, fault: Fault | None) -> Answer:
        try:
            if fault is not None:
                self._before(fault)
            return self._route(asked, fault)
        except OAuthRefused as refused:
            return Answer(400, refused.body)
        except Refused as refused:
            return Answer(refused.status, refused.as_body())

    def _before(self, fault: Fault) -> None:
        if fault.kind == "expired":
            self.tokens.expire()
        if refused := refusal(fault.kind):
            raise refused
        if fault.kind == "502":
            raise Refused(502, "", "")
        if fault.kind == "locked":
            self.resources.collections.locked = set(range(fault.rows)) if fault.rows else set()

    def _route(self, asked: Asked, fault: Fault | None) -> Answer:
        if asked.path == "/services/oauth2/token":
            org_id = next(iter(self.org.rows["organization"]))
            granted = self.tokens.grant(asked.body, asked.headers, self.url, org_id, self.org.integration)
            return Answer(200, granted)
        if asked.path.rstrip("/") == "/services/data":
            numbers = range(OLDEST, NEWEST + 1)
            return Answer(200, [{"label": f"Release {one}", "url": f"/services/data/v{one}.0",
                                 "version": f"{one}.0"} for one in numbers])  # fmt: skip
        found = _VERSIONED.fullmatch(asked.path)
        if not found or int(found[1]) > NEWEST:
            raise Refused(404, "NOT_FOUND", "The requested resource does not exist")
        if int(found[1]) < OLDEST:
            raise Refused(410, "UNSUPPORTED_API_VERSION", "API version not available")
        self.tokens.check(asked.headers)
        if len(asked.path) + len(asked.query) > MAX_URI:
            raise Refused(414, "URI_TOO_LONG", "URI length exceeded the keyword limit")
        used, most = self.usage()
        if used >= most:
            raise Refused(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.")
        self.calls.append(self.clock.now())
        return self._resource(asked, found[2] or "", int(found[1]), fault)

    def _resource(self, asked: Asked, path: str, version: int, fault: Fault | None) -> Answer:
        query = {name: values[0] for name, values in parse_qs(asked.query).items()}
        stale = fault.seconds if fault is not None and fault.kind == "stale" else None
        request = Request(asked.method, path, query, asked.headers, asked.body, stale)
        if fault is not None and fault.kind == "bulk_failed":
            self.jobs.get(path.rstrip("/").rpartition("/")[2]).fails_after = fault.rows
        answer = self.resources.answer(request)
        upserted = asked.method == "PATCH" and answer.status == 200 and isinstance(answer.body, dict)
        if upserted and version < 46 and answer.body.get("created") is False:
            return Answer(204)
        return answer

    async def _send(self, answer: Answer, asked: Asked, fault: Fault | None, send: Send) -> None:
        kind = fault.kind if fault is not None else None
        if kind == "500":
            broken = [{"message": "An unexpected error occurred.", "errorCode": "UNKNOWN_EXCEPTION"}]
            answer = Answer(500, broken)
        if kind == "502":
            answer = Answer(502, PAGE, {"Content-Type": "text/html"})
        body = _encoded(answer.body)
        if kind == "truncated":
            body = body[: len(body) // 2]
        used, most = self.usage()
        named: Mapping[str, str] = {
            "Content-Type": "application/json;charset=UTF-8",
            "Date": format_datetime(self.clock.now(), usegmt=True),
            "Sforce-Limit-Info": f"api-usage={used}/{most}",
            **answer.headers,
        }
        headers: Headers = [(name.lower().encode(), value.encode()) for name, value in named.items()]
        asked.status.append(answer.status)
        await reply(send, answer.status, body, headers)


def _encoded(body: Any) -> bytes:
    if body is None:
        return b""
    return body if isinstance(body, bytes) else orjson.dumps(body)
