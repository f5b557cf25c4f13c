"""Calling a provider's JSON API: what came back, or why nothing did and what it may have cost."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx2
import orjson

from sales_agent_dagster.domain.values.text import clean_cell, one_line
from sales_agent_dagster.enrichment.providers import Failed, FailureKind

TIMEOUT_S = 15.0
MAX_REPLY_BYTES = 4_000_000
CONNECTIONS = 32
USER_AGENT = "sales-agent"

KEY_REST_S = 3600.0
"""How long a provider is left alone that refuses the key or the plan: only a person can change that."""

_NOT_SENT = (
    httpx2.ConnectError,
    httpx2.ConnectTimeout,
    httpx2.PoolTimeout,
    httpx2.ProxyError,
    httpx2.UnsupportedProtocol,
)

_GATEWAYS = frozenset({502, 504, *range(520, 525)})
"""Said by what stands before the provider (RFC 9110, Cloudflare): it may have answered and billed."""

# At INFO it logs whole addresses, and those have addresses of persons in them.
logging.getLogger("httpx2").setLevel(logging.WARNING)


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply that was read to its end.

    Attributes:
        body: the JSON document; None when it is none.
        fetched_at: ISO 8601, UTC.
    """

    status: int
    body: Any
    headers: Mapping[str, str]
    fetched_at: str


class ApiClient:
    """One provider's API. The key travels in a header, never in an address, and redirects are not followed.

    Args:
        base_url: without a slash at the end.
        headers: with the key.
    """

    def __init__(self, base_url: str, headers: Mapping[str, str]) -> None:
        self.base_url = base_url.rstrip("/")
        self._headers = {"user-agent": USER_AGENT, "accept": "application/json", **headers}
        self._client: httpx2.AsyncClient | None = None

    async def send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        json: Any = None,
        cost: float,
    ) -> Reply | Failed:
        """The reply, whatever its status below 500, or why there is none.

        ``cost`` is what the question may have cost when the connection is lost after it was sent, or when a
        gateway says that it was. Any other status of 500 or above is the provider's word that it has nothing:
        it costs nothing.
        """
        try:
            async with self._opened().stream(
                method, f"{self.base_url}{path}", params=params, json=json
            ) as response:
                body = await _read(response)
        except _NOT_SENT:
            return Failed(FailureKind.TRANSIENT, "no connection")
        except httpx2.HTTPError as error:
            reason = f"the reply was lost ({type(error).__name__})"
            return Failed(FailureKind.TRANSIENT, reason, credits=cost)
        if response.status_code >= 500:
            billed = cost if response.status_code in _GATEWAYS else 0.0
            return Failed(FailureKind.TRANSIENT, f"status {response.status_code}", credits=billed)
        if body is None:
            return Failed(FailureKind.PERMANENT, "the reply is too long", credits=cost)
        fetched_at = datetime.now(UTC).isoformat(timespec="seconds")
        return Reply(response.status_code, _parsed(body), response.headers, fetched_at)

    async def close(self) -> None:
        """Close all connections. Usable again after."""
        if self._client is not None:
            await self._client.aclose()
            self._client = None

    def _opened(self) -> httpx2.AsyncClient:
        if self._client is None:
            limits = httpx2.Limits(max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS)
            self._client = httpx2.AsyncClient(
                headers=self._headers, timeout=TIMEOUT_S, limits=limits, follow_redirects=False
            )
        return self._client


async def _read(response: httpx2.Response) -> bytes | None:
    """The body; None for one that is too long."""
    parts, size = [], 0
    async for part in response.aiter_bytes():
        size += len(part)
        if size > MAX_REPLY_BYTES:
            return None
        parts.append(part)
    return b"".join(parts)


def _parsed(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def seconds_to_retry(headers: Mapping[str, str], otherwise: float) -> float:
    """What ``Retry-After`` says in seconds; ``otherwise`` when it says nothing usable."""
    value = headers.get("retry-after", "")
    return float(value) if value.isdecimal() and len(value) < 7 else otherwise


def seconds_left(window_s: float) -> float:
    """Seconds until the present fixed window of a minute, an hour or a day (UTC) ends."""
    return window_s - time.time() % window_s


def section(body: Any, name: str) -> Mapping[str, Any]:
    """A JSON object inside another; empty when it is none."""
    value = body.get(name) if isinstance(body, dict) else None
    return value if isinstance(value, dict) else {}


def said(values: Mapping[str, Any], name: str) -> str | None:
    """A text or number of a reply as one clean line; None for anything else and for nothing."""
    value = values.get(name)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        return None
    return one_line(clean_cell(str(value)[:2000])) or None
