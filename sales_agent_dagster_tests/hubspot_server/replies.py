"""What the server says: replies, and refusals in HubSpot's error shape."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Asked:
    """One request, already taken apart. ``path`` is the canonical one: see ``paths.canonical``."""

    method: str
    path: str
    query: Mapping[str, list[str]]
    headers: Mapping[str, str]
    body: Any = None

    def listed(self, name: str) -> list[str]:
        """A query parameter given once, comma-separated, or several times."""
        return [part for value in self.query.get(name, ()) for part in value.split(",") if part]

    def flag(self, name: str) -> bool:
        """The official client sends Python's spelling."""
        return self.one(name).lower() == "true"

    def one(self, name: str, default: str = "") -> str:
        return self.query.get(name, [default])[0]


@dataclass
class Reply:
    status: int = 200
    body: Any = None
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    """Sent in place of ``body``."""


class Refused(Exception):
    """The request ends with this error."""

    def __init__(self, status: int, category: str, message: str, **parts: Any) -> None:
        super().__init__(message)
        self.status = status
        self.category = category
        self.message = message
        self.headers: dict[str, str] = parts.pop("headers", {})
        self.parts = parts

    def reply(self) -> Reply:
        return Reply(self.status, {**error_of(self), "correlationId": str(uuid.uuid4())}, self.headers)


class Invalid(Refused):
    """A 400 with category VALIDATION_ERROR."""

    def __init__(self, message: str, errors: Sequence[Mapping[str, Any]] = ()) -> None:
        super().__init__(400, "VALIDATION_ERROR", message, **({"errors": list(errors)} if errors else {}))


class NotFound(Refused):
    """A 404 with category OBJECT_NOT_FOUND."""

    def __init__(
        self, message: str = "Object not found.  objectId are usually numeric.", **parts: Any
    ) -> None:
        super().__init__(404, "OBJECT_NOT_FOUND", message, **parts)


def error_of(refused: Refused) -> dict[str, Any]:
    return {
        "status": "error",
        "message": refused.message,
        "category": refused.category,
        **refused.parts,
    }
