"""What a call to a CRM can fail with.

::

    CrmError
    ├── (PermanentError)
    │   ├── AuthRefused        the key is refused: stop
    │   ├── PermissionRefused  the key or the plan does not allow it: stop the stream
    │   ├── InvalidRequest     a value is refused; ``fields`` says which
    │   ├── ConflictFound      the record is there already, or a duplicate rule says so
    │   ├── RecordGone         deleted, archived or merged away
    │   └── WriteRefused       a dry run tried to write
    └── (TransientError)
        ├── RateLimited        the quota is spent for longer than anybody waits
        ├── Unavailable        nothing was done, or doing it again is the same; trying again may help
        └── Ambiguous          it went out and may have been done; trying again would not be the same, or
                               was refused for a reason that tells nothing of it
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sales_agent_dagster.domain.errors import PermanentError, SalesAgentError, TransientError
from sales_agent_dagster.domain.masking import masked

MAX_MESSAGE = 300
"""Longest text of a CRM that an error repeats, characters."""


class CrmError(SalesAgentError):
    """Base of the errors of all CRMs.

    Args:
        message: for a person; cut to ``MAX_MESSAGE``, addresses and numbers that the CRM repeats masked.
        status: HTTP status, None when there was no response.
        code: the vendor's own code.
        fields: messages by the vendor's field names.
        remote_id: the record in the way or in its place.
        retry_after: seconds after which to try again, as the CRM told.
        body: the parsed response, for the vendor's own code only: never logged.
    """

    def __init__(
        self,
        message: str,
        *,
        status: int | None = None,
        code: str | None = None,
        fields: Mapping[str, str] | None = None,
        remote_id: str | None = None,
        retry_after: float | None = None,
        request_id: str | None = None,
        body: Any = None,
    ) -> None:
        self.message = masked(message)[:MAX_MESSAGE]
        super().__init__(self.message)
        self.status = status
        self.code = code
        self.fields = dict(fields or {})
        self.remote_id = remote_id
        self.retry_after = retry_after
        self.request_id = request_id
        self.body = body
        self.perhaps_done = False
        """An attempt before, whose answer was lost, may have done it: of a record that is gone by now."""


class AuthRefused(CrmError, PermanentError):
    """The key is refused."""


class PermissionRefused(CrmError, PermanentError):
    """The key may not do that, or the plan has not got it."""


class InvalidRequest(CrmError, PermanentError):
    """The CRM refuses a value or the request."""


class ConflictFound(CrmError, PermanentError):
    """Such a record is there already."""


class RecordGone(CrmError, PermanentError):
    """The record is not there, or not any more."""


class WriteRefused(CrmError, PermanentError):
    """A dry run does not write."""


class RateLimited(CrmError, TransientError):
    """Too many calls, or the day's quota is spent."""


class Unavailable(CrmError, TransientError):
    """The CRM did not do it and may later."""


class Ambiguous(CrmError, TransientError):
    """Nobody knows whether it was done."""


def in_doubt(error: CrmError) -> CrmError:
    """What an error means when an attempt before, whose answer was lost, may have done it.

    A refusal that tells nothing of the record (key, permission, rate, availability) leaves open whether it
    was done; every other one stands.
    """
    if isinstance(error, AuthRefused | PermissionRefused | RateLimited | Unavailable):
        return Ambiguous(error.message, status=error.status, request_id=error.request_id)
    return error
