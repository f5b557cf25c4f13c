"""What Apollo's endpoints have in common: the key's header and what its refusals mean."""

from __future__ import annotations

from typing import Any

from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.enrichment.api_client import (
    KEY_REST_S,
    ApiClient,
    Reply,
    said,
    seconds_left,
    seconds_to_retry,
)
from sales_agent_dagster.enrichment.providers import Failed, FailureKind
from sales_agent_dagster.settings import Settings

BULK = 10
"""Most companies or people of one bulk request."""

USD_PER_CREDIT = 0.025
"""About the list price of a plan's credits: $49 a month for some 2,000. Your own goes into waterfall.yaml."""

_WINDOWS = (("daily", 86_400.0), ("hourly", 3_600.0), ("minute", 60.0))


def apollo_client(settings: Settings) -> ApiClient:
    """A client with the key.

    Raises:
        ConfigurationError: there is none.
    """
    if settings.apollo_api_key is None:
        raise ConfigurationError("Apollo has no key. Set SALES_AGENT_APOLLO_API_KEY.")
    headers = {"x-api-key": settings.apollo_api_key.get_secret_value()}
    return ApiClient(settings.apollo_base_url, headers)


def refusal(reply: Reply, cost: float) -> Failed | None:
    """What a reply refuses; None for an answer.

    ``cost`` is what an answer may have cost that cannot be read.
    """
    if reply.status == 200 and isinstance(reply.body, dict):
        return None
    body: dict[str, Any] = reply.body if isinstance(reply.body, dict) else {}
    told = said(body, "error_message") or said(body, "error") or said(body, "message") or ""
    if reply.status == 401:  # in plain text
        return Failed(FailureKind.QUOTA, "the key is refused", KEY_REST_S)
    if reply.status == 403:
        return Failed(FailureKind.QUOTA, "the key or plan has no access to this", KEY_REST_S)
    if reply.status == 429:
        return _limited(reply, told)
    if reply.status == 402 or "credit" in told.casefold():
        return Failed(FailureKind.QUOTA, "its credits are used up", KEY_REST_S)
    if reply.status == 200:
        return Failed(FailureKind.TRANSIENT, "the reply is no JSON object", credits=cost)
    return Failed(FailureKind.PERMANENT, f"status {reply.status}")


def _limited(reply: Reply, told: str) -> Failed:
    """Which of the fixed windows is used up: by its header, else by the message (``... times per hour``)."""
    for name, seconds in _WINDOWS:
        per = {"daily": "per day", "hourly": "per hour", "minute": "per minute"}[name]
        if reply.headers.get(f"x-{name}-requests-left") == "0" or per in told:
            kind = FailureKind.QUOTA if name == "daily" else FailureKind.TRANSIENT
            wait = seconds_to_retry(reply.headers, seconds_left(seconds))
            return Failed(kind, f"its calls {per} are used up", wait)
    return Failed(FailureKind.TRANSIENT, "too many calls", seconds_to_retry(reply.headers, 60.0))
