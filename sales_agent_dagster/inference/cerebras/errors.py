"""What can go wrong with a call to a model, as types that the one retry layer acts on.

::

    PermanentError
    ├── Rejected            400, 401, 402, 403, 404, 413, 422 ...: the same request fails again
    └── UnsupportedSchema   an output model that strict JSON schema cannot express
    TransientError
    ├── RateLimited         429: slow down
    ├── ProviderDown        5xx, 408, 409, 425, no connection, no answer in time
    └── InvalidAnswer       a 200 whose answer cannot be used

Messages hold no prompt, no answer and no key; what a provider writes into an error is cut short.
"""

from __future__ import annotations

import email.utils
import math
import time
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from sales_agent_dagster.domain.calls import Usage
from sales_agent_dagster.domain.errors import PermanentError, TransientError

MAX_DETAIL = 200
"""Characters of a provider's own words that are repeated in our messages."""

NO_LIST = frozenset({404, 405})
"""Refusals of the list of models by a server that may have none: a proxy of one that does."""

_BUSY = frozenset({408, 409, 425})
_FIXES = {
    200: "this is not the API of a model server; check CEREBRAS_BASE_URL",
    400: "the server does not take this request; check SALES_AGENT_CEREBRAS__MODEL and __REASONING_EFFORT",
    401: "the key is missing or wrong; set CEREBRAS_API_KEY",
    402: "the account has no credit left",
    403: "the key may not do this; check what CEREBRAS_API_KEY has access to",
    404: "no such model or path; check SALES_AGENT_CEREBRAS__MODEL and CEREBRAS_BASE_URL",
    413: "the request is too large",
    422: "the server does not take a value of this request",
}


@dataclass(frozen=True, slots=True)
class RateLimitHeaders:
    """What counts of the ``x-ratelimit-*`` headers; None where absent or not a number. Resets in seconds.

    Limits are the organisation's, for the model asked: requests per day and tokens per minute. Where a server
    also says ``x-ratelimit-limit-requests-minute``, that is taken, too. What remains of a minute is reckoned
    here, with the calls in flight.
    """

    remaining_requests_day: float | None = None
    reset_requests_day_s: float | None = None
    limit_tokens_minute: float | None = None
    limit_requests_minute: float | None = None


class Rejected(PermanentError):
    """The provider refuses the request and would refuse it again; the message names the fix.

    Args:
        fix: instead of the usual one of the status.

    Attributes:
        status: HTTP status, or the one a ``status_code`` in the body puts in its place.
        detail: the provider's own words, in full; for no message.
    """

    def __init__(self, status: int, detail: str = "", *, fix: str | None = None) -> None:
        usual = _FIXES.get(status, "the server refuses this request; check CEREBRAS_BASE_URL")
        super().__init__(_message(f"HTTP {status}: {fix or usual}", detail))
        self.status = status
        self.detail = detail


class UnsupportedSchema(PermanentError):
    """An output model has a part that strict JSON schema cannot express; the message says where."""


class RateLimited(TransientError):
    """429: a limit of requests or tokens is used up.

    Attributes:
        retry_after_s: how long the provider asks to wait; None where it does not say.
        limits: the limits as the refusal states them.
    """

    def __init__(self, retry_after_s: float | None, limits: RateLimitHeaders, detail: str = "") -> None:
        wait = "" if retry_after_s is None else f", free again in {retry_after_s:g} s"
        super().__init__(_message(f"HTTP 429: rate limit reached{wait}", detail))
        self.retry_after_s = retry_after_s
        self.limits = limits


class ProviderDown(TransientError):
    """No answer: a server error, no connection, or none in time.

    Attributes:
        status: HTTP status; None when there was none.
        timed_out: the time given to the call ran out. Such a call may have been billed.
    """

    def __init__(self, message: str, status: int | None = None, *, timed_out: bool = False) -> None:
        super().__init__(message)
        self.status = status
        self.timed_out = timed_out


