"""One SDK client per server and event loop, open from its first use until its loop ends.

What a loop opened is closed when the loop shuts down its asynchronous generators, as ``asyncio.run`` and
Dagster do at the end, or when the process ends, in loops that still run in other threads.
"""

from __future__ import annotations

import asyncio
import atexit
import ssl
from collections.abc import AsyncGenerator
from contextlib import suppress
from functools import lru_cache
from typing import TYPE_CHECKING

from sales_agent_dagster.inference.cerebras.endpoint import Endpoint

if TYPE_CHECKING:
    import httpx
    from cerebras.cloud.sdk import AsyncCerebras

KEEP_ALIVE_S = 4.0
"""Idle connections are closed after this. Common servers close theirs after 5 s; a request sent into a
connection that is being closed is lost."""

CLOSE_TIMEOUT_S = 2.0

_Key = tuple[asyncio.AbstractEventLoop, Endpoint, int]

_open: dict[_Key, tuple[AsyncCerebras, AsyncGenerator[AsyncCerebras, None]]] = {}


async def shared_sdk(endpoint: Endpoint, connections: int) -> AsyncCerebras:
    """The running loop's SDK client for an endpoint, with at most ``connections`` at once."""
    key = (asyncio.get_running_loop(), endpoint, connections)
    entry = _open.get(key)
    if entry is not None:
        return entry[0]
    # A generator, because a loop closes those that were started in it when it ends. It gets to its yield
    # without waiting for anything, so that nobody else opens the same meanwhile.
    generator = _opened(key)
    sdk = await anext(generator)
    _open[key] = (sdk, generator)
    return sdk


async def close_sdk(endpoint: Endpoint, connections: int) -> None:
    """Close what the running loop opened; the next use opens it again."""
    entry = _open.get((asyncio.get_running_loop(), endpoint, connections))
    if entry is not None:
        await entry[1].aclose()


async def _opened(key: _Key) -> AsyncGenerator[AsyncCerebras, None]:
    sdk = _new_sdk(key[1], key[2])
    try:
        yield sdk
    finally:
        del _open[key]
        await sdk.close()


@atexit.register
def _close_all() -> None:
    """Close what loops of other threads have open; without it the transport complains at exit."""
    for (loop, _, _), (_, generator) in list(_open.items()):
        if loop.is_running():
            closing = asyncio.run_coroutine_threadsafe(generator.aclose(), loop)
            with suppress(TimeoutError):
                closing.result(CLOSE_TIMEOUT_S)


def _new_sdk(endpoint: Endpoint, connections: int) -> AsyncCerebras:
    import httpx
    from cerebras.cloud.sdk import AsyncCerebras

    limits = httpx.Limits(
        max_connections=connections, max_keepalive_connections=connections, keepalive_expiry=KEEP_ALIVE_S
    )
    return AsyncCerebras(
        api_key=endpoint.api_key.get_secret_value(),
        base_url=endpoint.url,
        max_retries=0,
        # Warming is a blocking request that warms a connection of another client.
        warm_tcp_connection=False,
        http_client=_http_client_type()(
            # Leads go to the host that was named and to no other.
            follow_redirects=False,
            limits=limits,
            verify=_ssl_context() if endpoint.url.startswith("https:") else False,
        ),
    )


@lru_cache(maxsize=1)
def _http_client_type() -> type[httpx.AsyncClient]:
    """The SDK's aiohttp client without cookies: nobody asks for them, and looking for them takes a while."""
    import httpx
    from cerebras.cloud.sdk import DefaultAioHttpClient

    class NoCookies(httpx.Cookies):
        def extract_cookies(self, response: httpx.Response) -> None:
            """Keep none."""

    class Client(DefaultAioHttpClient):
        cookies = property(lambda _: NoCookies())

    return Client


@lru_cache(maxsize=1)
def _ssl_context() -> ssl.SSLContext:
    """Reads the certificate authorities, which takes longer than the rest of a client; once per process."""
    import httpx

    return httpx.create_ssl_context()
