"""Rate limits: ten seconds rolling, a day, and five searches a second; and what HubSpot says of them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from sales_agent_dagster_tests.hubspot_server.replies import Refused
from sales_agent_dagster_tests.hubspot_server.store import Clock

DAY_S = 86_400


@dataclass
class Limits:
    """None is no limit. Windows are rolling; the day begins at midnight UTC.

    Attributes:
        headers: whether the limits' headers are sent at all (never on search).
        refused: how often a limit was hit.
        busiest: most requests let through in one window, by window.
    """

    clock: Clock
    ten_seconds: int | None = None
    daily: int | None = None
    search_second: int | None = None
    headers: bool = True
    refused: int = 0
    busiest: dict[str, int] = field(default_factory=dict)
    _recent: deque[float] = field(default_factory=deque)
    _searches: deque[float] = field(default_factory=deque)
    _day: tuple[int, int] = (0, 0)

    def admit(self, search: bool) -> dict[str, str]:
        """Headers of the answer.

        Raises:
            Refused: with the body that the limit's 429 has.
        """
        now = self.clock.now()
        day = int(now // DAY_S)
        if self._day[0] != day:
            self._day = (day, 0)
        if self.daily is not None and self._day[1] >= self.daily:
            raise self._refuse("DAILY", "You have reached your daily limit.")
        if search and self._full(self._searches, self.search_second, 1, now, "search"):
            # As recorded from the real one: no policy, no header but the daily ones.
            self.refused += 1
            raise Refused(429, "RATE_LIMITS", "You have reached your secondly limit.")
        if self._full(self._recent, self.ten_seconds, 10, now, "ten_seconds"):
            raise self._refuse("TEN_SECONDLY_ROLLING", "You have reached your ten_secondly_rolling limit.")
        self._day = (day, self._day[1] + 1)
        return {} if search else self._told()

    def _full(self, window: deque[float], limit: int | None, seconds: float, now: float, name: str) -> bool:
        while window and window[0] <= now - seconds:
            window.popleft()
        if limit is not None and len(window) >= limit:
            return True
        window.append(now)
        self.busiest[name] = max(self.busiest.get(name, 0), len(window))
        return False

    def _told(self) -> dict[str, str]:
        if not self.headers:
            return {}
        told = {"X-HubSpot-RateLimit-Interval-Milliseconds": "10000"}
        if self.ten_seconds is not None:
            told["X-HubSpot-RateLimit-Max"] = str(self.ten_seconds)
            told["X-HubSpot-RateLimit-Remaining"] = str(max(0, self.ten_seconds - len(self._recent)))
        if self.daily is not None:
            told["X-HubSpot-RateLimit-Daily"] = str(self.daily)
            told["X-HubSpot-RateLimit-Daily-Remaining"] = str(max(0, self.daily - self._day[1]))
        return told

    def _refuse(self, policy: str, message: str) -> Refused:
        self.refused += 1
        return rate_error(policy, message, self._told())


def rate_error(policy: str, message: str, headers: dict[str, str]) -> Refused:
    return Refused(
        429, "RATE_LIMITS", message, errorType="RATE_LIMIT", policyName=policy, requestId="r", headers=headers
    )
