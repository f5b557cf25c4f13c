"""Whether our own connection to the internet works, so that its failure is never held against a website."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

WITNESS_S = 5.0
"""How long an answer from anywhere proves that our network works."""

PROBE_S = 2.0
"""How long a control host may take to accept a connection."""


class Uplink:
    """Remembers when somebody outside last answered, and asks a control host when that is long ago.

    Args:
        probes: connections to control hosts, tried in order; each raises when it fails.
        clock: seconds that only grow.
    """

    def __init__(self, probes: tuple[Callable[[], Awaitable[None]], ...], clock: Callable[[], float]) -> None:
        self._probes = probes
        self._clock = clock
        self._answered_at = float("-inf")
        self._asking: asyncio.Task[None] | None = None

    def answered(self) -> None:
        """Somebody outside answered."""
        self._answered_at = self._clock()

    async def works(self) -> bool:
        """True when somebody answered lately or a control host accepts a connection now."""
        if not self._is_recent():
            if self._asking is None:
                self._asking = asyncio.get_running_loop().create_task(self._ask())
            # Shielded: whoever asked first may be cancelled, the others still wait for the answer.
            await asyncio.shield(self._asking)
        return self._is_recent()

    async def close(self) -> None:
        """Stop asking."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)

    def _is_recent(self) -> bool:
        return self._clock() - self._answered_at < WITNESS_S

    async def _ask(self) -> None:
        try:
            for probe in self._probes:
                try:
                    async with asyncio.timeout(PROBE_S):
                        await probe()
                except Exception:  # noqa: BLE001, S112 - whatever it is, this control host did not answer
                    continue
                self.answered()
                return
        finally:
            self._asking = None
