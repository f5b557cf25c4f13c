"""What travels between the transport and a vendor's folder: options, replies, and how a reply is read."""

from __future__ import annotations

import random
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from typing import Any, Protocol

import orjson

from sales_agent_dagster.crm.errors import (
    AuthRefused,
    CrmError,
    InvalidRequest,
    PermissionRefused,
    RateLimited,
    RecordGone,
    Unavailable,
)
from sales_agent_dagster.crm.rates import RateHint


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request and what came of it, for a hook. The bodies hold people's data: redact before keeping.

    Attributes:
        url: without the query, which may hold addresses.
        status: None when no response came.
        seconds: from sending to the last byte.
        attempt: from 1.
    """

    method: str
    url: str
    status: int | None
    seconds: float
    attempt: int
    request_id: str
    sent: bytes
    received: bytes


@dataclass(frozen=True, slots=True)
class TransportOptions:
    """How to call, alike for all CRMs.

    Attributes:
        dry_run: refuse everything that writes.
        concurrency: most calls in flight.
        attempts: most times that one call is sent, refusals for its rate not counted.
        longest_wait_s: most seconds that one call waits for the rate in all.
        hook: gets every exchange; called from several threads.
        now, sleep, jitter: monotonic seconds, waiting, and a number in [0, 1): tests bring their own.
    """

    dry_run: bool = True
    concurrency: int = 8
    connect_timeout_s: float = 5.0
    read_timeout_s: float = 30.0
    attempts: int = 5
    longest_wait_s: float = 300.0
    hook: Callable[[Exchange], None] | None = None
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    jitter: Callable[[], float] = random.random


@dataclass(frozen=True, slots=True)
class Reply:
    """A response, read in full.

    Attributes:
        request_id: the CRM's id of the request, else the one that we sent.
        parsed: the body, when it says that it is JSON.
        perhaps_done: an attempt before, whose answer was lost, may have done already what was asked for.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    request_id: str
    parsed: Any = None
    perhaps_done: bool = False

    def json(self) -> Any:
        """The parsed body; None when it is empty or not JSON."""
        if self.parsed is not None or not self.body.strip():
            return self.parsed
        try:
            return orjson.loads(self.body)
        except orjson.JSONDecodeError:
            return None


class Dialect(Protocol):
    """How a vendor answers.

    Attributes:
        unreached: statuses from 500 on with which nothing was done, surely.
    """

    unreached: frozenset[int]

    def error_of(self, reply: Reply) -> CrmError | None:
        """The error that a response means, None for success. ``error_of_status`` is the usual start."""
        ...

    def hint_of(self, reply: Reply) -> RateHint | None:
        """What the response tells about the quota."""
        ...


_BY_STATUS: dict[int, type[CrmError]] = {
    401: AuthRefused,
    402: PermissionRefused,
    403: PermissionRefused,
    404: RecordGone,
    408: Unavailable,
    410: RecordGone,
    423: Unavailable,
    429: RateLimited,
    477: Unavailable,
}
"""What no vendor means otherwise; others from 400 on are InvalidRequest, from 500 on Unavailable."""


def error_of_status(reply: Reply, message: str, **details: Any) -> CrmError | None:
    """The error by the HTTP status alone, None below 400. ``details`` are arguments of CrmError."""
    if reply.status < 400:
        return None
    given = {"retry_after": retry_after_of(reply.headers), "body": reply.json(), **details}
    kind = _BY_STATUS.get(reply.status, Unavailable if reply.status >= 500 else InvalidRequest)
    return kind(message, status=reply.status, request_id=reply.request_id, **given)


def retry_after_of(headers: Mapping[str, str]) -> float | None:
    """Seconds of ``Retry-After``, of a date by the answer's own (RFC 9110, 10.2.3); None without."""
    told = headers.get("Retry-After", "")
    try:
        return max(0.0, float(told))
    except ValueError:
        pass
    try:
        wait = parsedate_to_datetime(told) - parsedate_to_datetime(headers.get("Date", ""))
    except (TypeError, ValueError):
        return None
    return max(0.0, wait.total_seconds())


class Fence:
    """Whether a write may go out, asked right before each one: open, unless somebody sets it.

    Attributes:
        passes: called from several threads.
    """

    def __init__(self) -> None:
        self.open()

    def open(self) -> None:
        """Let everything pass."""
        self.passes: Callable[[], bool] = lambda: True


class Counters:
    """What a transport did so far; safe to share between threads.

    Attributes:
        requests, writes: sent; ``writes`` are those that were not reading.
        retries: sent again.
        refusals: answers that the rate was too high.
        quota_left: as last told, 0-1.
    """

    def __init__(self) -> None:
        self.requests = self.writes = self.retries = self.refusals = 0
        self.quota_left: float | None = None
        self._seconds: deque[float] = deque(maxlen=10_000)
        self._lock = threading.Lock()

    def sent(self, *, writes: bool, again: bool) -> None:
        """Count a request."""
        with self._lock:
            self.requests += 1
            self.writes += writes
            self.retries += again

    def answered(self, seconds: float, quota_left: float | None) -> None:
        """Count an answer."""
        with self._lock:
            self._seconds.append(seconds)
            if quota_left is not None:
                self.quota_left = quota_left

    def refused(self) -> None:
        """Count a refusal for the rate."""
        with self._lock:
            self.refusals += 1

    def p95_ms(self) -> float | None:
        """95th percentile of the last 10,000 answers, nearest rank, ms; None before the first."""
        with self._lock:
            seconds = sorted(self._seconds)
        return seconds[-(-95 * len(seconds) // 100) - 1] * 1000 if seconds else None
