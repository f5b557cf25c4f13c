"""Settings of the providers of facts."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field

from sales_agent_dagster.settings.listed import Listed


class WebsiteSettings(BaseModel):
    """How websites are fetched, once waterfall.yaml switches them on. robots.txt is always honoured.

    Attributes:
        contact: how a website's owner reaches you: an address of a page or mailbox, in the user agent.
        pages: most pages read per website, the home page included.
        page_kb: most kilobytes read of one page, unpacked.
        redirects: most redirects followed per page.
        timeout_s: a website that is silent for so long is down; one that is slower than the deadline is not.
        per_host: most requests in flight to one host.
        allowed_networks: networks, such as 10.1.0.0/16 or 10.1.2.3:8080, that may be fetched though they are
            not public.
        controls: when websites fail and none has answered for seconds, one of these is asked for a
            connection, nothing more: that tells a dead website from a dead network of ours.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    contact: str | None = Field(default=None, max_length=120)
    pages: int = Field(default=6, ge=1, le=20)
    page_kb: int = Field(default=1024, ge=16, le=16_384)
    redirects: int = Field(default=5, ge=0, le=20)
    timeout_s: float = Field(default=10.0, gt=0)
    per_host: int = Field(default=2, ge=1, le=8)
    allowed_networks: Listed = ()
    controls: Listed = ("https://www.iana.org/", "https://www.wikipedia.org/")


class EnrichmentSettings(BaseModel):
    """How the providers of waterfall.yaml that use the network are asked.

    Attributes:
        concurrency: most leads asked about at once per process; beyond 64 only while it keeps up.
        deadline_ms: longest that a lead waits for all of them; None is 80 % of SLA__ENRICHMENT__P95_MS,
            which leaves room for a model to read what was found.
        pending_deadline_ms: the same in a later pass over what was not answered in time.
        pending_attempts: most passes for one lead and provider; those in which caps, quotas or pacing held
            it back do not count.
        pending_after_s: a lead waits this long for its next pass, and twice as long each time.
        organization_days, email_days, negative_days: how long answers about companies and addresses, and
            the answer that nothing is known, are taken from the cache.
        stale_days: an answer older than that is used this much longer, and asked again for the next time.
        kept_days: an answer past its days stands in this much longer where a lookup fails, then it goes.
        min_hit_rate, max_error_share, max_stale_share: where the checks of enriched_leads draw the line.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")
    concurrency: int = Field(default=256, ge=1, le=512)
    deadline_ms: float | None = Field(default=None, gt=0)
    pending_deadline_ms: float = Field(default=30_000, gt=0)
    pending_attempts: int = Field(default=4, ge=1, le=20)
    pending_after_s: float = Field(default=600, ge=0)
    organization_days: float = Field(default=90, ge=0)
    email_days: float = Field(default=30, ge=0)
    negative_days: float = Field(default=14, ge=0)
    stale_days: float = Field(default=30, ge=0)
    kept_days: float = Field(default=180, ge=0)
    min_hit_rate: float = Field(default=0.1, ge=0, le=1)
    max_error_share: float = Field(default=0.2, ge=0, le=1)
    max_stale_share: float = Field(default=0.2, ge=0, le=1)
