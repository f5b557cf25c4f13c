"""What the API refuses, with its own codes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class Refused(Exception):
    """The request ends with an array of one error."""

    def __init__(self, status: int, code: str, message: str, fields: Sequence[str] = (), **more: Any) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.fields = list(fields)
        self.more = more

    def as_body(self) -> list[dict[str, Any]]:
        body: dict[str, Any] = {"message": self.message, "errorCode": self.code, **self.more}
        return [{**body, "fields": self.fields} if self.fields else body]

    def as_row_error(self) -> dict[str, Any]:
        """The same inside the result of one record of many."""
        return {"statusCode": self.code, "message": self.message, "fields": self.fields, **self.more}

    def as_csv_error(self) -> str:
        """The same in the results of a bulk job."""
        return f"{self.code}:{self.message}:{' '.join([*self.fields, '--'])}"


def bad(code: str, message: str, *fields: str, **more: Any) -> Refused:
    """A 400, by far the most common."""
    return Refused(400, code, message, fields, **more)
