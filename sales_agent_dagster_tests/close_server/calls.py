"""What goes in and out of a handler."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

ORGANIZATION = "orga_" + "0" * 43
USER = "user_" + "1" * 43
"""The owner of the API keys."""
HUMAN_USER = "user_" + "2" * 43
"""Someone who works in the CRM's own pages."""
API_KEY_ID = "api_" + "3" * 43
OTHER_KEY_ID = "api_" + "4" * 43
API_KEY = "api_key_of_tests"
OTHER_KEY = "api_key_of_another_integration"
KEYS = {API_KEY: API_KEY_ID, OTHER_KEY: OTHER_KEY_ID}


@dataclass(frozen=True)
class Actor:
    """Who asks: a person has no API key."""

    user_id: str
    api_key_id: str | None


HUMAN = Actor(HUMAN_USER, None)


@dataclass
class Options:
    """How the server behaves when nothing goes wrong.

    Attributes:
        latency_ms: of every answer, really waited for.
        index_lag_s: age at which a write becomes visible to searches.
        cursor_ttl_s, search_cap: of ``/data/search/``.
        consolidate_s: updates of an object that are nearer than this are one event, whoever made them.
        retention_days: age at which an event is gone.
        requests: most requests per ``window_s`` for each method and first part of the path.
        rate_headers: off sends none at all, not even with a 429.
        strict_custom: refuse unknown custom fields and choices.
        manage_organization: whether the keys may define custom fields.
        real_clock: time passes by itself.
    """

    latency_ms: float = 0.0
    index_lag_s: float = 0.0
    cursor_ttl_s: float = 30.0
    search_cap: int = 10_000
    consolidate_s: float = 10.0
    retention_days: float = 30.0
    requests: int = 1_000_000
    window_s: float = 5.0
    rate_headers: bool = True
    strict_custom: bool = True
    manage_organization: bool = True
    real_clock: bool = False


@dataclass
class Call:
    """A request that has been let in.

    Attributes:
        parts: of the path after ``/api/v1``.
        body: the JSON value; {} when there is none.
    """

    method: str
    parts: tuple[str, ...]
    params: Mapping[str, str]
    body: dict[str, Any]
    actor: Actor
    request_id: str
    base: str = ""
    ignored: list[str] = field(default_factory=list)

    @property
    def path(self) -> str:
        return "/" + "/".join(self.parts) + "/"


@dataclass
class Answer:
    status: int
    body: Any
    raw: bytes | None = None


@dataclass
class Logged:
    """A request in the log."""

    method: str
    path: str
    params: dict[str, str]
    body: dict[str, Any]
    status: int
    fault: str | None
    api_key_id: str | None
    at: float
    ignored: list[str]


class Refused(Exception):
    """An error answer."""

    def __init__(self, status: int, body: dict[str, Any]) -> None:
        super().__init__(f"{status} {body}")
        self.status = status
        self.body = body


def field_errors(**errors: Any) -> Refused:
    return Refused(400, {"errors": [], "field-errors": errors})


def not_found(what: str) -> Refused:
    return Refused(404, {"error": f"{what} does not exist."})
