"""Whether our own connection to the internet works, so that its failure is never held against a website."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

PROBE_S = 2.0
"""How long a control host may take to accept a connection."""


class Uplink:
    """Remembers when somebody outside last answered, and asks a control host when nobody did since.

    Args:
        probes: connections to control hosts, tried in order; each raises when it fails.
        clock: seconds that only grow.
    """

    def __init__(self, probes: tuple[Callable[[], Awaitable[None]], ...], clock: Callable[[], float]) -> None:
        self._probes = probes
        self._clock = clock
        self._answered_at = float("-inf")
        self._asking: asyncio.Task[bool] | None = None

    def answered(self) -> None:
        """Somebody outside answered: a public address, not a host that the allow-list lets us reach."""
        self._answered_at = self._clock()

    async def works(self, since: float) -> bool:
        """True when somebody answered later than ``since`` or a control host accepts a connection now.

        Args:
            since: when the request that failed began, by the clock: what was before proves nothing for it.
        """
        if self._answered_at <= since:
            if self._asking is None:
                self._asking = asyncio.get_running_loop().create_task(self._ask())
            # Shielded: whoever asked first may be cancelled, the others still wait for the answer.
            return await asyncio.shield(self._asking) or self._answered_at > since
        return True

    async def close(self) -> None:
        """Stop asking."""
        if self._asking is not None:
            self._asking.cancel()
            await asyncio.gather(self._asking, return_exceptions=True)

    async def _ask(self) -> bool:
        try:
            for probe in self._probes:
                try:
                    async with asyncio.timeout(PROBE_S):
                        await probe()
                except Exception:  # noqa: BLE001, S112 - whatever it is, this control host did not answer
                    continue
                return True
            return False
        finally:
            self._asking = None
