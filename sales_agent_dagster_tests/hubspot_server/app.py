"""The server as an ASGI application around one synchronous function, ``StandIn.handle``."""

from __future__ import annotations

import asyncio
import re
import threading
from dataclasses import dataclass, field, replace
from email.utils import formatdate
from typing import Any
from urllib.parse import parse_qs

import orjson

from sales_agent_dagster_tests.cerebras_server.sending import (
    Receive,
    Scope,
    Send,
    read_body,
    reply,
    reset_connection,
)
from sales_agent_dagster_tests.hubspot_server import associations, objects
from sales_agent_dagster_tests.hubspot_server.batches import Batches
from sales_agent_dagster_tests.hubspot_server.faults import AFTER, Fault, Faults
from sales_agent_dagster_tests.hubspot_server.limits import Limits
from sales_agent_dagster_tests.hubspot_server.properties import plural_of
from sales_agent_dagster_tests.hubspot_server.replies import Asked, NotFound, Refused, Reply
from sales_agent_dagster_tests.hubspot_server.search import Search
from sales_agent_dagster_tests.hubspot_server.store import Clock, Store

TOKEN = "pat-na1-00000000-0000-0000-0000-000000000000"
VERSIONS = ("v3", "v4", "2025-09", "2026-03", "2026-09")
PORTAL = 62515
START = 1_772_443_800.0
"""Where virtual time begins: 2026-03-02T09:30:00Z."""

_CRM = re.compile(r"/crm/(?:(v[34])/(\w+)|(\w+)/(\d{4}-\d\d))(/.*)?\Z")
_ACCOUNT = re.compile(r"/account-info/(v3|\d{4}-\d\d)/details\Z")


@dataclass
class Options:
    """How the server behaves when nothing goes wrong.

    Attributes:
        versions: of the API; requests for others get a 404.
        virtual: time stands still until it is told (``clock.advance``).
        index_lag_s: how far searches lag behind writes.
        partial: bad rows of a batch get a 207; else they fail the batch.
        latency_ms: of every answer.
        ten_seconds, daily, search_second: rate limits; None is none.
        scopes: False refuses writes to properties with MISSING_SCOPES.
    """

    token: str = TOKEN
    app_id: str = "54321"
    versions: tuple[str, ...] = VERSIONS
    virtual: bool = False
    index_lag_s: float = 0.0
    partial: bool = False
    latency_ms: float = 0.0
    ten_seconds: int | None = None
    daily: int | None = None
    search_second: int | None = None
    limit_headers: bool = True
    scopes: bool = True


@dataclass
class Logged:
    """One request that came in. ``status`` is 0 when the connection was closed in place of an answer."""

    at: float
    method: str
    path: str
    canonical: str
    body: Any
    status: int = 0
    fault: str | None = None