class Fault(StrEnum):
    """Why an answer cannot be used."""

    BODY = "body"
    """The response is not a chat completion: broken JSON, ``{}``, HTML."""
    EMPTY = "empty"
    """No text: with a reasoning model mostly a limit of tokens that is too small."""
    LENGTH = "length"
    """Cut off at ``max_completion_tokens``."""
    FINISH = "finish"
    """Ended in another way than by being complete, such as ``content_filter``."""
    JSON = "json"
    """The text is not one JSON object."""
    SCHEMA = "schema"
    """JSON, but not what the output model takes."""


class InvalidAnswer(TransientError):
    """A 200 whose answer cannot be used.

    Attributes:
        fault: which kind.
        faults: what is wrong, short, fit for a repair turn; holds nothing of the answer.
        usage: tokens that were billed.
        text: the answer, for a repair turn; None where there is none to repair.
    """

    def __init__(self, fault: Fault, faults: str, usage: Usage, text: str | None = None) -> None:
        super().__init__(f"invalid answer ({fault}): {faults}")
        self.fault = fault
        self.faults = faults
        self.usage = usage
        self.text = text


def error_of_status(
    status: int, headers: Mapping[str, str], detail: str = ""
) -> Rejected | RateLimited | ProviderDown:
    """The error that an HTTP status of 300 or more stands for.

    Args:
        status: HTTP status.
        headers: of the response, names in lower case or case-insensitive.
        detail: the provider's own words; cut to ``MAX_DETAIL`` characters.
    """
    if status == 429:
        return RateLimited(retry_after(headers), rate_limit_headers(headers), detail)
    if status >= 500 or status in _BUSY:
        return ProviderDown(_message(f"HTTP {status}: the provider cannot answer", detail), status)
    return Rejected(status, detail)


def words_of(body: object) -> str:
    """What the body of an error says, whoever's shape it has; empty when it says nothing.

    Cerebras has ``message`` and ``param`` at the top, others inside ``error``, or a text there; FastAPI has a
    list of places and texts in ``detail``, of which only these are taken: it repeats the request beside them.
    """
    if not isinstance(body, Mapping):
        return ""
    inner = body.get("error")
    if isinstance(inner, str):
        return inner
    said = inner if isinstance(inner, Mapping) else body
    message = said.get("message", said.get("detail"))
    if isinstance(message, list):
        return "; ".join(_fault_in_words(fault) for fault in message if isinstance(fault, Mapping))
    words, param = message if isinstance(message, str) else "", said.get("param")
    return f"{words} ({param})" if isinstance(param, str) and param not in words else words


def _fault_in_words(fault: Mapping[str, object]) -> str:
    place = fault.get("loc")
    parts = place if isinstance(place, list) else []
    return f"{'.'.join(map(str, parts))}: {fault.get('msg')}"


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait by ``retry-after-ms`` or ``retry-after`` (seconds or an HTTP date, RFC 9110 10.2.3)."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    value = headers.get("retry-after")
    seconds = _number(value)
    if seconds is not None or value is None:
        return seconds
    try:
        moment = email.utils.parsedate_to_datetime(value)
    except ValueError:
        return None
    return max(0.0, moment.timestamp() - time.time())


def rate_limit_headers(headers: Mapping[str, str]) -> RateLimitHeaders:
    """The limits that a response states."""
    return RateLimitHeaders(
        _number(headers.get("x-ratelimit-remaining-requests-day")),
        _number(headers.get("x-ratelimit-reset-requests-day")),
        _number(headers.get("x-ratelimit-limit-tokens-minute")),
        _number(headers.get("x-ratelimit-limit-requests-minute")),
    )


def _number(text: str | None) -> float | None:
    """A finite number of at least 0, else None: what a header says is not to be trusted."""
    if text is None:
        return None
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _message(text: str, detail: str) -> str:
    words = " ".join(detail.split())[:MAX_DETAIL]
    return f"{text} ({words})" if words else text
