"""What both stand-ins share: a ledger of credits, scripted faults, reading requests, sending replies."""

from __future__ import annotations

import asyncio
from abc import ABC, abstractmethod
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import orjson

from sales_agent_dagster_tests import serving
from sales_agent_dagster_tests.cerebras_server.sending import read_body, reset_connection

KEY = "test-key"


@dataclass
class Reply:
    """What is sent; a body of text is sent as text/plain."""

    status: int
    body: Any
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass
class Question:
    method: str
    path: str
    params: dict[str, str]
    body: Any


class Dropped(Exception):
    """The connection is to be lost after the credits were taken."""


class ProviderApp(ABC):
    """An ASGI application with a ledger.

    Attributes:
        charges: credits by what they were paid for.
        asked: every question that had the right key.
        script: replies of the next questions instead of the own ones; None lets one through, ``"drop"``
            takes the credits and loses the connection, ``"hang"`` answers after ``hang_s``.
        on_answer: called when the credits are taken and nothing is sent yet.
    """

    prefix = ""

    def __init__(self) -> None:
        self.hang_s = 5.0
        self.reset()

    def reset(self) -> None:
        self.charges: Counter[str] = Counter()
        self.asked: list[Question] = []
        self.headers_seen: list[dict[str, str]] = []
        self.script: deque[Reply | str | None] = deque()
        self.balance = 1_000.0
        self.on_answer: Callable[[], object] | None = None

    def charge(self, what: str, credits_: float = 1.0) -> None:
        self.charges[what] += credits_  # type: ignore[assignment]
        self.balance -= credits_

    @abstractmethod
    def answer(self, question: Question) -> Reply: ...

    @abstractmethod
    def refuse_key(self) -> Reply: ...

    def more_headers(self) -> Mapping[str, str]:
        return {}

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        body = await read_body(receive)
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        path = scope["path"].removeprefix(self.prefix)
        params = dict(parse_qsl(scope["query_string"].decode()))
        question = Question(scope["method"], path, params, orjson.loads(body) if body else None)
        if headers.get("x-api-key") != KEY:
            await self._send(send, self.refuse_key())
            return
        self.asked.append(question)
        self.headers_seen.append(headers)
        planned = self.script.popleft() if self.script else None
        if isinstance(planned, Reply):
            await self._send(send, planned)
            return
        if planned == "hang":
            await asyncio.sleep(self.hang_s)
        reply = self.answer(question)
        if self.on_answer is not None:
            self.on_answer()
        if planned == "drop":
            await reset_connection(receive)
            return
        await self._send(send, reply)

    async def _send(self, send: Any, reply: Reply) -> None:
        plain = isinstance(reply.body, str)
        body = reply.body.encode() if plain else orjson.dumps(reply.body)
        kind = "text/plain" if plain else "application/json"
        headers = {"content-type": kind, "content-length": str(len(body)), **self.more_headers()}
        sent = [(name.encode(), value.encode()) for name, value in (headers | dict(reply.headers)).items()]
        await send({"type": "http.response.start", "status": reply.status, "headers": sent})
        await send({"type": "http.response.body", "body": body})


@contextmanager
def served(app: ProviderApp) -> Iterator[str]:
    """Base URL of the application on a free loopback port, in a thread."""
    with serving.served(app) as (host, port):
        yield f"http://{host}:{port}{app.prefix}"
