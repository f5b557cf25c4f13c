"""How Close answers: errors in several shapes, and rates in headers of several forms."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import Any

from sales_agent_dagster.crm.errors import CrmError
from sales_agent_dagster.crm.http import Reply, error_of_status, retry_after_of
from sales_agent_dagster.crm.rates import RateHint

_RATE_PART = re.compile(r"\b(limit|remaining|reset|r|t)\s*=\s*(\d+(?:\.\d+)?)")
_RATE_NAMES = {"r": "remaining", "t": "reset"}
_LONGEST_RESET_S = 86_400.0
"""A later one is a time of day, not a span."""


class CloseDialect:
    """How Close answers: errors in three shapes, and rates in a header that may be missing."""

    unreached: frozenset[int] = frozenset()

    def error_of(self, reply: Reply) -> CrmError | None:
        """The error that a response means, None for success."""
        if reply.status < 400:
            return None
        message, fields = words_of(reply.json())
        if reply.status == 401:
            message = f"Close refuses SALES_AGENT_CLOSE__API_KEY: {message or 'it does not say why'}"
        details: dict[str, Any] = {"fields": fields}
        if reply.status == 429 and (wait := self._wait_of(reply)) is not None:
            details["retry_after"] = wait
        return error_of_status(reply, message or f"Close answered {reply.status}.", **details)

    def _wait_of(self, reply: Reply) -> float | None:
        """Seconds that a refusal for the rate asks to wait; decimals are exact where Retry-After rounds up.

        A window with calls left is not the one that was hit: some endpoints have tighter ones.
        """
        hint = self.hint_of(reply)
        reset = hint.reset_s if hint else None
        if hint is not None and hint.remaining == 0:
            return reset
        waits = (_reset_in_body(reply.json()), retry_after_of(reply.headers), reset)
        return next((wait for wait in waits if wait is not None), None)

    def hint_of(self, reply: Reply) -> RateHint | None:
        """What the rate's headers tell, in whichever of their forms; None without them."""
        told = _rates_told(reply.headers)
        remaining, reset = told.get("remaining"), told.get("reset")
        if remaining is None or reset is None or reset > _LONGEST_RESET_S:
            return None
        limit = told.get("limit")
        # Of Close's quotas only the windows' are told.
        left = remaining / limit if limit else None
        return RateHint(None if limit is None else int(limit), int(remaining), reset, left)


def _rates_told(headers: Mapping[str, str]) -> dict[str, float]:
    """``limit``, ``remaining`` and ``reset`` (s), as far as they are told.

    ``RateLimit: limit=100, remaining=50, reset=5`` is Close's present form; ``"default";r=50;t=5`` is that
    of the IETF's later drafts, and Close's own earlier one is a header for each.
    """
    found = _RATE_PART.findall(headers.get("RateLimit", "").lower())
    told = {_RATE_NAMES.get(name, name): float(value) for name, value in found}
    for prefix in ("RateLimit", "X-Rate-Limit"):
        for name in ("limit", "remaining", "reset"):
            value = _number(headers.get(f"{prefix}-{name}"))
            if value is not None:
                told.setdefault(name, value)
    return told


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def words_of(body: Any) -> tuple[str, dict[str, str]]:
    """Message and messages by field of an error's body, in any of its shapes."""
    if not isinstance(body, dict):
        return "", {}
    fields = dict(_flat("", body.get("field-errors") or {}))
    said = body.get("error") or body.get("message")
    if isinstance(said, dict):
        said = said.get("message")
    parts = [str(said)] if said else []
    errors = body.get("errors") or ()
    if isinstance(errors, dict):
        fields |= _flat("", errors)
    else:
        parts += [errors] if isinstance(errors, str) else [str(each) for each in errors]
    parts += [f"{name}: {text}" for name, text in fields.items()]
    return " ".join(parts), fields


def _flat(prefix: str, errors: Any) -> Iterator[tuple[str, str]]:
    """Nested field errors by their path; Close nests ``{"errors", "field-errors"}`` for lists."""
    if not isinstance(errors, dict):
        said = " ".join(map(str, errors)) if isinstance(errors, list) else str(errors)
        yield prefix or "request", said
        return
    for name, value in errors.items():
        inner = prefix if name in ("errors", "field-errors") else f"{prefix}.{name}".strip(".")
        if value not in ([], {}):
            yield from _flat(inner, value)


def _reset_in_body(body: Any) -> float | None:
    if not isinstance(body, dict):
        return None
    error = body.get("error")
    places = (body, error) if isinstance(error, dict) else (body,)
    held = next((place["rate_reset"] for place in places if "rate_reset" in place), None)
    return float(held) if isinstance(held, int | float) else None
