"""Requests per endpoint group: method and first part of the path."""

from __future__ import annotations

import math
from collections import defaultdict

from sales_agent_dagster_tests.close_server.calls import Options
from sales_agent_dagster_tests.close_server.clock import Clock


class Limiter:
    """Fixed windows.

    Attributes:
        refused: requests answered 429.
        most: most requests let in within one window of one group.
    """

    def __init__(self, options: Options, clock: Clock) -> None:
        self._options = options
        self._clock = clock
        self._windows: dict[tuple[str, str], tuple[float, int]] = defaultdict(lambda: (0.0, 0))
        self.refused = 0
        self.most = 0

    def admit(self, method: str, segment: str) -> tuple[bool, list[tuple[str, str]], float]:
        """Whether to let it in, the headers of the answer, and seconds until the window is over."""
        now, group = self._clock.now(), (method, segment)
        start, used = self._windows[group]
        if now - start >= self._options.window_s:
            start, used = now, 0
        admitted = used < self._options.requests
        used += admitted
        self._windows[group] = (start, used)
        self.most = max(self.most, used)
        self.refused += not admitted
        reset = round(max(0.0, start + self._options.window_s - now), 3)
        return admitted, self.headers(used, reset, admitted), reset

    def headers(self, used: int, reset: float, admitted: bool) -> list[tuple[str, str]]:
        if not self._options.rate_headers:
            return []
        limit = self._options.requests
        stated = [("RateLimit", f"limit={limit}, remaining={max(0, limit - used)}, reset={reset:.3f}")]
        if not admitted:
            stated += [("Retry-After", str(math.ceil(reset))), ("RateLimit-Reset", f"{reset:.3f}")]
        return stated
