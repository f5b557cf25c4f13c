"""What Hunter's endpoints have in common: the key's header, its refusals, how it tells of people."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from sales_agent_dagster.domain.errors import ConfigurationError
from sales_agent_dagster.domain.values.web import read_linkedin
from sales_agent_dagster.enrichment.api_client import (
    KEY_REST_S,
    ApiClient,
    Reply,
    said,
    seconds_to_retry,
    section,
)
from sales_agent_dagster.enrichment.facts import Fact, fact
from sales_agent_dagster.enrichment.providers import Failed, FailureKind
from sales_agent_dagster.settings import Settings

USD_PER_CREDIT = 0.02
"""About the list price of a plan's credits: $34 a month for some 2,000. Your own goes into waterfall.yaml."""

RATE_REST_S = 60.0
STATUSES = frozenset({"valid", "invalid", "accept_all", "webmail", "disposable", "unknown"})


def hunter_client(settings: Settings) -> ApiClient:
    """A client with the key.

    Raises:
        ConfigurationError: there is none.
    """
    if settings.hunter_api_key is None:
        raise ConfigurationError("Hunter has no key. Set SALES_AGENT_HUNTER_API_KEY.")
    return ApiClient(settings.hunter_base_url, {"x-api-key": settings.hunter_api_key.get_secret_value()})


def refusal(reply: Reply, cost: float) -> Failed | None:
    """What a reply refuses; None for an answer. ``cost`` is what one may have cost that cannot be read.

    Descriptions disagree whether 403 or 429 is the rate and the other the quota, so the error's id decides.
    """
    if reply.status in (200, 202, 222) and isinstance(reply.body, dict):
        return None
    error = _error_id(reply)
    if reply.status == 451:
        return Failed(FailureKind.SUPPRESSED, "the person asked not to be processed")
    if reply.status == 401:
        return Failed(FailureKind.QUOTA, "the key is refused", KEY_REST_S)
    if error.startswith("usage_limit") or "quota" in error:
        return Failed(FailureKind.QUOTA, "its calls of the month are used up", KEY_REST_S)
    if reply.status in (403, 429) or error == "too_many_requests":
        return Failed(FailureKind.TRANSIENT, "too many calls", seconds_to_retry(reply.headers, RATE_REST_S))
    if reply.status == 200:
        return Failed(FailureKind.TRANSIENT, "the reply is no JSON object", credits=cost)
    return Failed(FailureKind.PERMANENT, f"status {reply.status} {error}".strip())


def _error_id(reply: Reply) -> str:
    errors = reply.body.get("errors") if isinstance(reply.body, dict) else None
    first = errors[0] if isinstance(errors, list) and errors else None
    return (said(first, "id") or "").casefold() if isinstance(first, dict) else ""


def person_facts(
    person: Mapping[str, Any], url: str, fetched_at: str, number: int | None = None
) -> Iterator[Fact]:
    """Name with position and LinkedIn page of a person in a reply; the address is the caller's matter."""
    name = " ".join(filter(None, (said(person, "first_name"), said(person, "last_name"))))
    if name:
        told = ", ".join(filter(None, (name, said(person, "position"))))
        yield fact("contact_person", told, "hunter", 0.7, number=number, url=url, fetched_at=fetched_at)
    handle = said(person, "linkedin_url") or said(person, "linkedin") or ""
    if page := read_linkedin(handle if "/" in handle else f"https://www.linkedin.com/in/{handle}"):
        yield fact("contact_linkedin", page, "hunter", 0.7, number=number, url=url, fetched_at=fetched_at)


def certainty(person: Mapping[str, Any], name: str) -> float:
    """Hunter's score of an address, 0-100 under ``name``, as a confidence; at most 0.9, it may have moved."""
    score = person.get(name)
    known = isinstance(score, int | float) and not isinstance(score, bool)
    return round(min(max(float(score), 0.0), 100.0) / 100 * 0.9, 3) if known else 0.4  # type: ignore[arg-type]


def verified_status(person: Mapping[str, Any]) -> str | None:
    """What a reply's verification says of the address."""
    status = said(section(person, "verification"), "status")
    return status if status in STATUSES else None
