"""A stand-in without sockets: an adapter of ``requests`` asks its ASGI application directly.

For many histories.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine, MutableMapping
from io import BytesIO
from typing import Any
from urllib.parse import urlsplit

import requests
from requests.adapters import BaseAdapter
from urllib3 import HTTPResponse

Message = MutableMapping[str, Any]
Application = Callable[..., Coroutine[Any, Any, None]]


class _Reset(Exception):
    """The application breaks the connection."""


class _Receiving:
    """What ``sending.read_body`` and ``sending.reset_connection`` want of a connection."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def receive(self) -> Message:
        return {"type": "http.request", "body": self._body, "more_body": False}

    @property
    def transport(self) -> Any:
        raise _Reset


class DirectAdapter(BaseAdapter):
    """``session.mount(url, DirectAdapter(app))``; a broken connection is a ConnectionError here too.

    The application may not wait for anything: there is no event loop.
    """

    def __init__(self, app: Application) -> None:
        super().__init__()
        self._app = app

    def send(self, request: requests.PreparedRequest, **_: Any) -> requests.Response:  # type: ignore[override]
        sent: list[Message] = []

        async def send(message: Message) -> None:
            sent.append(message)

        body = request.body if isinstance(request.body, bytes) else str(request.body or "").encode()
        try:
            _finish(self._app(_scope(request), _Receiving(body).receive, send))
        except _Reset:
            raise requests.ConnectionError("Connection aborted.", request=request) from None
        start, *parts = sent
        response = requests.Response()
        response.status_code = start["status"]
        for name, value in start["headers"]:
            response.headers[name.decode("latin-1").title()] = value.decode("latin-1")
        content = b"".join(part.get("body", b"") for part in parts)
        response.raw = HTTPResponse(BytesIO(content), preload_content=False)
        response.request = request
        response.url = str(request.url)
        return response

    def close(self) -> None:
        """Nothing is open."""


def _scope(request: requests.PreparedRequest) -> dict[str, Any]:
    parts = urlsplit(str(request.url))
    headers = [
        (name.lower().encode("latin-1"), value if isinstance(value, bytes) else str(value).encode("latin-1"))
        for name, value in request.headers.items()
    ]
    return {
        "type": "http",
        "method": request.method,
        "path": requests.utils.unquote(parts.path),
        "raw_path": parts.path.encode("ascii"),
        "query_string": parts.query.encode("ascii"),
        "headers": [(b"host", parts.netloc.encode("ascii")), *headers],
    }


def _finish(coroutine: Coroutine[Any, Any, None] | Awaitable[None]) -> None:
    """Run a coroutine that never waits."""
    assert isinstance(coroutine, Coroutine)
    try:
        while True:
            coroutine.send(None)
    except StopIteration:
        return
