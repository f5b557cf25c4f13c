"""The provider of facts from companies' own websites."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from sales_agent_dagster.domain.errors import TransientError
from sales_agent_dagster.domain.shared_hosts import is_shared_host, tenant_host
from sales_agent_dagster.domain.values.web import read_website
from sales_agent_dagster.enrichment.facts import Fact, fact
from sales_agent_dagster.enrichment.fetching.addresses import AllowList
from sales_agent_dagster.enrichment.fetching.failures import DeadlinePassed, SiteFailed
from sales_agent_dagster.enrichment.fetching.fetcher import Fetcher, FetchLimits
from sales_agent_dagster.enrichment.providers import (
    Failed,
    FailureKind,
    Found,
    LookupRequest,
    Outcome,
    ProviderSpec,
)
from sales_agent_dagster.enrichment.website.reading import facts_of, texts_of
from sales_agent_dagster.enrichment.website.status import Status
from sales_agent_dagster.enrichment.website.visiting import Website, visit_website
from sales_agent_dagster.settings import Settings

STATUS_CONFIDENCE = 0.95
"""Of what we saw ourselves; websites come back and go away."""

SPEC = ProviderSpec(
    name="website",
    offers=frozenset(
        {"website_status", "website_url", "company_name", "description", "customers", "service"}
        | {"service_area", "founded", "employees", "technologies", "street_address", "region_city"}
        | {"region_state", "postal_code", "company_phone", "company_email", "company_linkedin"}
        | {"contact_person", "contact_email", "contact_phone", "contact_linkedin", "brands", "trades"}
        | {"opening_hours"}
    ),
)


class WebsiteProvider:
    """Reads a lead's website; see ``providers.Provider``.

    Args:
        fetcher: of the event loop that asks.
        pages: most pages read per website.
        patience_s: longest that a lookup may take in any pass.
    """

    def __init__(self, fetcher: Fetcher, pages: int, patience_s: float) -> None:
        self._fetcher = fetcher
        self._pages = pages
        self._patience_s = patience_s

    @property
    def spec(self) -> ProviderSpec:
        """What it offers; it costs nothing."""
        return SPEC

    def key_of(self, values: Mapping[str, Any], known: Mapping[str, str]) -> str | None:
        """Host and path of the lead's website; None without one or on a host that many firms share."""
        website = read_website(values["website"] or "")
        if website.url is None or website.host is None:
            return None
        if is_shared_host(website.host) and tenant_host(website.host) is None:
            return None
        path = website.url.partition("://")[2].partition("/")[2].rstrip("/")
        return f"{website.host}/{path}".rstrip("/")

    async def lookup(self, requests: Sequence[LookupRequest], deadline: float) -> Sequence[Outcome]:
        """Facts about each lead's website by ``deadline``."""
        return await asyncio.gather(*(self._look_up(request, deadline) for request in requests))

    async def close(self) -> None:
        """Close what is open."""
        await self._fetcher.close()

    async def _look_up(self, request: LookupRequest, deadline: float) -> Outcome:
        asked = read_website(request.values["website"] or "")
        if asked.url is None:
            return Failed(FailureKind.PERMANENT, "no website address")
        try:
            website = await visit_website(self._fetcher, asked.url, self._pages, deadline, self._patience_s)
        except SiteFailed as failure:
            return Failed(FailureKind.BLOCKED, failure.detail)
        except DeadlinePassed as failure:
            return Failed(FailureKind.LATE, str(failure))
        except TransientError as failure:
            return Failed(FailureKind.TRANSIENT, str(failure))
        facts = [*_state(website), *(facts_of(website.pages, asked.domain) if website.pages else ())]
        return Found(
            tuple(facts),
            texts_of(website.pages),
            complete=website.complete,
            lasting=website.status is Status.OK,
            passing=website.status in (Status.DOWN, Status.BLOCKED),
            left_out=website.left_out,
        )


def _state(website: Website) -> list[Fact]:
    url, now = website.url, datetime.now(UTC).isoformat(timespec="seconds")
    status = fact(
        "website_status",
        website.status.value,
        "web page",
        STATUS_CONFIDENCE,
        quote=website.why or None,
        url=url,
        fetched_at=now,
    )
    found = [status]
    if website.status is Status.OK and url:
        found.append(fact("website_url", url, "web page", STATUS_CONFIDENCE, url=url, fetched_at=now))
    return found


def build(settings: Settings) -> WebsiteProvider:
    """The provider as the settings say.

    Raises:
        ConfigurationError: a network, a control or the contact in the settings cannot be used.
    """
    given = settings.website
    limits = FetchLimits(
        page_bytes=given.page_kb * 1024,
        redirects=given.redirects,
        timeout_s=given.timeout_s,
        per_host=given.per_host,
    )
    allowed = AllowList.parse(given.allowed_networks)
    fetcher = Fetcher(limits, contact=given.contact, allowed=allowed, controls=given.controls)
    return WebsiteProvider(fetcher, given.pages, settings.enrichment.pending_deadline_ms / 1000)
