"""Sending over ASGI: responses, parts of responses, and none."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Headers = list[tuple[bytes, bytes]]


async def read_body(receive: Receive) -> bytes:
    """The whole body.

    Raises:
        ConnectionResetError: the asker went before all of it was sent, such as one that was killed: no
            server does what half a request says.
    """
    body, more = b"", True
    while more:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise ConnectionResetError("the asker went in the middle of the request")
        body, more = body + message.get("body", b""), message.get("more_body", False)
    return body


async def reply(send: Send, status: int, body: bytes, headers: Headers) -> None:
    length = (b"content-length", b"%d" % len(body))
    await send({"type": "http.response.start", "status": status, "headers": [length, *headers]})
    await send({"type": "http.response.body", "body": body})


async def reply_in_parts(
    send: Send, parts: list[bytes], headers: Headers, kind: bytes, pause_s: float
) -> None:
    start = {"type": "http.response.start", "status": 200, "headers": [(b"content-type", kind), *headers]}
    await send(start)
    for part in parts:
        await asyncio.sleep(pause_s)
        await send({"type": "http.response.body", "body": part, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


async def hang(receive: Receive, seconds: float) -> None:
    """Say nothing until the asker is gone or the time is over, then break the connection."""
    try:
        async with asyncio.timeout(seconds):
            await gone(receive)
    except TimeoutError:
        await reset_connection(receive)


async def gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def reset_connection(receive: Receive) -> None:
    """Send a TCP reset: close with lingering off. Only the server's own transport can do that."""
    transport = receive.__self__.transport  # type: ignore[attr-defined]
    handle = socket.socket(fileno=socket.dup(transport.get_extra_info("socket").fileno()))
    handle.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()
    await gone(receive)
    handle.close()


def is_gone(receive: Receive) -> bool:
    """Whether the asker has closed the connection; only uvicorn's own object knows without waiting."""
    return bool(receive.__self__.disconnected)  # type: ignore[attr-defined]
