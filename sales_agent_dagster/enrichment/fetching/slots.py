"""Bounded concurrency: so many requests in flight in all, so many to one host."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


class Slots:
    """Places for requests; first come, first served.

    Args:
        in_all: most at once.
        per_host: most at once to one host.
    """

    def __init__(self, in_all: int, per_host: int) -> None:
        self._all = asyncio.Semaphore(in_all)
        self._per_host = per_host
        self._hosts: dict[str, tuple[asyncio.Semaphore, list[int]]] = {}

    @asynccontextmanager
    async def of(self, host: str) -> AsyncIterator[None]:
        """One request's place; the host's comes first, so that nobody holds a common one while waiting."""
        semaphore, users = self._hosts.setdefault(host, (asyncio.Semaphore(self._per_host), [0]))
        users[0] += 1
        try:
            async with semaphore, self._all:
                yield
        finally:
            users[0] -= 1
            if not users[0]:
                del self._hosts[host]
