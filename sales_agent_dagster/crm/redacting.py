"""Traffic with a CRM without what it says of anybody: names of fields, kinds of values, codes of errors."""

from __future__ import annotations

from typing import Any
from urllib.parse import unquote, urlsplit

import orjson

from sales_agent_dagster.crm.http import Exchange

TOLD = frozenset(
    {
        "errorCode",
        "statusCode",
        "category",
        "subCategory",
        "errorType",
        "policyName",
        "type",
        "status",
        "state",
        "operation",
        "object",
        "object_type",
        "__object_type",
        "action",
        "fieldType",
    }
)
"""Keys whose texts are words of the vendor's own."""

MAX_ITEMS = 3
"""Most elements of a list that are kept: the others have the same form."""

MAX_WORD = 60


def redacted(exchange: Exchange) -> dict[str, Any]:
    """One exchange as a JSON object; no text, number or address of a record is left in it."""
    return {
        "method": exchange.method,
        "path": path_of(exchange.url),
        "status": exchange.status,
        "ms": round(exchange.seconds * 1000),
        "attempt": exchange.attempt,
        "sent": _body(exchange.sent),
        "received": _body(exchange.received),
    }


def path_of(url: str) -> str:
    """The path; segments that are nobody's word but ids, keys or addresses as ``*``."""
    segments = urlsplit(url).path.split("/")
    return "/".join("*" if _is_value(unquote(segment)) else segment for segment in segments)


def _is_value(segment: str) -> bool:
    """Versions (``v67.0``, ``2026-09``) and names of fields stay."""
    if "@" in segment or not segment.isascii():
        return True
    digits = sum(char.isdigit() for char in segment)
    return digits > 6 or (digits > 2 and "_" in segment) or segment.isdigit()


def _body(body: bytes) -> Any:
    if not body.strip():
        return None
    try:
        return _form(orjson.loads(body), told=False)
    except orjson.JSONDecodeError:
        return f"<{len(body)} bytes>"


def _form(value: Any, *, told: bool) -> Any:
    if isinstance(value, dict):
        return {key: _form(one, told=key in TOLD) for key, one in value.items() if "@" not in key}
    if isinstance(value, list):
        return [_form(one, told=told) for one in value[:MAX_ITEMS]]
    if isinstance(value, str):
        return value if told and len(value) <= MAX_WORD and "@" not in value else f"<text {len(value)}>"
    if isinstance(value, bool) or value is None:
        return value
    return "<number>"
