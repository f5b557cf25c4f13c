"""How Salesforce answers: errors with codes, another form at the token endpoint, the quota in a header."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sales_agent_dagster.crm.errors import (
    AuthRefused,
    ConflictFound,
    CrmError,
    InvalidRequest,
    RateLimited,
    RecordGone,
    Unavailable,
)
from sales_agent_dagster.crm.http import Reply, error_of_status
from sales_agent_dagster.crm.rates import RateHint

LOCK_CODES = frozenset(
    {"UNABLE_TO_LOCK_ROW", "QUERY_TIMEOUT", "SERVER_UNAVAILABLE", "REQUEST_RUNNING_TOO_LONG"}
)
"""Gone in a moment; nothing was done."""

GONE_CODES = frozenset({"ENTITY_IS_DELETED", "NOT_FOUND"})
LIMIT_CODE = "REQUEST_LIMIT_EXCEEDED"
EXPIRED_CURSOR = "INVALID_QUERY_LOCATOR"
_DAY_S = 86_400.0
_USAGE = re.compile(r"(?<![\w-])api-usage=(\d+)/(\d+)")
_BY_CODE: dict[str, type[CrmError]] = {
    "INVALID_SESSION_ID": AuthRefused,
    LIMIT_CODE: RateLimited,
    "DUPLICATES_DETECTED": ConflictFound,
    "DUPLICATE_VALUE": ConflictFound,
    "UNSUPPORTED_API_VERSION": InvalidRequest,
    **dict.fromkeys(LOCK_CODES, Unavailable),
    **dict.fromkeys(GONE_CODES, RecordGone),
}


class SalesforceDialect:
    """``crm.http.Dialect`` of the REST API."""

    unreached = frozenset({503})

    def error_of(self, reply: Reply) -> CrmError | None:
        """The error by its code; by its status where there is none."""
        if reply.status < 400:
            return None
        first = first_error(reply.json())
        code = str(first.get("errorCode") or "") or None
        message = str(first.get("message") or f"Salesforce answered {reply.status}.")
        kind = _BY_CODE.get(code or "")
        fields = {str(name): code or "" for name in first.get("fields") or ()}
        if kind is None:
            return error_of_status(reply, message, code=code, fields=fields)
        # The day's quota comes back over the next 24 hours, and no header says when.
        spent = code == LIMIT_CODE and message.startswith("TotalRequests")
        wait = _DAY_S if spent else None
        if spent:
            message = f"Salesforce takes no more calls today; they come back over 24 hours. {message}"
        return kind(
            message,
            status=reply.status,
            code=code,
            fields=fields,
            retry_after=wait,
            request_id=reply.request_id,
            body=reply.json(),
        )

    def hint_of(self, reply: Reply) -> RateHint | None:
        """The day's quota."""
        found = _USAGE.search(reply.headers.get("Sforce-Limit-Info", ""))
        if not found or not int(found[2]):
            return None
        return RateHint(quota_left=max(0.0, 1 - int(found[1]) / int(found[2])))


class TokenDialect:
    """``crm.http.Dialect`` of the token endpoint: whatever it refuses with 400, it refuses the key."""

    unreached: frozenset[int] = frozenset()

    def error_of(self, reply: Reply) -> CrmError | None:
        """The error."""
        if reply.status < 400:
            return None
        body = reply.json()
        told = body if isinstance(body, dict) else {}
        code = str(told.get("error") or "") or None
        if reply.status in (400, 401):
            message = (
                f"Salesforce refuses the login: {told.get('error_description') or code or reply.status}."
            )
            return AuthRefused(message, status=reply.status, code=code, request_id=reply.request_id)
        return error_of_status(reply, f"Salesforce's login answered {reply.status}.", code=code)

    def hint_of(self, reply: Reply) -> RateHint | None:
        """Nothing: logins have a limit of their own, of which no header tells."""
        return None


def first_error(body: Any) -> Mapping[str, Any]:
    """The first error of an answer, empty when there is none."""
    if isinstance(body, list) and body and isinstance(body[0], dict):
        return body[0]
    return {}