@dataclass
class StandIn:
    """The application with its state; ``reset`` makes it new. Safe to use from several threads."""

    options: Options = field(default_factory=Options)

    def __post_init__(self) -> None:
        self.lock = threading.RLock()
        self.reset()

    def reset(self) -> None:
        """An empty account, nothing logged, nothing broken."""
        with self.lock:
            options = self.options
            self.clock = Clock(START if options.virtual else None)
            self.store = Store(self.clock)
            self.search = Search(self.store, options.index_lag_s)
            self.batches = Batches(self.store, options.app_id, options.partial)
            self.limits = Limits(
                self.clock, options.ten_seconds, options.daily, options.search_second, options.limit_headers
            )
            self.faults = Faults()
            self.log: list[Logged] = []

    def handle(self, method: str, path: str, query: str, headers: dict[str, str], raw: bytes) -> Reply | None:
        """Answers one request; None closes the connection without an answer."""
        with self.lock:
            canonical = self._canonical(path)
            logged = Logged(self.clock.now(), method, path, canonical, _parsed(raw))
            self.log.append(logged)
            fault = self.faults.take(f"{method} {canonical}")
            logged.fault = fault.kind if fault else None
            asked = Asked(method, canonical, parse_qs(query, keep_blank_values=True), headers, logged.body)
            found = self._faulty(asked, fault) if fault else self._answer(asked, None)
            logged.status = found.status if found else 0
            return found

    def _faulty(self, asked: Asked, fault: Fault) -> Reply | None:
        refusal = fault.refusal()
        if refusal is not None:
            return refusal.reply()
        if fault.kind == "drop_before":
            return None
        if fault.kind == "slow" and self.options.virtual:
            self.clock.advance(fault.seconds)
        found = self._answer(asked, fault.seconds if fault.kind == "stale" else None)
        if fault.kind not in AFTER:
            return found
        spoiled = {
            "malformed": Reply(found.status, raw=b'{"results":[{"id":'),
            "html": Reply(found.status, raw=b"<html>hello</html>"),
            "502_after": Reply(502, raw=b"<html>Bad gateway</html>"),
        }
        return spoiled.get(fault.kind)

    def _answer(self, asked: Asked, stale_s: float | None) -> Reply:
        try:
            self._authorize(asked)
            told = self.limits.admit(asked.path.endswith("/search"))
            as_of = None if stale_s is None else self.clock.ms - round(stale_s * 1000)
            found = self._route(asked, as_of)
            found.headers.update(told)
            return found
        except Refused as refused:
            return refused.reply()

    def _authorize(self, asked: Asked) -> None:
        if asked.headers.get("authorization") != f"Bearer {self.options.token}":
            message = "Authentication credentials not found or not valid."
            raise Refused(401, "INVALID_AUTHENTICATION", message)

    def _canonical(self, path: str) -> str:
        """``/objects/companies/1`` for v3 and dated paths alike; "" for those not served."""
        path = path.rstrip("/")
        account = _ACCOUNT.match(path)
        if account:
            return "/account-info" if account[1] in self.options.versions else ""
        found = _CRM.match(path)
        if not found or (found[1] or found[4]) not in self.options.versions:
            return ""
        return f"/{found[2] or found[3]}{found[5] or ''}"

    def _route(self, asked: Asked, as_of: int | None) -> Reply:
        area, *parts = asked.path.strip("/").split("/")
        routes = {
            "objects": self._objects,
            "properties": self._properties,
            "associations": lambda asked, parts, as_of: associations.batch(self.store, asked, parts),
            "owners": self._owners,
            "pipelines": self._pipelines,
            "account-info": self._account,
        }
        if area not in routes:
            raise NotFound("The URL was not found on this server.")
        return routes[area](asked, parts, as_of)

    def _objects(self, asked: Asked, parts: list[str], as_of: int | None) -> Reply:
        kind, app_id = plural_of(parts[0]), self.options.app_id
        match parts[1:]:
            case []:
                return objects.collection(self.store, kind, asked, app_id)
            case ["search"]:
                return Reply(200, self.search.answer(kind, asked.body or {}))
            case ["batch", verb]:
                return self.batches.answer(kind, verb, asked, as_of)
            case ["merge"]:
                return objects.merge(self.store, kind, asked, app_id)
            case ["gdpr-delete"]:
                return objects.erase(self.store, kind, asked, app_id)
            case [record_id]:
                return objects.single(self.store, kind, record_id, asked, app_id, as_of)
            case [_, "associations", *_]:
                return associations.single(self.store, asked, parts)
        raise NotFound("The URL was not found on this server.")

    def _properties(self, asked: Asked, parts: list[str], as_of: int | None) -> Reply:
        kind, definitions = plural_of(parts[0]), self.store.definitions
        if asked.method != "GET" and not self.options.scopes:
            raise Refused(
                403, "MISSING_SCOPES", "This app hasn't been granted all required scopes to make this call."
            )
        match asked.method, parts[1:]:
            case "GET", []:
                return Reply(200, {"results": [part.as_json() for part in definitions.kinds[kind].values()]})
            case "POST", []:
                return Reply(201, definitions.create(kind, asked.body or {}).as_json())
            case "GET", [name]:
                found = definitions.of(kind, name)
                if found is None:
                    raise NotFound(f'Property "{name}" does not exist')
                return Reply(200, found.as_json())
            case "DELETE", [name]:
                definitions.archive(kind, name)
                return Reply(204)
        raise NotFound("The URL was not found on this server.")

    def _owners(self, asked: Asked, parts: list[str], as_of: int | None) -> Reply:
        times = {"createdAt": "2026-01-01T00:00:00.000Z", "updatedAt": "2026-01-01T00:00:00.000Z"}
        owner = {
            "id": "77",
            "email": "rep@sales.example",
            "firstName": "Robin",
            "lastName": "Rep",
            "userId": 7,
        }
        return Reply(200, {"results": [{**owner, **times, "archived": False, "type": "PERSON", "teams": []}]})

    def _pipelines(self, asked: Asked, parts: list[str], as_of: int | None) -> Reply:
        times = {"createdAt": "2026-01-01T00:00:00.000Z", "updatedAt": "2026-01-01T00:00:00.000Z"}
        stages = [
            {
                "id": name,
                "label": label,
                "displayOrder": at,
                "archived": False,
                "metadata": {"probability": chance},
                **times,
            }
            for at, (name, (label, chance)) in enumerate(objects.STAGES.items())
        ]
        pipeline = {"id": "default", "label": "Sales", "displayOrder": 0, "archived": False, **times}
        return Reply(200, {"results": [{**pipeline, "stages": stages}]})

    def _account(self, asked: Asked, parts: list[str], as_of: int | None) -> Reply:
        return Reply(
            200,
            {
                "portalId": PORTAL,
                "accountType": "STANDARD",
                "timeZone": "US/Eastern",
                "companyCurrency": "USD",
                "additionalCurrencies": [],
                "utcOffset": "-05:00",
                "utcOffsetMilliseconds": -18000000,
                "uiDomain": "app.hubspot.com",
                "dataHostingLocation": "na1",
            },
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        raw = await read_body(receive)
        if self.options.latency_ms:
            await asyncio.sleep(self.options.latency_ms / 1000)
        found = self.handle(scope["method"], scope["path"], scope["query_string"].decode(), headers, raw)
        if found is None:
            await reset_connection(receive)
            return
        body = (
            found.raw if found.raw is not None else b"" if found.status == 204 else orjson.dumps(found.body)
        )
        kind = b"text/html" if body.startswith(b"<") else b"application/json;charset=utf-8"
        found.headers["Date"] = formatdate(self.clock.now(), usegmt=True)
        told = [(name.lower().encode(), value.encode()) for name, value in found.headers.items()]
        await reply(send, found.status, body, [(b"content-type", kind), *told])

    def configure(self, options: Options) -> None:
        """Start anew with these options."""
        self.options = replace(options)
        self.reset()


def _parsed(raw: bytes) -> Any:
    if not raw:
        return None
    try:
        return orjson.loads(raw)
    except ValueError:
        return None
