"""What goes wrong, and with which request."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from sales_agent_dagster_tests.hubspot_server.limits import rate_error
from sales_agent_dagster_tests.hubspot_server.replies import Refused

STATUSES = (401, 403, 404, 415, 423, 477, 500, 502, 503, 504, 521, 523, 524)
BEFORE = ("drop_before", "429", "429_bare", "429_daily", *map(str, STATUSES))
"""Nothing is done."""

AFTER = ("drop", "502_after", "malformed", "html")
"""The work is done, but the answer is lost or spoiled."""

KINDS = (*BEFORE, *AFTER, "slow", "stale")
_CATEGORIES = {401: "INVALID_AUTHENTICATION", 403: "MISSING_SCOPES", 404: "OBJECT_NOT_FOUND", 423: "LOCKED"}


@dataclass
class Fault:
    """One thing that goes wrong.

    Attributes:
        kind: of ``KINDS``. ``drop`` closes the connection after the work is done, ``drop_before`` before;
            ``429_bare`` has neither header nor policy; ``stale`` reads what was ``seconds`` ago.
        where: regular expression searched in ``METHOD /canonical/path``.
        seconds: of ``slow``, ``stale``, and the Retry-After of a 477.
    """

    kind: str
    where: str = ""
    seconds: float = 30.0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no such fault: {self.kind}; there are {', '.join(KINDS)}")

    def refusal(self) -> Refused | None:
        """The error of a fault before any work, if it answers at all."""
        if self.kind == "429":
            headers = {"X-HubSpot-RateLimit-Max": "190", "X-HubSpot-RateLimit-Remaining": "0"}
            return rate_error(
                "TEN_SECONDLY_ROLLING", "You have reached your ten_secondly_rolling limit.", headers
            )
        if self.kind == "429_bare":
            return Refused(429, "RATE_LIMITS", "You have reached your secondly limit.")
        if self.kind == "429_daily":
            return rate_error("DAILY", "You have reached your daily limit.", {})
        if self.kind.isdigit():
            status = int(self.kind)
            headers = {"Retry-After": f"{self.seconds:g}"} if status == 477 else {}
            category = _CATEGORIES.get(status, "INTERNAL_ERROR")
            return Refused(status, category, f"fault {status}", headers=headers)
        return None


@dataclass
class Faults:
    """Faults still to come; each is used once, by the first request it fits."""

    waiting: list[Fault] = field(default_factory=list)
    used: list[Fault] = field(default_factory=list)

    def take(self, request: str) -> Fault | None:
        for at, fault in enumerate(self.waiting):
            if re.search(fault.where, request):
                self.used.append(self.waiting.pop(at))
                return fault
        return None
