"""Connections to checked addresses and to nothing else.

A name is resolved once per visit; every address of the answer is checked, and the connection goes to one of
those very addresses. A resolver that answers differently the next time (DNS rebinding) is not asked again.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Iterable, Sequence
from typing import Any

import httpcore2

from sales_agent_dagster.enrichment.fetching.addresses import AllowList, Endpoint, may_reach, read_literal
from sales_agent_dagster.enrichment.fetching.failures import OwnNetworkFailed, Reason, SiteFailed
from sales_agent_dagster.enrichment.fetching.resolving import Resolver

MAX_ADDRESSES = 4
"""Addresses of one name that are tried in turn."""

NEXT_ADDRESS_S = 1.0
"""How long an address is waited for while there is another."""

_OURS = frozenset(
    {errno.ENETUNREACH, errno.ENETDOWN, errno.EADDRNOTAVAIL, errno.EMFILE, errno.ENFILE}
    | {errno.ENOBUFS, errno.ENOMEM, errno.EACCES, errno.EPERM, errno.EAFNOSUPPORT}
)
"""What a connection fails with when the machine or its network cannot: no route, no descriptors, a firewall
of our own. "Host unreachable" is not among them: any router on the way may say so."""


class CheckedBackend(httpcore2.AsyncNetworkBackend):
    """The network of one visit.

    Args:
        resolver: what it answers is checked, whatever it is.
        allowed: what may be reached besides public addresses.
        max_bytes: most bytes received per connection, headers included.
    """

    def __init__(self, resolver: Resolver, allowed: AllowList, max_bytes: int) -> None:
        self._resolver = resolver
        self._allowed = allowed
        self._max_bytes = max_bytes
        self._checked: dict[tuple[str, int], tuple[Endpoint, ...]] = {}
        self._tcp = httpcore2.AnyIOBackend()

    async def endpoints(self, host: str, port: int) -> tuple[Endpoint, ...]:
        """The addresses of a host, all checked; one that may not be reached condemns the others.

        Raises:
            SiteFailed: unknown, or an address that may not be reached.
            OwnNetworkFailed: the resolver failed.
        """
        known = self._checked.get((host, port))
        if known is not None:
            return known
        literal = read_literal(host)
        found = [Endpoint(literal, port)] if literal else await self._resolver.resolve(host, port)
        if not found:
            raise SiteFailed(Reason.UNKNOWN_HOST, "its name has no address")
        if not all(may_reach(endpoint, self._allowed) for endpoint in found):
            raise SiteFailed(Reason.FORBIDDEN, "its address is not public")
        self._checked[host, port] = tuple(found[:MAX_ADDRESSES])
        return self._checked[host, port]

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[Any] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """A connection to the first checked address that answers.

        A machine without IPv6 cannot try a site's IPv6 addresses: an IPv4 address given up for one of them
        is waited for once more, as long as if it were the only one.
        """
        endpoints = await self.endpoints(host, port)
        failures: list[OSError] = []
        for endpoint in endpoints:
            patience = None if endpoint is endpoints[-1] else NEXT_ADDRESS_S
            try:
                async with asyncio.timeout(patience):
                    return await self._connect(endpoint)
            except OSError as error:  # TimeoutError is one
                failures.append(error)
        theirs = [place for place, failure in enumerate(failures) if failure.errno not in _OURS]
        if len(theirs) == 1 < len(endpoints) and failures[theirs[0]].errno is None:
            try:
                return await self._connect(endpoints[theirs[0]])
            except OSError as error:
                failures[theirs[0]] = error
        raise _blamed(failures)

    async def _connect(self, endpoint: Endpoint) -> httpcore2.AsyncNetworkStream:
        try:
            stream = await self._tcp.connect_tcp(str(endpoint.address), endpoint.port)
        except httpcore2.ConnectError as error:
            raise _os_error(error) from None
        peer = stream.get_extra_info("server_addr")
        if peer is None or read_literal(str(peer[0])) != endpoint.address or peer[1] != endpoint.port:
            await stream.aclose()
            raise SiteFailed(Reason.FORBIDDEN, "connected elsewhere than to its checked address")
        return BoundedStream(stream, self._max_bytes)


class BoundedStream(httpcore2.AsyncNetworkStream):
    """A connection that gives no more than so many bytes: endless headers and interim responses end here.

    The count of a connection that is used again starts anew with each request.
    """

    def __init__(self, stream: httpcore2.AsyncNetworkStream, max_bytes: int) -> None:
        self._stream = stream
        self._max_bytes = max_bytes
        self._left = max_bytes

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """At most ``max_bytes``; raises ``SiteFailed`` when more came than is allowed."""
        data = await self._stream.read(max_bytes, timeout)
        self._left -= len(data)
        if self._left < 0:
            raise SiteFailed(Reason.TOO_LARGE, "more bytes than one answer may have")
        return data

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Send; what is received from now on belongs to this request."""
        self._left = self._max_bytes
        await self._stream.write(buffer, timeout)

    async def aclose(self) -> None:
        """Close."""
        await self._stream.aclose()

    async def start_tls(
        self,
        ssl_context: Any,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """The same over TLS; the certificate is checked against the host's name."""
        stream = await self._stream.start_tls(ssl_context, server_hostname, timeout)
        return BoundedStream(stream, self._max_bytes)

    def get_extra_info(self, info: str) -> Any:
        """What the connection knows of itself."""
        return self._stream.get_extra_info(info)


def _os_error(error: httpcore2.ConnectError) -> OSError:
    """The operating system's error behind the library's."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError) and cause.errno is not None:
            return cause
        cause = cause.__cause__
    return OSError(str(error))


def _blamed(failures: Sequence[OSError]) -> Exception:
    """The site fails if any of its addresses did: only what all of them met may be our own network."""
    if failures and all(failure.errno in _OURS for failure in failures):
        return OwnNetworkFailed(f"connecting: {failures[0].strerror}")
    return SiteFailed(Reason.UNREACHABLE, "refuses connections")
