"""How HubSpot answers: errors by status first, since bodies differ; and what its headers say of the rate."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from sales_agent_dagster.crm.errors import ConflictFound, CrmError, RateLimited
from sales_agent_dagster.crm.http import Reply, error_of_status, retry_after_of
from sales_agent_dagster.crm.rates import Pace, RateHint

WINDOW_S = 10.0
SHARE = 0.95
"""Part of the window's limit that we use: the rest is for what else the same app does."""

IDLE_WORTH = 30
"""Calls that may go at once after we were busy with ourselves; the window is kept all the same."""

HIGHEST_PLAN = 250
SEARCH_PACE = Pace(start=4.8, most=4.8, burst=0, also="")
"""Searches have a limit of their own, 5 a second for the whole account, of which no header tells.

Whether they count towards the app's window, too, is not said: they are taken to.
"""

_DAY_S = 86_400.0
_LOCKED_S = 2.0
_EXISTING = re.compile(r"Existing ID: *(\d+)|(\d+) already has that value")
_VALUES = re.compile(r"Property values were not valid: (\[.*\])", re.DOTALL)
NO_SUCH_PROPERTY = "PROPERTY_DOESNT_EXIST"
NOT_UNIQUE = "CONFLICTING_UNIQUE_VALUE"


def pace_of(requests_per_10s: int) -> Pace:
    """Starts at the plan's limit and follows the headers up to 250 per 10 s, the highest that is sold."""
    start = requests_per_10s * SHARE / WINDOW_S
    most = max(start, HIGHEST_PLAN * SHARE / WINDOW_S)
    return Pace(start=start, most=most, burst=IDLE_WORTH, window_s=WINDOW_S)


class HubSpotDialect:
    """``crm.http.Dialect`` of HubSpot."""

    unreached: frozenset[int] = frozenset()

    def error_of(self, reply: Reply) -> CrmError | None:
        """The error by its status; the body only adds to it."""
        if reply.status < 400:
            return None
        parsed = reply.json()
        body = parsed if isinstance(parsed, dict) else {}
        message = message_of(body) or f"HubSpot answered {reply.status}."
        if reply.status == 401:
            message = f"HubSpot refuses SALES_AGENT_HUBSPOT__TOKEN: {message}"
        code = str(body.get("category") or body.get("errorType") or "") or None
        told: dict[str, Any] = {"status": reply.status, "code": code, "request_id": reply.request_id}
        if reply.status == 409:
            return ConflictFound(message, remote_id=existing_id(message), **told)
        if reply.status == 429:
            return RateLimited(message, retry_after=_pause_of(reply, body), **told)
        wait = max(_LOCKED_S, retry_after_of(reply.headers) or 0.0) if reply.status in (423, 477) else None
        return error_of_status(reply, message, code=code, fields=fields_of(body), retry_after=wait)

    def hint_of(self, reply: Reply) -> RateHint | None:
        """The rate that the window allows, and the day's quota.

        Not what is left of the window spread over it: the window rolls, so that what was used comes back
        all the time, and spreading the rest would settle at half the limit.
        """
        most = _number(reply.headers, "X-HubSpot-RateLimit-Max")
        left = _number(reply.headers, "X-HubSpot-RateLimit-Remaining")
        quota = _quota_left(reply.headers)
        if not most or left is None:
            return None if quota is None else RateHint(quota_left=quota)
        if left <= 0:
            return RateHint(most, 0, 1.0, quota)
        window_s = (
            _number(reply.headers, "X-HubSpot-RateLimit-Interval-Milliseconds") or 0
        ) / 1000 or WINDOW_S
        return RateHint(most, max(1, int(most * SHARE)), window_s, quota)


def message_of(body: Mapping[str, Any]) -> str:
    """HubSpot's words: of a refused value only what is wrong with it, of a refused token what it lacks."""
    message = str(body.get("message") or "")
    if refused := _refused_values(body):
        return (
            " ".join(str(one.get("message") or one.get("error") or "") for one in refused).strip() or message
        )
    scopes = dict.fromkeys(
        str(scope)
        for error in _dicts(body.get("errors"))
        for scope in _context_of(error).get("requiredGranularScopes") or ()
    )
    return f"{message} It lacks one of: {', '.join(scopes)}." if scopes else message


def _refused_values(body: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """``{message, error, name}`` of refused values, which HubSpot writes as JSON into its message."""
    found = _VALUES.search(str(body.get("message") or ""))
    try:
        return _dicts(orjson.loads(found[1])) if found else []
    except orjson.JSONDecodeError:
        return []


def _dicts(told: object) -> list[Mapping[str, Any]]:
    return [one for one in told if isinstance(one, dict)] if isinstance(told, list) else []


def _context_of(error: Mapping[str, Any]) -> Mapping[str, Any]:
    told = error.get("context")
    return told if isinstance(told, dict) else {}


def existing_id(message: str) -> str | None:
    """Id of the record in the way, as HubSpot writes it into its messages."""
    found = _EXISTING.search(message)
    return (found[1] or found[2]) if found else None


def fields_of(body: Mapping[str, Any]) -> dict[str, str]:
    """Error code by property, of a validation error in any of the three shapes that are seen."""
    found: dict[str, str] = {}
    for error in _dicts(body.get("errors")):
        for name in _context_of(error).get("propertyName") or ():
            found[str(name)] = str(error.get("code") or error.get("message") or "")
    for error in _refused_values(body) + _dicts(body.get("validationResults")):
        if error.get("name"):
            found[str(error["name"])] = str(error.get("error") or error.get("message") or "")
    return found


def _pause_of(reply: Reply, body: Mapping[str, Any]) -> float:
    """Seconds to pause: search says nothing but a second; a spent day is over at the account's midnight."""
    told = retry_after_of(reply.headers)
    if told is not None:
        return told
    policy = f"{body.get('policyName')} {body.get('message')}".lower()
    if "daily" in policy:
        return _DAY_S
    return WINDOW_S if "ten_secondly" in policy else 1.0


def _number(headers: Mapping[str, str], name: str) -> int | None:
    text = headers.get(name, "")
    return int(text) if text.isdigit() else None


def _quota_left(headers: Mapping[str, str]) -> float | None:
    daily = _number(headers, "X-HubSpot-RateLimit-Daily")
    left = _number(headers, "X-HubSpot-RateLimit-Daily-Remaining")
    return left / daily if daily and left is not None else None
