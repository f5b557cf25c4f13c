"""State that all processes of an organisation share, in Redis or Valkey. Losing it never stops a run."""

from __future__ import annotations

import logging
import math
from collections.abc import Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sales_agent_dagster.inference.flow.clock import Clock

if TYPE_CHECKING:
    from redis.asyncio import Redis

_log = logging.getLogger(__name__)

TIMEOUT_S = 1.0
"""Longest wait for one reply; a call to a model takes hundreds of milliseconds, a script less than one."""

RETRY_S = 5.0
"""After a failure nobody waits for Redis again for this long."""


class SharedStateLost(Exception):
    """Redis does not answer: the caller goes on with this process's own state."""


class SharedState:
    """Runs Lua scripts, each of them atomic, and says at once when Redis is known to be away.

    Made and used in one event loop. The first failure is logged as a warning, later ones are not.

    Args:
        url: such as ``redis://host:6379/0``. Opened at the first use.
    """

    def __init__(self, url: str, clock: Clock) -> None:
        self._url = url
        self._clock = clock
        self._redis: Redis | None = None
        self._scripts: dict[str, Any] = {}
        self._away_until = 0.0
        self._warned = False

    async def run(self, script: str, keys: Sequence[str], arguments: Sequence[str | int | float]) -> Any:
        """What the Lua ``script`` returns.

        Raises:
            SharedStateLost: Redis is away, or was within the last ``RETRY_S`` seconds.
        """
        from redis.exceptions import RedisError

        if self._clock.now() < self._away_until:
            raise SharedStateLost
        try:
            return await self._registered(script)(keys=keys, args=arguments)
        except (RedisError, OSError, TimeoutError) as error:
            self._lose(error)
            raise SharedStateLost from None

    async def close(self) -> None:
        """Close all connections, also broken ones. From here on Redis is away: nobody opens them again."""
        from redis.exceptions import RedisError

        self._away_until = math.inf
        redis, self._redis = self._redis, None
        if redis is not None:
            with suppress(RedisError, OSError):  # each connection is closed all the same
                await redis.aclose()

    def _registered(self, script: str) -> Any:
        if self._redis is None:
            from redis.asyncio import Redis

            self._redis = Redis.from_url(
                self._url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S, decode_responses=True
            )
            self._scripts.clear()
        if script not in self._scripts:
            self._scripts[script] = self._redis.register_script(script)
        return self._scripts[script]

    def _lose(self, error: Exception) -> None:
        self._away_until = self._clock.now() + RETRY_S
        if not self._warned:
            self._warned = True
            _log.warning(
                "Redis does not answer (%s): limits, breakers and calls in flight are this process's own "
                "until it does.",
                type(error).__name__,
            )
