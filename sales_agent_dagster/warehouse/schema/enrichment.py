"""Tables of the providers of facts: answers kept, credits, what is still to be asked, who opted out."""

from __future__ import annotations

import sqlalchemy as sa

from sales_agent_dagster.domain.lookups import MAX_PAYLOAD, LookupOutcome
from sales_agent_dagster.warehouse.schema.columns import (
    METADATA,
    integer,
    lead_key,
    moment,
    number,
    one_of,
    provenance,
    text,
)

_OUTCOMES = [outcome.value for outcome in LookupOutcome]

enrichment_cache = sa.Table(
    "enrichment_cache",
    METADATA,
    sa.Column("provider", sa.Text, primary_key=True, comment="Provider that answered."),
    sa.Column("lookup_key", sa.Text, primary_key=True, comment="What it was asked about, such as a domain."),
    text("version", "Version of how its replies are read; other versions' answers are not used.", null=False),
    text("outcome", "found, not_found or suppressed.", null=False),
    text("payload", "Facts and texts as JSON text; NULL unless found."),
    moment("fetched_at", "UTC time of the answer."),
    moment("fresh_until", "UTC time from which on it is stale."),
    one_of("outcome", _OUTCOMES),
    sa.CheckConstraint(f"LENGTH(payload) <= {MAX_PAYLOAD}", name="payload_length"),
    sa.Index("ix_enrichment_cache_fresh_until", "fresh_until"),
    comment="The latest answer of each provider to each question: it is not asked again while this is fresh.",
)

enrichment_credits = sa.Table(
    "enrichment_credits",
    METADATA,
    sa.Column("lookup_id", sa.Text, primary_key=True, comment="Random id."),
    text("provider", "Provider that was asked.", null=False),
    text("lookup_key", "What it was asked about.", null=False),
    text("run_id", "Dagster run that asked.", null=False),
    text("batch_id", "Lead batch that asked.", null=False),
    text("lead_id", "Lead that asked; others with the same question share the answer.", null=False),
    text("day", "UTC date, ISO 8601.", null=False),
    text("state", "reserved: no word yet, counted as spent; settled: finished.", null=False),
    number("credits", "Credits: reserved ones, then what the lookup cost.", null=False),
    number("cost_usd", "The same in US dollars.", null=False),
    text("outcome", "found, not_found, failed or suppressed; NULL while reserved."),
    text("reason", "What went wrong, if it did."),
    integer("facts", "Facts found.", null=False),
    number("latency_ms", "Wall time of the lookup, ms; NULL while reserved."),
    moment("reserved_at", "UTC time it began; of lookups without cost, ended."),
    moment("settled_at", "UTC time it ended; NULL while reserved.", null=True),
    one_of("state", ("reserved", "settled")),
    one_of("outcome", _OUTCOMES),
    sa.CheckConstraint("credits >= 0 AND cost_usd >= 0", name="cost_range"),
    sa.Index("ix_enrichment_credits_batch_id", "batch_id"),
    sa.Index("ix_enrichment_credits_run_id", "run_id"),
    sa.Index("ix_enrichment_credits_day", "day"),
    comment="Every lookup at a provider on the network. Its credits are reserved before it is sent.",
)

_RESERVED = enrichment_credits.c.state == "reserved"

sa.Index(
    "uq_enrichment_credits_reserved",
    enrichment_credits.c.provider,
    enrichment_credits.c.lookup_key,
    unique=True,
    sqlite_where=_RESERVED,
    postgresql_where=_RESERVED,
)

enrichment_queue = sa.Table(
    "enrichment_queue",
    METADATA,
    *lead_key(),
    sa.Column("provider", sa.Text, primary_key=True, comment="Provider to be asked again."),
    text("reason", "Why it did not answer, or that its answer is old.", null=False),
    integer(
        "attempts",
        "Passes so far, without those in which caps, quotas or pacing held the lead back.",
        null=False,
    ),
    moment("due_at", "UTC time from which on the next run asks again."),
    *provenance(),
    sa.ForeignKeyConstraint(["batch_id", "lead_id"], ["enriched_leads.batch_id", "enriched_leads.lead_id"]),
    sa.Index("ix_enrichment_queue_due_at", "due_at"),
    comment="Providers that have not answered about a lead yet: one row per lead and provider.",
)

enrichment_leases = sa.Table(
    "enrichment_leases",
    METADATA,
    sa.Column("provider", sa.Text, primary_key=True, comment="Provider that is being asked."),
    sa.Column("lookup_key", sa.Text, primary_key=True, comment="What it is being asked about."),
    text("holder", "Random id of the lookup.", null=False),
    moment("expires_at", "UTC time from which on another process may ask, should this one have died."),
    sa.Index("ix_enrichment_leases_expires_at", "expires_at"),
    comment="Lookups without cost in flight: of several processes one asks, the others wait for its answer.",
)

enrichment_suppressions = sa.Table(
    "enrichment_suppressions",
    METADATA,
    sa.Column("value", sa.Text, primary_key=True, comment="E-mail address or domain, lower case."),
    text("provider", "Provider that said so.", null=False),
    moment("created_at", "UTC time it said so."),
    comment="Who asked a provider not to be processed: their leads stop at enrichment, in every batch.",
)
