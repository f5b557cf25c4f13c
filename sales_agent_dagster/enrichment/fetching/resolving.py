"""Names to addresses, by the machine's own resolver."""

from __future__ import annotations

import asyncio
import socket
from concurrent.futures import ThreadPoolExecutor
from ipaddress import ip_address
from typing import Protocol

from sales_agent_dagster.enrichment.fetching.addresses import Endpoint
from sales_agent_dagster.enrichment.fetching.failures import OwnNetworkFailed, Reason, SiteFailed

THREADS = 32
"""Lookups at once. The event loop's own threads are few, and a resolver that hangs would hold them all."""

_UNKNOWN = frozenset(
    code
    for code in (getattr(socket, name, None) for name in ("EAI_NONAME", "EAI_NODATA", "EAI_ADDRFAMILY"))
    if code is not None
)


class Resolver(Protocol):
    """Looks names up. Its answers are checked before anything connects to them."""

    async def resolve(self, host: str, port: int) -> list[Endpoint]:
        """Where to connect to for a host and port, the preferred one first.

        Raises:
            SiteFailed: with `Reason.UNKNOWN_HOST`, when the name does not exist.
            OwnNetworkFailed: the lookup itself failed.
        """
        ...

    def close(self) -> None:
        """Release what it holds."""
        ...


class SystemResolver:
    """``getaddrinfo`` in threads of its own: follows the machine's configuration, hosts file included."""

    def __init__(self) -> None:
        self._threads: ThreadPoolExecutor | None = None

    async def resolve(self, host: str, port: int) -> list[Endpoint]:
        """See `Resolver`."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(THREADS, thread_name_prefix="resolver")
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, _look_up, host, port)

    def close(self) -> None:
        """See `Resolver`; a lookup that hangs is not waited for."""
        threads, self._threads = self._threads, None
        if threads is not None:
            threads.shutdown(wait=False, cancel_futures=True)


def _look_up(host: str, port: int) -> list[Endpoint]:
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except socket.gaierror as error:
        if error.errno in _UNKNOWN:
            raise SiteFailed(Reason.UNKNOWN_HOST, "its name does not exist") from None
        raise OwnNetworkFailed(f"name lookup: {error.strerror}") from None
    except OSError as error:
        raise OwnNetworkFailed(f"name lookup: {error.strerror}") from None
    except UnicodeError:
        raise SiteFailed(Reason.UNKNOWN_HOST, "its name cannot be looked up") from None
    endpoints = [Endpoint(ip_address(address[0]), int(address[1])) for *_, address in found]
    return list(dict.fromkeys(endpoints))
