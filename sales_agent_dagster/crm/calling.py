"""One call to a CRM with all its retries: the only layer that sends anything twice."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

import orjson
import requests
from requests.auth import AuthBase
from requests.exceptions import ConnectTimeout, RequestException
from urllib3.exceptions import MaxRetryError, NewConnectionError

from sales_agent_dagster.crm.errors import (
    Ambiguous,
    AuthRefused,
    CrmError,
    RateLimited,
    Unavailable,
    in_doubt,
)
from sales_agent_dagster.crm.http import Counters, Dialect, Exchange, Fence, Reply, TransportOptions
from sales_agent_dagster.crm.rates import RateGate

LOGGER = logging.getLogger(__name__)
FIRST_WAIT_S = 0.5
LONGEST_BACKOFF_S = 30.0
_REQUEST_IDS = ("X-Request-Id", "X-HubSpot-Correlation-Id")


@dataclass(frozen=True)
class Line:
    """What all calls of a transport share.

    Attributes:
        environment: proxies and certificates, as ``requests`` takes them.
    """

    session: requests.Session
    auth: AuthBase
    dialect: Dialect
    options: TransportOptions
    counters: Counters
    fence: Fence
    environment: dict[str, Any]


class Call:
    """One call.

    Args:
        prepared: without credentials.
        twice: sending it twice is the same as once.
        writes: it changes something.
        still: see ``Transport.request``.
    """

    def __init__(
        self,
        line: Line,
        prepared: requests.PreparedRequest,
        gate: RateGate,
        *,
        twice: bool,
        writes: bool,
        still: Callable[[], bool] | None = None,
    ) -> None:
        self._line = line
        self._prepared = prepared
        self._gate = gate
        self._twice = twice
        self._writes = writes
        self._still = still
        self._attempt = 0
        self._failures = 0
        self._waited = 0.0
        self._refreshed = False
        self._perhaps_done = False

    def run(self) -> Reply:
        """The reply; raises CrmError."""
        while True:
            self._attempt += 1
            self._gate.enter()
            if self._writes and not self._line.fence.passes():
                raise Unavailable("The right to write was lost meanwhile: nothing more is sent.")
            try:
                return self._send()
            except CrmError as error:
                self._go_on(error)

    def _go_on(self, error: CrmError) -> None:
        """Prepare another attempt, or raise the error that ends the call."""
        try:
            self._prepare_again(error)
        except CrmError as last:
            last.perhaps_done = self._perhaps_done
            end = in_doubt(last) if self._perhaps_done else last
            if end is last:
                raise
            raise end from last
        self._perhaps_done |= self._writes and self._may_be_done(error)
        if self._perhaps_done and self._still is not None and not self._still():
            raise Ambiguous(error.message, status=error.status, request_id=error.request_id) from error

    def _send(self) -> Reply:
        line, request_id = self._line, uuid4().hex
        request = self._prepared.copy()
        request.headers["X-Request-Id"] = request_id
        request = line.auth(request)
        line.counters.sent(writes=self._writes, again=self._attempt > 1)
        started = line.options.now()
        status, received = None, b""
        try:
            response = self._exchange(request)
            status, received = response.status_code, response.content
        finally:
            seconds = line.options.now() - started
            self._tell(request, request_id, status, seconds, received)
        return self._read(response, request_id, seconds)

    def _exchange(self, request: requests.PreparedRequest) -> requests.Response:
        options = self._line.options
        timeout = (options.connect_timeout_s, options.read_timeout_s)
        try:
            return self._line.session.send(
                request, timeout=timeout, allow_redirects=False, **self._line.environment
            )
        except RequestException as error:
            if _never_sent(error):
                raise Unavailable(
                    f"No connection to {_host(request)}: is the address right, can it be reached from here?"
                ) from error
            kind = Unavailable if self._twice else Ambiguous
            raise kind(f"No answer from {_host(request)}: {type(error).__name__}.") from error

    def _read(self, response: requests.Response, request_id: str, seconds: float) -> Reply:
        line, headers = self._line, response.headers
        if 300 <= response.status_code < 400:
            kind = Unavailable if self._twice else Ambiguous
            raise kind(
                f"{_host(response.request)} sends the call on to another address: the address in the "
                "settings is not that of its API.",
                status=response.status_code,
            )
        request_id = next((headers[name] for name in _REQUEST_IDS if name in headers), request_id)
        parsed: Any = None
        if response.content.strip() and "json" in headers.get("Content-Type", ""):
            try:
                parsed = orjson.loads(response.content)
            except orjson.JSONDecodeError:
                kind = Unavailable if self._twice else Ambiguous
                raise kind(
                    "The CRM's answer is not the JSON that it says.", status=response.status_code
                ) from None
        reply = Reply(response.status_code, headers, response.content, request_id, parsed, self._perhaps_done)
        hint = line.dialect.hint_of(reply)
        line.counters.answered(seconds, hint.quota_left if hint else None)
        error = line.dialect.error_of(reply)
        if not isinstance(error, RateLimited):
            self._gate.answered(hint)
        if error is not None:
            raise error
        return reply

    def _tell(
        self,
        request: requests.PreparedRequest,
        request_id: str,
        status: int | None,
        seconds: float,
        received: bytes,
    ) -> None:
        """Tell log and hook; the log gets neither path nor query, which may hold addresses."""
        LOGGER.debug(
            "%s %s: %s in %.0f ms, request %s",
            request.method,
            _host(request),
            status,
            seconds * 1000,
            request_id,
        )
        if self._line.options.hook is not None:
            body = request.body if isinstance(request.body, bytes) else str(request.body or "").encode()
            url = str(request.url).partition("?")[0]
            self._line.options.hook(
                Exchange(str(request.method), url, status, seconds, self._attempt, request_id, body, received)
            )

    def _prepare_again(self, error: CrmError) -> None:
        """Wait for another attempt; raises the error when there is none."""
        if isinstance(error, RateLimited):
            self._wait_for_rate(error)
        elif isinstance(error, AuthRefused):
            self._refresh(error)
        elif isinstance(error, Unavailable):
            self._back_off(error)
        else:
            raise error

    def _may_be_done(self, error: CrmError) -> bool:
        """True when an attempt that failed, and is made again, may have been carried out all the same."""
        if isinstance(error.__cause__, RequestException):
            return not _never_sent(error.__cause__)
        status = error.status or 0
        return status < 300 or (status >= 500 and status not in self._line.dialect.unreached)

    def _wait_for_rate(self, error: RateLimited) -> None:
        if (error.retry_after or 0.0) > self._line.options.longest_wait_s:
            # A day's quota: the gate stays open, or the next call would sleep until tomorrow.
            self._line.counters.refused()
            raise error
        pause = self._gate.refused(error.retry_after)
        self._line.counters.refused()
        self._waited += pause
        if self._waited > self._line.options.longest_wait_s:
            raise error
        # Everybody waits at the gate; a little apart, so that not all come back at once.
        self._line.options.sleep(pause + self._line.options.jitter() * min(pause, 1.0) / 4)

    def _refresh(self, error: AuthRefused) -> None:
        refresh = getattr(self._line.auth, "refresh", None)
        if refresh is None or self._refreshed or not refresh():
            raise error
        self._refreshed = True

    def _back_off(self, error: Unavailable) -> None:
        answered = error.status is not None and error.status >= 500
        if answered and not self._twice:
            raise Ambiguous(error.message, status=error.status, request_id=error.request_id) from error
        self._failures += 1
        if self._failures >= self._line.options.attempts:
            raise error
        wait = min(FIRST_WAIT_S * 2 ** (self._failures - 1), LONGEST_BACKOFF_S)
        wait *= 0.5 + self._line.options.jitter() / 2
        self._line.options.sleep(max(wait, error.retry_after or 0.0))


def _never_sent(error: RequestException) -> bool:
    """True when no connection came about, so that nothing can have been done."""
    if isinstance(error, ConnectTimeout):
        return True
    cause = error.args[0] if error.args else None
    return isinstance(cause, MaxRetryError) and isinstance(cause.reason, NewConnectionError)


def _host(request: requests.PreparedRequest) -> str:
    return str(request.url).split("/", 3)[2]
