"""What goes wrong on purpose, and what was asked."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Any

from sales_agent_dagster_tests.salesforce_server.errors import Refused

KINDS = {
    "drop": "done, but the connection is closed without an answer",
    "reset": "the connection is closed before anything is done",
    "500": "done, but the answer is an error",
    "502": "not done: a page of a proxy",
    "503": "not done: SERVER_UNAVAILABLE",
    "quota": "not done: 403 REQUEST_LIMIT_EXCEEDED of the day",
    "busy": "not done: 403 REQUEST_LIMIT_EXCEEDED of concurrent long requests",
    "expired": "not done: 401, and the token is dead",
    "forbidden": "not done: 403 without a limit",
    "slow": "answered after ``seconds``",
    "stale": "a query is answered as of ``seconds`` ago",
    "truncated": "done, but half of the answer is sent",
    "locked": "the records of the request are locked: UNABLE_TO_LOCK_ROW for each, or the whole",
    "bulk_failed": "the job that is closed by the request fails after ``rows``",
}


@dataclass
class Fault:
    """One kind, for the next ``times`` requests that fit.

    Attributes:
        method, path, text: regular expressions of what it is for: the whole method, a part of the path, a
            part of the body or query.
        after: matching requests to let through first.
    """

    kind: str
    method: str = ".*"
    path: str = ""
    text: str = ""
    times: int = 1
    after: int = 0
    seconds: float = 60.0
    rows: int = 0

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise ValueError(f"no such fault: {self.kind}; there are {', '.join(KINDS)}")

    def fits(self, asked: Asked) -> bool:
        if not re.fullmatch(self.method, asked.method) or not re.search(self.path, asked.path):
            return False
        return re.search(self.text, asked.body.decode("utf-8", "replace") + asked.query) is not None


@dataclass(frozen=True)
class Asked:
    """A request of the log."""

    method: str
    path: str
    query: str
    headers: dict[bytes, bytes]
    body: bytes
    status: list[int] = field(default_factory=list)
    """Of the answer; empty when there was none."""

    @property
    def writes(self) -> bool:
        return self.method not in ("GET", "HEAD") and not self.path.endswith("/token")


@dataclass
class FaultPlan:
    """Faults to come, tried in their order."""

    faults: list[Fault] = field(default_factory=list)

    def next(self, asked: Asked) -> Fault | None:
        for fault in self.faults:
            if not fault.fits(asked):
                continue
            if fault.after > 0:
                fault.after -= 1
                continue
            fault.times -= 1
            if fault.times <= 0:
                self.faults.remove(fault)
            return fault
        return None


def refusal(kind: str) -> Refused | None:
    """What a fault answers before anything is done."""
    limit = "REQUEST_LIMIT_EXCEEDED"
    known: dict[str, Any] = {
        "503": (503, "SERVER_UNAVAILABLE", "Server is too busy"),
        "quota": (403, limit, "TotalRequests Limit exceeded."),
        "busy": (403, limit, "ConcurrentPerOrgLongTxn Limit exceeded."),
        "expired": (401, "INVALID_SESSION_ID", "Session expired or invalid"),
        "forbidden": (403, "INSUFFICIENT_ACCESS_OR_READONLY", "insufficient access rights on object id"),
    }
    return Refused(*known[kind]) if kind in known else None
